/* SPDX-License-Identifier: Apache-2.0
 * Examples in front of the question: chosen from the train split by a seed, spread over the
 * labels in turn and, within a label, over the dialogues that have given least so far.
 */
#include "models/prompted.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/rng.h"
#include "models/store.h"

#define SHOT_STREAM   0x73686f74 /* of the seed's random numbers */
#define SHOT_TEXT_MAX (1 << 20)

struct candidate {
	int view, turn, label;
	bool taken;
};

struct choosing {
	const struct prompted *p;
	const struct samples *train;
	struct candidate *all;
	size_t n, cap;
	int *given; /* (train->n) examples from each view so far */
	struct rng rng;
};

void prompted_forget(struct prompted *p)
{
	for (int i = 0; i < p->n_shots; i++) {
		free(p->shot[i].id);
		free(p->shot[i].text);
	}
	free(p->shot);
	p->shot = NULL;
	p->n_shots = 0;
	sha256_hex("", 0, p->shots_hash);
}

void prompted_note(const void *state, struct json_writer *w)
{
	const struct prompted *p = state;

	json_open_array(w, "shots");
	for (int i = 0; i < p->n_shots; i++) {
		json_open_object(w, NULL);
		json_put_str(w, "id", p->shot[i].id);
		json_put_str(w, "label", p->env->labels->word[p->shot[i].label]);
		json_close_object(w);
	}
	json_close_array(w);
	json_put_str(w, "shots_hash", p->n_shots ? p->shots_hash : NULL);
}

/* Text and sentences only: no clip goes along with an example. */
static struct prompted_scene scene_of(const struct prompted *p, const struct view *v, int t)
{
	int window = (int)opt_int(p->env->opts, "shot_window");

	window = window < v->window ? window : v->window;
	return (struct prompted_scene){
		.view = v, .t = t, .first = t > window ? t - window : 0, .words = true
	};
}

static int gather(struct choosing *c, struct err *err)
{
	const struct samples *train = c->train;

	if (!NEW_ARRAY(c->given, (size_t)train->n))
		return err_set(err, ERR_NOMEM, "prompted: no memory");
	for (int i = 0; i < train->n; i++)
		for (int t = 0; t < train->view[i].n; t++) {
			const struct prompted_scene s = scene_of(c->p, &train->view[i], t);

			if (!train->view[i].target[t] || train->label[i][t] < 0 ||
			    !prompted_shows(c->p, &s))
				continue;
			if (!GROW_ARRAY(c->all, c->cap, c->n + 1))
				return err_set(err, ERR_NOMEM, "prompted: no memory");
			c->all[c->n++] = (struct candidate){ i, t, train->label[i][t], false };
		}
	return 0;
}

/* One of the label from a dialogue that has given least; NULL: none is left. */
static struct candidate *pick(struct choosing *c, int label)
{
	struct candidate *best = NULL;
	int least = 0;
	uint64_t ties = 0;

	for (size_t i = 0; i < c->n; i++) {
		struct candidate *x = &c->all[i];

		if (x->taken || x->label != label || (best && c->given[x->view] > least))
			continue;
		if (!best || c->given[x->view] < least)
			ties = 0;
		least = c->given[x->view];
		if (!rng_below(&c->rng, ++ties))
			best = x;
	}
	if (best) {
		best->taken = true;
		c->given[best->view]++;
	}
	return best;
}

static int make_shot(const struct choosing *c, const struct candidate *x, struct shot *out,
		     struct err *err)
{
	const struct view *v = &c->train->view[x->view];
	const struct prompted_scene s = scene_of(c->p, v, x->turn);
	struct strbuf text = { 0 };
	struct arena mem = { 0 };

	if (!prompted_text(c->p, &s, &mem, &text, err)) {
		out->label = x->label;
		out->id = str_dup(v->turn[x->turn].id);
		out->text = str_dup(strbuf_str(&text));
		if (!out->id || !out->text)
			err_set(err, ERR_NOMEM, "prompted: no memory");
	}
	strbuf_free(&text);
	arena_free(&mem);
	return err->code;
}

static int choose(struct choosing *c, struct prompted *p, int want, struct err *err)
{
	int order[LABEL_MAX], k = p->env->labels->n;

	for (int j = 0; j < k; j++)
		order[j] = j;
	rng_shuffle(&c->rng, order, k);
	for (int at = 0; p->n_shots < want && !err->code; at = (at + 1) % k) {
		struct candidate *x = NULL;

		for (int tries = 0; tries < k && !x; tries++) {
			x = pick(c, order[at]);
			at = x ? at : (at + 1) % k;
		}
		if (!x)
			return err_set(err, ERR_DATA,
				       "prompted: %d examples are wanted, the train split shows "
				       "%d (option shots)",
				       want, p->n_shots);
		make_shot(c, x, &p->shot[p->n_shots++], err);
	}
	return err->code;
}

static int hash_shots(struct prompted *p, struct err *err)
{
	struct strbuf all = { 0 };

	for (int i = 0; i < p->n_shots; i++)
		strbuf_addf(&all, "%s\n%s\n%s\n", p->shot[i].id, p->word[p->shot[i].label],
			    p->shot[i].text);
	sha256_hex(strbuf_str(&all), all.len, p->shots_hash);
	if (all.oom)
		err_set(err, ERR_NOMEM, "prompted: no memory");
	strbuf_free(&all);
	return err->code;
}

int prompted_fit(void *state, const struct samples *train, struct err *err)
{
	struct prompted *p = state;
	struct choosing c = { .p = p, .train = train };
	const int want = (int)opt_int(p->env->opts, "shots");
	const int64_t seed = opt_int(p->env->opts, "shots_seed");

	prompted_forget(p);
	if (!want)
		return 0;
	rng_seed(&c.rng, seed < 0 ? p->env->seed : (uint64_t)seed, SHOT_STREAM);
	if (!NEW_ARRAY(p->shot, (size_t)want))
		err_set(err, ERR_NOMEM, "prompted: no memory");
	else if (!gather(&c, err) && !choose(&c, p, want, err))
		hash_shots(p, err);
	free(c.all);
	free(c.given);
	return err->code;
}

int prompted_save(const void *state, const char *path, struct err *err)
{
	const struct prompted *p = state;
	struct store s;

	if (store_create(&s, path, "prompted", p->env->labels, err))
		return err->code;
	store_put_int(&s, p->n_shots);
	for (int i = 0; i < p->n_shots; i++) {
		store_put_bytes(&s, p->shot[i].id, strlen(p->shot[i].id));
		store_put_int(&s, p->shot[i].label);
		store_put_bytes(&s, p->shot[i].text, strlen(p->shot[i].text));
	}
	return store_close(&s);
}

/* A text as prompts are made of: UTF-8 without a NUL. */
static int read_text(struct store *s, const char *what, char **out)
{
	size_t len;

	if (store_get_bytes(s, SHOT_TEXT_MAX, out, &len))
		return s->err->code;
	if (strlen(*out) != len || utf8_check(*out, len) != len)
		err_set(s->err, ERR_FORMAT, "%s: %s of an example is no text", s->path, what);
	return s->err->code;
}

int prompted_load(void *state, const char *path, struct err *err)
{
	struct prompted *p = state;
	const int64_t want = opt_int(p->env->opts, "shots");
	int64_t n = 0, label = 0;
	struct store s;

	prompted_forget(p);
	if (store_open(&s, path, "prompted", p->env->labels, err))
		return err->code;
	if (!store_get_int(&s, want, want, "number of examples (option shots)", &n) &&
	    !NEW_ARRAY(p->shot, (size_t)n))
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	while (!err->code && p->n_shots < n) {
		struct shot *x = &p->shot[p->n_shots++];

		if (!read_text(&s, "id", &x->id) &&
		    !store_get_int(&s, 0, p->env->labels->n - 1, "label", &label) &&
		    !read_text(&s, "text", &x->text))
			x->label = (int)label;
	}
	if (!err->code)
		hash_shots(p, err);
	return store_close(&s);
}
