/* SPDX-License-Identifier: Apache-2.0
 * IEMOCAP's sound and pictures: one avi a dialogue (both actors side by side),
 * one wav a dialogue, and one wav an utterance; spans by the times of EmoEvaluation.
 */
#include "datasets/iemocap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/map.h"
#include "harness/base/str.h"

/* Media of a dialogue may end this much before the last turn does, and a
 * sentence's wav may be this much longer or shorter than its turn. */
#define END_TOLERANCE_S	   0.5
#define LENGTH_TOLERANCE_S 0.25

/* Names of the three kinds of media of one session or dialogue. */
struct folder {
	char *path; /* NULL: no such folder */
	struct io_list list;
};

static int folder_open(struct folder *f, struct err *err, const char *root, int session,
		       const char *below, const char *dialogue)
{
	struct strbuf b = { 0 };

	*f = (struct folder){ 0 };
	strbuf_addf(&b, "%s/Session%d/%s%s%s", root, session, below, dialogue ? "/" : "",
		    dialogue ? dialogue : "");
	if (b.oom)
		return err_set(err, ERR_NOMEM, "%s: no memory", root);
	if (!io_is_dir(b.s)) {
		strbuf_free(&b);
		return 0;
	}
	f->path = b.s;
	return io_list_dir(f->path, &f->list, err);
}

static void folder_close(struct folder *f)
{
	io_list_free(&f->list);
	free(f->path);
	*f = (struct folder){ 0 };
}

static int by_name(const void *key, const void *entry)
{
	return strcmp(key, *(char *const *)entry);
}

/* *path = arena copy of "<folder>/<stem><ext>" if the folder holds it, else NULL. */
static int folder_find(const struct folder *f, const char *stem, const char *ext, struct arena *mem,
		       const char **path, struct err *err)
{
	struct strbuf b = { 0 };

	*path = NULL;
	strbuf_addf(&b, "%s%s", stem, ext);
	if (!b.oom && f->list.n &&
	    bsearch(b.s, f->list.name, f->list.n, sizeof(*f->list.name), by_name)) {
		strbuf_reset(&b);
		strbuf_addf(&b, "%s/%s%s", f->path, stem, ext);
		if (!b.oom)
			*path = arena_strdup(mem, b.s);
		if (!*path)
			b.oom = true;
	}
	if (b.oom)
		err_set(err, ERR_NOMEM, "%s%s: no memory", stem, ext);
	strbuf_free(&b);
	return err->code;
}

/* Media of the turns of one dialogue: c->utt[first …) hold (a subset of) them in order. */
static int find_dialogue(struct corpus *c, const struct iemocap_dialogue *d,
			 const struct dialogue *out, const struct folder *wav,
			 const struct folder *avi, bool crop, struct err *err)
{
	const char *dialog_wav, *dialog_avi;
	/* Ses05F_…: the actress wears the markers; whoever does sits on the left */
	const char marked = d->name[5];
	struct folder sentences;
	int k = 0;

	if (folder_find(wav, d->name, ".wav", &c->mem, &dialog_wav, err) ||
	    folder_find(avi, d->name, ".avi", &c->mem, &dialog_avi, err))
		return err->code;
	folder_open(&sentences, err, c->root, d->session, "sentences/wav", d->name);
	for (int i = out->first; i < out->first + out->count && !err->code; i++) {
		struct utterance *u = &c->utt[i];
		const struct iemocap_turn *t;

		while (strcmp(d->turn[k].id, u->id))
			k++;
		t = &d->turn[k];
		u->video = (struct media_ref){ dialog_avi, t->start_ms, t->end_ms, CROP_NONE };
		if (crop && dialog_avi)
			u->video.crop = t->speaker == marked ? CROP_LEFT : CROP_RIGHT;
		u->audio = (struct media_ref){ .end_ms = -1 };
		if (folder_find(&sentences, u->id, ".wav", &c->mem, &u->audio.path, err))
			break;
		if (!u->audio.path) /* the avi has the sound too */
			u->audio = (struct media_ref){ dialog_wav ? dialog_wav : dialog_avi,
						       t->start_ms, t->end_ms, CROP_NONE };
	}
	folder_close(&sentences);
	return err->code;
}

static int report_absent(struct corpus *c, struct err *err)
{
	int audio = 0, video = 0;

	for (int i = 0; i < c->n_utt; i++) {
		audio += c->utt[i].audio.path != NULL;
		video += c->utt[i].video.path != NULL;
	}
	if (!audio)
		corpus_issue(c, ISSUE_NOTE, "no-media", NULL, 0, err,
			     "no sound: neither sentences/wav nor dialog/wav nor dialog/avi/DivX");
	if (!video && !err->code)
		corpus_issue(c, ISSUE_NOTE, "no-media", NULL, 0, err,
			     "no pictures: dialog/avi/DivX is not there");
	return err->code;
}

int iemocap_media_find(struct corpus *c, const struct iemocap_tree *t, bool crop, struct err *err)
{
	struct folder wav = { 0 }, avi = { 0 };
	int session = 0;

	for (int d = 0, k = 0; k < c->n_dia && !err->code; d++) {
		const struct iemocap_dialogue *from = &t->dia[d];

		if (strcmp(from->name, c->dia[k].id)) /* dropped */
			continue;
		if (from->session != session) {
			session = from->session;
			folder_close(&wav);
			folder_close(&avi);
			if (folder_open(&wav, err, c->root, session, "dialog/wav", NULL) ||
			    folder_open(&avi, err, c->root, session, "dialog/avi/DivX", NULL))
				break;
		}
		find_dialogue(c, from, &c->dia[k++], &wav, &avi, crop, err);
	}
	folder_close(&wav);
	folder_close(&avi);
	return err->code ? err->code : report_absent(c, err);
}

struct check {
	struct corpus *c;
	int (*probe)(void *ctx, const char *path, double *seconds, struct err *err);
	void *ctx;
	const struct iemocap_dialogue *d;
	struct err *err;
};

/* Probes a file; *seconds < 0: it is broken and that is reported. */
static int probe_file(const struct check *k, const char *path, long line, double *seconds)
{
	struct err own = { 0 };

	if (!k->probe(k->ctx, path, seconds, &own))
		return 0;
	*seconds = -1;
	if (own.code == ERR_INTERRUPTED || own.code == ERR_NOMEM)
		return err_set(k->err, own.code, "%s", own.msg);
	return corpus_issue(k->c, ISSUE_WARN, "clip-broken", k->d->eval_file, line, k->err,
			    "%s cannot be read: %s", path, own.msg);
}

/* One file for the whole dialogue: there, readable, long enough. */
static int check_long(const struct check *k, const struct folder *f, const char *ext,
		      const char *what)
{
	const struct iemocap_turn *last = &k->d->turn[0];
	const char *path;
	double seconds;

	if (!f->path)
		return 0;
	if (folder_find(f, k->d->name, ext, &k->c->mem, &path, k->err))
		return k->err->code;
	if (!path)
		return corpus_issue(k->c, ISSUE_WARN, "clip-missing", k->d->eval_file, 0, k->err,
				    "%s/%s%s (%s of the dialogue) is not there", f->path,
				    k->d->name, ext, what);
	if (!k->probe)
		return 0;
	for (int i = 1; i < k->d->n; i++)
		if (k->d->turn[i].end_ms > last->end_ms)
			last = &k->d->turn[i];
	if (probe_file(k, path, last->eval_line, &seconds) || seconds < 0)
		return k->err->code;
	if (seconds + END_TOLERANCE_S < (double)last->end_ms / 1000)
		return corpus_issue(k->c, ISSUE_WARN, "clip-length", k->d->eval_file,
				    last->eval_line, k->err,
				    "%s lasts %.3f s, but %s ends at %.3f s", path, seconds,
				    last->id, (double)last->end_ms / 1000);
	return 0;
}

/* One file an utterance, where the dialogue has a folder of them. */
static int check_sentences(const struct check *k)
{
	struct folder f;

	folder_open(&f, k->err, k->c->root, k->d->session, "sentences/wav", k->d->name);
	for (int i = 0; f.path && i < k->d->n && !k->err->code; i++) {
		const struct iemocap_turn *t = &k->d->turn[i];
		double seconds, want = (double)(t->end_ms - t->start_ms) / 1000;
		const char *path;

		if (folder_find(&f, t->id, ".wav", &k->c->mem, &path, k->err))
			break;
		if (!path)
			corpus_issue(k->c, ISSUE_WARN, "clip-missing", k->d->eval_file,
				     t->eval_line, k->err, "%s/%s.wav is not there", f.path, t->id);
		else if (k->probe && !probe_file(k, path, t->eval_line, &seconds) && seconds >= 0 &&
			 fabs(seconds - want) > LENGTH_TOLERANCE_S)
			corpus_issue(k->c, ISSUE_WARN, "clip-length", k->d->eval_file, t->eval_line,
				     k->err, "%s lasts %.3f s, its turn %.3f s", path, seconds,
				     want);
	}
	folder_close(&f);
	return k->err->code;
}

/* Files of the folder that belong to no dialogue of the tree. */
static int check_strays(const struct check *k, const struct folder *f, const char *ext,
			const struct str_map *names)
{
	for (size_t i = 0; i < f->list.n && !k->err->code; i++) {
		const char *name = f->list.name[i];
		char stem[256];

		if (str_starts(name, "._") || !str_ends(name, ext) ||
		    !str_copy(stem, sizeof(stem), name))
			continue;
		stem[strlen(stem) - strlen(ext)] = '\0';
		if (map_get(names, stem) < 0)
			corpus_issue(k->c, ISSUE_NOTE, "clip-without-row", f->path, 0, k->err,
				     "%s belongs to no dialogue", name);
	}
	return k->err->code;
}

static int verify_session(struct check *k, const struct iemocap_tree *t, int session,
			  const struct str_map *names)
{
	struct folder wav = { 0 }, avi = { 0 };

	if (!folder_open(&wav, k->err, k->c->root, session, "dialog/wav", NULL) &&
	    !folder_open(&avi, k->err, k->c->root, session, "dialog/avi/DivX", NULL))
		for (int d = 0; d < t->n && !k->err->code; d++) {
			k->d = &t->dia[d];
			if (k->d->session != session || check_long(k, &avi, ".avi", "pictures") ||
			    check_long(k, &wav, ".wav", "sound"))
				continue;
			check_sentences(k);
		}
	if (!k->err->code && !check_strays(k, &avi, ".avi", names))
		check_strays(k, &wav, ".wav", names);
	folder_close(&wav);
	folder_close(&avi);
	return k->err->code;
}

int iemocap_verify(struct corpus *c, const struct gold *g,
		   int (*probe)(void *ctx, const char *path, double *seconds, struct err *err),
		   void *ctx, struct err *err)
{
	struct check k = { .c = c, .probe = probe, .ctx = ctx, .err = err };
	bool wanted[IEMOCAP_SESSIONS + 1] = { false };
	struct str_map names = { 0 };
	struct iemocap_tree t;

	(void)g;
	for (int i = 0; i < c->n_utt; i++)
		wanted[c->utt[i].speaker / 2 + 1] = true;
	iemocap_tree_read(&t, c->root, wanted, false, NULL, err);
	for (int d = 0; d < t.n && !err->code; d++) {
		int *slot = map_slot(&names, t.dia[d].name);

		if (slot)
			*slot = d;
		else
			err_set(err, ERR_NOMEM, "%s: no memory", c->root);
	}
	for (int s = 1; s <= IEMOCAP_SESSIONS && !err->code; s++)
		if (wanted[s])
			verify_session(&k, &t, s, &names);
	map_free(&names);
	iemocap_tree_free(&t);
	return err->code;
}
