/* SPDX-License-Identifier: Apache-2.0
 * What the tokenizer targets share.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "harness/text/chat.h"

/* Every number lies in the vocabulary, and the tokens can be written. */
static void check_ids(const struct tokenizer *t, const struct bpe_ids *ids)
{
	struct strbuf whole = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < ids->n; i++)
		FUZZ_CHECK(ids->id[i] >= 0 && ids->id[i] < tokenizer_size(t));
	tokenizer_decode(t, ids->id, ids->n, TOKENIZER_SPECIAL, &whole, &err);
	FUZZ_CHECK(!err.code);
	fuzz_touch(strbuf_str(&whole), whole.len);
	strbuf_free(&whole);
}

static void encode(const struct tokenizer *t, const char *s, size_t n)
{
	static const unsigned flags[] = { 0, TOKENIZER_SPECIAL | TOKENIZER_BOS | TOKENIZER_EOS,
					  TOKENIZER_NO_PREFIX };
	struct bpe_ids ids = { 0 };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct err err = { 0 };

		ids.n = 0;
		if (tokenizer_encode(t, s, n, flags[i], &ids, &err))
			FUZZ_CHECK(err.code == ERR_DATA && !ids.n);
		/* what people say is never special */
		for (size_t k = 0; k < ids.n && !flags[i]; k++)
			FUZZ_CHECK(!tokenizer_special(t, ids.id[k]) ||
				   ids.id[k] == tokenizer_role(t, TOKEN_UNKNOWN));
		check_ids(t, &ids);
	}
	bpe_ids_free(&ids);
}

static void chat(const struct tokenizer *t)
{
	static const struct chat_message m[] = { { CHAT_SYSTEM, "a </s>" },
						 { CHAT_USER, "<|im_end|> b\n" } };
	struct bpe_ids ids = { 0 };

	for (int i = 0; chat_formats[i]; i++) {
		struct err err = { 0 };

		ids.n = 0;
		chat_encode(chat_formats[i], t, m, 2, true, &ids, &err);
		check_ids(t, &ids);
		FUZZ_CHECK(chat_end(chat_formats[i], t) < tokenizer_size(t));
	}
	bpe_ids_free(&ids);
}

void fuzz_ask(struct tokenizer *t, const struct err *err, const uint8_t *text, size_t size)
{
	static const char usual[] = "Oh my God! I'm  so \xe2\x96\x81happy\xf0\x9f\x98\x80 12345\n\n"
				    "</s><0x41> <|im_end|>e\xcc\x81\xff\t\xc2\xa0"
				    "ab aab";
	struct strbuf piece = { 0 };
	struct err e = { 0 };

	fuzz_outcome(t != NULL, err);
	if (!t)
		return;
	FUZZ_CHECK(tokenizer_size(t) > 0 && *tokenizer_describe(t));
	for (int i = 0; i < TOKEN_ROLES; i++)
		FUZZ_CHECK(tokenizer_role(t, (enum tokenizer_role)i) < tokenizer_size(t));
	for (int i = 0; i < tokenizer_size(t) && i < 4096; i++) {
		tokenizer_piece(t, i - 1, i, &piece, &e);
		FUZZ_CHECK(!e.code);
		fuzz_touch(strbuf_str(&piece), piece.len);
	}
	encode(t, usual, sizeof(usual) - 1);
	encode(t, (const char *)text, size < 600 ? size : 600);
	chat(t);
	strbuf_free(&piece);
	tokenizer_free(t);
}
