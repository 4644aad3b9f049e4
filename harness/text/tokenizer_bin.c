/* SPDX-License-Identifier: Apache-2.0
 * llama2.c's tokenizer .bin: the longest token's bytes, then score, length and text of each
 * token to the end of the file; blanks are blanks, 1 begins and 2 ends a text.
 */
#include "harness/text/tokenizer_parts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"

static int32_t int_at(const char *p)
{
	int32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static int put_piece(struct tokenizer *t, const char *s, size_t len, struct strbuf *b,
		     const char *path, struct err *err)
{
	static const char *const name[] = { "<unk>", "<s>", "</s>" };
	const int id = t->n;

	if (id < (int)ARRAY_LEN(name)) {
		/* the file surrounds <s> and </s> with line ends, for printing */
		if (tokenizer_put(t, id, name[id], strlen(name[id]), id ? TOKEN_CONTROL : TOKEN_UNK,
				  path, err))
			return err->code;
		t->token[id].early = true;
		return 0;
	}
	strbuf_reset(b);
	for (size_t i = 0; i < len; i++)
		if (s[i] == ' ')
			strbuf_add(b, SPM_BLANK);
		else
			strbuf_addc(b, s[i]);
	if (b->oom)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	return tokenizer_put(t, id, strbuf_str(b), b->len, id < 3 + 256 ? TOKEN_BYTE : TOKEN_NORMAL,
			     path, err);
}

static int read_bin(struct tokenizer *t, const char *p, size_t len, const char *path,
		    struct err *err)
{
	struct strbuf b = { 0 };

	for (size_t at = 4; at < len && !err->code;) {
		const int32_t n = len - at < 8 ? -1 : int_at(p + at + 4);

		if (n <= 0 || (size_t)n > len - at - 8) {
			err_set(err, ERR_FORMAT, "%s: damaged at byte %zu (token %d)", path, at,
				t->n);
			break;
		}
		if (put_piece(t, p + at + 8, (size_t)n, &b, path, err))
			break;
		memcpy(&t->token[t->n - 1].score, p + at, sizeof(float));
		at += 8 + (size_t)n;
	}
	strbuf_free(&b);
	if (!err->code && t->n < 3 + 256)
		err_set(err, ERR_FORMAT, "%s: %d tokens, but 3 and 256 bytes come first", path,
			t->n);
	if (err->code || tokenizer_index(t, path, err))
		return err->code;
	t->prefix = PREFIX_ALWAYS;
	t->role[TOKEN_UNKNOWN] = 0;
	t->role[TOKEN_BOS] = 1;
	t->role[TOKEN_EOS] = 2;
	t->add_bos = true;
	if (tokenizer_merge_scores(t, path, err))
		return err->code;
	return tokenizer_finish(t, path, err);
}

struct tokenizer *tokenizer_read_bin(const char *path, struct err *err)
{
	struct tokenizer *t;
	char *buf;
	size_t len;

	if (io_read_file(path, TOKENIZER_BYTES, &buf, &len, err))
		return NULL;
	t = tokenizer_draft(TOKENIZER_SPM, err);
	if (t && read_bin(t, buf, len, path, err)) {
		tokenizer_free(t);
		t = NULL;
	}
	free(buf);
	return t;
}
