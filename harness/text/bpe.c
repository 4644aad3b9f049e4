/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/text/pieces.h"
#include "harness/text/vocab.h"

#define BYTES	  256
#define TOKEN_MAX 512 /* bytes of the longest token; longer pieces are not learned from */
#define VOCAB_MAX (1 << 20)

/* Builds the lookup over merge[]; false: no memory. */
static bool index_merges(struct bpe *b)
{
	for (int i = 0; i < b->n - BYTES; i++)
		if (!merges_add(&b->pairs, b->merge[i].a, b->merge[i].b, i, BYTES + i))
			return false;
	return true;
}

/* Learning: every distinct piece is a list of tokens with a count. */
struct piece {
	int *tok;
	int n;
	int64_t count;
};

struct pair {
	int a, b;
	int64_t count;
	int *in; /* pieces that held it when noted; may repeat, may be out of date */
	size_t n_in, cap_in;
};

struct learner {
	struct vocab text; /* the distinct pieces */
	struct piece *piece;
	size_t cap_piece;
	int *mem; /* all pieces' tokens */
	struct pair *pair;
	size_t n_pair, cap_pair;
	int *slot; /* pair + 1 */
	size_t n_slot;
	bool oom;
};

static size_t pair_probe(const struct learner *l, int a, int b)
{
	size_t at = merges_hash(a, b) & (l->n_slot - 1);

	for (; l->slot[at]; at = (at + 1) & (l->n_slot - 1)) {
		const struct pair *p = &l->pair[l->slot[at] - 1];

		if (p->a == a && p->b == b)
			break;
	}
	return at;
}

static bool pair_rehash(struct learner *l)
{
	size_t n = l->n_slot ? 2 * l->n_slot : 4096;
	int *slot;

	if (!NEW_ARRAY(slot, n))
		return false;
	free(l->slot);
	l->slot = slot;
	l->n_slot = n;
	for (size_t i = 0; i < l->n_pair; i++)
		slot[pair_probe(l, l->pair[i].a, l->pair[i].b)] = (int)i + 1;
	return true;
}

/* Adds count to a pair of piece `where` (noted when count > 0). */
static void pair_add(struct learner *l, int a, int b, int64_t count, int where)
{
	struct pair *p;
	size_t at;

	if (2 * (l->n_pair + 1) > l->n_slot && !pair_rehash(l)) {
		l->oom = true;
		return;
	}
	at = pair_probe(l, a, b);
	if (!l->slot[at]) {
		if (!GROW_ARRAY(l->pair, l->cap_pair, l->n_pair + 1)) {
			l->oom = true;
			return;
		}
		l->pair[l->n_pair++] = (struct pair){ .a = a, .b = b };
		l->slot[at] = (int)l->n_pair;
	}
	p = &l->pair[l->slot[at] - 1];
	p->count += count;
	if (count <= 0 || (p->n_in && p->in[p->n_in - 1] == where))
		return;
	if (!GROW_ARRAY(p->in, p->cap_in, p->n_in + 1)) {
		l->oom = true;
		return;
	}
	p->in[p->n_in++] = where;
}

static void count_pieces(struct learner *l, const struct bpe_text *text, int n)
{
	for (int i = 0; i < n && !l->oom; i++) {
		const size_t len = strlen(text[i].s);

		for (size_t at = 0, end; at < len && !l->oom; at = end) {
			int before = l->text.n, id;

			end = piece_end(text[i].s, len, at, text[i].split);
			if (end - at > TOKEN_MAX)
				continue;
			id = vocab_add(&l->text, text[i].s + at, end - at);
			if (id < 0 || !GROW_ARRAY(l->piece, l->cap_piece, (size_t)id + 1)) {
				l->oom = true;
				return;
			}
			if (id == before)
				l->piece[id] = (struct piece){ .n = (int)(end - at) };
			l->piece[id].count += text[i].weight;
		}
	}
}

static void count_pairs(struct learner *l)
{
	size_t total = 0;
	int *tok;

	for (int i = 0; i < l->text.n; i++)
		total += (size_t)l->piece[i].n;
	if (!NEW_ARRAY(l->mem, total)) {
		l->oom = true;
		return;
	}
	tok = l->mem;
	for (int i = 0; i < l->text.n; i++) {
		struct piece *p = &l->piece[i];

		p->tok = tok;
		tok += p->n;
		for (int k = 0; k < p->n; k++)
			p->tok[k] = (unsigned char)l->text.entry[i].s[k];
		for (int k = 0; k + 1 < p->n; k++)
			pair_add(l, p->tok[k], p->tok[k + 1], p->count, i);
	}
}

/* Index of the pair to merge next, or n_pair. */
static size_t most_frequent(const struct learner *l)
{
	size_t best = l->n_pair;

	for (size_t i = 0; i < l->n_pair; i++) {
		const struct pair *p = &l->pair[i];
		const struct pair *q = best < l->n_pair ? &l->pair[best] : NULL;

		if (p->count < 2)
			continue;
		if (!q || p->count > q->count ||
		    (p->count == q->count && (p->a < q->a || (p->a == q->a && p->b < q->b))))
			best = i;
	}
	return best;
}

/* Rewrites one piece: every (a, b) becomes c; counts follow. */
static void merge_in(struct learner *l, int where, int a, int b, int c)
{
	struct piece *p = &l->piece[where];
	int to = 0, found = 0;

	for (int k = 0; k + 1 < p->n; k++)
		found |= p->tok[k] == a && p->tok[k + 1] == b;
	if (!found)
		return;
	for (int k = 0; k + 1 < p->n; k++)
		pair_add(l, p->tok[k], p->tok[k + 1], -p->count, where);
	for (int k = 0; k < p->n; to++) {
		bool hit = k + 1 < p->n && p->tok[k] == a && p->tok[k + 1] == b;

		p->tok[to] = hit ? c : p->tok[k];
		k += hit ? 2 : 1;
	}
	p->n = to;
	for (int k = 0; k + 1 < p->n; k++)
		pair_add(l, p->tok[k], p->tok[k + 1], p->count, where);
}

static void learn_merges(struct learner *l, struct bpe *b, int vocab)
{
	while (b->n < vocab && !l->oom) {
		size_t best = most_frequent(l);
		struct pair p;

		if (best == l->n_pair)
			return;
		p = l->pair[best];
		l->pair[best].in = NULL; /* taken over: merge_in() may move pair[] */
		l->pair[best].n_in = l->pair[best].cap_in = 0;
		b->merge[b->n - BYTES] = (struct bpe_merge){ p.a, p.b };
		for (size_t i = 0; i < p.n_in && !l->oom; i++)
			merge_in(l, p.in[i], p.a, p.b, b->n);
		free(p.in);
		b->n++;
	}
}

static void learner_free(struct learner *l)
{
	vocab_free(&l->text);
	for (size_t i = 0; i < l->n_pair; i++)
		free(l->pair[i].in);
	free(l->piece);
	free(l->mem);
	free(l->pair);
	free(l->slot);
}

int bpe_learn(struct bpe *b, const struct bpe_text *text, int n, int vocab, struct err *err)
{
	struct learner l = { .n_pair = 0 };

	*b = (struct bpe){ .n = BYTES };
	if (vocab < BYTES || vocab > VOCAB_MAX)
		return err_set(err, ERR_ARG, "a vocabulary of %d tokens is outside %d..%d", vocab,
			       BYTES, VOCAB_MAX);
	if (NEW_ARRAY(b->merge, (size_t)(vocab - BYTES))) {
		count_pieces(&l, text, n);
		if (!l.oom)
			count_pairs(&l);
		learn_merges(&l, b, vocab);
	}
	if (!b->merge || l.oom || !index_merges(b)) {
		err_set(err, ERR_NOMEM, "learning %d tokens: no memory", vocab);
		bpe_free(b);
	}
	learner_free(&l);
	return err->code;
}

int bpe_encode(const struct bpe *b, const char *s, size_t len, enum bpe_split split,
	       struct bpe_ids *out, struct err *err)
{
	struct merge_work w = { 0 };
	bool ok = true;

	for (size_t at = 0, end; at < len && ok; at = end) {
		end = piece_end(s, len, at, split);
		w.n = 0;
		for (size_t k = at; k < end && ok; k++)
			ok = merge_push(&w, (unsigned char)s[k], k - at, 1);
		ok = ok && merge_run(&b->pairs, &w, NULL, NULL) &&
		     GROW_ARRAY(out->id, out->cap, out->n + w.n);
		for (size_t k = 0; k < w.n && ok; k++)
			out->id[out->n++] = w.node[k].sym;
	}
	merge_work_free(&w);
	return ok ? 0 : err_set(err, ERR_NOMEM, "encoding a text: no memory");
}

/* Left to right, depth first; a merge always refers to earlier tokens. */
static void add_token(const struct bpe *b, int id, struct strbuf *out)
{
	while (id >= BYTES) {
		add_token(b, b->merge[id - BYTES].a, out);
		id = b->merge[id - BYTES].b;
	}
	strbuf_addc(out, (char)id);
}

int bpe_decode(const struct bpe *b, const int *id, size_t n, struct strbuf *out, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (id[i] < 0 || id[i] >= b->n)
			return err_set(err, ERR_ARG, "token %d is outside 0..%d", id[i], b->n - 1);
		add_token(b, id[i], out);
	}
	return out->oom ? err_set(err, ERR_NOMEM, "decoding: no memory") : 0;
}

int bpe_write(const struct bpe *b, FILE *f, const char *path, struct err *err)
{
	const int32_t n = b->n;

	if (io_write_exact(f, &n, sizeof(n), path, err))
		return err->code;
	for (int i = 0; i < b->n - BYTES; i++) {
		const int32_t m[2] = { b->merge[i].a, b->merge[i].b };

		if (io_write_exact(f, m, sizeof(m), path, err))
			return err->code;
	}
	return 0;
}

int bpe_read(struct bpe *b, FILE *f, const char *path, struct err *err)
{
	int32_t n, m[2];
	int *len = NULL; /* bytes of each token: bounds what a hostile table can make */

	*b = (struct bpe){ 0 };
	if (io_read_exact(f, &n, sizeof(n), path, err))
		return err->code;
	if (n < BYTES || n > VOCAB_MAX)
		return err_set(err, ERR_FORMAT, "%s: a vocabulary of %d tokens", path, (int)n);
	b->n = BYTES;
	if (!NEW_ARRAY(b->merge, (size_t)(n - BYTES)) || !NEW_ARRAY(len, (size_t)n))
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	for (int i = 0; i < BYTES && len; i++)
		len[i] = 1;
	for (; b->n < n && !err->code; b->n++) {
		if (io_read_exact(f, m, sizeof(m), path, err))
			break;
		if (m[0] < 0 || m[0] >= b->n || m[1] < 0 || m[1] >= b->n ||
		    len[m[0]] + len[m[1]] > TOKEN_MAX) {
			err_set(err, ERR_FORMAT, "%s: token %d is made of %d and %d", path, b->n,
				(int)m[0], (int)m[1]);
			break;
		}
		b->merge[b->n - BYTES] = (struct bpe_merge){ m[0], m[1] };
		len[b->n] = len[m[0]] + len[m[1]];
	}
	free(len);
	if (!err->code && !index_merges(b))
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	if (err->code)
		bpe_free(b);
	return err->code;
}

void bpe_free(struct bpe *b)
{
	free(b->merge);
	merges_free(&b->pairs);
	*b = (struct bpe){ 0 };
}

void bpe_ids_free(struct bpe_ids *ids)
{
	free(ids->id);
	*ids = (struct bpe_ids){ 0 };
}
