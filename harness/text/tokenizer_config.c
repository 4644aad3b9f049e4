/* SPDX-License-Identifier: Apache-2.0
 * tokenizer_config.json, and vocab.json beside merges.txt, the older form of byte-level
 * tokenizers.
 */
#include "harness/text/tokenizer_config.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"

static char *beside(const char *path, const char *name)
{
	struct strbuf b = { 0 };

	strbuf_addn(&b, path, (size_t)(path_base(path) - path));
	strbuf_add(&b, name);
	if (b.oom)
		strbuf_free(&b);
	return b.s;
}

int tokenizer_beside(const char *path, const char *name, struct json **out, struct err *err)
{
	char *file = beside(path, name);

	*out = NULL;
	if (!file)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	if (io_is_file(file))
		*out = json_read_file(file, TOKENIZER_BYTES, err);
	free(file);
	return err->code;
}

/* "<s>" or {"content": "<s>"}; NULL: not said (some files say "") */
static const char *content_of(const struct json *v)
{
	const char *s = json_str(v, json_str(json_get(v, "content"), ""));

	return *s ? s : NULL;
}

/* The special tokens that the post-processor puts around a text. */
static void read_template(struct tokenizer *t, const struct json *post)
{
	const struct json *list = json_get(post, "processors");
	bool behind = false;

	for (const struct json *v = json_at(list, 0); v; v = json_next(v))
		if (json_get(v, "single"))
			post = v;
	for (const struct json *v = json_at(json_get(post, "single"), 0); v; v = json_next(v)) {
		const char *s = json_str(json_get(json_get(v, "SpecialToken"), "id"), NULL);
		const int id = s ? tokenizer_find(t, s) : -1;

		if (json_get(v, "Sequence"))
			behind = true;
		if (id < 0)
			continue;
		t->role[behind ? TOKEN_EOS : TOKEN_BOS] = id;
		if (behind)
			t->add_eos = true;
		else
			t->add_bos = true;
	}
}

static void usual_names(struct tokenizer *t)
{
	static const struct {
		enum tokenizer_role role;
		const char *text;
	} usual[] = {
		{ TOKEN_BOS, "<s>" },		{ TOKEN_BOS, "<|begin_of_text|>" },
		{ TOKEN_EOS, "</s>" },		{ TOKEN_EOS, "<|end_of_text|>" },
		{ TOKEN_EOS, "<|endoftext|>" }, { TOKEN_PAD, "<pad>" },
		{ TOKEN_PAD, "[PAD]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const int id = tokenizer_find(t, usual[i].text);

		if (t->role[usual[i].role] < 0 && id >= 0 && t->token[id].type == TOKEN_CONTROL)
			t->role[usual[i].role] = id;
	}
}

int tokenizer_read_roles(struct tokenizer *t, const struct json *root, const char *path,
			 struct err *err)
{
	static const char *const key[TOKEN_ROLES] = {
		[TOKEN_BOS] = "bos_token",
		[TOKEN_EOS] = "eos_token",
		[TOKEN_UNKNOWN] = "unk_token",
		[TOKEN_PAD] = "pad_token",
	};
	struct json *config;

	if (tokenizer_beside(path, "tokenizer_config.json", &config, err))
		return err->code;
	read_template(t, json_get(root, "post_processor"));
	for (int i = 0; i < TOKEN_ROLES && config; i++) {
		const char *s = content_of(json_get(config, key[i]));
		const int id = s ? tokenizer_find(t, s) : -1;

		if (s && id < 0)
			err_set(err, ERR_FORMAT,
				"%s: tokenizer_config.json names %s '%.60s', which is no token",
				path, key[i], s);
		if (id >= 0)
			t->role[i] = id;
	}
	if (config) {
		t->add_bos = json_bool(json_get(config, "add_bos_token"), t->add_bos);
		t->add_eos = json_bool(json_get(config, "add_eos_token"), t->add_eos);
	} else {
		usual_names(t);
	}
	json_free(config);
	return err->code;
}

static int read_merges_txt(struct tokenizer *t, const char *path, struct err *err)
{
	char *file = beside(path, "merges.txt"), *text = NULL;
	int rank = 0;
	size_t len;

	if (!file)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	if (!io_read_file(file, TOKENIZER_BYTES, &text, &len, err))
		for (char *line = text, *end; line < text + len && !err->code; line = end + 1) {
			end = memchr(line, '\n', (size_t)(text + len - line));
			if (!end)
				end = text + len;
			if (end > line && end[-1] == '\r')
				end[-1] = ' ';
			if (end == line || (line == text && str_starts(line, "#version")))
				continue;
			tokenizer_merge_line(t, rank++, line,
					     (size_t)(end - line) - (end[-1] == ' '), file, err);
		}
	free(text);
	free(file);
	return err->code;
}

/* The pattern follows from the class of the tokenizer. */
static int choose_class(struct tokenizer *t, const struct json *config, const char *path,
			struct err *err)
{
	const char *name = json_str(json_get(config, "tokenizer_class"), "GPT2Tokenizer");

	if (!strcmp(name, "Qwen2Tokenizer") || !strcmp(name, "Qwen2TokenizerFast")) {
		t->cut = BBPE_QWEN2;
		t->nfc = true;
	} else if (strcmp(name, "GPT2Tokenizer") != 0 && strcmp(name, "GPT2TokenizerFast") != 0) {
		return err_set(err, ERR_FORMAT,
			       "%s: tokenizer_class '%.60s' is not known; known are GPT2Tokenizer "
			       "and Qwen2Tokenizer",
			       path, name);
	}
	return 0;
}

int tokenizer_put_decoder(struct tokenizer *t, const struct json *config, const char *path,
			  struct err *err)
{
	const struct json *list = json_get(config, "added_tokens_decoder");
	const int limit = t->n + json_size(list) + 65536, known = t->n;

	for (const struct json *v = json_at(list, 0); v; v = json_next(v)) {
		int64_t id;

		if (parse_i64(json_key(v), 0, limit, "added token", &id, err))
			return err_wrap(err, "%s: tokenizer_config.json", path);
		/* a model's own tokens are described where they are */
		if (t->kind == TOKENIZER_SPM && id < known)
			continue;
		if (tokenizer_put_added(t, v, id, path, err))
			return err->code;
	}
	return 0;
}

static int read_vocab(struct tokenizer *t, const struct json *vocab, const char *path,
		      struct err *err)
{
	struct json *config;
	int id;

	if (json_type(vocab) != JSON_OBJECT)
		return err_set(err, ERR_FORMAT, "%s: not a table of tokens", path);
	if (tokenizer_beside(path, "tokenizer_config.json", &config, err))
		return err->code;
	if (!choose_class(t, config, path, err) && !tokenizer_put_vocab(t, vocab, path, err) &&
	    !tokenizer_put_decoder(t, config, path, err)) {
		/* GPT-2 has one special token and no file that says so */
		for (id = 0; id < t->n && !config; id++)
			if (!strcmp(t->token[id].s, "<|endoftext|>")) {
				t->token[id].type = TOKEN_CONTROL;
				t->token[id].early = true;
			}
		if (!tokenizer_index(t, path, err) && !read_merges_txt(t, path, err) &&
		    !tokenizer_read_roles(t, NULL, path, err))
			tokenizer_finish(t, path, err);
	}
	json_free(config);
	return err->code;
}

struct tokenizer *tokenizer_read_vocab(const char *path, struct err *err)
{
	struct json *vocab = json_read_file(path, TOKENIZER_BYTES, err);
	struct tokenizer *t = vocab ? tokenizer_draft(TOKENIZER_BBPE, err) : NULL;

	if (t && read_vocab(t, vocab, path, err)) {
		tokenizer_free(t);
		t = NULL;
	}
	json_free(vocab);
	return t;
}
