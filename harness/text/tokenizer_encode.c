/* SPDX-License-Identifier: Apache-2.0
 * From text to tokens: added words are found first, what is between them is normalized,
 * cut into pieces that merge on their own, and merged.
 */
#include "harness/text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "harness/text/unicode.h"

/* How an unused token was made: it is taken apart again. */
struct unused {
	bool met;
	int a, b;
};

/* One call: nothing of it lives in the tokenizer. */
struct encoder {
	const struct tokenizer *t;
	const struct stretch *own; /* (n_own) where special tokens count */
	size_t n_own;
	unsigned flags;
	struct bpe_ids *out;
	struct merge_work work;
	struct strbuf norm;
	struct unused *unused; /* (t->n) by token */
	size_t unknown_at;     /* out->n behind the last unknown token, 0: none */
	struct err *err;
};

static int no_memory(struct encoder *e)
{
	return err_set(e->err, ERR_NOMEM, "encoding a text: no memory");
}

static int emit(struct encoder *e, int id)
{
	struct bpe_ids *out = e->out;

	if (!GROW_ARRAY(out->id, out->cap, out->n + 1))
		return no_memory(e);
	out->id[out->n++] = id;
	return 0;
}

/* A character that is no token: its bytes, or one unknown token for all that follow each
 * other. */
static int emit_unknown(struct encoder *e, const char *s, size_t len)
{
	const int unknown = e->t->role[TOKEN_UNKNOWN];
	bool bytes = true;

	for (size_t i = 0; i < len; i++)
		bytes &= e->t->byte_id[(unsigned char)s[i]] >= 0;
	for (size_t i = 0; i < len && bytes; i++)
		if (emit(e, e->t->byte_id[(unsigned char)s[i]]))
			return e->err->code;
	if (bytes || (e->unknown_at && e->unknown_at == e->out->n))
		return 0;
	/* a begin or end of text is no answer to a character that nobody has seen */
	if (unknown < 0 || unknown == e->t->role[TOKEN_EOS] || unknown == e->t->role[TOKEN_BOS])
		return err_set(e->err, ERR_DATA,
			       "the tokenizer (%s) has no token for '%.*s' (byte 0x%02x)",
			       e->t->title, (int)len, s, (unsigned char)*s);
	if (emit(e, unknown))
		return e->err->code;
	e->unknown_at = e->out->n;
	return 0;
}

/* An unused token is taken apart; every part is shorter, so this ends. */
static int emit_symbol(struct encoder *e, int sym)
{
	const struct tokenizer *t = e->t;
	const struct vocab_entry *extra;

	if (sym >= t->n) {
		extra = &t->symbol.entry[sym - t->n + t->n_symbol];
		return emit_unknown(e, extra->s, (size_t)extra->len);
	}
	if (t->token[sym].type == TOKEN_UNUSED && e->unused[sym].met)
		return emit_symbol(e, e->unused[sym].a) ? e->err->code
							: emit_symbol(e, e->unused[sym].b);
	return emit(e, sym);
}

static void note_unused(void *ctx, const struct merge *pair)
{
	struct encoder *e = ctx;

	if (e->t->token[pair->c].type == TOKEN_UNUSED)
		e->unused[pair->c] = (struct unused){ true, pair->a, pair->b };
}

/* A piece that merges on its own. */
static int merge_piece(struct encoder *e, const char *s, size_t len)
{
	const struct tokenizer *t = e->t;
	struct merge_work *w = &e->work;

	if (t->whole_pieces) {
		const int id = tokenizer_symbol(t, s, len);

		if (id >= 0 && id < t->n && t->token[id].type == TOKEN_NORMAL)
			return emit(e, id);
	}
	w->n = 0;
	for (size_t at = 0, bytes = 1; at < len; at += bytes) {
		int sym = t->byte_sym[(unsigned char)s[at]];

		if (t->kind == TOKENIZER_SPM && (unsigned char)s[at] >= 0x80) {
			char_next(s + at, len - at, &bytes);
			sym = tokenizer_symbol(t, s + at, bytes);
		} else {
			bytes = 1;
		}
		if (!merge_push(w, sym, at, bytes))
			return no_memory(e);
	}
	if (!merge_run(&t->merges, w, t->has_unused ? note_unused : NULL, e))
		return no_memory(e);
	for (size_t i = 0; i < w->n; i++) {
		const struct node *n = &w->node[i];

		if (n->sym < 0 ? emit_unknown(e, s + n->start, n->len) : emit_symbol(e, n->sym))
			return e->err->code;
	}
	return 0;
}

/* SentencePiece: where nothing merges across a blank that follows something else. */
static size_t word_end(const char *s, size_t len, size_t at)
{
	const size_t n = strlen(SPM_BLANK);
	bool blanks = true;

	while (at < len) {
		const bool blank = len - at >= n && !memcmp(s + at, SPM_BLANK, n);

		if (blank && !blanks)
			break;
		blanks = blank;
		at += blank ? n : 1;
	}
	return at;
}

static int merge_pieces(struct encoder *e, const char *s, size_t len)
{
	const struct tokenizer *t = e->t;

	for (size_t at = 0, end; at < len; at = end) {
		if (t->kind == TOKENIZER_BBPE)
			end = bbpe_piece_end(s, len, at, t->cut);
		else
			end = t->words_apart ? word_end(s, len, at) : len;
		if (merge_piece(e, s + at, end - at))
			return e->err->code;
	}
	return 0;
}

static bool is_word(int32_t cp)
{
	const enum char_class class = char_class(cp);

	return class == CHAR_LETTER || class == CHAR_NUMBER || cp == '_';
}

/* Whether the token may be taken at [at, at + n) of the text. */
static bool may_take(const struct encoder *e, const struct token *k, const char *s, size_t len,
		     size_t at, size_t n)
{
	bool own = !k->special;
	size_t bytes;

	for (size_t i = 0; i < e->n_own && !own; i++)
		own = e->own[i].start <= at && at + n <= e->own[i].end;
	if (!own || !k->whole)
		return own;
	return (!at || !is_word(char_before(s, at, &bytes))) &&
	       (at + n == len || !is_word(char_next(s + at + n, len - at - n, &bytes)));
}

/* First of the tokens [lo, hi) whose byte at `depth` is c or more. */
static int first_with(const struct finder *f, int lo, int hi, size_t depth, int c)
{
	while (lo < hi) {
		const int mid = lo + (hi - lo) / 2;

		if ((unsigned char)f->token[mid]->find[depth] < c)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The longest token that begins at `at`; NULL: none. */
static const struct token *find_token(const struct encoder *e, const struct finder *f,
				      const char *s, size_t len, size_t at)
{
	const struct token *found = NULL;
	int lo = 0, hi = f->n, c;

	if (!f->first[(unsigned char)s[at]])
		return NULL;
	for (size_t depth = 0; lo < hi; depth++) {
		/* all of [lo, hi) agree with the text in the first `depth` bytes */
		for (; lo < hi && !f->token[lo]->find[depth]; lo++)
			if (may_take(e, f->token[lo], s, len, at, depth))
				found = f->token[lo];
		if (at + depth >= len)
			break;
		c = (unsigned char)s[at + depth];
		lo = first_with(f, lo, hi, depth, c);
		hi = first_with(f, lo, hi, depth, c + 1);
	}
	return found;
}

/* What `each` gets: the text between found tokens. */
typedef int between(struct encoder *e, const char *s, size_t len, size_t start, size_t end);

/* Calls each for the text between tokens of the finder and emits those. */
static int split_at_tokens(struct encoder *e, const struct finder *f, const char *s, size_t len,
			   between *each)
{
	size_t from = 0, bytes;

	for (size_t at = 0; at < len && f->n;) {
		const struct token *k = find_token(e, f, s, len, at);
		size_t end = at;

		if (!k) {
			at++;
			continue;
		}
		while (k->lstrip && end > from &&
		       char_class(char_before(s, end, &bytes)) == CHAR_SPACE)
			end -= bytes;
		if (each(e, s, len, from, end) || emit(e, (int)(k - e->t->token)))
			return e->err->code;
		at += strlen(k->find);
		while (k->rstrip && at < len &&
		       char_class(char_next(s + at, len - at, &bytes)) == CHAR_SPACE)
			at += bytes;
		from = at;
	}
	return each(e, s, len, from, len);
}

static int late_text(struct encoder *e, const char *s, size_t len, size_t start, size_t end)
{
	(void)len;
	return merge_pieces(e, s + start, end - start);
}

/* Blanks become visible; one goes in front where the tokenizer puts it. */
static int show_blanks(struct encoder *e, const char *s, size_t len, bool first)
{
	const struct tokenizer *t = e->t;
	const bool blank =
		*s == ' ' || (len >= strlen(SPM_BLANK) && !memcmp(s, SPM_BLANK, strlen(SPM_BLANK)));

	strbuf_reset(&e->norm);
	if ((t->prefix == PREFIX_ALWAYS || (t->prefix == PREFIX_FIRST && first)) &&
	    !(first && (e->flags & TOKENIZER_NO_PREFIX)) && !(t->prefix_once && blank))
		strbuf_add(&e->norm, SPM_BLANK);
	for (size_t at = 0; at < len;) {
		const char *gap = memchr(s + at, ' ', len - at);
		const size_t end = gap ? (size_t)(gap - s) : len;

		strbuf_addn(&e->norm, s + at, end - at);
		if (gap)
			strbuf_add(&e->norm, SPM_BLANK);
		at = end + (gap != NULL);
	}
	return e->norm.oom ? no_memory(e) : 0;
}

static int early_text(struct encoder *e, const char *s, size_t len, size_t start, size_t end)
{
	const struct tokenizer *t = e->t;

	(void)len;
	s += start;
	if (start == end)
		return 0;
	if (t->kind == TOKENIZER_SPM) {
		if (show_blanks(e, s, end - start, !start))
			return e->err->code;
	} else if (t->nfc) {
		strbuf_reset(&e->norm);
		if (text_nfc(s, end - start, &e->norm, e->err))
			return e->err->code;
	} else {
		return split_at_tokens(e, &t->late, s, end - start, late_text);
	}
	return split_at_tokens(e, &t->late, strbuf_str(&e->norm), e->norm.len, late_text);
}

int tokenizer_encode_marked(const struct tokenizer *t, const char *s, size_t len,
			    const struct stretch *own, size_t n, unsigned flags,
			    struct bpe_ids *out, struct err *err)
{
	struct encoder e = {
		.t = t, .own = own, .n_own = n, .flags = flags, .out = out, .err = err
	};
	const size_t before = out->n;

	if (t->has_unused && !NEW_ARRAY(e.unused, (size_t)t->n))
		return no_memory(&e);
	if ((flags & TOKENIZER_BOS) && t->add_bos && t->role[TOKEN_BOS] >= 0)
		emit(&e, t->role[TOKEN_BOS]);
	if (!err->code)
		split_at_tokens(&e, &t->early, s, len, early_text);
	if (!err->code && (flags & TOKENIZER_EOS) && t->role[TOKEN_EOS] >= 0)
		emit(&e, t->role[TOKEN_EOS]);
	if (err->code)
		out->n = before;
	merge_work_free(&e.work);
	strbuf_free(&e.norm);
	free(e.unused);
	return err->code;
}

int tokenizer_encode(const struct tokenizer *t, const char *s, size_t len, unsigned flags,
		     struct bpe_ids *out, struct err *err)
{
	const struct stretch all = { 0, len };

	return tokenizer_encode_marked(t, s, len, &all, (flags & TOKENIZER_SPECIAL) != 0, flags,
				       out, err);
}
