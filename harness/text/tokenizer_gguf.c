/* SPDX-License-Identifier: Apache-2.0
 * The vocabulary of a GGUF file: keys tokenizer.ggml.*.  Where the file says less than the
 * original tokenizer knows, what llama.cpp does by name is done here.
 */
#include "harness/text/tokenizer_parts.h"

#include <string.h>

#include "harness/base/gguf.h"

#define KEY(name) "tokenizer.ggml." name

static int put_tokens(struct tokenizer *t, const struct gguf *g, const char *path, struct err *err)
{
	const int64_t n = gguf_array(g, KEY("tokens"));
	const int64_t types = gguf_array(g, KEY("token_type"));
	const int64_t scores = gguf_array(g, KEY("scores"));

	if (n <= 0 || n > TOKENS_MAX)
		return err_set(err, ERR_FORMAT, "%s: no tokenizer (key %s)", path, KEY("tokens"));
	if ((types >= 0 && types != n) || (scores >= 0 && scores != n) ||
	    (t->kind == TOKENIZER_SPM && scores < 0))
		return err_set(err, ERR_FORMAT, "%s: %lld tokens, %lld types, %lld scores", path,
			       (long long)n, (long long)types, (long long)scores);
	for (int64_t i = 0; i < n; i++) {
		int64_t type = TOKEN_NORMAL;
		double score = 0;
		const char *s;
		size_t len;

		if (!gguf_array_str(g, KEY("tokens"), i, &s, &len) ||
		    (types >= 0 && !gguf_array_int(g, KEY("token_type"), i, &type)) ||
		    (scores >= 0 && !gguf_array_num(g, KEY("scores"), i, &score)) ||
		    type < TOKEN_NORMAL || type > TOKEN_BYTE)
			return err_set(err, ERR_FORMAT, "%s: token %lld has no text, type or score",
				       path, (long long)i);
		if (tokenizer_put(t, (int)i, s, len, (enum token_type)type, path, err))
			return err->code;
		t->token[i].score = (float)score;
		t->token[i].early =
			len && (type == TOKEN_CONTROL || type == TOKEN_UNK || type == TOKEN_USER);
	}
	return 0;
}

static int put_merges(struct tokenizer *t, const struct gguf *g, const char *path, struct err *err)
{
	const int64_t n = gguf_array(g, KEY("merges"));

	if (n < 0)
		return err_set(err, ERR_FORMAT, "%s: key %s is missing", path, KEY("merges"));
	for (int64_t i = 0; i < n; i++) {
		const char *s;
		size_t len;

		if (i > TOKENS_MAX || !gguf_array_str(g, KEY("merges"), i, &s, &len))
			return err_set(err, ERR_FORMAT, "%s: merge %lld is no text", path,
				       (long long)i);
		if (tokenizer_merge_line(t, (int)i, s, len, path, err))
			return err->code;
	}
	return 0;
}

static bool is(const char *s, size_t n, const char *word)
{
	return n == strlen(word) && !memcmp(s, word, n);
}

/* The names that tokenizer.ggml.pre gives to patterns. */
static int choose_cut(struct tokenizer *t, const struct gguf *g, const char *path, struct err *err)
{
	static const struct {
		const char *name;
		enum bbpe_cut cut;
		bool whole, nfc;
	} pre[] = {
		{ "gpt-2", BBPE_GPT2, false, false },
		{ "starcoder", BBPE_STARCODER, false, false },
		{ "refact", BBPE_STARCODER, false, false },
		{ "phi-2", BBPE_GPT2, false, false },
		{ "smollm", BBPE_STARCODER, false, false },
		{ "llama3", BBPE_LLAMA3, true, false },
		{ "llama-v3", BBPE_LLAMA3, true, false },
		{ "llama-bpe", BBPE_LLAMA3, true, false },
		{ "qwen2", BBPE_QWEN2, false, true },
	};
	struct strbuf known = { 0 };
	const char *s;
	size_t n;

	if (!gguf_str(g, KEY("pre"), &s, &n)) {
		s = "(none)";
		n = strlen(s);
	}
	for (size_t i = 0; i < ARRAY_LEN(pre); i++) {
		if (is(s, n, pre[i].name)) {
			t->cut = pre[i].cut;
			t->whole_pieces = pre[i].whole;
			t->nfc = pre[i].nfc;
			strbuf_free(&known);
			return 0;
		}
		strbuf_addf(&known, " %s", pre[i].name);
	}
	err_set(err, ERR_FORMAT, "%s: key %s is '%.*s', which is not known; known are:%s", path,
		KEY("pre"), (int)(n < 60 ? n : 60), s, strbuf_str(&known));
	strbuf_free(&known);
	return err->code;
}

static int choose_roles(struct tokenizer *t, const struct gguf *g, const char *path,
			struct err *err)
{
	static const char *const key[TOKEN_ROLES] = {
		[TOKEN_BOS] = KEY("bos_token_id"),
		[TOKEN_EOS] = KEY("eos_token_id"),
		[TOKEN_UNKNOWN] = KEY("unknown_token_id"),
		[TOKEN_PAD] = KEY("padding_token_id"),
	};
	static const struct {
		enum tokenizer_role role;
		enum token_type type;
	} usual[] = { { TOKEN_UNKNOWN, TOKEN_UNK },
		      { TOKEN_BOS, TOKEN_CONTROL },
		      { TOKEN_EOS, TOKEN_CONTROL } };

	/* without keys: the numbers SentencePiece gives by itself */
	for (int i = 0; i < 3 && i < t->n && t->kind == TOKENIZER_SPM; i++)
		if (t->token[i].type == usual[i].type)
			t->role[usual[i].role] = i;
	for (int i = 0; i < TOKEN_ROLES; i++) {
		int64_t id;

		if (!gguf_int(g, key[i], &id))
			continue;
		if (id < 0 || id >= t->n)
			return err_set(err, ERR_FORMAT, "%s: key %s is %lld of %d tokens", path,
				       key[i], (long long)id, t->n);
		t->role[i] = (int)id;
	}
	t->add_bos = t->kind == TOKENIZER_SPM || t->cut == BBPE_LLAMA3;
	gguf_bool(g, KEY("add_bos_token"), &t->add_bos);
	gguf_bool(g, KEY("add_eos_token"), &t->add_eos);
	return 0;
}

/* Phi-3's tokenizer takes blanks behind its special tokens along; the file does not say. */
static void phi3(struct tokenizer *t, const struct gguf *g)
{
	static const char *const keep[] = { "<unk>", "<s>", "<|endoftext|>" };
	const char *s;
	size_t n;

	if (!gguf_str(g, "general.architecture", &s, &n) || !is(s, n, "phi3"))
		return;
	for (int i = 0; i < t->n; i++) {
		struct token *k = &t->token[i];

		k->rstrip = k->early;
		for (size_t j = 0; j < ARRAY_LEN(keep); j++)
			k->rstrip &= strcmp(k->s, keep[j]) != 0;
	}
}

static int read_gguf(struct tokenizer *t, const struct gguf *g, const char *path, struct err *err)
{
	bool prefix = true;

	if (put_tokens(t, g, path, err) || tokenizer_index(t, path, err))
		return err->code;
	if (t->kind == TOKENIZER_BBPE && choose_cut(t, g, path, err))
		return err->code;
	gguf_bool(g, KEY("add_space_prefix"), &prefix);
	if (t->kind == TOKENIZER_SPM && prefix)
		t->prefix = PREFIX_ALWAYS;
	phi3(t, g);
	if (choose_roles(t, g, path, err) ||
	    (t->kind == TOKENIZER_SPM ? tokenizer_merge_scores(t, path, err)
				      : put_merges(t, g, path, err)))
		return err->code;
	return tokenizer_finish(t, path, err);
}

struct tokenizer *tokenizer_read_gguf(const char *path, struct err *err)
{
	struct gguf *g = gguf_open(path, err);
	struct tokenizer *t = NULL;
	const char *s;
	size_t n;

	if (!g)
		return NULL;
	if (!gguf_str(g, KEY("model"), &s, &n))
		err_set(err, ERR_FORMAT, "%s: no tokenizer (key %s)", path, KEY("model"));
	else if (!is(s, n, "llama") && !is(s, n, "gpt2"))
		err_set(err, ERR_FORMAT, "%s: a tokenizer of kind '%.*s'; known are llama, gpt2",
			path, (int)(n < 60 ? n : 60), s);
	else
		t = tokenizer_draft(is(s, n, "llama") ? TOKENIZER_SPM : TOKENIZER_BBPE, err);
	if (t && read_gguf(t, g, path, err)) {
		tokenizer_free(t);
		t = NULL;
	}
	gguf_close(g);
	return t;
}
