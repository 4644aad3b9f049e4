/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/predict.h"

#include <math.h>
#include <string.h>

int predictions_check(const struct predictions *p, int i, int labels, const char *model,
		      const char *id, struct err *err)
{
	const struct answer *a = &p->answer[i];
	bool ok = a->status == ANSWER_OK;

	if (ok != (a->label >= 0) || a->label >= labels)
		return err_set(err, ERR_INTERNAL, "%s: %s answered label %d with status %s", id,
			       model, a->label, answer_status_name[a->status]);
	for (int k = 0; ok && k < labels; k++)
		if (!isfinite(a->score[k]))
			return err_set(err, ERR_INTERNAL, "%s: %s gave a score that is not finite",
				       id, model);
	return 0;
}

/* The targets of a view, behind those that are there. */
static void add_targets(struct predictions *p, const struct views *views, int v)
{
	const struct view *view = &views->view[v];

	for (int t = 0; t < view->n; t++) {
		if (!view->target[t])
			continue;
		p->utt[p->n] = views->index[v][t];
		p->gold[p->n] = views->label[v][t];
		p->group[p->n++] = v;
	}
}

int predictions_new(struct predictions *p, const struct views *views, int labels, struct err *err)
{
	size_t n = (size_t)views->n_target;

	*p = (struct predictions){ .n_groups = views->n, .confusion = { .k = labels } };
	p->answer = arena_array(&p->mem, n, sizeof(*p->answer));
	p->utt = arena_array(&p->mem, n, sizeof(*p->utt));
	p->gold = arena_array(&p->mem, n, sizeof(*p->gold));
	p->group = arena_array(&p->mem, n, sizeof(*p->group));
	if (!p->answer || !p->utt || !p->gold || !p->group) {
		predictions_free(p);
		return err_set(err, ERR_NOMEM, "answers: no memory");
	}
	for (int v = 0; v < views->n; v++)
		add_targets(p, views, v);
	return 0;
}

/* Answers one view from place i on. */
static int answer_view(struct predictions *p, const struct model_ops *model, void *state,
		       const struct view *view, int labels, int *i, struct err *err)
{
	const int first = *i;

	if (model->predict(state, view, &p->answer[first], err))
		return err_wrap(err, "%s: dialogue %s", model->name, view->dialogue);
	for (int t = 0; t < view->n && !err->code; t++) {
		struct answer *a = &p->answer[*i];

		if (!view->target[t])
			continue;
		if (a->raw && !(a->raw = arena_strdup(&p->mem, a->raw)))
			return err_set(err, ERR_NOMEM, "answers: no memory");
		predictions_check(p, *i, labels, model->name, view->turn[t].id, err);
		if (p->gold[*i] >= 0)
			confusion_add(&p->confusion, p->gold[*i], a->label);
		(*i)++;
	}
	return err->code;
}

int predict_views(struct predictions *p, const struct model_ops *model, void *state,
		  const struct views *views, int labels, const volatile sig_atomic_t *stop,
		  struct err *err)
{
	int done = 0;

	if (!model->predict)
		return err_set(err, ERR_ARG,
			       "%s asks a served model: only merc run and merc sweep do that",
			       model->name);
	if (predictions_new(p, views, labels, err))
		return err->code;
	p->probs = model->flags & MODEL_PROBS;
	for (int v = 0; v < views->n && !err->code; v++) {
		if (stop && *stop)
			err_set(err, ERR_INTERRUPTED, "interrupted");
		else
			answer_view(p, model, state, &views->view[v], labels, &done, err);
	}
	if (err->code)
		predictions_free(p);
	return err->code;
}

/* The hash of one finished prompt; of a turn that a system has nothing to ask about, "none". */
static int hash_prompt(const struct model_ops *model, void *state, const struct view *view, int t,
		       struct strbuf *hashes, struct err *err)
{
	struct strbuf prompt = { 0 };
	struct err e = { 0 };
	char one[HASH_HEX];

	if (!model->prompt(state, view, t, &prompt, &e)) {
		hash_hex(strbuf_str(&prompt), prompt.len, one);
		strbuf_add(hashes, one);
		hashes->oom |= prompt.oom;
	} else if (model->ask && e.code == ERR_DATA) {
		strbuf_add(hashes, "none");
	} else {
		*err = e;
	}
	strbuf_free(&prompt);
	return err->code;
}

/* A hash of hashes: all prompts at once would take more memory than the model. */
int predict_prompts(const struct model_ops *model, void *state, const struct views *views,
		    char out[HASH_HEX], struct err *err)
{
	struct strbuf hashes = { 0 };

	out[0] = '\0';
	for (int v = 0; model->prompt && v < views->n; v++)
		for (int t = 0; t < views->view[v].n && !err->code; t++)
			if (views->view[v].target[t])
				hash_prompt(model, state, &views->view[v], t, &hashes, err);
	if (!err->code && hashes.oom)
		err_set(err, ERR_NOMEM, "prompts: no memory");
	if (!err->code && hashes.len)
		hash_hex(hashes.s, hashes.len, out);
	strbuf_free(&hashes);
	return err->code;
}

void predictions_free(struct predictions *p)
{
	arena_free(&p->mem);
	*p = (struct predictions){ 0 };
}
