/* SPDX-License-Identifier: Apache-2.0
 * Utterances of a split by their text.
 */
#include "harness/score/match_parts.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/str.h"
#include "harness/text/prompt.h"
#include "harness/text/unicode.h"

/* One blank for each run of them; typographic apostrophes as the plain one. */
static void add_exact(struct strbuf *out, const char *text)
{
	const size_t n = strlen(text);
	bool gap = false;

	for (size_t i = 0, len; i < n; i += len) {
		const int32_t cp = char_next(text + i, n - i, &len);

		if (char_class(cp) == CHAR_SPACE) {
			gap = out->len > 0;
			continue;
		}
		if (gap)
			strbuf_addc(out, ' ');
		gap = false;
		if (cp == 0x2019)
			strbuf_addc(out, '\'');
		else
			strbuf_addn(out, text + i, len);
	}
}

static void add_loose(struct strbuf *out, const char *text)
{
	const size_t n = strlen(text);

	for (size_t i = 0, len; i < n; i += len) {
		const int32_t cp = char_next(text + i, n - i, &len);

		if (cp >= 'A' && cp <= 'Z')
			strbuf_addc(out, (char)(cp - 'A' + 'a'));
		else if (char_class(cp) == CHAR_LETTER || char_class(cp) == CHAR_NUMBER)
			strbuf_addn(out, text + i, len);
	}
}

const char *text_key(enum key_kind kind, const char *text, struct arena *mem)
{
	struct strbuf clean = { 0 }, key = { 0 };
	const char *copy = NULL;

	prompt_clean(text, &clean);
	if (kind == KEY_EXACT)
		add_exact(&key, strbuf_str(&clean));
	else
		add_loose(&key, strbuf_str(&clean));
	if (!clean.oom && !key.oom)
		copy = arena_strndup(mem, strbuf_str(&key), key.len);
	strbuf_free(&clean);
	strbuf_free(&key);
	return copy;
}

static int add_utterance(struct text_index *x, int u)
{
	for (int k = 0; k < KEY_KINDS; k++) {
		const char *key = text_key((enum key_kind)k, x->corpus->utt[u].text, &x->mem);
		int *slot = key ? map_slot(&x->first[k], key) : NULL;

		if (!slot)
			return ERR_NOMEM;
		x->key[k][u] = key;
		x->next[k][u] = *slot;
		*slot = u;
	}
	return 0;
}

static int add_dialogue(struct text_index *x, const struct dialogue *d)
{
	int before = -1, place = 0;

	for (int u = d->first; u < d->first + d->count; u++) {
		if (add_utterance(x, u))
			return ERR_NOMEM;
		x->before[u] = before;
		x->place[u] = place;
		if (x->gold->label[u] >= 0) {
			before = u;
			place++;
		}
	}
	return 0;
}

int text_index_init(struct text_index *x, const struct match_request *rq, struct err *err)
{
	const size_t n = (size_t)rq->corpus->n_utt;
	bool ok;

	*x = (struct text_index){ .corpus = rq->corpus, .gold = rq->gold };
	x->before = arena_array(&x->mem, n, sizeof(*x->before));
	x->place = arena_array(&x->mem, n, sizeof(*x->place));
	ok = x->before && x->place;
	for (int k = 0; k < KEY_KINDS; k++) {
		x->key[k] = arena_array(&x->mem, n, sizeof(*x->key[k]));
		x->next[k] = arena_array(&x->mem, n, sizeof(*x->next[k]));
		ok = ok && x->key[k] && x->next[k];
	}
	for (int d = 0; ok && d < rq->corpus->n_dia; d++)
		if (rq->corpus->dia[d].split == rq->split)
			ok = !add_dialogue(x, &rq->corpus->dia[d]);
	return ok ? 0 : err_set(err, ERR_NOMEM, "%s: no memory", rq->corpus->root);
}

void text_index_free(struct text_index *x)
{
	for (int k = 0; k < KEY_KINDS; k++)
		map_free(&x->first[k]);
	arena_free(&x->mem);
	*x = (struct text_index){ 0 };
}
