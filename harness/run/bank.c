/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/bank.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/hash.h"
#include "harness/base/io.h"
#include "harness/base/json.h"
#include "harness/cue/behaviour.h"
#include "harness/cue/behaviour_words.h"
#include "harness/cue/words.h"
#include "harness/run/cue_files.h"
#include "harness/run/measure.h"

#define CLASSES 5 /* very low, low, moderate, high, very high */

/* Behaviour moves in levels: thresholds step aside by up to this share of the ranks rather
 * than cut a level in two: with a quarter, every gap is in reach. */
#define SNAP 0.25

/* A modality counts as offered when at least this share of the train utterances has it. */
#define HEARD_LEAST 0.5

/* Quantiles and the speaker groups they belong to. */
struct wording {
	char **group; /* sorted names */
	int n_group;
	int *of_utt; /* (n_utt) group index, -1: unknown */
	struct quantizer speech, behaviour;
};

static void wording_free(struct wording *w)
{
	for (int i = 0; i < w->n_group; i++)
		free(w->group[i]);
	free(w->group);
	free(w->of_utt);
	quantizer_free(&w->speech);
	quantizer_free(&w->behaviour);
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

static int make_wording(struct wording *w, struct bank *b, const char *words, struct err *err)
{
	struct json *given = words ? json_parse(words, strlen(words), "words.json", err) : NULL;
	struct strbuf out = { 0 };
	struct json_writer jw;

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
	if (err->code)
		goto done;
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
	b->words = arena_strdup(&b->mem, strbuf_str(&out));
	if (!b->words || out.oom)
		err_set(err, ERR_NOMEM, "words: no memory");
done:
	strbuf_free(&out);
	json_free(given);
	return err->code;
}

static bool any(const struct cue_set *s, int n)
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
static const char *keep(struct bank *b, struct strbuf *tmp, struct err *err)
{
	char *s = arena_strdup(&b->mem, strbuf_str(tmp));

	if (!s || tmp->oom)
		err_set(err, ERR_NOMEM, "words: no memory");
	strbuf_reset(tmp);
	return s;
}

static void word_turn(struct bank *b, int i, const struct wording *w, const struct cue_files *files,
		      struct strbuf *tmp, struct err *err)
{
	const struct measured *m = &b->m[i];
	struct turn *t = &b->turn[i];

	t->audio = m->audio;
	if (any(&m->speech, SPEECH_CUE_COUNT)) {
		speech_describe(&w->speech, &m->speech, w->of_utt[i], tmp);
		t->speech = keep(b, tmp, err);
	}
	for (int p = 0; p < PART_COUNT; p++) {
		const char *given = files ? cue_files_sentence(files, i, p) : NULL;

		t->video[p] = m->video[p];
		if (given) {
			strbuf_add(tmp, given);
			t->behaviour[p] = keep(b, tmp, err);
		} else if (any_of_part(&m->behaviour, p)) {
			behaviour_describe(&w->behaviour, &m->behaviour, w->of_utt[i], p, tmp);
			t->behaviour[p] = keep(b, tmp, err);
		}
	}
}

/* Speakers of a dialogue by order of appearance. */
static void number_speakers(struct bank *b, const struct dialogue *d)
{
	const struct utterance *u = &b->corpus->utt[d->first];
	int next = 0;

	for (int i = 0; i < d->count; i++) {
		int k = 0;

		while (u[k].speaker != u[i].speaker)
			k++;
		b->turn[d->first + i].speaker = k < i ? b->turn[d->first + k].speaker : next++;
	}
}

static int word_all(struct bank *b, const struct wording *w, const struct cue_files *files,
		    struct err *err)
{
	const struct corpus *c = b->corpus;
	struct strbuf tmp = { 0 };

	for (int d = 0; d < c->n_dia; d++)
		number_speakers(b, &c->dia[d]);
	for (int i = 0; i < c->n_utt && !err->code; i++) {
		b->turn[i].id = c->utt[i].id;
		b->turn[i].text = c->utt[i].text;
		word_turn(b, i, w, files, &tmp, err);
	}
	strbuf_free(&tmp);
	return err->code;
}

static void find_heard(struct bank *b)
{
	int train = 0, speech = 0, audio = 0, part[PART_COUNT] = { 0 }, video[PART_COUNT] = { 0 };

	for (int i = 0; i < b->corpus->n_utt; i++) {
		if (b->corpus->dia[b->corpus->utt[i].dialogue].split != SPLIT_TRAIN)
			continue;
		train++;
		speech += b->turn[i].speech != NULL;
		audio += b->turn[i].audio.data != NULL;
		for (int p = 0; p < PART_COUNT; p++) {
			part[p] += b->turn[i].behaviour[p] != NULL;
			video[p] += b->turn[i].video[p].data != NULL;
		}
	}
	b->heard = speech > HEARD_LEAST * train ? SEE_SPEECH : 0;
	b->heard |= audio > HEARD_LEAST * train ? SEE_AUDIO : 0;
	for (int p = 0; p < PART_COUNT; p++) {
		b->heard |= part[p] > HEARD_LEAST * train ? part_see[p] : 0;
		b->heard |= video[p] > HEARD_LEAST * train ? SEE_VIDEO : 0;
	}
}

static void add_feat(struct strbuf *s, const struct feat *f)
{
	if (f->data)
		strbuf_addn(s, (const char *)f->data,
			    (size_t)f->rows * (size_t)f->cols * sizeof(float));
}

static void add_text(struct strbuf *s, const char *text)
{
	strbuf_addf(s, "|%s", text ? text : "");
}

/* What one modality holds of one turn. */
static void add_seen(struct strbuf *s, const struct turn *t, unsigned bit)
{
	if (bit == SEE_TEXT)
		add_text(s, t->text);
	if (bit == SEE_SPEECH)
		add_text(s, t->speech);
	if (bit == SEE_AUDIO)
		add_feat(s, &t->audio);
	for (int p = 0; p < PART_COUNT; p++) {
		if (bit == part_see[p])
			add_text(s, t->behaviour[p]);
		if (bit == SEE_VIDEO)
			add_feat(s, &t->video[p]);
	}
}

/* Everything a run depends on but its recipe, one hash a modality, so that a
 * result stays valid when only what it never saw has changed. */
static int hash_content(struct bank *b, struct err *err)
{
	const struct corpus *c = b->corpus;
	struct strbuf s = { 0 };

	strbuf_addf(&s, "%s|%s|%s", c->name, c->policy, c->labels->name);
	for (int i = 0; i < c->n_utt; i++)
		strbuf_addf(&s, "\n%s|%d|%d|%d", b->turn[i].id,
			    (int)c->dia[c->utt[i].dialogue].split, b->turn[i].speaker,
			    b->gold->label[i]);
	hash_hex(strbuf_str(&s), s.len, b->content);
	for (int bit = 0; bit < SEE_BITS && !s.oom; bit++) {
		strbuf_reset(&s);
		for (int i = 0; i < c->n_utt; i++)
			add_seen(&s, &b->turn[i], 1u << bit);
		hash_hex(strbuf_str(&s), s.len, b->seen[bit]);
	}
	if (s.oom)
		err_set(err, ERR_NOMEM, "hashing: no memory");
	strbuf_free(&s);
	return err->code;
}

/* Recorded measurements stand in where the clip gave none. */
static void take_recorded(struct bank *b, const struct cue_files *files)
{
	for (int i = 0; i < b->corpus->n_utt; i++) {
		const struct cue_set *speech = cue_files_speech(files, i);
		const struct cue_set *behaviour = cue_files_behaviour(files, i);

		b->n_recorded += speech || behaviour;
		if (speech && !any(&b->m[i].speech, SPEECH_CUE_COUNT))
			b->m[i].speech = *speech;
		if (behaviour && !any(&b->m[i].behaviour, BEHAVIOUR_CUE_COUNT))
			b->m[i].behaviour = *behaviour;
	}
}

int bank_build(struct bank *b, struct corpus *corpus, const struct gold *gold,
	       const struct bank_options *o, struct err *err)
{
	struct cue_files files = { 0 };
	struct wording w = { 0 };

	*b = (struct bank){ .corpus = corpus, .gold = gold };
	b->m = arena_array(&b->mem, (size_t)corpus->n_utt, sizeof(*b->m));
	b->turn = arena_array(&b->mem, (size_t)corpus->n_utt, sizeof(*b->turn));
	if (!b->m || !b->turn)
		err_set(err, ERR_NOMEM, "%s: no memory", corpus->root);
	if (!err->code && o->media)
		measure_corpus(b, corpus, o, err);
	if (!err->code && o->cues && !cue_files_load(&files, corpus, o->cues, err))
		take_recorded(b, &files);
	if (!err->code && !make_wording(&w, b, o->words, err) &&
	    !word_all(b, &w, o->cues ? &files : NULL, err) && !hash_content(b, err))
		find_heard(b);
	wording_free(&w);
	cue_files_free(&files);
	if (err->code)
		bank_free(b);
	return err->code;
}

void bank_free(struct bank *b)
{
	arena_free(&b->mem);
	*b = (struct bank){ 0 };
}

const char *bank_kind(const struct bank *b)
{
	char *path = path_join(b->corpus->root, "calibration.json");
	bool there = path && io_is_file(path);

	free(path);
	return there ? "calibrated" : "real";
}
