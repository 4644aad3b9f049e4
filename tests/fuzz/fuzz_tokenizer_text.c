/* SPDX-License-Identifier: Apache-2.0
 * A text: its characters, its normal form, and how every pattern cuts it.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "harness/text/bbpe.h"
#include "harness/text/chat.h"
#include "harness/text/unicode.h"

/* Forwards and backwards the same characters. */
static void characters(const char *s, size_t size)
{
	size_t valid = utf8_check(s, size), bytes;

	for (size_t at = 0; at < valid; at += bytes) {
		const int32_t cp = char_next(s + at, size - at, &bytes);
		size_t back;

		FUZZ_CHECK(cp >= 0 && bytes >= 1 && bytes <= 4 && at + bytes <= valid);
		FUZZ_CHECK(char_before(s, at + bytes, &back) == cp && back == bytes);
	}
	for (size_t at = size; at > 0; at -= bytes) {
		char_before(s, at, &bytes);
		FUZZ_CHECK(bytes >= 1 && bytes <= at);
	}
}

/* The normal form of a normal form is itself. */
static void normal(const char *s, size_t size)
{
	struct strbuf once = { 0 }, twice = { 0 };
	struct err err = { 0 };

	text_nfc(s, size, &once, &err);
	text_nfc(strbuf_str(&once), once.len, &twice, &err);
	FUZZ_CHECK(!err.code && once.len == twice.len);
	FUZZ_CHECK(!memcmp(strbuf_str(&once), strbuf_str(&twice), once.len));
	strbuf_free(&once);
	strbuf_free(&twice);
}

int fuzz_tokenizer_text(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;

	characters(s, size);
	if (utf8_check(s, size) == size)
		normal(s, size);
	for (int cut = 0; cut < BBPE_CUTS; cut++)
		for (size_t at = 0, end; at < size; at = end) {
			end = bbpe_piece_end(s, size, at, (enum bbpe_cut)cut);
			FUZZ_CHECK(end > at && end <= size);
		}
	return 0;
}
