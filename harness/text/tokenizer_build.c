/* SPDX-License-Identifier: Apache-2.0
 * How a reader's tokens and merges become a tokenizer.
 */
#include "harness/text/tokenizer_parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "harness/text/unicode.h"

struct tokenizer *tokenizer_draft(enum tokenizer_kind kind, struct err *err)
{
	struct tokenizer *t;

	if (!NEW_ARRAY(t, 1)) {
		err_set(err, ERR_NOMEM, "tokenizer: no memory");
		return NULL;
	}
	t->kind = kind;
	t->words_apart = true;
	for (int i = 0; i < 256; i++)
		t->byte_id[i] = -1;
	for (int i = 0; i < TOKEN_ROLES; i++)
		t->role[i] = -1;
	return t;
}

void tokenizer_free(struct tokenizer *t)
{
	if (!t)
		return;
	free(t->token);
	vocab_free(&t->text);
	free(t->text_id);
	vocab_free(&t->symbol);
	free(t->symbol_id);
	merges_free(&t->merges);
	free((void *)t->early.token);
	free((void *)t->late.token);
	arena_free(&t->mem);
	free(t->title);
	free(t);
}

int tokenizer_put(struct tokenizer *t, int id, const char *s, size_t len, enum token_type type,
		  const char *path, struct err *err)
{
	char *copy;

	if (id < 0 || id >= TOKENS_MAX)
		return err_set(err, ERR_LIMIT, "%s: token number %d is outside 0..%d", path, id,
			       TOKENS_MAX - 1);
	if (len > TOKEN_BYTES_MAX)
		return err_set(err, ERR_LIMIT, "%s: token %d has %zu bytes, more than %d", path, id,
			       len, TOKEN_BYTES_MAX);
	if (id < t->n && t->token[id].type != TOKEN_HOLE)
		return err_set(err, ERR_FORMAT, "%s: token number %d appears twice", path, id);
	if (!GROW_ARRAY(t->token, t->cap, (size_t)id + 1))
		return err_set(err, ERR_NOMEM, "%s: no memory for %d tokens", path, id);
	for (; t->n <= id; t->n++)
		t->token[t->n] = (struct token){ .s = "", .type = TOKEN_HOLE };
	copy = arena_strndup(&t->mem, s, len);
	if (!copy)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	t->token[id] = (struct token){ .s = copy, .len = (int)len, .type = type };
	return 0;
}

/* Adds a text to a table with its number, unless it is there already. */
static bool put_text(struct vocab *v, int **id, const char *s, size_t len, int number)
{
	const int before = v->n, at = vocab_add(v, s, len);

	if (at >= 0 && v->n > before)
		(*id)[at] = number;
	return at >= 0;
}

/* "<0x0A>": the byte, else -1 */
static int byte_of(const char *s, int len)
{
	static const char hex[] = "0123456789ABCDEF";
	const char *a, *b;

	if (len != 6 || memcmp(s, "<0x", 3) || s[5] != '>' || !s[3] || !s[4])
		return -1;
	a = strchr(hex, s[3]);
	b = strchr(hex, s[4]);
	return a && b ? (int)((a - hex) * 16 + (b - hex)) : -1;
}

static bool is_symbol(const struct tokenizer *t, const struct token *k)
{
	if (!k->len)
		return false;
	if (k->type == TOKEN_NORMAL || k->type == TOKEN_USER)
		return true;
	return k->type == TOKEN_UNUSED && t->kind == TOKENIZER_SPM;
}

/* A blank behind something else: words may merge with what is before them. */
static bool blank_inside(const struct token *k)
{
	const int n = (int)strlen(SPM_BLANK);
	int at = 0;

	while (at + n <= k->len && !memcmp(k->s + at, SPM_BLANK, (size_t)n))
		at += n;
	for (; at + n <= k->len; at++)
		if (!memcmp(k->s + at, SPM_BLANK, (size_t)n))
			return true;
	return false;
}

/* Byte-level files write bytes as printable characters. */
static int unprint(struct tokenizer *t, struct token *k, struct strbuf *buf, struct err *err)
{
	strbuf_reset(buf);
	if (!bbpe_bytes(k->s, (size_t)k->len, buf))
		return 0; /* an added word that was written as it is */
	k->s = arena_strndup(&t->mem, strbuf_str(buf), buf->len);
	k->len = (int)buf->len;
	return buf->oom || !k->s ? err_set(err, ERR_NOMEM, "tokenizer: no memory") : 0;
}

int tokenizer_index(struct tokenizer *t, const char *path, struct err *err)
{
	struct strbuf buf = { 0 };
	bool ok;

	if (!t->n)
		return err_set(err, ERR_FORMAT, "%s: no tokens", path);
	ok = NEW_ARRAY(t->text_id, (size_t)t->n) && NEW_ARRAY(t->symbol_id, (size_t)t->n);
	for (int i = 0; i < t->n && ok; i++) {
		struct token *k = &t->token[i];

		if (t->kind == TOKENIZER_BBPE && k->type == TOKEN_NORMAL &&
		    unprint(t, k, &buf, err))
			break;
		if (t->kind == TOKENIZER_SPM && k->type == TOKEN_BYTE) {
			const int byte = byte_of(k->s, k->len);

			if (byte < 0) {
				err_set(err, ERR_FORMAT, "%s: token %d is a byte but not <0x00>…",
					path, i);
				break;
			}
			t->byte_id[byte] = i;
		}
		t->has_unused |= k->type == TOKEN_UNUSED;
		if (k->type != TOKEN_HOLE && k->len)
			ok = put_text(&t->text, &t->text_id, k->s, (size_t)k->len, i);
	}
	/* a word of the vocabulary comes before an added word of the same bytes */
	for (int pass = 0; pass < 2 && ok && !err->code; pass++)
		for (int i = 0; i < t->n && ok; i++) {
			const struct token *k = &t->token[i];

			if (is_symbol(t, k) && (k->type == TOKEN_NORMAL) == (pass == 0)) {
				ok = put_text(&t->symbol, &t->symbol_id, k->s, (size_t)k->len, i);
				t->words_apart &= !blank_inside(k);
			}
		}
	t->n_symbol = t->symbol.n;
	strbuf_free(&buf);
	return ok ? err->code : err_set(err, ERR_NOMEM, "%s: no memory", path);
}

int tokenizer_symbol(const struct tokenizer *t, const char *s, size_t len)
{
	const int at = vocab_find(&t->symbol, s, len);

	return at < 0 ? -1 : at < t->n_symbol ? t->symbol_id[at] : t->n + at - t->n_symbol;
}

/* The same, but a single character is made known.  -2: no memory. */
static int symbol_made(struct tokenizer *t, const char *s, size_t len)
{
	size_t first;
	int at = tokenizer_symbol(t, s, len);

	if (at >= 0)
		return at;
	char_next(s, len, &first);
	if (first != len)
		return -1;
	at = vocab_add(&t->symbol, s, len);
	return at < 0 ? -2 : t->n + at - t->n_symbol;
}

int tokenizer_merge(struct tokenizer *t, int rank, const char *a, size_t a_len, const char *b,
		    size_t b_len, const char *path, struct err *err)
{
	char both[2 * TOKEN_BYTES_MAX];
	int left, right, made;

	if (a_len + b_len > sizeof(both) || !a_len || !b_len)
		return err_set(err, ERR_FORMAT, "%s: merge %d: a side of %zu and one of %zu bytes",
			       path, rank, a_len, b_len);
	memcpy(both, a, a_len);
	memcpy(both + a_len, b, b_len);
	left = tokenizer_symbol(t, a, a_len);
	right = tokenizer_symbol(t, b, b_len);
	made = tokenizer_symbol(t, both, a_len + b_len);
	if (left < 0 || right < 0 || made < 0)
		return err_set(err, ERR_FORMAT, "%s: merge %d: %s is not in the vocabulary", path,
			       rank,
			       left < 0	   ? "its left side"
			       : right < 0 ? "its right side"
					   : "what it makes");
	if (!merges_add(&t->merges, left, right, rank, made))
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	return 0;
}

int tokenizer_merge_line(struct tokenizer *t, int rank, const char *s, size_t len, const char *path,
			 struct err *err)
{
	struct strbuf a = { 0 }, b = { 0 };
	const char *gap = memchr(s, ' ', len);
	size_t right;

	if (!gap || memchr(gap + 1, ' ', len - (size_t)(gap + 1 - s)))
		return err_set(err, ERR_FORMAT, "%s: merge %d is not two words with a blank", path,
			       rank);
	right = len - (size_t)(gap + 1 - s);
	if (t->kind == TOKENIZER_SPM)
		return tokenizer_merge(t, rank, s, (size_t)(gap - s), gap + 1, right, path, err);
	if (!bbpe_bytes(s, (size_t)(gap - s), &a) || !bbpe_bytes(gap + 1, right, &b))
		err_set(err, ERR_FORMAT, "%s: merge %d has a character that is no byte", path,
			rank);
	else if (a.oom || b.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	else
		tokenizer_merge(t, rank, strbuf_str(&a), a.len, strbuf_str(&b), b.len, path, err);
	strbuf_free(&a);
	strbuf_free(&b);
	return err->code;
}

static int by_score(const void *x, const void *y)
{
	const struct token *a = *(const struct token *const *)x,
			   *b = *(const struct token *const *)y;

	return a->score > b->score ? -1 : a->score < b->score;
}

/* Every way to make a token of two symbols. */
static int merge_splits(struct tokenizer *t, int id, int rank, const char *path, struct err *err)
{
	const struct token *k = &t->token[id];

	for (size_t at = 0, bytes, len = (size_t)k->len; at < len; at += bytes) {
		int a, b;

		char_next(k->s + at, len - at, &bytes);
		if (!at)
			continue;
		a = symbol_made(t, k->s, at);
		b = a < 0 ? a : symbol_made(t, k->s + at, len - at);
		if (a == -2 || b == -2 ||
		    (a >= 0 && b >= 0 && !merges_add(&t->merges, a, b, rank, id)))
			return err_set(err, ERR_NOMEM, "%s: no memory", path);
	}
	return 0;
}

int tokenizer_merge_scores(struct tokenizer *t, const char *path, struct err *err)
{
	const struct token **order;
	int rank = -1;

	if (!NEW_ARRAY(order, (size_t)t->n_symbol))
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	for (int i = 0; i < t->n_symbol; i++) {
		order[i] = &t->token[t->symbol_id[i]];
		if (order[i]->score != order[i]->score)
			err_set(err, ERR_FORMAT, "%s: token %d has no number as score", path,
				t->symbol_id[i]);
	}
	if (!err->code)
		qsort(order, (size_t)t->n_symbol, sizeof(const struct token *), by_score);
	for (int i = 0, n = t->n_symbol; i < n && !err->code; i++) {
		if (!i || order[i]->score < order[i - 1]->score)
			rank++;
		merge_splits(t, (int)(order[i] - t->token), rank, path, err);
	}
	free((void *)order);
	return err->code;
}

/* The texts looked for in byte order, the shorter of two that begin alike first. */
static int by_find(const void *x, const void *y)
{
	return strcmp((*(const struct token *const *)x)->find,
		      (*(const struct token *const *)y)->find);
}

static int sort_finder(struct tokenizer *t, struct finder *f, bool late, struct err *err)
{
	if (!NEW_ARRAY(f->token, (size_t)t->n))
		return err_set(err, ERR_NOMEM, "tokenizer: no memory");
	for (int i = 0; i < t->n; i++) {
		struct token *k = &t->token[i];

		if (!(late ? k->late : k->early) || !k->len)
			continue;
		if (!k->find)
			k->find = k->s;
		if (k->find == k->s && strlen(k->s) != (size_t)k->len)
			return err_set(err, ERR_FORMAT,
				       "tokenizer: added token %d holds a NUL byte", i);
		f->first[(unsigned char)*k->find] = true;
		f->token[f->n++] = k;
	}
	qsort((void *)f->token, (size_t)f->n, sizeof(const struct token *), by_find);
	return 0;
}

/* Special are the tokens of the file's own and whatever it calls them: a text could
 * otherwise end a turn by spelling "<|im_end|>". */
static bool is_special(const struct tokenizer *t, int id)
{
	const struct token *k = &t->token[id];

	if (k->type == TOKEN_CONTROL || k->type == TOKEN_UNK)
		return true;
	for (int i = 0; i < TOKEN_ROLES; i++)
		if (t->role[i] == id)
			return k->type == TOKEN_USER;
	return k->type == TOKEN_USER && str_starts(k->s, "<|") && str_ends(k->s, "|>");
}

static int write_title(struct tokenizer *t, const char *path, struct err *err)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "%s BPE", t->kind == TOKENIZER_SPM ? "SentencePiece" : "byte-level");
	if (t->kind == TOKENIZER_BBPE)
		strbuf_addf(&b, " (%s)", bbpe_cut_name[t->cut]);
	strbuf_addf(&b, ", %d tokens, from %s", t->n, path_base(path));
	t->title = b.oom ? NULL : b.s;
	if (!t->title)
		strbuf_free(&b);
	return t->title ? 0 : err_set(err, ERR_NOMEM, "%s: no memory", path);
}

int tokenizer_finish(struct tokenizer *t, const char *path, struct err *err)
{
	for (int i = 0; i < TOKEN_ROLES; i++)
		if (t->role[i] >= t->n || (t->role[i] >= 0 && !t->token[t->role[i]].len))
			return err_set(err, ERR_FORMAT, "%s: token %d has a role but no text", path,
				       t->role[i]);
	for (int i = 0; i < t->n; i++)
		t->token[i].special = is_special(t, i);
	for (int i = 0; i < 256; i++) {
		const char c = (char)i;

		t->byte_sym[i] =
			t->kind == TOKENIZER_SPM && i >= 0x80 ? -1 : tokenizer_symbol(t, &c, 1);
	}
	if (sort_finder(t, &t->early, false, err) || sort_finder(t, &t->late, true, err))
		return err->code;
	return write_title(t, path, err);
}
