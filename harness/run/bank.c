/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/bank.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/base/hash.h"
#include "harness/base/io.h"
#include "harness/cue/behaviour.h"
#include "harness/run/cue_files.h"
#include "harness/run/measure.h"
#include "harness/run/wording.h"

/* A modality counts as offered when at least this share of the train utterances has it. */
#define HEARD_LEAST 0.5

void bank_number_speakers(const struct corpus *c, const struct dialogue *d, struct turn *turn)
{
	const struct utterance *u = &c->utt[d->first];
	int next = 0;

	for (int i = 0; i < d->count; i++) {
		int k = 0;

		while (u[k].speaker != u[i].speaker)
			k++;
		turn[i].speaker = k < i ? turn[k].speaker : next++;
	}
}

static int word_all(struct bank *b, const struct wording *w, const struct cue_files *files,
		    struct err *err)
{
	const struct corpus *c = b->corpus;
	struct strbuf tmp = { 0 };

	for (int d = 0; d < c->n_dia; d++)
		bank_number_speakers(c, &c->dia[d], &b->turn[c->dia[d].first]);
	for (int i = 0; i < c->n_utt && !err->code; i++) {
		b->turn[i].id = c->utt[i].id;
		b->turn[i].text = c->utt[i].text;
		b->turn[i].prompt_speaker = c->utt[i].prompt_speaker;
		wording_turn(w, i, &b->m[i], files, &b->mem, &tmp, &b->turn[i], err);
	}
	strbuf_free(&tmp);
	return err->code;
}

/* The recording itself: systems that send it are not trained on it, so any clip of the test split
 * will do. */
static unsigned find_media(const struct corpus *c)
{
	unsigned found = 0;

	for (int i = 0; i < c->n_utt; i++) {
		if (c->dia[c->utt[i].dialogue].split != SPLIT_TEST)
			continue;
		found |= c->utt[i].audio.path ? SEE_SOUND : 0;
		found |= c->utt[i].video.path ? SEE_PICTURES : 0;
	}
	return found;
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
	b->heard |= find_media(b->corpus);
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

/* Span and size of a clip: its bytes are in the hashes of what is asked. */
static void add_clip(struct strbuf *s, const struct media_ref *r)
{
	struct stat st;

	strbuf_addf(s, "|%lld", r->path && !stat(r->path, &st) ? (long long)st.st_size : -1);
	strbuf_addf(s, ",%lld,%lld,%d", (long long)r->start_ms, (long long)r->end_ms, (int)r->crop);
}

/* What one modality holds of one turn. */
static void add_seen(struct strbuf *s, const struct utterance *u, const struct turn *t,
		     unsigned bit)
{
	if (bit == SEE_SOUND)
		add_clip(s, &u->audio);
	if (bit == SEE_PICTURES)
		add_clip(s, &u->video);
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
			add_seen(&s, &c->utt[i], &b->turn[i], 1u << bit);
		hash_hex(strbuf_str(&s), s.len, b->seen[bit]);
	}
	if (s.oom)
		err_set(err, ERR_NOMEM, "hashing: no memory");
	strbuf_free(&s);
	return err->code;
}

static bool is_described(const struct cue_files *files, int i)
{
	for (int p = 0; p < PART_COUNT; p++)
		if (cue_files_sentence(files, i, p))
			return true;
	return false;
}

static void add_cues(struct strbuf *s, const struct cue_set *c)
{
	for (int k = 0; c && k < CUE_MAX; k++)
		if (c->ok[k])
			strbuf_addf(s, "|%d %.9g", k, c->v[k]);
	strbuf_addc(s, '\n');
}

/* What the files say, whatever the clips gave: runs on it differ from runs on other files. */
static int hash_cues(struct bank *b, const struct cue_files *files, struct err *err)
{
	struct strbuf s = { 0 };

	for (int i = 0; i < b->corpus->n_utt; i++) {
		add_cues(&s, cue_files_speech(files, i));
		add_cues(&s, cue_files_behaviour(files, i));
		for (int p = 0; p < PART_COUNT; p++)
			add_text(&s, cue_files_sentence(files, i, p));
	}
	hash_hex(strbuf_str(&s), s.len, b->cues);
	if (s.oom)
		err_set(err, ERR_NOMEM, "hashing: no memory");
	strbuf_free(&s);
	return err->code;
}

/* Recorded measurements stand in where the clip gave none. */
static void take_recorded(struct bank *b, const struct cue_files *files,
			  const struct bank_options *o)
{
	for (int i = 0; i < b->corpus->n_utt; i++) {
		const struct cue_set *speech = cue_files_speech(files, i);
		const struct cue_set *behaviour = cue_files_behaviour(files, i);

		b->n_recorded += speech || behaviour;
		b->n_described += is_described(files, i);
		if (speech && !cue_set_any(&b->m[i].speech, SPEECH_CUE_COUNT))
			b->m[i].speech = *speech;
		if (behaviour && !cue_set_any(&b->m[i].behaviour, BEHAVIOUR_CUE_COUNT))
			b->m[i].behaviour = *behaviour;
	}
	if (!b->n_recorded && !b->n_described)
		log_info(o->log,
			 "warning: --cues %s: nothing there measures or describes an utterance of "
			 "%s",
			 o->cues, b->corpus->root);
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
	/* read before clips are measured, which takes long, and used after */
	if (!err->code && o->cues && !cue_files_load(&files, corpus, o->cues, err))
		hash_cues(b, &files, err);
	if (!err->code && o->media)
		measure_corpus(b, corpus, o, err);
	if (!err->code && o->cues)
		take_recorded(b, &files, o);
	if (!err->code && !wording_make(&w, b, o->words, err) &&
	    (b->words = wording_json(&w, &b->mem, err)) &&
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
