/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/core/corpus.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/str.h"

const char *const split_name[SPLIT_COUNT] = { "train", "dev", "test" };

bool media_same_span(const struct media_ref *a, const struct media_ref *b)
{
	return a->path && b->path && !strcmp(a->path, b->path) && a->start_ms == b->start_ms &&
	       a->end_ms == b->end_ms;
}

int corpus_issue(struct corpus *c, enum issue_level level, const char *kind, const char *file,
		 long line, struct err *err, const char *fmt, ...)
{
	struct issue it = { .level = level, .line = line };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	it.kind = arena_strdup(&c->mem, kind);
	it.file = file ? arena_strdup(&c->mem, file) : NULL;
	it.text = arena_strdup(&c->mem, text);
	if (!it.kind || !it.text || (file && !it.file) ||
	    !GROW_ARRAY(c->issue, c->cap_issue, (size_t)c->n_issue + 1))
		return err_set(err, ERR_NOMEM, "listing oddities: no memory");
	c->issue[c->n_issue++] = it;
	return 0;
}

static int check_utterance(const struct corpus *c, int i, struct err *err)
{
	const struct utterance *u = &c->utt[i];

	if (!u->id || !*u->id || !u->text)
		return err_set(err, ERR_INTERNAL, "utterance %d has no id or text", i);
	if (u->speaker < 0 || u->speaker >= c->n_speaker)
		return err_set(err, ERR_INTERNAL, "%s: speaker %d of %d", u->id, u->speaker,
			       c->n_speaker);
	if (utf8_check(u->text, strlen(u->text)) != strlen(u->text))
		return err_set(err, ERR_INTERNAL, "%s: text is not UTF-8", u->id);
	return 0;
}

struct keyed {
	const char *id;
	int split;
};

static int by_key(const void *a, const void *b)
{
	const struct keyed *x = a, *y = b;
	int d = strcmp(x->id, y->id);

	return d ? d : x->split - y->split;
}

static int check_unique(const struct corpus *c, struct err *err)
{
	struct keyed *k;

	if (!NEW_ARRAY(k, (size_t)c->n_utt))
		return err_set(err, ERR_NOMEM, "checking ids: no memory");
	for (int i = 0; i < c->n_utt; i++)
		k[i] = (struct keyed){ c->utt[i].id, (int)c->dia[c->utt[i].dialogue].split };
	qsort(k, (size_t)c->n_utt, sizeof(*k), by_key);
	for (int i = 1; i < c->n_utt; i++)
		if (!by_key(&k[i - 1], &k[i]))
			err_set(err, ERR_INTERNAL, "utterance id %s appears twice in %s", k[i].id,
				split_name[k[i].split]);
	free(k);
	return err->code;
}

int corpus_check(const struct corpus *c, const struct gold *g, struct err *err)
{
	int next = 0;

	if (!c->labels || !c->name)
		return err_set(err, ERR_INTERNAL, "corpus without a name or labels");
	for (int d = 0; d < c->n_dia; d++) {
		const struct dialogue *dia = &c->dia[d];

		if (dia->first != next || dia->count < 1 || dia->first + dia->count > c->n_utt)
			return err_set(err, ERR_INTERNAL, "dialogue %s covers [%d, %d) of %d",
				       dia->id, dia->first, dia->first + dia->count, c->n_utt);
		next += dia->count;
		for (int i = dia->first; i < next; i++) {
			if (c->utt[i].dialogue != d)
				return err_set(err, ERR_INTERNAL, "%s: wrong dialogue",
					       c->utt[i].id);
			if (check_utterance(c, i, err))
				return err->code;
			if (g && (g->label[i] < -1 || g->label[i] >= c->labels->n))
				return err_set(err, ERR_INTERNAL, "%s: label %d of %d",
					       c->utt[i].id, g->label[i], c->labels->n);
		}
	}
	if (next != c->n_utt)
		return err_set(err, ERR_INTERNAL, "%d utterances outside dialogues",
			       c->n_utt - next);
	return check_unique(c, err);
}

int corpus_find(const struct corpus *c, const char *id, int split)
{
	for (int i = 0; i < c->n_utt; i++)
		if ((split < 0 || (int)c->dia[c->utt[i].dialogue].split == split) &&
		    !strcmp(c->utt[i].id, id))
			return i;
	return -1;
}

void corpus_free(struct corpus *c)
{
	free(c->issue);
	arena_free(&c->mem);
	*c = (struct corpus){ 0 };
}

void gold_free(struct gold *g)
{
	free(g->label);
	g->label = NULL;
}
