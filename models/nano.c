/* SPDX-License-Identifier: Apache-2.0 */
#include "models/nano.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/store.h"

static const char *const soft_name[NANO_SOFTS] = { "audio", "face", "body", "posture" };
static const char ask_label[] = " emotion:";
static const char ask_behaviour[] = " behaviour:";

int nano_init(struct nano *n, const struct nano_recipe *recipe, const struct model_env *env,
	      struct err *err)
{
	const int64_t dim = opt_int(env->opts, "dim"), heads = opt_int(env->opts, "heads");

	n->env = env;
	n->recipe = recipe;
	if (dim % heads || dim / heads % 2)
		return err_set(err, ERR_ARG,
			       "%s: dim %lld does not give %lld heads of an even width; "
			       "change dim or heads",
			       recipe->name, (long long)dim, (long long)heads);
	return 0;
}

static void clear(struct nano *n)
{
	bpe_free(&n->bpe);
	for (int c = 0; c < NANO_SOFTS; c++) {
		free(n->norm[c].mean);
		free(n->norm[c].scale);
		n->norm[c] = (struct nano_norm){ 0 };
	}
	decoder_free(n->decoder);
	n->decoder = NULL;
	bpe_ids_free(&n->ask_label);
	bpe_ids_free(&n->ask_behaviour);
	for (int j = 0; j < LABEL_MAX; j++)
		bpe_ids_free(&n->word[j]);
}

void nano_destroy(void *nano)
{
	struct nano *n = nano;

	clear(n);
	strbuf_free(&n->raw);
	*n = (struct nano){ 0 };
}

/* The text as the decoder reads it: a blank in front, in lower case if so asked,
 * the typographic apostrophe as the plain one. */
static void add_text(const struct nano *n, const char *s, struct strbuf *out)
{
	const bool lower = opt_bool(n->env->opts, "lower");

	strbuf_addc(out, ' ');
	for (; *s; s++) {
		if (!strncmp(s, "\xe2\x80\x99", 3)) {
			strbuf_addc(out, '\'');
			s += 2;
		} else {
			strbuf_addc(out,
				    lower && *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s);
		}
	}
}

static void add_sentence(const char *s, struct strbuf *out)
{
	strbuf_addc(out, ' ');
	strbuf_add(out, s);
}

/* --- learning the table --- */

struct texts {
	struct bpe_text *text;
	size_t n, cap;
	struct arena mem;
	struct strbuf line;
	bool oom;
};

/* Takes over the content of x->line. */
static void keep_line(struct texts *x, int64_t weight, enum bpe_split split)
{
	char *s = arena_strndup(&x->mem, strbuf_str(&x->line), x->line.len);

	if (x->line.oom || !s || !GROW_ARRAY(x->text, x->cap, x->n + 1)) {
		x->oom = true;
		return;
	}
	x->text[x->n++] = (struct bpe_text){ s, weight, split };
	strbuf_reset(&x->line);
}

static void keep_turn(const struct nano *n, struct texts *x, const struct turn *u)
{
	if (u->text) {
		add_text(n, u->text, &x->line);
		keep_line(x, 1, BPE_WORDS);
	}
	if (u->speech && n->recipe->speech) {
		add_sentence(u->speech, &x->line);
		keep_line(x, 1, BPE_CLAUSES);
	}
	for (int p = 0; p < PART_COUNT && n->recipe->behaviour; p++)
		if (u->behaviour[p]) {
			add_sentence(u->behaviour[p], &x->line);
			keep_line(x, 1, BPE_CLAUSES);
		}
}

static int learn_table(struct nano *n, const struct samples *train, struct err *err)
{
	const struct label_set *labels = n->env->labels;
	struct texts x = { .n = 0 };

	/* what every answer is made of comes first, so that it is short */
	for (int j = 0; j < labels->n; j++) {
		strbuf_addf(&x.line, "%s %s", ask_label, labels->word[j]);
		keep_line(&x, 1 << 20, BPE_WORDS);
	}
	if (n->recipe->aligns) {
		strbuf_add(&x.line, ask_behaviour);
		keep_line(&x, 1 << 20, BPE_WORDS);
	}
	for (int i = 0; i < train->n; i++)
		for (int t = 0; t < train->view[i].n; t++)
			keep_turn(n, &x, &train->view[i].turn[t]);
	if (x.oom)
		err_set(err, ERR_NOMEM, "%s: gathering texts: no memory", n->recipe->name);
	else
		bpe_learn(&n->bpe, x.text, (int)x.n, (int)opt_int(n->env->opts, "vocab"), err);
	free(x.text);
	arena_free(&x.mem);
	strbuf_free(&x.line);
	return err->code;
}

/* Questions and label words as tokens. */
static int encode_words(struct nano *n, struct err *err)
{
	const struct label_set *labels = n->env->labels;

	n->single = true;
	if (bpe_encode(&n->bpe, ask_label, strlen(ask_label), BPE_WORDS, &n->ask_label, err) ||
	    bpe_encode(&n->bpe, ask_behaviour, strlen(ask_behaviour), BPE_WORDS, &n->ask_behaviour,
		       err))
		return err->code;
	for (int j = 0; j < labels->n; j++) {
		char word[64];

		if (!str_format(word, sizeof(word), " %s", labels->word[j]))
			return err_set(err, ERR_ARG, "label word %s is too long", labels->word[j]);
		if (bpe_encode(&n->bpe, word, strlen(word), BPE_WORDS, &n->word[j], err))
			return err->code;
		n->single = n->single && n->word[j].n == 1;
	}
	return 0;
}

/* --- soft tokens --- */

static const struct feat *channel(const struct nano *n, const struct turn *u, int c)
{
	const struct feat *f = c == NANO_AUDIO ? &u->audio : &u->video[c - NANO_VIDEO];

	if (!f->data || f->rows < 1 || !(c == NANO_AUDIO ? n->recipe->audio : n->recipe->video))
		return NULL;
	return f;
}

/* Adds one turn's rows to the sums; the first turn that has the channel sets its width. */
static int measure_turn(struct nano *n, int c, const struct turn *u, double **sum, double *rows,
			struct err *err)
{
	const struct feat *f = channel(n, u, c);
	struct nano_norm *m = &n->norm[c];

	if (!f)
		return 0;
	if (!m->cols && f->cols > 0) {
		m->cols = f->cols;
		if (!NEW_ARRAY(*sum, 2 * (size_t)f->cols) || !NEW_ARRAY(m->mean, (size_t)f->cols) ||
		    !NEW_ARRAY(m->scale, (size_t)f->cols))
			return err_set(err, ERR_NOMEM, "%s: no memory", n->recipe->name);
	}
	if (f->cols != m->cols)
		return err_set(err, ERR_DATA, "%s: %d %s features where others have %d", u->id,
			       f->cols, soft_name[c], m->cols);
	for (int r = 0; r < f->rows; r++)
		for (int k = 0; k < f->cols; k++) {
			double x = f->data[(size_t)r * (size_t)f->cols + (size_t)k];

			(*sum)[k] += x;
			(*sum)[f->cols + k] += x * x;
		}
	*rows += f->rows;
	return 0;
}

static int measure_channel(struct nano *n, const struct samples *train, int c, struct err *err)
{
	struct nano_norm *m = &n->norm[c];
	double *sum = NULL, rows = 0;

	for (int i = 0; i < train->n && !err->code; i++)
		for (int t = 0; t < train->view[i].n && !err->code; t++)
			measure_turn(n, c, &train->view[i].turn[t], &sum, &rows, err);
	for (int k = 0; k < m->cols && !err->code; k++) {
		double mean = sum[k] / rows, var = sum[m->cols + k] / rows - mean * mean;

		if (!isfinite(var))
			err_set(err, ERR_DATA, "column %d of the %s features is not finite", k,
				soft_name[c]);
		m->mean[k] = (float)mean;
		m->scale[k] = var > 1e-12 ? (float)(1 / sqrt(var)) : 0;
	}
	free(sum);
	return err->code;
}

/* All but the last layers read each turn by itself. */
int nano_local_layers(const struct opt_values *o)
{
	const int local = (int)opt_int(o, "layers") - (int)opt_int(o, "context_layers");

	return local > 0 ? local : 0;
}

static int new_decoder(struct nano *n, struct err *err)
{
	const struct opt_values *o = n->env->opts;
	struct decoder_config cfg = {
		.vocab = n->bpe.n + NANO_SPECIALS,
		.dim = (int)opt_int(o, "dim"),
		.layers = (int)opt_int(o, "layers"),
		.local_layers = nano_local_layers(o),
		.heads = (int)opt_int(o, "heads"),
		.ff = (int)opt_int(o, "ff"),
		.rope_theta = 10000,
		.dropout = opt_num(o, "dropout"),
		.token_dropout = opt_num(o, "token_dropout"),
		.lora_rank = (int)opt_int(o, "lora_rank"),
		.lora_alpha = opt_num(o, "lora_alpha"),
		.lora_on = LORA_Q | LORA_V,
	};

	for (int c = 0; c < NANO_SOFTS; c++)
		if (n->norm[c].cols) {
			n->norm[c].kind = cfg.n_soft;
			cfg.soft[cfg.n_soft++] =
				(struct soft_spec){ .name = soft_name[c],
						    .cols = n->norm[c].cols,
						    .hidden = (int)opt_int(o, "projector") };
		}
	n->decoder = decoder_new(&cfg, n->env->seed, err);
	return err->code;
}

int nano_prepare(struct nano *n, const struct samples *train, struct err *err)
{
	clear(n);
	if (learn_table(n, train, err) || encode_words(n, err))
		return err->code;
	for (int c = 0; c < NANO_SOFTS; c++)
		if (measure_channel(n, train, c, err))
			return err->code;
	return new_decoder(n, err);
}

/* --- turns as tokens --- */

/* rows -> at most `keep` rows: means of equal parts, standardised. */
static float *pool(const struct nano_norm *m, const struct feat *f, int keep, struct arena *mem)
{
	float *out = arena_array(mem, (size_t)keep * (size_t)m->cols, sizeof(*out));

	for (int i = 0; i < keep && out; i++) {
		const int a = (int)((int64_t)f->rows * i / keep);
		const int b = (int)((int64_t)f->rows * (i + 1) / keep);
		float *row = out + (size_t)i * (size_t)m->cols;

		for (int k = 0; k < m->cols; k++) {
			double sum = 0;

			for (int r = a; r < b; r++)
				sum += f->data[(size_t)r * (size_t)m->cols + (size_t)k];
			row[k] = ((float)(sum / (b - a)) - m->mean[k]) * m->scale[k];
		}
	}
	return out;
}

static int encode_soft(const struct nano *n, const struct turn *u, struct arena *mem,
		       struct nano_turn *out, struct err *err)
{
	const int most = (int)opt_int(n->env->opts, "soft");
	int *kind = arena_array(mem, (size_t)(most * NANO_SOFTS), sizeof(*kind));
	const float **soft = arena_array(mem, (size_t)(most * NANO_SOFTS), sizeof(*soft));

	if (!kind || !soft)
		return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	for (int c = 0; c < NANO_SOFTS; c++) {
		const struct nano_norm *m = &n->norm[c];
		const struct feat *f = channel(n, u, c);
		const int keep = f && f->rows < most ? f->rows : most;
		float *rows;

		if (!f || !m->cols)
			continue;
		if (f->cols != m->cols)
			return err_set(err, ERR_DATA, "%s: %d %s features where training had %d",
				       u->id, f->cols, soft_name[c], m->cols);
		rows = pool(m, f, keep, mem);
		if (!rows)
			return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
		for (int i = 0; i < keep; i++) {
			kind[out->n_soft] = m->kind;
			soft[out->n_soft++] = rows + (size_t)i * (size_t)m->cols;
		}
	}
	out->soft_kind = kind;
	out->soft = soft;
	return 0;
}

static int encode_turn(const struct nano *n, const struct turn *u, struct bpe_ids *ids,
		       struct strbuf *line, struct arena *mem, struct nano_turn *out,
		       struct err *err)
{
	int *id;

	ids->n = 0;
	out->speaker = u->speaker;
	strbuf_reset(line);
	if (u->text)
		add_text(n, u->text, line);
	bpe_encode(&n->bpe, strbuf_str(line), line->len, BPE_WORDS, ids, err);
	out->n_text = (int)ids->n;
	strbuf_reset(line);
	if (u->speech && n->recipe->speech)
		add_sentence(u->speech, line);
	bpe_encode(&n->bpe, strbuf_str(line), line->len, BPE_CLAUSES, ids, err);
	out->n_speech = (int)ids->n - out->n_text;
	for (int p = 0; p < PART_COUNT && n->recipe->behaviour; p++)
		if (u->behaviour[p]) {
			strbuf_reset(line);
			add_sentence(u->behaviour[p], line);
			bpe_encode(&n->bpe, strbuf_str(line), line->len, BPE_CLAUSES, ids, err);
		}
	out->n_behaviour = (int)ids->n - out->n_text - out->n_speech;
	id = arena_array(mem, ids->n, sizeof(*id));
	if (!id || line->oom)
		return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	if (ids->n)
		memcpy(id, ids->id, ids->n * sizeof(*id));
	out->id = id;
	return err->code ? err->code : encode_soft(n, u, mem, out, err);
}

struct nano_turn *nano_encode(const struct nano *n, const struct view *v, struct arena *mem,
			      struct err *err)
{
	struct nano_turn *turn = arena_array(mem, (size_t)v->n, sizeof(*turn));
	struct bpe_ids ids = { 0 };
	struct strbuf line = { 0 };

	if (!turn)
		err_set(err, ERR_NOMEM, "%s: no memory", v->dialogue);
	for (int t = 0; t < v->n && !err->code; t++)
		encode_turn(n, &v->turn[t], &ids, &line, mem, &turn[t], err);
	bpe_ids_free(&ids);
	strbuf_free(&line);
	return err->code ? NULL : turn;
}

/* --- files --- */

int nano_save(const void *nano, const char *path, struct err *err)
{
	const struct nano *n = nano;
	struct store s;

	if (!n->decoder)
		return err_set(err, ERR_INTERNAL, "%s: save before fit", n->recipe->name);
	if (store_create(&s, path, n->recipe->name, n->env->labels, err))
		return err->code;
	bpe_write(&n->bpe, s.f, path, err);
	for (int c = 0; c < NANO_SOFTS; c++) {
		const struct nano_norm *m = &n->norm[c];

		store_put_int(&s, m->cols);
		store_put(&s, m->mean, (size_t)m->cols, sizeof(*m->mean));
		store_put(&s, m->scale, (size_t)m->cols, sizeof(*m->scale));
	}
	if (!err->code)
		decoder_write(n->decoder, s.f, path, err);
	return store_close(&s);
}

static int read_norms(struct nano *n, struct store *s)
{
	for (int c = 0; c < NANO_SOFTS; c++) {
		struct nano_norm *m = &n->norm[c];
		int64_t cols = 0;

		if (store_get_int(s, 0, 1 << 20, "feature width", &cols))
			return s->err->code;
		m->cols = (int)cols;
		if (!cols)
			continue;
		if (!NEW_ARRAY(m->mean, (size_t)cols) || !NEW_ARRAY(m->scale, (size_t)cols))
			return err_set(s->err, ERR_NOMEM, "%s: no memory", s->path);
		store_get(s, m->mean, (size_t)cols, sizeof(*m->mean));
		if (store_get(s, m->scale, (size_t)cols, sizeof(*m->scale)))
			return s->err->code;
		for (int k = 0; k < m->cols; k++)
			if (!isfinite(m->mean[k]) || !isfinite(m->scale[k]))
				return err_set(s->err, ERR_FORMAT,
					       "%s: standardisation of %s is not finite", s->path,
					       soft_name[c]);
	}
	return 0;
}

int nano_load(void *nano, const char *path, struct err *err)
{
	struct nano *n = nano;
	struct store s;

	clear(n);
	if (store_open(&s, path, n->recipe->name, n->env->labels, err))
		return err->code;
	if (!bpe_read(&n->bpe, s.f, path, err) && !encode_words(n, err) && !read_norms(n, &s) &&
	    !new_decoder(n, err))
		decoder_read(n->decoder, s.f, path, err);
	if (store_close(&s))
		clear(n);
	return err->code;
}

int64_t nano_parameters(const void *nano)
{
	const struct nano *n = nano;

	return n->decoder ? decoder_parameters(n->decoder, true) : 0;
}
