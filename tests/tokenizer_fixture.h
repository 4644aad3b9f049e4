/* SPDX-License-Identifier: Apache-2.0
 * Small invented tokenizers, written as the published ones are: a byte-level
 * tokenizer.json, SentencePiece's .model, GGUF.  For machines without real data.
 */
#ifndef TESTS_TOKENIZER_FIXTURE_H
#define TESTS_TOKENIZER_FIXTURE_H

#include "tests/test.h"

#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/text/bbpe.h"
#include "harness/text/tokenizer.h"

#define VISIBLE "\xe2\x96\x81"

/* Pre-tokenizers as tokenizer.json spells them. */
#define PRE_GPT2       "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define PRE_DIGITS     "{\"type\":\"Digits\",\"individual_digits\":true}"
#define PRE_BYTES      "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define PRE_LIST(a, b) "{\"type\":\"Sequence\",\"pretokenizers\":[" a "," b "]}"
#define PRE_SPLIT(regex)                                                                           \
	"{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex                                      \
	"\"},\"behavior\":\"Isolated\",\"invert\":false}"
#define REGEX_TAIL                                                                                 \
	"| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define REGEX_LLAMA3                                                                               \
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,"         \
	"3}" REGEX_TAIL
#define REGEX_QWEN2                                                                                \
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}" REGEX_TAIL

/* An added token; its number follows from its place. */
struct fixture_added {
	const char *text;
	bool special, lstrip, rstrip, whole, normalized;
};

struct fixture_bytes {
	const char *normalizer, *pre; /* JSON; normalizer NULL: null */
	bool ignore_merges;
	const char *const *merge;	   /* "a b" as in the file; NULL at the end */
	const struct fixture_added *added; /* text NULL at the end */
};

/* Bytes 0..255, then one token a merge, then the added tokens. */
static inline void fixture_json(const struct fixture_bytes *x, struct strbuf *out)
{
	struct json_writer w;
	int id = 256;

	json_begin(&w, out, 0);
	strbuf_add(out, "{\"added_tokens\":");
	json_open_array(&w, NULL);
	for (const char *const *m = x->merge; *m; m++)
		id++;
	for (const struct fixture_added *a = x->added; a->text; a++) {
		json_open_object(&w, NULL);
		json_put_int(&w, "id", id++);
		json_put_str(&w, "content", a->text);
		json_put_bool(&w, "special", a->special);
		json_put_bool(&w, "lstrip", a->lstrip);
		json_put_bool(&w, "rstrip", a->rstrip);
		json_put_bool(&w, "single_word", a->whole);
		json_put_bool(&w, "normalized", a->normalized);
		json_close_object(&w);
	}
	json_close_array(&w);
	strbuf_addf(out, ",\"normalizer\":%s,\"pre_tokenizer\":%s,\"model\":",
		    x->normalizer ? x->normalizer : "null", x->pre);
	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "type", "BPE");
	json_put_bool(&w, "ignore_merges", x->ignore_merges);
	json_open_object(&w, "vocab");
	for (int i = 0; i < 256; i++) {
		char key[5] = { 0 };

		utf8_encode(bbpe_char((unsigned char)i), key);
		json_put_int(&w, key, i);
	}
	id = 256;
	for (const char *const *m = x->merge; *m; m++) {
		const char *gap = strchr(*m, ' ');
		struct strbuf both = { 0 };

		strbuf_addn(&both, *m, (size_t)(gap - *m));
		strbuf_add(&both, gap + 1);
		json_put_int(&w, strbuf_str(&both), id++);
		strbuf_free(&both);
	}
	json_close_object(&w);
	json_open_array(&w, "merges");
	for (const char *const *m = x->merge; *m; m++)
		json_put_str(&w, NULL, *m);
	json_close_array(&w);
	json_close_object(&w);
	strbuf_addc(out, '}');
}

/* --- SentencePiece's .model --- */

struct fixture_piece {
	const char *text;
	float score;
	int type; /* 1 normal, 2 unknown, 3 control, 4 user's, 5 unused, 6 byte */
};

static inline void fixture_varint(struct strbuf *b, uint64_t v)
{
	for (; v > 127; v >>= 7)
		strbuf_addc(b, (char)(v | 128));
	strbuf_addc(b, (char)v);
}

static inline void fixture_field(struct strbuf *b, unsigned tag, uint64_t v)
{
	fixture_varint(b, tag << 3);
	fixture_varint(b, v);
}

static inline void fixture_message(struct strbuf *b, unsigned tag, const void *s, size_t n)
{
	fixture_varint(b, tag << 3 | 2);
	fixture_varint(b, n);
	strbuf_addn(b, s, n);
}

static inline void fixture_piece(struct strbuf *b, struct fixture_piece p)
{
	struct strbuf m = { 0 };

	fixture_message(&m, 1, p.text, strlen(p.text));
	fixture_varint(&m, 2 << 3 | 5);
	strbuf_addn(&m, (const char *)&p.score, 4);
	fixture_field(&m, 3, (uint64_t)p.type);
	fixture_message(b, 1, m.s, m.len);
	strbuf_free(&m);
}

/* pieces end with text NULL; behind <unk>, <s>, </s> come 256 bytes when bytes is set. */
static inline void fixture_model(const struct fixture_piece *piece, bool bytes, bool prefix,
				 struct strbuf *out)
{
	struct strbuf m = { 0 };

	fixture_piece(out, (struct fixture_piece){ "<unk>", 0, 2 });
	fixture_piece(out, (struct fixture_piece){ "<s>", 0, 3 });
	fixture_piece(out, (struct fixture_piece){ "</s>", 0, 3 });
	for (unsigned i = 0; i < 256 && bytes; i++) {
		char byte[8];

		snprintf(byte, sizeof(byte), "<0x%02X>", i & 255);
		fixture_piece(out, (struct fixture_piece){ byte, 0, 6 });
	}
	for (; piece->text; piece++)
		fixture_piece(out, *piece);
	fixture_field(&m, 3, 2); /* BPE */
	fixture_message(out, 2, m.s, m.len);
	strbuf_reset(&m);
	fixture_message(&m, 1, "identity", 8);
	fixture_field(&m, 3, prefix);
	fixture_field(&m, 4, 0); /* blanks are kept */
	fixture_message(out, 3, m.s, m.len);
	strbuf_free(&m);
}

/* --- GGUF --- */

static inline void fixture_u32(struct strbuf *b, uint32_t v)
{
	strbuf_addn(b, (const char *)&v, 4);
}

static inline void fixture_u64(struct strbuf *b, uint64_t v)
{
	strbuf_addn(b, (const char *)&v, 8);
}

static inline void fixture_string(struct strbuf *b, const char *s)
{
	fixture_u64(b, strlen(s));
	strbuf_add(b, s);
}

/* A key and the number of its value's type (8: string, 9: array); the value follows. */
static inline void fixture_key(struct strbuf *b, const char *key, uint32_t type)
{
	fixture_string(b, key);
	fixture_u32(b, type);
}

/* The same table as a GGUF vocabulary of kind "llama". */
static inline void fixture_gguf(const struct fixture_piece *piece, struct strbuf *out)
{
	uint64_t n = 0;

	while (piece[n].text)
		n++;
	strbuf_add(out, "GGUF");
	fixture_u32(out, 3);
	fixture_u64(out, 0); /* tensors */
	fixture_u64(out, 6);
	fixture_key(out, "tokenizer.ggml.model", 8);
	fixture_string(out, "llama");
	fixture_key(out, "tokenizer.ggml.tokens", 9);
	fixture_u32(out, 8);
	fixture_u64(out, n);
	for (uint64_t i = 0; i < n; i++)
		fixture_string(out, piece[i].text);
	fixture_key(out, "tokenizer.ggml.scores", 9);
	fixture_u32(out, 6);
	fixture_u64(out, n);
	for (uint64_t i = 0; i < n; i++)
		strbuf_addn(out, (const char *)&piece[i].score, 4);
	fixture_key(out, "tokenizer.ggml.token_type", 9);
	fixture_u32(out, 5);
	fixture_u64(out, n);
	for (uint64_t i = 0; i < n; i++)
		fixture_u32(out, (uint32_t)piece[i].type);
	fixture_key(out, "tokenizer.ggml.bos_token_id", 4);
	fixture_u32(out, 1);
	fixture_key(out, "tokenizer.ggml.eos_token_id", 4);
	fixture_u32(out, 2);
}

static inline void fixture_strings(struct strbuf *b, const char *key, const char *const *s)
{
	uint64_t n = 0;

	while (s[n])
		n++;
	fixture_key(b, key, 9);
	fixture_u32(b, 8);
	fixture_u64(b, n);
	while (*s)
		fixture_string(b, *s++);
}

/* A vocabulary of kind "gpt2": a few letters and one special token. */
static inline void fixture_gguf_bpe(struct strbuf *out)
{
	static const char *const token[] = { "h",	   "e",		 "he", "\xc4\xa0",
					     "\xc4\xa0he", "<|im_end|>", NULL };
	static const char *const merge[] = { "h e", "\xc4\xa0 he", NULL };
	static const uint32_t type[] = { 1, 1, 1, 1, 1, 3 };

	strbuf_add(out, "GGUF");
	fixture_u32(out, 3);
	fixture_u64(out, 0);
	fixture_u64(out, 6);
	fixture_key(out, "tokenizer.ggml.model", 8);
	fixture_string(out, "gpt2");
	fixture_key(out, "tokenizer.ggml.pre", 8);
	fixture_string(out, "qwen2");
	fixture_strings(out, "tokenizer.ggml.tokens", token);
	fixture_strings(out, "tokenizer.ggml.merges", merge);
	fixture_key(out, "tokenizer.ggml.token_type", 9);
	fixture_u32(out, 5);
	fixture_u64(out, ARRAY_LEN(type));
	for (size_t i = 0; i < ARRAY_LEN(type); i++)
		fixture_u32(out, type[i]);
	fixture_key(out, "tokenizer.ggml.eos_token_id", 4);
	fixture_u32(out, 5);
}

/* The text as a tokenizer under dir/name. */
static inline struct tokenizer *fixture_open(const char *dir, const char *name,
					     const struct strbuf *b, struct err *err)
{
	char *path = path_join(dir, name);
	struct err failed = { 0 };
	struct tokenizer *t;

	io_write_atomic(path, strbuf_str(b), b->len, &failed);
	CHECK_OK(&failed);
	t = tokenizer_open(path, err);
	free(path);
	return t;
}

#endif
