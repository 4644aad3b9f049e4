/* SPDX-License-Identifier: Apache-2.0
 * MELD's clips against its rows: missing, unreadable, of another length than the
 * CSV says, without a row.  Splits without a folder of clips are passed over (load notes them).
 */
#include "datasets/meld.h"

#include <math.h>
#include <string.h>

#include "harness/base/map.h"

/* A clip may be this much longer or shorter than its row says: all but 8 of the
 * 13,708 published clips are within 0.17 s. */
#define LENGTH_TOLERANCE_S 0.25

struct check {
	struct corpus *c;
	int (*probe)(void *ctx, const char *path, double *seconds, struct err *err);
	void *ctx;
};

static int check_clip(const struct check *k, const struct meld_split *s, const struct meld_row *r,
		      const char *path, struct err *err)
{
	struct err own = { 0 };
	double seconds = 0, want = (double)(r->end_ms - r->start_ms) / 1000;

	if (k->probe(k->ctx, path, &seconds, &own)) {
		if (own.code == ERR_INTERRUPTED || own.code == ERR_NOMEM)
			return err_set(err, own.code, "%s", own.msg);
		return corpus_issue(k->c, ISSUE_WARN, "clip-broken", s->file, r->line, err,
				    "clip of dia%d_utt%d cannot be read: %s", (int)r->dia,
				    (int)r->utt, own.msg);
	}
	if (fabs(seconds - want) > LENGTH_TOLERANCE_S)
		return corpus_issue(k->c, ISSUE_WARN, "clip-length", s->file, r->line, err,
				    "%s lasts %.3f s, its row says %.3f s", path, seconds, want);
	return 0;
}

/* first: index in the corpus of the split's first utterance. */
static int check_rows(const struct check *k, const struct meld_split *s, int first, struct err *err)
{
	size_t missing = 0;

	for (size_t i = 0; i < s->n; i++)
		missing += !k->c->utt[first + (int)i].video.path;
	if (missing * 2 > s->n) /* a part of the clips is at hand: one issue, not thousands */
		corpus_issue(k->c, ISSUE_WARN, "clips-partial", s->file, 0, err,
			     "%zu of %zu clips are not in %s", missing, s->n, s->clip_dir);
	for (size_t i = 0; i < s->n && !err->code; i++) {
		const struct meld_row *r = &s->row[i];
		const struct utterance *u = &k->c->utt[first + (int)i];

		if (u->video.path && k->probe)
			check_clip(k, s, r, u->video.path, err);
		else if (!u->video.path && missing * 2 <= s->n)
			corpus_issue(k->c, ISSUE_WARN, "clip-missing", s->file, r->line, err,
				     "%s/%s.mp4 is not there", s->clip_dir, u->id);
	}
	return err->code;
}

/* Files of the folder that no row names.  ._* files (left by macOS archives) are counted apart. */
static int check_folder(const struct check *k, const struct meld_split *s, int first,
			struct err *err)
{
	struct str_map ids = { 0 };
	int side_files = 0;

	for (size_t i = 0; i < s->n && !err->code; i++) {
		int *slot = map_slot(&ids, k->c->utt[first + (int)i].id);

		if (slot)
			*slot = 1;
		else
			err_set(err, ERR_NOMEM, "%s: no memory", s->clip_dir);
	}
	for (size_t i = 0; i < s->clips.n && !err->code; i++) {
		const char *name = s->clips.name[i];
		char id[256];

		if (str_starts(name, "._")) {
			side_files++;
			continue;
		}
		if (!str_ends(name, ".mp4") || !str_copy(id, sizeof(id), name)) {
			corpus_issue(k->c, ISSUE_NOTE, "clip-foreign", s->clip_dir, 0, err,
				     "%s is no clip", name);
			continue;
		}
		id[strlen(id) - strlen(".mp4")] = '\0';
		if (map_get(&ids, id) < 0)
			corpus_issue(k->c, ISSUE_NOTE, "clip-without-row", s->clip_dir, 0, err,
				     "no row for %s (%s)", name, s->file);
	}
	if (side_files && !err->code)
		corpus_issue(k->c, ISSUE_NOTE, "clip-side-files", s->clip_dir, 0, err,
			     "%d files ._* (macOS archive leftovers) passed over", side_files);
	map_free(&ids);
	return err->code;
}

static int verify_split(const struct check *k, enum split split, int first, int count,
			struct err *err)
{
	struct meld_split s = { 0 };

	if (!meld_split_read(&s, split, k->c->root, k->c->labels, err)) {
		if (s.n != (size_t)count)
			err_set(err, ERR_DATA, "%s: changed since it was loaded; load it again",
				s.file);
		else if (s.clip_dir && !check_rows(k, &s, first, err))
			check_folder(k, &s, first, err);
	}
	meld_split_free(&s);
	return err->code;
}

int meld_verify(struct corpus *c, const struct gold *g,
		int (*probe)(void *ctx, const char *path, double *seconds, struct err *err),
		void *ctx, struct err *err)
{
	struct check k = { c, probe, ctx };
	int d = 0;

	(void)g;
	while (d < c->n_dia && !err->code) {
		enum split split = c->dia[d].split;
		int first = c->dia[d].first, count = 0;

		for (; d < c->n_dia && c->dia[d].split == split; d++)
			count += c->dia[d].count;
		verify_split(&k, split, first, count, err);
	}
	return err->code;
}
