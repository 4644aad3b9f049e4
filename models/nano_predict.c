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

bool nano_next_cut(const struct nano *n, const struct view *v, int first, int most,
		   struct nano_cut *cut)
{
	const int layers = (int)opt_int(n->env->opts, "layers") - nano_local_layers(n->env->opts);
	const bool whole = v->window >= v->n - 1;
	const bool alone = !whole && v->window > 0 && v->window < layers;
	int targets = 0, t;

	while (first < v->n && !v->target[first])
		first++;
	if (first >= v->n)
		return false;
	cut->first = first;
	cut->from = v->window < first ? first - v->window : 0;
	cut->window = whole ? v->n : alone ? v->window : v->window / layers;
	for (t = first; t < v->n && targets < (alone ? 1 : most); t++)
		if (v->target[t]) {
			targets++;
			cut->last = t + 1;
		}
	return true;
}

struct nano_plan nano_plan(const struct nano *n, bool behaviour)
{
	return (struct nano_plan){ .behaviour = behaviour,
				   .cues_in_branch =
					   !strcmp(opt_str(n->env->opts, "history_cues"), "text") };
}

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
	const int vocab = n->bpe.n + NANO_SPECIALS;
	const struct nano_plan plan = nano_plan(n, false);
	const float *row;

	pack_trunk(&p->pack, n, p->turn, cut->from, cut->last, &plan);
	for (int t = cut->from; t < cut->last; t++) {
		struct written *x = &w[t - cut->from];

		if (!x->open)
			continue;
		pack_branch(&p->pack, p->turn, t, &n->ask_behaviour, &plan);
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
		if (best < n->bpe.n)
			x->id[x->n++] = best;
		x->open = best < n->bpe.n && x->n < WRITE_MAX;
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
	bpe_decode(&n->bpe, u->id + u->n_text + u->n_speech, (size_t)u->n_behaviour, &n->raw, err);
	strbuf_addc(&n->raw, '\0');
	return n->raw.oom ? err_set(err, ERR_NOMEM, "behaviour text: no memory") : err->code;
}

/* --- labels --- */

/* Branches of one target: one where label words are single tokens, else one a label. */
static void add_question(struct predictor *p, int t, const struct nano_plan *plan)
{
	const struct nano *n = p->n;

	for (int j = 0; j < (n->single ? 1 : n->env->labels->n); j++) {
		const struct bpe_ids *word = &n->word[j];

		pack_branch(&p->pack, p->turn, t, &n->ask_label, plan);
		for (size_t k = 0; k < (n->single ? 1 : word->n); k++) {
			if (k)
				pack_tokens(&p->pack, &word->id[k - 1], 1);
			pack_ask(&p->pack, 0, 1); /* only scored */
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

/* Reads the answers of the cut from the scores. */
static int read_answers(const struct predictor *p, const struct nano_cut *cut, struct answer *out)
{
	const struct nano *n = p->n;
	const int k = n->env->labels->n, vocab = n->bpe.n + NANO_SPECIALS;
	const float *row = p->out;
	int done = 0;

	for (int t = cut->first; t < cut->last; t++) {
		double z[LABEL_MAX] = { 0 };

		if (!p->view->target[t])
			continue;
		for (int j = 0; j < k; j++)
			for (size_t i = 0; i < n->word[j].n; i++) {
				z[j] += n->single ? row[j] : row[n->word[j].id[i]];
				row += n->single ? 0 : vocab;
			}
		row += n->single ? k : 0;
		out[done] = (struct answer){ .label = 0 };
		normalise(&out[done++], z, k);
	}
	return done;
}

static int answer_cut(struct predictor *p, const struct nano_cut *cut, struct answer *out,
		      int *answered, struct err *err)
{
	struct nano *n = p->n;
	const struct nano_plan plan = nano_plan(n, true);
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
	for (int j = 0; j < k && n->single; j++)
		word[j] = n->word[j].id[0];
	p->pack.p.word = n->single ? word : NULL;
	p->pack.p.n_word = n->single ? k : 0;
	packed = clock_s();
	if (score(p, cut, n->single ? k : n->bpe.n + NANO_SPECIALS, err))
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

static int write_token(const struct nano *n, const struct nano_pack *k, int i, struct strbuf *out,
		       struct err *err)
{
	const int special = k->token[i] - n->bpe.n;

	if (k->token[i] < 0) {
		for (int c = 0; c < NANO_SOFTS; c++)
			if (n->norm[c].cols && n->norm[c].kind == k->soft_kind[i])
				strbuf_addf(out, " <%s>",
					    c == NANO_AUDIO ? "audio" : part_name[c - NANO_VIDEO]);
		return 0;
	}
	if (special < 0)
		return bpe_decode(&n->bpe, &k->token[i], 1, out, err);
	if (special == NANO_END)
		strbuf_add(out, " <end>\n");
	else
		strbuf_addf(out, "<speaker %d>", special - NANO_SPEAKER);
	return 0;
}

int nano_prompt(void *nano, const struct view *v, int t, struct strbuf *out, struct err *err)
{
	struct nano *n = nano;
	struct predictor p = { .n = n, .view = v };
	const struct nano_plan plan = nano_plan(n, true);
	const int from = v->window < t ? t - v->window : 0;

	if (!n->decoder)
		return err_set(err, ERR_INTERNAL, "%s: prompt before fit or load", n->recipe->name);
	p.turn = nano_encode(n, v, &p.mem, err);
	if (p.turn) {
		pack_trunk(&p.pack, n, p.turn, from, t + 1, &plan);
		pack_branch(&p.pack, p.turn, t, &n->ask_label, &plan);
		if (!pack_finish(&p.pack, v->window, err))
			for (int i = 0; i < p.pack.p.n && !err->code; i++)
				write_token(n, &p.pack, i, out, err);
	}
	predictor_free(&p);
	return err->code || !out->oom ? err->code : err_set(err, ERR_NOMEM, "prompt: no memory");
}
