/* SPDX-License-Identifier: Apache-2.0
 * Answers: constrained scoring of the label words; before it, where the run asks
 * for that, the model writes the behaviour sentences itself.
 */
#include "models/nano.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

#define WRITE_MAX 64 /* tokens of a written behaviour at most */

/* Memory of one predict call. */
struct predictor {
	struct nano *n;
	const struct view *view;
	struct nano_turn *turn;
	struct nano_pack pack;
	float *out;
	size_t cap_out;
	struct arena mem;
};

static int score(struct predictor *p, const struct nano_cut *cut, int width, struct err *err)
{
	size_t need;

	if (pack_finish(&p->pack, cut->window, err))
		return err->code;
	if (!size_mul((size_t)p->pack.p.n_at, (size_t)width, &need) ||
	    !GROW_ARRAY(p->out, p->cap_out, need))
		return err_set(err, ERR_NOMEM, "%s: scores: no memory", p->view->dialogue);
	return decoder_score(p->n->decoder, &p->pack.p, p->out, err);
}

/* --- the student's own behaviour sentences --- */

/* What each turn of the cut has written so far. */
struct written {
	int id[WRITE_MAX];
	int n;
	bool open;
};

/* One step: every open turn writes its next token. */
static int write_step(struct predictor *p, const struct nano_cut *cut, struct written *w, int *open,
		      struct err *err)
{
	const struct nano *n = p->n;
	const int vocab = n->text.vocab;
	const struct nano_plan plan = nano_plan(n, NANO_BEHAVIOUR);
	const float *row;

	pack_trunk(&p->pack, n, p->turn, cut->from, cut->last, &plan);
	for (int t = cut->from; t < cut->last; t++) {
		struct written *x = &w[t - cut->from];

		if (!x->open)
			continue;
		pack_branch(&p->pack, n, p->turn, t, &plan);
		pack_tokens(&p->pack, x->id, (size_t)x->n);
		pack_ask(&p->pack, 0, 1);
	}
	if (score(p, cut, vocab, err))
		return err->code;
	row = p->out;
	*open = 0;
	for (int t = cut->from; t < cut->last; t++) {
		struct written *x = &w[t - cut->from];
		int best = 0;

		if (!x->open)
			continue;
		for (int j = 1; j < vocab; j++)
			if (row[j] > row[best])
				best = j;
		row += vocab;
		x->open = !nano_text_ends(n, best);
		if (x->open)
			x->id[x->n++] = best;
		x->open = x->open && x->n < WRITE_MAX;
		*open += x->open;
	}
	return 0;
}

/* Puts what was written into the behaviour slot of the turn. */
static int replace_behaviour(struct predictor *p, struct nano_turn *u, const struct written *w,
			     struct err *err)
{
	const size_t keep = (size_t)(u->n_text + u->n_speech);
	int *id = arena_array(&p->mem, keep + (size_t)w->n, sizeof(*id));

	if (!id)
		return err_set(err, ERR_NOMEM, "%s: no memory", p->view->dialogue);
	if (keep)
		memcpy(id, u->id, keep * sizeof(*id));
	if (w->n)
		memcpy(id + keep, w->id, (size_t)w->n * sizeof(*id));
	u->id = id;
	u->n_behaviour = w->n;
	return 0;
}

/* Greedy, all turns of the cut at once.  Turns without soft tokens of the camera
 * write nothing: there is nothing to describe. */
static int write_behaviour(struct predictor *p, const struct nano_cut *cut, struct err *err)
{
	struct written *w;
	int open = 0;

	if (!NEW_ARRAY(w, (size_t)(cut->last - cut->from)))
		return err_set(err, ERR_NOMEM, "%s: no memory", p->view->dialogue);
	for (int t = cut->from; t < cut->last; t++) {
		const struct turn *u = &p->view->turn[t];

		for (int c = 0; c < PART_COUNT; c++)
			w[t - cut->from].open |= u->video[c].data && u->video[c].rows > 0;
		open += w[t - cut->from].open;
	}
	while (open && !write_step(p, cut, w, &open, err))
		;
	for (int t = cut->from; t < cut->last && !err->code; t++)
		replace_behaviour(p, &p->turn[t], &w[t - cut->from], err);
	free(w);
	return err->code;
}

bool nano_is_student(const struct nano *n)
{
	return n->recipe->aligns && !strcmp(opt_str(n->env->opts, "behaviour"), "student");
}

static int add_raw(struct nano *n, const struct nano_turn *u, struct err *err)
{
	nano_text_write(n, u->id + u->n_text + u->n_speech, (size_t)u->n_behaviour, &n->raw, err);
	strbuf_addc(&n->raw, '\0');
	return n->raw.oom ? err_set(err, ERR_NOMEM, "behaviour text: no memory") : err->code;
}

/* --- labels --- */

/* Branches of one target.  The first one's last token predicts how every answer begins;
 * answers of several tokens get a branch of their own that predicts the rest. */
static void add_question(struct predictor *p, int t, const struct nano_plan *plan)
{
	const struct nano *n = p->n;

	pack_branch(&p->pack, n, p->turn, t, plan);
	pack_ask(&p->pack, 0, 1); /* only scored */
	for (int j = 0; j < n->env->labels->n; j++) {
		const struct bpe_ids *word = &n->text.word[j];

		if (word->n > 1)
			pack_branch(&p->pack, n, p->turn, t, plan);
		for (size_t k = 1; k < word->n; k++) {
			pack_tokens(&p->pack, &word->id[k - 1], 1);
			pack_ask(&p->pack, 0, 1);
		}
	}
}

/* Log-probabilities of the labels among each other. */
static void normalise(struct answer *a, const double *z, int k)
{
	double top = z[0], sum = 0;

	for (int j = 1; j < k; j++)
		top = fmax(top, z[j]);
	for (int j = 0; j < k; j++)
		sum += exp(z[j] - top);
	a->label = 0;
	a->status = ANSWER_OK;
	for (int j = 0; j < k; j++) {
		a->score[j] = (float)(z[j] - top - log(sum));
		if (a->score[j] > a->score[a->label])
			a->label = j;
	}
}

/* The summed log-probability of each answer from the rows of one target; returns the rest. */
static const float *read_scores(const struct nano *n, const float *row, double z[LABEL_MAX])
{
	const struct nano_text *x = &n->text;
	const int k = n->env->labels->n;

	for (int j = 0; j < k; j++)
		z[j] = x->single ? row[j] : row[x->word[j].id[0]];
	row += x->single ? k : x->vocab;
	for (int j = 0; j < k; j++)
		for (size_t i = 1; i < x->word[j].n; i++) {
			z[j] += row[x->word[j].id[i]];
			row += x->vocab;
		}
	return row;
}

/* Reads the answers of the cut from the scores. */
static int read_answers(const struct predictor *p, const struct nano_cut *cut, struct answer *out)
{
	const float *row = p->out;
	int done = 0;

	for (int t = cut->first; t < cut->last; t++) {
		double z[LABEL_MAX];

		if (!p->view->target[t])
			continue;
		row = read_scores(p->n, row, z);
		out[done] = (struct answer){ .label = 0 };
		normalise(&out[done++], z, p->n->env->labels->n);
	}
	return done;
}

static int answer_cut(struct predictor *p, const struct nano_cut *cut, struct answer *out,
		      int *answered, struct err *err)
{
	struct nano *n = p->n;
	const struct nano_plan plan = nano_plan(n, NANO_LABEL);
	const int k = n->env->labels->n;
	const double start = clock_s();
	double packed;
	int word[LABEL_MAX] = { 0 };

	if (nano_is_student(n) && write_behaviour(p, cut, err))
		return err->code;
	pack_trunk(&p->pack, n, p->turn, cut->from, cut->last, &plan);
	for (int t = cut->first; t < cut->last; t++)
		if (p->view->target[t])
			add_question(p, t, &plan);
	for (int j = 0; j < k && n->text.single; j++)
		word[j] = n->text.word[j].id[0];
	p->pack.p.word = n->text.single ? word : NULL;
	p->pack.p.n_word = n->text.single ? k : 0;
	packed = clock_s();
	if (score(p, cut, n->text.single ? k : n->text.vocab, err))
		return err->code;
	*answered = read_answers(p, cut, out);
	for (int i = 0; i < *answered; i++) {
		out[i].prompt_ms = 1e3 * (packed - start) / *answered;
		out[i].model_ms = 1e3 * (clock_s() - packed) / *answered;
	}
	return 0;
}

/* raw[] of the answers: what the student wrote, in the order of the targets. */
static int point_at_raw(struct predictor *p, struct answer *out, struct err *err)
{
	struct nano *n = p->n;
	const char *s;

	strbuf_reset(&n->raw);
	for (int t = 0; t < p->view->n; t++)
		if (p->view->target[t] && add_raw(n, &p->turn[t], err))
			return err->code;
	s = strbuf_str(&n->raw);
	for (int t = 0; t < p->view->n; t++)
		if (p->view->target[t]) {
			(out++)->raw = s;
			s += strlen(s) + 1;
		}
	return 0;
}

static void predictor_free(struct predictor *p)
{
	pack_free(&p->pack);
	free(p->out);
	arena_free(&p->mem);
}

int nano_predict(void *nano, const struct view *v, struct answer *out, struct err *err)
{
	struct nano *n = nano;
	struct predictor p = { .n = n, .view = v };
	struct nano_cut cut = { .last = 0 };
	int done = 0, answered = 0;
	const double start = clock_s();
	double encode_ms;

	if (!n->decoder)
		return err_set(err, ERR_INTERNAL, "%s: predict before fit or load",
			       n->recipe->name);
	p.turn = nano_encode(n, v, &p.mem, err);
	encode_ms = 1e3 * (clock_s() - start) / (v->n ? v->n : 1);
	while (!err->code &&
	       nano_next_cut(n, v, cut.last, (int)opt_int(n->env->opts, "turns"), &cut)) {
		if (answer_cut(&p, &cut, out + done, &answered, err))
			break;
		for (int i = done; i < done + answered; i++)
			out[i].prompt_ms += encode_ms;
		done += answered;
	}
	if (!err->code && nano_is_student(n))
		point_at_raw(&p, out, err);
	predictor_free(&p);
	return err->code;
}

/* --- prompts for people --- */

/* Token i of the pack, or with it all text up to the next soft token; returns the next. */
static int write_tokens(const struct nano *n, const struct nano_pack *k, int i, struct strbuf *out,
			struct err *err)
{
	int end = i;

	while (end < k->p.n && k->token[end] >= 0)
		end++;
	if (end > i) {
		nano_text_write(n, &k->token[i], (size_t)(end - i), out, err);
		return end;
	}
	for (int c = 0; c < NANO_SOFTS; c++)
		if (n->norm[c].cols && n->norm[c].kind == k->soft_kind[i])
			strbuf_addf(out, " <%s>", nano_soft_name[c]);
	return i + 1;
}

int nano_prompt(void *nano, const struct view *v, int t, struct strbuf *out, struct err *err)
{
	struct nano *n = nano;
	struct predictor p = { .n = n, .view = v };
	const struct nano_plan plan = nano_plan(n, NANO_LABEL);
	const int from = v->window < t ? t - v->window : 0;

	if (!n->decoder)
		return err_set(err, ERR_INTERNAL, "%s: prompt before fit or load", n->recipe->name);
	p.turn = nano_encode(n, v, &p.mem, err);
	if (p.turn) {
		pack_trunk(&p.pack, n, p.turn, from, t + 1, &plan);
		pack_branch(&p.pack, n, p.turn, t, &plan);
		if (!pack_finish(&p.pack, v->window, err))
			for (int i = 0; i < p.pack.p.n && !err->code;)
				i = write_tokens(n, &p.pack, i, out, err);
	}
	predictor_free(&p);
	return err->code || !out->oom ? err->code : err_set(err, ERR_NOMEM, "prompt: no memory");
}
