/* SPDX-License-Identifier: Apache-2.0
 * Answers: constrained scoring of the label words; before it, where the run asks
 * for that, the model writes the behaviour sentences itself.
 */
#include "models/nano_predict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

int predictor_rows(struct predictor *p, int width, struct err *err)
{
	size_t need;

	if (!size_mul((size_t)p->pack.p.n_at, (size_t)width, &need) ||
	    !GROW_ARRAY(p->out, p->cap_out, need))
		return err_set(err, ERR_NOMEM, "%s: scores: no memory", p->view->dialogue);
	return 0;
}

bool nano_is_student(const struct nano *n)
{
	return n->recipe->aligns && !strcmp(opt_str(n->env->opts, "behaviour"), "student");
}

/* --- labels --- */

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

/* --- answers of one token: all questions of the cut in one pass --- */

static int answer_words(struct predictor *p, const struct nano_cut *cut, struct answer *out,
			struct err *err)
{
	const struct nano *n = p->n;
	const struct nano_plan plan = nano_plan(n, NANO_LABEL);
	const int k = n->env->labels->n;
	int word[LABEL_MAX], done = 0;
	double read;

	pack_trunk(&p->pack, n, p->turn, cut->from, cut->last, &plan);
	for (int t = cut->first; t < cut->last; t++)
		if (p->view->target[t]) {
			pack_branch(&p->pack, n, p->turn, t, &plan);
			pack_ask(&p->pack, 0, 1); /* only scored */
		}
	for (int j = 0; j < k; j++)
		word[j] = n->text.word[j].id[0];
	p->pack.p.word = word;
	p->pack.p.n_word = k;
	if (pack_finish(&p->pack, cut->window, err) || predictor_rows(p, k, err) ||
	    decoder_score(n->decoder, &p->pack.p, p->out, err))
		return err->code;
	read = clock_s();
	for (int t = cut->first; t < cut->last; t++) {
		double z[LABEL_MAX];

		if (!p->view->target[t])
			continue;
		for (int j = 0; j < k; j++)
			z[j] = (double)p->out[done * k + j];
		out[done] = (struct answer){ .label = 0 };
		normalise(&out[done++], z, k);
	}
	p->score_s += clock_s() - read;
	return 0;
}

/* --- answers of several tokens: a session reads the question once for all of them --- */

/* Tokens the session must hold: the trunk, the longest question, all answers. */
static int capacity(const struct predictor *p, const struct nano_cut *cut)
{
	const struct nano_text *x = &p->n->text;
	const int open = (int)x->open[NANO_LABEL].n;
	int trunk = (int)x->head[NANO_LABEL].n, ask = 0, answers = 0;

	for (int t = cut->from; t < cut->last; t++) {
		const struct nano_turn *u = &p->turn[t];
		const int all = u->n_text + u->n_speech + u->n_behaviour + u->n_soft + 1;

		trunk += all;
		ask = u->n_ask[NANO_LABEL] + all > ask ? u->n_ask[NANO_LABEL] + all : ask;
	}
	for (int j = 0; j < p->n->env->labels->n; j++)
		answers += (int)x->word[j].n;
	return trunk + open + ask + answers;
}

/* The question about turn t behind the trunk, and behind it every answer but its last token. */
static void pack_answers(struct predictor *p, int t, const struct nano_plan *plan)
{
	struct nano_pack *k = &p->pack;
	int end;

	pack_question(k, p->n, p->turn, t, plan);
	pack_ask(k, 0, 1); /* how every answer begins */
	k->p.trunk = k->p.n;
	end = k->now.pos;
	for (int j = 0; j < p->n->env->labels->n; j++) {
		const struct bpe_ids *word = &p->n->text.word[j];

		k->now.branch++;
		k->now.pos = end;
		for (size_t i = 1; i < word->n; i++) {
			pack_tokens(k, &word->id[i - 1], 1);
			pack_ask(k, 0, 1);
		}
	}
	k->now.branch = 0;
}

/* The summed log-probability of each answer. */
static void sum_answers(const struct predictor *p, double z[LABEL_MAX])
{
	const struct nano_text *x = &p->n->text;
	const float *row = p->out;

	for (int j = 0; j < p->n->env->labels->n; j++)
		z[j] = (double)row[x->word[j].id[0]];
	for (int j = 0; j < p->n->env->labels->n; j++)
		for (size_t i = 1; i < x->word[j].n; i++)
			z[j] += (double)(row += x->vocab)[x->word[j].id[i]];
}

/* Reads on to turn t and answers it; the session then forgets the question. */
static int answer_turn(struct predictor *p, struct session *s, const struct nano_cut *cut, int t,
		       const struct nano_plan *plan, struct answer *out, struct err *err)
{
	struct nano_pack *k = &p->pack;
	const int kept = k->p.n;
	const struct pack_place place = k->now;
	double z[LABEL_MAX], start;
	int length;

	pack_answers(p, t, plan);
	length = session_length(s) + kept;
	if (pack_finish(k, cut->window, err) || predictor_rows(p, p->n->text.vocab, err) ||
	    session_read(s, &k->p, p->out, err) || session_rewind(s, length, err))
		return err->code;
	start = clock_s();
	sum_answers(p, z);
	*out = (struct answer){ .label = 0 };
	normalise(out, z, p->n->env->labels->n);
	p->score_s += clock_s() - start;
	pack_next(k);
	k->now = place;
	return 0;
}

static int answer_phrases(struct predictor *p, const struct nano_cut *cut, struct answer *out,
			  struct err *err)
{
	const struct nano_plan plan = nano_plan(p->n, NANO_LABEL);
	struct session *s = session_new(p->n->decoder, capacity(p, cut), err);

	if (!s)
		return err->code;
	pack_start(&p->pack, p->n, cut->from, cut->last, &plan);
	for (int t = cut->from; t < cut->last && !err->code; t++) {
		pack_turn(&p->pack, p->n, p->turn, t, &plan);
		if (t >= cut->first && p->view->target[t])
			answer_turn(p, s, cut, t, &plan, out++, err);
	}
	session_free(s);
	return err->code;
}

/* What the student wrote, in the order of the targets. */
static int keep_raw(struct predictor *p, const struct nano_cut *cut, struct err *err)
{
	struct nano *n = p->n;
	struct strbuf text = { 0 };

	for (int t = cut->first; t < cut->last && !err->code; t++) {
		const struct nano_turn *u = &p->turn[t];

		if (!p->view->target[t])
			continue;
		strbuf_reset(&text);
		nano_text_write(n, u->id + u->n_text + u->n_speech, (size_t)u->n_behaviour, &text,
				err);
		strbuf_add_valid(&n->raw, strbuf_str(&text), text.len);
		strbuf_addc(&n->raw, '\0');
	}
	n->raw.oom |= text.oom;
	strbuf_free(&text);
	return n->raw.oom ? err_set(err, ERR_NOMEM, "behaviour text: no memory") : err->code;
}

static int answer_cut(struct predictor *p, const struct nano_cut *cut, struct answer *out,
		      int *answered, struct err *err)
{
	const double start = clock_s();
	double written;

	*answered = 0;
	p->score_s = 0;
	for (int t = cut->first; t < cut->last; t++)
		*answered += p->view->target[t] != 0;
	if (nano_is_student(p->n) && (nano_write(p, cut, err) || keep_raw(p, cut, err)))
		return err->code;
	written = clock_s();
	if (p->n->text.single ? answer_words(p, cut, out, err) : answer_phrases(p, cut, out, err))
		return err->code;
	for (int i = 0; i < *answered; i++) {
		out[i].prompt_ms = 1e3 * (written - start) / *answered;
		out[i].model_ms = 1e3 * (clock_s() - written) / *answered;
		out[i].score_ms = 1e3 * p->score_s / *answered;
	}
	return 0;
}

/* raw of the answers: one behind the other in n->raw. */
static void point_at_raw(const struct predictor *p, struct answer *out, int count)
{
	const char *s = strbuf_str(&p->n->raw);

	for (int i = 0; i < count; i++) {
		out[i].raw = s;
		s += strlen(s) + 1;
	}
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
	strbuf_reset(&n->raw);
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
		point_at_raw(&p, out, done);
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
