/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/wording.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/cue/behaviour.h"
#include "harness/cue/behaviour_words.h"

#define CLASSES 5 /* very low, low, moderate, high, very high */

/* Behaviour moves in levels: thresholds step aside by up to this share of the ranks rather
 * than cut a level in two: with a quarter, every gap is in reach. */
#define SNAP 0.25

void wording_free(struct wording *w)
{
	for (int i = 0; i < w->n_group; i++)
		free(w->group[i]);
	free(w->group);
	free(w->of_utt);
	quantizer_free(&w->speech);
	quantizer_free(&w->behaviour);
	*w = (struct wording){ 0 };
}

static int group_index(const struct wording *w, const char *name)
{
	for (int i = 0; i < w->n_group; i++)
		if (!strcmp(w->group[i], name))
			return i;
	return -1;
}

static int add_group(struct wording *w, size_t *cap, const char *name, struct err *err)
{
	if (group_index(w, name) >= 0)
		return 0;
	if (!GROW_ARRAY(w->group, *cap, (size_t)w->n_group + 1) ||
	    !(w->group[w->n_group] = str_dup(name)))
		return err_set(err, ERR_NOMEM, "speaker groups: no memory");
	w->n_group++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Groups in a fixed order, from the corpus or from a trained model's file. */
static int find_groups(struct wording *w, const struct corpus *c, const struct json *given,
		       struct err *err)
{
	size_t cap = 0;

	for (const struct json *g = json_at(json_get(given, "groups"), 0); g && !err->code;
	     g = json_next(g))
		add_group(w, &cap, json_str(g, ""), err);
	if (!given) {
		for (int i = 0; i < c->n_speaker && !err->code; i++)
			if (c->speaker[i].group)
				add_group(w, &cap, c->speaker[i].group, err);
		if (w->n_group)
			qsort(w->group, (size_t)w->n_group, sizeof(*w->group), by_name);
	}
	if (!err->code && !NEW_ARRAY(w->of_utt, (size_t)c->n_utt))
		err_set(err, ERR_NOMEM, "speaker groups: no memory");
	for (int i = 0; i < c->n_utt && !err->code; i++) {
		const char *name = c->speaker[c->utt[i].speaker].group;

		w->of_utt[i] = name ? group_index(w, name) : -1; /* -1: the pool of all */
	}
	return err->code;
}

/* Fits one table on the train split. */
static int fit_table(struct quantizer *q, const struct bank *b, const struct wording *w,
		     const struct cue_spec *spec, int cues, bool speech, struct err *err)
{
	const struct corpus *c = b->corpus;
	struct quantizer_data d = {
		.spec = spec,
		.cues = cues,
		.groups = w->n_group,
		.zero_missing = speech,
		.snap = speech ? 0 : SNAP,
	};
	struct cue_set *set;
	int *group;

	if (!NEW_ARRAY(set, (size_t)c->n_utt) || !NEW_ARRAY(group, (size_t)c->n_utt)) {
		free(set);
		return err_set(err, ERR_NOMEM, "quantiles: no memory");
	}
	for (int i = 0; i < c->n_utt; i++) {
		if (c->dia[c->utt[i].dialogue].split != SPLIT_TRAIN)
			continue;
		set[d.n] = speech ? b->m[i].speech : b->m[i].behaviour;
		group[d.n++] = w->of_utt[i];
	}
	d.set = set;
	d.group = group;
	quantizer_fit(q, &d, CLASSES, err);
	free(set);
	free(group);
	return err->code;
}

int wording_make(struct wording *w, const struct bank *b, const char *words, struct err *err)
{
	struct json *given = words ? json_parse(words, strlen(words), "words.json", err) : NULL;

	*w = (struct wording){ 0 };
	if (err->code || find_groups(w, b->corpus, given, err))
		goto done;
	if (given) {
		if (!quantizer_load(&w->speech, speech_cue_spec, SPEECH_CUE_COUNT,
				    json_get(given, "speech"), "words.json", err))
			quantizer_load(&w->behaviour, behaviour_cue_spec, BEHAVIOUR_CUE_COUNT,
				       json_get(given, "behaviour"), "words.json", err);
	} else if (!fit_table(&w->speech, b, w, speech_cue_spec, SPEECH_CUE_COUNT, true, err)) {
		fit_table(&w->behaviour, b, w, behaviour_cue_spec, BEHAVIOUR_CUE_COUNT, false, err);
	}
done:
	json_free(given);
	if (err->code)
		wording_free(w);
	return err->code;
}

char *wording_json(const struct wording *w, struct arena *mem, struct err *err)
{
	struct strbuf out = { 0 };
	struct json_writer jw;
	char *text;

	json_begin(&jw, &out, 1);
	json_open_object(&jw, NULL);
	json_put_int(&jw, "schema_version", 1);
	json_open_array(&jw, "groups");
	for (int i = 0; i < w->n_group; i++)
		json_put_str(&jw, NULL, w->group[i]);
	json_close_array(&jw);
	quantizer_save(&w->speech, speech_cue_spec, &jw, "speech");
	quantizer_save(&w->behaviour, behaviour_cue_spec, &jw, "behaviour");
	json_close_object(&jw);
	text = arena_strdup(mem, strbuf_str(&out));
	if (!text || out.oom)
		err_set(err, ERR_NOMEM, "words: no memory");
	strbuf_free(&out);
	return text;
}

bool cue_set_any(const struct cue_set *s, int n)
{
	for (int i = 0; i < n; i++)
		if (s->ok[i])
			return true;
	return false;
}

static bool any_of_part(const struct cue_set *s, int part)
{
	for (int i = 0; i < BEHAVIOUR_CUE_COUNT; i++)
		if (s->ok[i] && (int)behaviour_cue_part[i] == part)
			return true;
	return false;
}

/* Keeps the sentence in tmp, or NULL for none. */
static const char *keep(struct arena *mem, struct strbuf *tmp, struct err *err)
{
	char *s = arena_strdup(mem, strbuf_str(tmp));

	if (!s || tmp->oom)
		err_set(err, ERR_NOMEM, "words: no memory");
	strbuf_reset(tmp);
	return s;
}

int wording_turn(const struct wording *w, int i, const struct measured *m,
		 const struct cue_files *files, struct arena *mem, struct strbuf *tmp,
		 struct turn *t, struct err *err)
{
	t->audio = m->audio;
	t->speech = t->impression = t->pitch = NULL;
	if (cue_set_any(&m->speech, SPEECH_CUE_COUNT)) {
		speech_describe(&w->speech, &m->speech, w->of_utt[i], tmp);
		t->speech = keep(mem, tmp, err);
		speech_impression(&w->speech, &m->speech, w->of_utt[i], tmp);
		t->impression = keep(mem, tmp, err);
		speech_pitch_note(&w->speech, &m->speech, w->of_utt[i], tmp);
		t->pitch = tmp->len ? keep(mem, tmp, err) : NULL;
	}
	for (int p = 0; p < PART_COUNT; p++) {
		const char *given = files ? cue_files_sentence(files, i, p) : NULL;

		t->video[p] = m->video[p];
		t->behaviour[p] = NULL;
		if (given) {
			strbuf_add(tmp, given);
			t->behaviour[p] = keep(mem, tmp, err);
		} else if (any_of_part(&m->behaviour, p)) {
			behaviour_describe(&w->behaviour, &m->behaviour, w->of_utt[i], p, tmp);
			t->behaviour[p] = keep(mem, tmp, err);
		}
	}
	return err->code;
}
