/* SPDX-License-Identifier: Apache-2.0
 * The honest floor: a linear model of the words of the utterance alone.  TF-IDF
 * of word n-grams (sublinear tf, smoothed idf, unit length) into multinomial
 * logistic regression, trained to convergence along a path of falling
 * regularisation; each point of the path is one epoch, so that the protocol of the
 * run (selection on dev, or the last) chooses the strength.
 */
#include "models/models.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/text/vocab.h"
#include "harness/text/words.h"
#include "models/lbfgs.h"
#include "models/store.h"

#define NGRAM_MAX    3
#define FEATURES_MAX 10000000

struct entry {
	int col;
	double x;
};

/* Rows of a sparse matrix: row i is entry[start[i]] .. entry[start[i + 1] - 1]. */
struct sparse {
	struct entry *entry;
	size_t n, cap;
	size_t *start;
	int rows;
};

struct bow {
	const struct model_env *env;
	struct vocab vocab; /* n-grams: words joined by one blank */
	double *idf;	    /* (vocab.n) */
	double *w;	    /* (labels, vocab.n + 1), the last column is the bias */
};

static const struct opt_spec bow_opts[] = {
	{ .name = "ngrams",
	  .type = OPT_INT,
	  .fallback = "2",
	  .min = 1,
	  .max = NGRAM_MAX,
	  .help = "longest run of words taken as one feature" },
	{ .name = "min_df",
	  .type = OPT_INT,
	  .fallback = "2",
	  .min = 1,
	  .max = 1000,
	  .help = "utterances an n-gram must appear in" },
	{ .name = "c",
	  .type = OPT_NUM,
	  .fallback = "4",
	  .min = 1e-6,
	  .max = 1e6,
	  .help = "inverse regularisation at the end of the path" },
	{ .name = "path",
	  .type = OPT_INT,
	  .fallback = "3",
	  .min = 1,
	  .max = 30,
	  .help = "points of the path, each twice the c of the one before" },
	{ .name = "balance",
	  .type = OPT_NUM,
	  .fallback = "0.5",
	  .min = 0,
	  .max = 1,
	  .help = "class weights (n / labels / n_class)^balance; 0: none" },
	{ .name = "max_iter",
	  .type = OPT_INT,
	  .fallback = "200",
	  .min = 1,
	  .max = 100000,
	  .help = "most L-BFGS steps at each point of the path" },
	OPT_END,
};

static int bow_init(void *state, const struct model_env *env, struct err *err)
{
	(void)err;
	((struct bow *)state)->env = env;
	return 0;
}

static void bow_clear(struct bow *b)
{
	vocab_free(&b->vocab);
	free(b->idf);
	free(b->w);
	b->idf = b->w = NULL;
}

static int by_col(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->col > y->col) - (x->col < y->col);
}

/* Calls fn with every n-gram of a text; scratch is reused memory. */
static int each_ngram(const char *text, int longest, struct strbuf *scratch,
		      int (*fn)(void *ctx, const char *s, size_t len), void *ctx)
{
	const char *word[NGRAM_MAX + 1];
	const char *p;
	int n;

	strbuf_reset(scratch);
	n = words_split(text, scratch);
	if (scratch->oom)
		return ERR_NOMEM;
	for (size_t i = 0; i < scratch->len; i++)
		if (!scratch->s[i])
			scratch->s[i] = ' ';
	p = strbuf_str(scratch);
	for (int i = 0; i < n; i++) {
		const char *end = strchr(p, ' ');

		for (int k = longest < i + 1 ? longest : i + 1; k > 1; k--)
			word[k] = word[k - 1];
		word[1] = p;
		for (int k = 1; k <= longest && k <= i + 1; k++)
			if (fn(ctx, word[k], (size_t)(end - word[k])))
				return ERR_NOMEM;
		p = end + 1;
	}
	return 0;
}

/* Document frequencies while the vocabulary grows. */
struct counting {
	struct vocab all;
	int *df, *last; /* (cap_*) */
	size_t cap_df, cap_last;
	int doc;
};

static int count_ngram(void *ctx, const char *s, size_t len)
{
	struct counting *c = ctx;
	int before = c->all.n, id = vocab_add(&c->all, s, len);

	if (id < 0 || !GROW_ARRAY(c->df, c->cap_df, (size_t)id + 1) ||
	    !GROW_ARRAY(c->last, c->cap_last, (size_t)id + 1))
		return ERR_NOMEM;
	if (id == before) {
		c->df[id] = 0;
		c->last[id] = -1;
	}
	c->df[id] += c->last[id] != c->doc;
	c->last[id] = c->doc;
	return 0;
}

/* Turns to learn from. */
static bool is_example(const struct samples *s, int i, int t)
{
	return s->view[i].target[t] && s->label[i][t] >= 0;
}

static int build_vocab(struct bow *b, const struct samples *train, struct err *err)
{
	const int longest = (int)opt_int(b->env->opts, "ngrams");
	const int min_df = (int)opt_int(b->env->opts, "min_df");
	struct counting c = { .doc = 0 };
	struct strbuf scratch = { 0 };
	int bad = 0;

	for (int i = 0; i < train->n; i++)
		for (int t = 0; t < train->view[i].n && !bad; t++)
			if (is_example(train, i, t)) {
				const char *text = train->view[i].turn[t].text;

				bad = text && each_ngram(text, longest, &scratch, count_ngram, &c);
				c.doc++;
			}
	bad = bad || !NEW_ARRAY(b->idf, (size_t)c.all.n);
	for (int id = 0; id < c.all.n && !bad; id++) {
		if (c.df[id] < min_df)
			continue;
		bad = vocab_add(&b->vocab, c.all.entry[id].s, (size_t)c.all.entry[id].len) < 0;
		b->idf[b->vocab.n - 1] = log((1.0 + c.doc) / (1.0 + c.df[id])) + 1;
	}
	vocab_free(&c.all);
	free(c.df);
	free(c.last);
	strbuf_free(&scratch);
	return bad ? err_set(err, ERR_NOMEM, "bow: counting n-grams: no memory") : 0;
}

struct row_builder {
	const struct vocab *vocab;
	struct sparse *m;
};

static int add_ngram(void *ctx, const char *s, size_t len)
{
	struct row_builder *r = ctx;
	int id = vocab_find(r->vocab, s, len);

	if (id < 0)
		return 0;
	if (!GROW_ARRAY(r->m->entry, r->m->cap, r->m->n + 1))
		return ERR_NOMEM;
	r->m->entry[r->m->n++] = (struct entry){ id, 1 };
	return 0;
}

/* Appends the features of one text (NULL: none) as the next row; start[] has room. */
static int add_row(const struct bow *b, const char *text, struct sparse *m, struct strbuf *scratch)
{
	struct row_builder r = { &b->vocab, m };
	size_t from = m->n, to = from;
	double norm = 0;

	if (text && each_ngram(text, (int)opt_int(b->env->opts, "ngrams"), scratch, add_ngram, &r))
		return ERR_NOMEM;
	if (m->n > from)
		qsort(m->entry + from, m->n - from, sizeof(*m->entry), by_col);
	for (size_t i = from; i < m->n; i++) {
		if (to > from && m->entry[to - 1].col == m->entry[i].col)
			m->entry[to - 1].x++;
		else
			m->entry[to++] = m->entry[i];
	}
	m->n = to;
	for (size_t i = from; i < to; i++) {
		m->entry[i].x = (1 + log(m->entry[i].x)) * b->idf[m->entry[i].col];
		norm += m->entry[i].x * m->entry[i].x;
	}
	for (size_t i = from; i < to; i++)
		m->entry[i].x /= sqrt(norm);
	m->start[++m->rows] = to;
	return 0;
}

static void sparse_free(struct sparse *m)
{
	free(m->entry);
	free(m->start);
	*m = (struct sparse){ 0 };
}

/* z (k) = the scores of one row */
static void row_scores(const double *w, int k, int cols, const struct entry *e, size_t n, double *z)
{
	for (int j = 0; j < k; j++) {
		const double *wj = w + (size_t)j * ((size_t)cols + 1);

		z[j] = wj[cols];
		for (size_t i = 0; i < n; i++)
			z[j] += wj[e[i].col] * e[i].x;
	}
}

/* log softmax in place */
static void log_softmax(double *z, int k)
{
	double top = z[0], sum = 0;

	for (int j = 1; j < k; j++)
		top = fmax(top, z[j]);
	for (int j = 0; j < k; j++)
		sum += exp(z[j] - top);
	for (int j = 0; j < k; j++)
		z[j] -= top + log(sum);
}

struct problem {
	struct sparse x;
	int *y;	     /* (rows) */
	double *row; /* (rows) class weights */
	int k, cols;
	double c;
};

/* |w|^2 / 2 + c * weighted log loss; the bias is not penalised */
static double objective(void *ctx, const double *w, double *g, int n)
{
	const struct problem *p = ctx;
	const size_t width = (size_t)p->cols + 1;
	double f = 0, z[LABEL_MAX];

	for (int i = 0; i < n; i++) {
		bool bias = (size_t)i % width == (size_t)p->cols;

		g[i] = bias ? 0 : w[i];
		f += bias ? 0 : w[i] * w[i] / 2;
	}
	for (int r = 0; r < p->x.rows; r++) {
		const struct entry *e = p->x.entry + p->x.start[r];
		const size_t ne = p->x.start[r + 1] - p->x.start[r];
		const double cr = p->c * p->row[r];

		row_scores(w, p->k, p->cols, e, ne, z);
		log_softmax(z, p->k);
		f -= cr * z[p->y[r]];
		for (int j = 0; j < p->k; j++) {
			double d = cr * (exp(z[j]) - (j == p->y[r])), *gj = g + (size_t)j * width;

			gj[p->cols] += d;
			for (size_t i = 0; i < ne; i++)
				gj[e[i].col] += d * e[i].x;
		}
	}
	return f;
}

static int build_problem(const struct bow *b, const struct samples *train, struct problem *p,
			 struct err *err)
{
	const double balance = opt_num(b->env->opts, "balance");
	struct strbuf scratch = { 0 };
	double count[LABEL_MAX] = { 0 };
	int n = 0, bad = 0;

	for (int i = 0; i < train->n; i++)
		for (int t = 0; t < train->view[i].n; t++)
			n += is_example(train, i, t);
	p->k = b->env->labels->n;
	p->cols = b->vocab.n;
	bad = !NEW_ARRAY(p->y, (size_t)n) || !NEW_ARRAY(p->row, (size_t)n) ||
	      !NEW_ARRAY(p->x.start, (size_t)n + 1);
	for (int i = 0; i < train->n; i++)
		for (int t = 0; t < train->view[i].n && !bad; t++)
			if (is_example(train, i, t)) {
				p->y[p->x.rows] = train->label[i][t];
				count[train->label[i][t]]++;
				bad = add_row(b, train->view[i].turn[t].text, &p->x, &scratch);
			}
	for (int r = 0; r < n && !bad; r++)
		p->row[r] = pow(n / (p->k * count[p->y[r]]), balance);
	strbuf_free(&scratch);
	return bad ? err_set(err, ERR_NOMEM, "bow: building features: no memory") : 0;
}

/* Walks the path from strong to weak regularisation, each point from the last. */
static int walk_path(struct bow *b, struct problem *p, struct err *err)
{
	const struct model_env *env = b->env;
	const struct lbfgs_options o = { (int)opt_int(env->opts, "max_iter"), 1e-3 };
	const int points = (int)opt_int(env->opts, "path");
	const size_t n = (size_t)p->k * ((size_t)p->cols + 1);
	enum epoch_verdict verdict = EPOCH_BEST;
	double *best;

	if (!NEW_ARRAY(best, n))
		return err_set(err, ERR_NOMEM, "bow: %zu weights: no memory", n);
	for (int i = 0; i < points; i++) {
		struct epoch e = { "fit", i + 1, points, 0, clock_s(), true };
		int steps = 0;

		p->c = opt_num(env->opts, "c") * pow(2, i - (points - 1));
		if (lbfgs_minimise(objective, p, b->w, (int)n, &o, &steps, &e.loss, err))
			break;
		e.loss /= p->c * (p->x.rows ? p->x.rows : 1);
		e.seconds = clock_s() - e.seconds;
		log_debug(env->log, "bow: c %g: %d steps, loss %.4f", p->c, steps, e.loss);
		if (env->epoch_end)
			verdict = env->epoch_end(env->epoch_ctx, &e);
		if (verdict == EPOCH_STOP) {
			err_set(err, ERR_INTERRUPTED, "bow: interrupted");
			break;
		}
		if (verdict == EPOCH_BEST || i == 0)
			memcpy(best, b->w, n * sizeof(*best));
	}
	free(b->w);
	b->w = best;
	return err->code;
}

static int bow_fit(void *state, const struct samples *train, struct err *err)
{
	struct bow *b = state;
	struct problem p = { .k = 0 };

	bow_clear(b);
	if (build_vocab(b, train, err) || build_problem(b, train, &p, err))
		goto out;
	if (b->vocab.n > FEATURES_MAX) {
		err_set(err, ERR_LIMIT, "bow: %d n-grams; raise min_df", b->vocab.n);
		goto out;
	}
	if (!NEW_ARRAY(b->w, (size_t)p.k * ((size_t)p.cols + 1))) {
		err_set(err, ERR_NOMEM, "bow: %d features: no memory", p.cols);
		goto out;
	}
	walk_path(b, &p, err);
out:
	sparse_free(&p.x);
	free(p.y);
	free(p.row);
	return err->code;
}

static int bow_predict(void *state, const struct view *view, struct answer *out, struct err *err)
{
	struct bow *b = state;
	const int k = b->env->labels->n;
	struct strbuf scratch = { 0 };
	struct sparse m = { 0 };
	size_t start[2] = { 0 };
	double z[LABEL_MAX];

	if (!b->w)
		return err_set(err, ERR_INTERNAL, "bow: predict before fit or load");
	for (int t = 0; t < view->n; t++) {
		double begin = clock_s(), built;

		if (!view->target[t])
			continue;
		m.rows = 0;
		m.n = 0;
		m.start = start;
		if (add_row(b, view->turn[t].text, &m, &scratch)) {
			err_set(err, ERR_NOMEM, "bow: %s: no memory", view->turn[t].id);
			break;
		}
		built = clock_s();
		row_scores(b->w, k, b->vocab.n, m.entry, m.n, z);
		log_softmax(z, k);
		*out = (struct answer){ .status = ANSWER_OK };
		for (int j = 0; j < k; j++) {
			out->score[j] = (float)z[j];
			if (z[j] > z[out->label])
				out->label = j;
		}
		out->prompt_ms = 1e3 * (built - begin);
		out->model_ms = 1e3 * (clock_s() - built);
		out++;
	}
	free(m.entry);
	strbuf_free(&scratch);
	return err->code;
}

static int bow_save(const void *state, const char *path, struct err *err)
{
	const struct bow *b = state;
	struct store s;

	if (store_create(&s, path, "bow", b->env->labels, err))
		return err->code;
	store_put_int(&s, b->vocab.n);
	for (int i = 0; i < b->vocab.n; i++)
		store_put_bytes(&s, b->vocab.entry[i].s, (size_t)b->vocab.entry[i].len);
	store_put(&s, b->idf, (size_t)b->vocab.n, sizeof(*b->idf));
	store_put(&s, b->w, (size_t)b->env->labels->n * ((size_t)b->vocab.n + 1), sizeof(*b->w));
	return store_close(&s);
}

static int read_vocab(struct bow *b, int64_t n, struct store *s)
{
	for (int64_t i = 0; i < n; i++) {
		char *word;
		size_t len = 0;

		if (store_get_bytes(s, 1 << 20, &word, &len))
			return s->err->code;
		if (vocab_add(&b->vocab, word, len) != i)
			err_set(s->err, ERR_FORMAT, "%s: n-gram '%s' appears twice", s->path, word);
		free(word);
		if (s->err->code)
			return s->err->code;
	}
	return 0;
}

static int bow_load(void *state, const char *path, struct err *err)
{
	struct bow *b = state;
	const size_t k = (size_t)b->env->labels->n;
	struct store s;
	int64_t n = 0;

	bow_clear(b);
	if (store_open(&s, path, "bow", b->env->labels, err))
		return err->code;
	if (!store_get_int(&s, 0, FEATURES_MAX, "number of n-grams", &n) && !read_vocab(b, n, &s)) {
		if (!NEW_ARRAY(b->idf, (size_t)n) || !NEW_ARRAY(b->w, k * ((size_t)n + 1)))
			err_set(err, ERR_NOMEM, "%s: no memory", path);
		store_get(&s, b->idf, (size_t)n, sizeof(*b->idf));
		store_get(&s, b->w, k * ((size_t)n + 1), sizeof(*b->w));
	}
	return store_close(&s);
}

static int bow_prompt(void *state, const struct view *view, int t, struct strbuf *out,
		      struct err *err)
{
	struct strbuf words = { 0 };

	(void)state;
	words_split(view->turn[t].text ? view->turn[t].text : "", &words);
	for (size_t i = 0; i + 1 < words.len; i++)
		strbuf_addc(out, words.s[i] ? words.s[i] : '|');
	if (words.oom || out->oom)
		err_set(err, ERR_NOMEM, "bow: prompt: no memory");
	strbuf_free(&words);
	return err->code;
}

static int64_t bow_parameters(const void *state)
{
	const struct bow *b = state;

	return b->w ? (int64_t)b->env->labels->n * (b->vocab.n + 1) : 0;
}

static void bow_destroy(void *state)
{
	bow_clear(state);
}

const struct model_ops model_bow = {
	.name = "bow",
	.title = "TF-IDF n-grams and logistic regression on the utterance alone",
	.needs = SEE_TEXT,
	.uses = SEE_TEXT,
	.flags = MODEL_TRAINS | MODEL_PROBS,
	.opts = bow_opts,
	.state_size = sizeof(struct bow),
	.init = bow_init,
	.fit = bow_fit,
	.predict = bow_predict,
	.save = bow_save,
	.load = bow_load,
	.prompt = bow_prompt,
	.parameters = bow_parameters,
	.destroy = bow_destroy,
};
