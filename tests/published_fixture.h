/* SPDX-License-Identifier: Apache-2.0
 * A tiny byte-level tokenizer.json: the 256 bytes, merges that make given words single
 * tokens, the special tokens of every chat format.
 */
#ifndef TESTS_PUBLISHED_FIXTURE_H
#define TESTS_PUBLISHED_FIXTURE_H

#include "tests/test.h"

#include "harness/base/json.h"

#define FIXTURE_WORDS 64

/* The character GPT-2 writes for a byte: itself where it is printable, else from 256 on. */
static inline int32_t fixture_byte(int byte)
{
	int next = 256;

	for (int b = 0; b < 256; b++) {
		const bool printable = (b > 32 && b < 127) || (b > 160 && b != 173);

		if (b == byte)
			return printable ? b : next;
		next += !printable;
	}
	return -1;
}

/* The text of n bytes as tokens spell it. */
static inline void fixture_spell(struct strbuf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char utf8[4];

		strbuf_addn(out, utf8, utf8_encode(fixture_byte((unsigned char)s[i]), utf8));
	}
}

/* Calls fn for each prefix of 2 or more bytes of the words, each once. */
static inline int fixture_prefixes(const char *const *word, char seen[][32])
{
	int n = 0;

	for (int w = 0; word[w]; w++)
		for (size_t len = 2; len <= strlen(word[w]); len++) {
			int i = 0;

			while (i < n && (strlen(seen[i]) != len || strncmp(seen[i], word[w], len)))
				i++;
			if (i < n)
				continue;
			CHECK(n < 8 * FIXTURE_WORDS && len < 32);
			memcpy(seen[n], word[w], len);
			seen[n++][len] = '\0';
		}
	return n;
}

/* DIR/tokenizer.json of `size` tokens; word[] (NULL at the end) become single tokens where
 * no other merge comes first. */
static inline void fixture_write_tokenizer(const char *dir, const char *const *word, int size)
{
	static const char *const special[] = {
		"<|endoftext|>", "<|im_start|>",      "<|im_end|>",	     "<s>",
		"</s>",		 "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
		"<|eot_id|>"
	};
	const int n_special = (int)(sizeof(special) / sizeof(special[0]));
	static char prefix[8 * FIXTURE_WORDS][32];
	const int n_prefix = fixture_prefixes(word, prefix);
	char *path = path_join(dir, "tokenizer.json");
	struct strbuf out = { 0 }, s = { 0 };
	struct err err = { 0 };
	struct json_writer w;
	int id = 0;

	json_begin(&w, &out, 1);
	json_open_object(&w, NULL);
	json_open_object(&w, "pre_tokenizer");
	json_put_str(&w, "type", "ByteLevel");
	json_put_bool(&w, "add_prefix_space", false);
	json_put_bool(&w, "use_regex", true);
	json_close_object(&w);
	json_open_object(&w, "model");
	json_put_str(&w, "type", "BPE");
	json_open_object(&w, "vocab");
	for (int b = 0; b < 256; b++) {
		const char c = (char)b;

		strbuf_reset(&s);
		fixture_spell(&s, &c, 1);
		json_put_int(&w, strbuf_str(&s), id++);
	}
	for (int i = 0; i < n_prefix; i++) {
		strbuf_reset(&s);
		fixture_spell(&s, prefix[i], strlen(prefix[i]));
		json_put_int(&w, strbuf_str(&s), id++);
	}
	json_close_object(&w);
	json_open_array(&w, "merges");
	for (int i = 0; i < n_prefix; i++) {
		const size_t last = strlen(prefix[i]) - 1;

		strbuf_reset(&s);
		fixture_spell(&s, prefix[i], last);
		strbuf_addc(&s, ' ');
		fixture_spell(&s, prefix[i] + last, 1);
		json_put_str(&w, NULL, strbuf_str(&s));
	}
	json_close_array(&w);
	json_close_object(&w);
	json_open_array(&w, "added_tokens");
	CHECK(id + n_special <= size);
	for (int i = 0; id < size; i++) {
		char name[32];

		snprintf(name, sizeof(name), "<extra_%d>", i);
		json_open_object(&w, NULL);
		json_put_int(&w, "id", id++);
		json_put_str(&w, "content", i < n_special ? special[i] : name);
		json_put_bool(&w, "special", true);
		json_put_bool(&w, "normalized", false);
		json_close_object(&w);
	}
	json_close_array(&w);
	json_close_object(&w);
	CHECK(path && !out.oom && !s.oom);
	io_write_atomic(path, out.s, out.len, &err);
	CHECK_OK(&err);
	strbuf_free(&out);
	strbuf_free(&s);
	free(path);
}

#endif
