/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/text/tokenizer_parts.h"

/* What a format's files begin with; .bin is what begins with a small number. */
static struct tokenizer *read_file(const char *path, struct err *err)
{
	unsigned char head[4] = { 0 };
	FILE *f;
	size_t n;

	if (str_ends(path, "vocab.json"))
		return tokenizer_read_vocab(path, err);
	f = fopen(path, "rb");
	if (!f) {
		err_set(err, ERR_MISSING, "%s: cannot open", path);
		return NULL;
	}
	n = fread(head, 1, sizeof(head), f);
	fclose(f);
	if (n == 4 && !memcmp(head, "GGUF", 4))
		return tokenizer_read_gguf(path, err);
	if (n && (head[0] == '{' || head[0] == ' ' || head[0] == '\n') && head[1] != '\0' &&
	    (head[0] == '{' || strchr(" \r\n\t{", head[1])))
		return tokenizer_read_json(path, err);
	if (n == 4 && head[0] && !head[2] && !head[3])
		return tokenizer_read_bin(path, err);
	if (n == 4 && head[0] == 0x0a)
		return tokenizer_read_model(path, err);
	err_set(err, ERR_FORMAT,
		"%s: not a tokenizer; known are a SentencePiece .model, tokenizer.json, GGUF, "
		"llama2.c's tokenizer .bin, and vocab.json beside merges.txt",
		path);
	return NULL;
}

static struct tokenizer *read_folder(const char *dir, struct err *err)
{
	static const char *const known[] = { "tokenizer.json", "tokenizer.model", "vocab.json",
					     "tokenizer.bin" };
	struct tokenizer *t = NULL;
	struct io_list list = { 0 };
	char *path = NULL;

	for (size_t i = 0; i < ARRAY_LEN(known) && !path; i++) {
		path = path_join(dir, known[i]);
		if (path && !io_is_file(path)) {
			free(path);
			path = NULL;
		}
	}
	if (!path && !io_list_dir(dir, &list, err))
		for (size_t i = 0; i < list.n && !path; i++)
			if (str_ends(list.name[i], ".gguf"))
				path = path_join(dir, list.name[i]);
	io_list_free(&list);
	if (path)
		t = read_file(path, err);
	else
		err_set(err, ERR_MISSING,
			"%s: no tokenizer in this folder (looked for tokenizer.json, "
			"tokenizer.model, vocab.json, tokenizer.bin and a .gguf)",
			dir);
	free(path);
	return t;
}

struct tokenizer *tokenizer_open(const char *path, struct err *err)
{
	return io_is_dir(path) ? read_folder(path, err) : read_file(path, err);
}

int tokenizer_size(const struct tokenizer *t)
{
	return t->n;
}

const char *tokenizer_describe(const struct tokenizer *t)
{
	return t->title;
}

/* The table of merges has no order: their hashes are added up. */
static uint64_t merges_print(const struct merges *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->n_slot; i++) {
		const struct merge *k = &m->slot[i];
		const int part[4] = { k->a, k->b, k->rank, k->c };

		sum += k->a < 0 ? 0 : hash_u64(part, sizeof(part));
	}
	return sum;
}

int tokenizer_hash(const struct tokenizer *t, char out[HASH_HEX], struct err *err)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "%d %d %d %d %d %d %d %d %d %d %016llx\n", (int)t->kind, t->n,
		    (int)t->prefix, t->prefix_once, t->words_apart, t->add_bos, t->add_eos,
		    (int)t->cut, t->nfc, t->whole_pieces,
		    (unsigned long long)merges_print(&t->merges));
	for (int i = 0; i < TOKEN_ROLES; i++)
		strbuf_addf(&b, "%d ", t->role[i]);
	for (int i = 0; i < t->n; i++) {
		const struct token *k = &t->token[i];

		strbuf_addf(&b, "%d %.9g %d %d%d%d%d%d%d %s\n", k->len, (double)k->score,
			    (int)k->type, k->early, k->late, k->special, k->lstrip, k->rstrip,
			    k->whole, k->find ? k->find : "");
		strbuf_addn(&b, k->s, (size_t)k->len);
	}
	if (b.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", t->title);
	else
		hash_hex(b.s, b.len, out);
	strbuf_free(&b);
	return err->code;
}

int tokenizer_role(const struct tokenizer *t, enum tokenizer_role role)
{
	return role < TOKEN_ROLES ? t->role[role] : -1;
}

int tokenizer_find(const struct tokenizer *t, const char *text)
{
	const int at = vocab_find(&t->text, text, strlen(text));

	return at < 0 ? -1 : t->text_id[at];
}

bool tokenizer_special(const struct tokenizer *t, int id)
{
	return id >= 0 && id < t->n && t->token[id].special;
}

/* The bytes of one token; first: a blank that the encoder put in front is left away. */
static void add_token(const struct tokenizer *t, int id, bool first, unsigned flags,
		      struct strbuf *out)
{
	const struct token *k = &t->token[id];
	const size_t n = strlen(SPM_BLANK), len = (size_t)k->len;
	size_t from = 0;

	if (k->special || k->type == TOKEN_HOLE) {
		if (flags & TOKENIZER_SPECIAL)
			strbuf_addn(out, k->s, len);
		return;
	}
	if (k->type == TOKEN_BYTE) {
		unsigned byte = 0;

		for (int i = 3; i < 5; i++)
			byte = byte * 16 +
			       (unsigned)(k->s[i] <= '9' ? k->s[i] - '0' : k->s[i] - 'A' + 10);
		strbuf_addc(out, (char)byte);
		return;
	}
	if (t->kind == TOKENIZER_BBPE || k->early) {
		strbuf_addn(out, k->s, len);
		return;
	}
	for (size_t at = 0; at < len;) {
		if (len - at < n || memcmp(k->s + at, SPM_BLANK, n)) {
			at++;
			continue;
		}
		strbuf_addn(out, k->s + from, at - from);
		if (at || !first)
			strbuf_addc(out, ' ');
		at += n;
		from = at;
	}
	strbuf_addn(out, k->s + from, len - from);
}

/* Whether the encoder may have put a blank in front of a text behind token `before`. */
static bool is_first(const struct tokenizer *t, int before)
{
	if (before < 0)
		return t->prefix != PREFIX_NEVER;
	return (t->prefix == PREFIX_ALWAYS && t->token[before].early) ||
	       (t->prefix == PREFIX_FIRST && before == t->role[TOKEN_BOS]);
}

static int check_id(const struct tokenizer *t, int id, struct err *err)
{
	if (id >= 0 && id < t->n)
		return 0;
	return err_set(err, ERR_ARG, "token %d is outside 0..%d", id, t->n - 1);
}

int tokenizer_decode(const struct tokenizer *t, const int *id, size_t n, unsigned flags,
		     struct strbuf *out, struct err *err)
{
	int before = -1;

	for (size_t i = 0; i < n; before = id[i++]) {
		const bool start = !i || (i == 1 && before == t->role[TOKEN_BOS]);

		if (check_id(t, id[i], err))
			return err->code;
		add_token(t, id[i],
			  start ? t->prefix != PREFIX_NEVER && !(flags & TOKENIZER_NO_PREFIX)
				: t->prefix == PREFIX_ALWAYS && t->token[before].early,
			  flags, out);
	}
	return out->oom ? err_set(err, ERR_NOMEM, "decoding: no memory") : 0;
}

int tokenizer_piece(const struct tokenizer *t, int before, int id, struct strbuf *out,
		    struct err *err)
{
	if (check_id(t, id, err) || (before >= 0 && check_id(t, before, err)))
		return err->code;
	add_token(t, id, is_first(t, before), 0, out);
	return out->oom ? err_set(err, ERR_NOMEM, "decoding: no memory") : 0;
}
