/* SPDX-License-Identifier: Apache-2.0
 * The published six-way benchmark of IEMOCAP: iemocap_6way.pkl, a list of
 * speakers, labels and sentences by dialogue, then the train, test and valid ids.
 * It carries no utterance ids, so its entries are joined to the corpus by
 * dialogue, speaker and words, equal labels first; what is left over joins
 * turns without a majority label (the benchmark calls 53 of those happy).
 */
#include "datasets/iemocap.h"

#include <stdlib.h>
#include <string.h>

#include "datasets/pickle.h"
#include "harness/base/map.h"
#include "harness/base/str.h"

enum { LIST_LIMIT = 64 << 20 };

enum list_part { PART_SPEAKERS, PART_LABELS, PART_WORDS, PART_TRAIN, PART_TEST, PART_VALID, PARTS };

struct list {
	struct pickle pickle;
	const char *path;
	struct str_map index[3]; /* dialogue -> position in speakers, labels, words */
	struct str_map split;	 /* dialogue -> enum split */
	struct corpus *c;
	struct err *err;
	int entries, joined; /* of the dialogues that are loaded */
};

/* One entry of one dialogue of the list. */
struct entry {
	const char *words;
	char speaker;
	int label;
	int turn; /* index of the joined turn, -1: none yet */
};

static int bad_list(struct list *l, const char *dialogue, const char *why)
{
	return err_set(l->err, ERR_FORMAT, "%s: %s%s%s; give the published iemocap_6way.pkl",
		       l->path, dialogue, *dialogue ? ": " : "", why);
}

static int index_part(struct list *l, enum list_part part)
{
	const struct pickle_value *dict = pickle_at(l->pickle.root, part);

	if (!dict || dict->kind != PICKLE_DICT)
		return bad_list(l, "", "speakers, labels and sentences are not dictionaries");
	for (size_t i = 0; i < pickle_size(dict); i++) {
		const char *name = pickle_text(pickle_key(dict, i));
		int *slot = name ? map_slot(&l->index[part], name) : NULL;

		if (!name)
			return bad_list(l, "", "a dialogue's name is no text");
		if (!slot)
			return err_set(l->err, ERR_NOMEM, "%s: no memory", l->path);
		*slot = (int)i;
	}
	return 0;
}

static int index_split(struct list *l, enum list_part part, enum split split)
{
	const struct pickle_value *ids = pickle_at(l->pickle.root, part);

	if (!ids || ids->kind != PICKLE_LIST)
		return bad_list(l, "", "the train, test and valid ids are not lists");
	for (size_t i = 0; i < ids->n; i++) {
		const char *name = pickle_text(pickle_at(ids, i));
		int *slot = name ? map_slot(&l->split, name) : NULL;

		if (!name)
			return bad_list(l, "", "an id of a split is no text");
		if (!slot)
			return err_set(l->err, ERR_NOMEM, "%s: no memory", l->path);
		if (*slot >= 0)
			return bad_list(l, name, "stands in two splits");
		*slot = (int)split;
	}
	return 0;
}

static int open_list(struct list *l)
{
	if (pickle_read(&l->pickle, l->path, LIST_LIMIT, l->err))
		return l->err->code;
	if (pickle_size(l->pickle.root) != PARTS || l->pickle.root->kind == PICKLE_DICT)
		return bad_list(l, "", "not a list of six parts");
	for (int p = PART_SPEAKERS; p <= PART_WORDS; p++)
		if (index_part(l, (enum list_part)p))
			return l->err->code;
	if (index_split(l, PART_TRAIN, SPLIT_TRAIN) || index_split(l, PART_TEST, SPLIT_TEST) ||
	    index_split(l, PART_VALID, SPLIT_DEV))
		return l->err->code;
	return 0;
}

static const struct pickle_value *part_of(const struct list *l, enum list_part part,
					  const char *dialogue)
{
	int i = map_get(&l->index[part], dialogue);

	return i < 0 ? NULL : pickle_item(pickle_at(l->pickle.root, part), (size_t)i);
}

/* malloc'ed entries of a dialogue; NULL with the failure recorded. */
static struct entry *read_entries(struct list *l, const char *dialogue, int *n)
{
	const struct pickle_value *speakers = part_of(l, PART_SPEAKERS, dialogue);
	const struct pickle_value *labels = part_of(l, PART_LABELS, dialogue);
	const struct pickle_value *words = part_of(l, PART_WORDS, dialogue);
	struct entry *e;
	size_t count = pickle_size(words);

	if (pickle_size(speakers) != count || pickle_size(labels) != count || count > 100000) {
		bad_list(l, dialogue, "speakers, labels and sentences differ in number");
		return NULL;
	}
	if (!NEW_ARRAY(e, count)) {
		err_set(l->err, ERR_NOMEM, "%s: no memory", l->path);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const char *who = pickle_text(pickle_at(speakers, i));
		int64_t label;

		e[i].words = pickle_text(pickle_at(words, i));
		e[i].turn = -1;
		if (!e[i].words || !who || (*who != 'F' && *who != 'M') ||
		    !pickle_int(pickle_at(labels, i), &label) || label < 0 ||
		    label >= IEMOCAP_SIX) {
			bad_list(l, dialogue,
				 "an entry without words, speaker F or M, or label 0 to 5");
			free(e);
			return NULL;
		}
		e[i].speaker = *who;
		e[i].label = (int)label;
	}
	*n = (int)count;
	return e;
}

enum join { JOIN_EQUAL_LABEL, JOIN_NO_MAJORITY, JOIN_ANY, JOIN_COUNT };

static bool may_join(const struct iemocap_turn *t, const struct entry *e, enum join how)
{
	if (t->published >= 0 || t->speaker != e->speaker)
		return false;
	if (how == JOIN_EQUAL_LABEL && (int)t->code != e->label)
		return false;
	if (how == JOIN_NO_MAJORITY && (int)t->code < IEMOCAP_SIX)
		return false;
	return str_same_words(t->text, e->words);
}

/* A turn for e: the first free one after the turn of the entry before it; the
 * first free one at all where there is none. */
static int find_turn(const struct iemocap_dialogue *d, const struct entry *e, int after,
		     enum join how)
{
	for (int pass = 0; pass < 2; pass++)
		for (int t = pass ? 0 : after; t < d->n; t++)
			if (may_join(&d->turn[t], e, how))
				return t;
	return -1;
}

static int report_join(struct list *l, const struct iemocap_dialogue *d, const struct entry *e)
{
	const struct iemocap_turn *t;

	if (e->turn < 0)
		return corpus_issue(l->c, ISSUE_WARN, "list-unmatched", l->path, 0, l->err,
				    "%s: no turn of %c says '%.100s'", d->name, e->speaker,
				    e->words);
	t = &d->turn[e->turn];
	if ((int)t->code == e->label)
		return 0;
	return corpus_issue(l->c, (int)t->code < IEMOCAP_SIX ? ISSUE_WARN : ISSUE_NOTE,
			    (int)t->code < IEMOCAP_SIX ? "label-differs" : "label-ghost",
			    d->eval_file, t->eval_line, l->err,
			    "%s: the published list says %s, the annotators' majority is %s", t->id,
			    labels_iemocap6.word[e->label], iemocap_code[t->code]);
}

/* Turns with a label of the six that the list leaves out; an order that is not the list's. */
static int report_rest(struct list *l, const struct iemocap_dialogue *d, const struct entry *e,
		       int n)
{
	int last = -1, moved = 0;

	for (int t = 0; t < d->n; t++)
		if (d->turn[t].published < 0 && (int)d->turn[t].code < IEMOCAP_SIX &&
		    corpus_issue(l->c, ISSUE_WARN, "not-in-list", d->eval_file,
				 d->turn[t].eval_line, l->err,
				 "%s (%s): not in the published list; outside the label set",
				 d->turn[t].id, iemocap_code[d->turn[t].code]))
			return l->err->code;
	for (int i = 0; i < n; i++) {
		moved += e[i].turn >= 0 && e[i].turn < last;
		last = e[i].turn > last ? e[i].turn : last;
	}
	if (moved)
		corpus_issue(l->c, ISSUE_NOTE, "order-differs", d->text_file, 0, l->err,
			     "%s: %d turns stand elsewhere in the published list", d->name, moved);
	return l->err->code;
}

static int join_dialogue(struct list *l, struct iemocap_dialogue *d)
{
	struct entry *e;
	int n = 0;

	if (part_of(l, PART_WORDS, d->name) == NULL)
		return corpus_issue(l->c, ISSUE_WARN, "not-in-list", d->eval_file, 0, l->err,
				    "%s: not in the published list; outside the label set",
				    d->name);
	e = read_entries(l, d->name, &n);
	if (!e)
		return l->err->code;
	for (int how = 0; how < JOIN_COUNT; how++) {
		int after = 0;

		for (int i = 0; i < n; i++) {
			if (e[i].turn < 0)
				e[i].turn = find_turn(d, &e[i], after, (enum join)how);
			if (e[i].turn < 0)
				continue;
			d->turn[e[i].turn].published = e[i].label;
			after = e[i].turn + 1;
		}
	}
	for (int i = 0; i < n && !l->err->code; i++) {
		l->joined += e[i].turn >= 0;
		report_join(l, d, &e[i]);
	}
	l->entries += n;
	if (!l->err->code)
		report_rest(l, d, e, n);
	free(e);
	return l->err->code;
}

static int apply(struct list *l, struct iemocap_tree *t)
{
	if (open_list(l))
		return l->err->code;
	for (int i = 0; i < t->n; i++) {
		int split = map_get(&l->split, t->dia[i].name);

		if (split >= 0)
			t->dia[i].split = (enum split)split;
		if (join_dialogue(l, &t->dia[i]))
			return l->err->code;
	}
	if (l->joined * 2 < l->entries || !l->entries)
		return err_set(
			l->err, ERR_DATA,
			"%s: only %d of its %d entries are found in this corpus; it belongs to "
			"another one (set policy=raw, or give another list)",
			l->path, l->joined, l->entries);
	return 0;
}

int iemocap_list_apply(struct iemocap_tree *t, const char *path, struct corpus *c, struct err *err)
{
	struct list l = { .path = path, .c = c, .err = err };

	apply(&l, t);
	for (int p = 0; p < 3; p++)
		map_free(&l.index[p]);
	map_free(&l.split);
	pickle_free(&l.pickle);
	return err->code;
}
