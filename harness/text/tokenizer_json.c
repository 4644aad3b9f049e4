/* SPDX-License-Identifier: Apache-2.0
 * tokenizer.json of Hugging Face: model BPE, byte-level or with bytes for what is unknown.
 * Every part that changes tokens is either understood or refused by name.
 */
#include "harness/text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/text/tokenizer_config.h"

static bool is(const struct json *v, const char *word)
{
	return !strcmp(json_str(v, ""), word);
}

static int refuse(const char *path, const char *part, const struct json *v, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: %s '%s' with these settings is not understood", path,
		       part, json_str(json_get(v, "type"), "?"));
}

/* The members of a "Sequence" or the one value itself, n at most; -1: too many. */
static int parts_of(const struct json *v, const char *key, const struct json **part, int n)
{
	const struct json *list = is(json_get(v, "type"), "Sequence") ? json_get(v, key) : NULL;
	int count = 0;

	if (json_type(v) != JSON_OBJECT)
		return 0;
	if (!list) {
		part[0] = v;
		return 1;
	}
	for (v = json_at(list, 0); v; v = json_next(v)) {
		if (count == n)
			return -1;
		part[count++] = v;
	}
	return count;
}

/* Metaspace: blanks become U+2581, one goes in front. */
static int read_metaspace(struct tokenizer *t, const struct json *v, const char *path,
			  struct err *err)
{
	const char *scheme =
		json_str(json_get(v, "prepend_scheme"),
			 json_bool(json_get(v, "add_prefix_space"), true) ? "always" : "never");

	if (!is(json_get(v, "replacement"), SPM_BLANK) || json_bool(json_get(v, "split"), true))
		return refuse(path, "pre-tokenizer", v, err);
	if (!strcmp(scheme, "always"))
		t->prefix = PREFIX_ALWAYS;
	else if (!strcmp(scheme, "first"))
		t->prefix = PREFIX_FIRST;
	else if (strcmp(scheme, "never") != 0)
		return refuse(path, "pre-tokenizer", v, err);
	t->prefix_once = true;
	return 0;
}

static int read_spm_parts(struct tokenizer *t, const struct json *root, const char *path,
			  struct err *err)
{
	const struct json *part[8];
	int n = parts_of(json_get(root, "normalizer"), "normalizers", part, 8);
	bool blanks = false;

	for (int i = 0; i < n; i++) {
		const struct json *type = json_get(part[i], "type");

		if (is(type, "Prepend") && is(json_get(part[i], "prepend"), SPM_BLANK)) {
			t->prefix = PREFIX_ALWAYS;
		} else if (is(type, "Replace") && is(json_get(part[i], "content"), SPM_BLANK) &&
			   is(json_get(json_get(part[i], "pattern"), "String"), " ")) {
			blanks = true;
		} else {
			return refuse(path, "normalizer", part[i], err);
		}
	}
	if (n < 0)
		return err_set(err, ERR_FORMAT, "%s: more than 8 normalizers", path);
	n = parts_of(json_get(root, "pre_tokenizer"), "pretokenizers", part, 8);
	if (!n && blanks)
		return 0;
	if (n == 1 && !blanks && is(json_get(part[0], "type"), "Metaspace"))
		return read_metaspace(t, part[0], path, err);
	return err_set(err, ERR_FORMAT,
		       "%s: blanks are neither replaced by the normalizer nor by one Metaspace "
		       "pre-tokenizer",
		       path);
}

/* One of the published patterns, letter for letter. */
static int read_pattern(struct tokenizer *t, const struct json *v, const char *path,
			struct err *err)
{
	const char *regex = json_str(json_get(json_get(v, "pattern"), "Regex"), "");
	const char *behaviour = json_str(json_get(v, "behavior"), "");
	const bool invert = json_bool(json_get(v, "invert"), false);

	/* the patterns leave no character out, so both spellings cut alike */
	if (!(!strcmp(behaviour, "Isolated") && !invert) &&
	    !(!strcmp(behaviour, "Removed") && invert))
		return refuse(path, "pre-tokenizer", v, err);
	for (const struct bbpe_pattern *p = bbpe_patterns; p->regex; p++)
		if (!strcmp(regex, p->regex)) {
			t->cut = p->cut;
			return 0;
		}
	return err_set(err, ERR_FORMAT,
		       "%s: the pattern of the pre-tokenizer is not known: %.200s; known are those "
		       "of GPT-2, StarCoder, LLaMA-3 and Qwen2",
		       path, regex);
}

static int read_bbpe_parts(struct tokenizer *t, const struct json *root, const char *path,
			   struct err *err)
{
	const struct json *part[8];
	int n = parts_of(json_get(root, "normalizer"), "normalizers", part, 8);
	bool digits = false, split = false, own;

	for (int i = 0; i < n; i++) {
		if (!is(json_get(part[i], "type"), "NFC"))
			return refuse(path, "normalizer", part[i], err);
		t->nfc = true;
	}
	n = parts_of(json_get(root, "pre_tokenizer"), "pretokenizers", part, 8);
	if (n < 1 || n > 2 || !is(json_get(part[n - 1], "type"), "ByteLevel") ||
	    json_bool(json_get(part[n - 1], "add_prefix_space"), true))
		return err_set(err, ERR_FORMAT,
			       "%s: the pre-tokenizer is not a pattern and ByteLevel without a "
			       "blank in front",
			       path);
	if (n == 2) {
		digits = is(json_get(part[0], "type"), "Digits") &&
			 json_bool(json_get(part[0], "individual_digits"), false);
		split = is(json_get(part[0], "type"), "Split");
		if (!digits && !split)
			return refuse(path, "pre-tokenizer", part[0], err);
	}
	own = json_bool(json_get(part[n - 1], "use_regex"), true);
	if (own == split) /* two patterns, or none */
		return refuse(path, "pre-tokenizer", part[n - 1], err);
	t->cut = digits ? BBPE_STARCODER : BBPE_GPT2;
	return split ? read_pattern(t, part[0], path, err) : 0;
}

static bool empty(const struct json *v)
{
	return !*json_str(v, "");
}

/* Settings of the model that change tokens and that no backbone of ours has. */
static int check_model(const struct json *model, const char *path, struct err *err)
{
	const struct json *type = json_get(model, "type");

	if (type && !is(type, "BPE"))
		return err_set(err, ERR_FORMAT, "%s: a %s model; only BPE is read", path,
			       json_str(type, "?"));
	if (json_type(json_get(model, "vocab")) != JSON_OBJECT ||
	    json_type(json_get(model, "merges")) != JSON_ARRAY)
		return err_set(err, ERR_FORMAT, "%s: no BPE model (vocab and merges)", path);
	if (json_num(json_get(model, "dropout"), 0) > 0 ||
	    !empty(json_get(model, "continuing_subword_prefix")) ||
	    !empty(json_get(model, "end_of_word_suffix")))
		return err_set(err, ERR_FORMAT,
			       "%s: dropout, continuing_subword_prefix or end_of_word_suffix is "
			       "set; they are not understood",
			       path);
	return 0;
}

int tokenizer_put_vocab(struct tokenizer *t, const struct json *vocab, const char *path,
			struct err *err)
{
	const int limit = json_size(vocab) + 65536; /* numbers may have gaps, but no deserts */

	for (const struct json *v = json_at(vocab, 0); v; v = json_next(v)) {
		const char *s = json_key(v);
		int64_t id;

		if (json_int(v, 0, limit - 1, path, &id, err))
			return err_wrap(err, "the number of token '%.60s'", s);
		if (tokenizer_put(t, (int)id, s, strlen(s), TOKEN_NORMAL, path, err))
			return err->code;
	}
	return 0;
}

/* A text found by the originals' second look is normalized as texts are. */
static int set_late(struct tokenizer *t, struct token *k, const char *path, struct err *err)
{
	struct strbuf b = { 0 };

	k->late = true;
	if (t->kind == TOKENIZER_SPM) {
		if (t->prefix == PREFIX_ALWAYS && !t->prefix_once)
			strbuf_add(&b, SPM_BLANK);
		for (int i = 0; i < k->len && !t->prefix_once; i++)
			strbuf_addn(&b, k->s[i] == ' ' ? SPM_BLANK : k->s + i,
				    k->s[i] == ' ' ? strlen(SPM_BLANK) : 1);
		if (!t->prefix_once)
			k->find = arena_strndup(&t->mem, strbuf_str(&b), b.len);
		else
			k->find = k->s;
		if (b.oom || !k->find)
			err_set(err, ERR_NOMEM, "%s: no memory", path);
	}
	strbuf_free(&b);
	return err->code;
}

int tokenizer_put_added(struct tokenizer *t, const struct json *v, int64_t id, const char *path,
			struct err *err)
{
	const char *s = json_str(json_get(v, "content"), "");
	const bool special = json_bool(json_get(v, "special"), false);
	struct token *k;

	if (!*s)
		return err_set(err, ERR_FORMAT, "%s: added token %lld has no content", path,
			       (long long)id);
	if (id < t->n && t->token[id].type != TOKEN_HOLE) {
		if (strcmp(t->token[id].s, s) != 0)
			return err_set(err, ERR_FORMAT,
				       "%s: added token %lld is '%.60s' here and '%.60s' in the "
				       "vocabulary",
				       path, (long long)id, s, t->token[id].s);
	} else if (tokenizer_put(t, (int)id, s, strlen(s), TOKEN_NORMAL, path, err)) {
		return err->code;
	}
	k = &t->token[id];
	k->type = special ? TOKEN_CONTROL : TOKEN_USER;
	k->lstrip = json_bool(json_get(v, "lstrip"), false);
	k->rstrip = json_bool(json_get(v, "rstrip"), false);
	k->whole = json_bool(json_get(v, "single_word"), false);
	if (!special && json_bool(json_get(v, "normalized"), true))
		return set_late(t, k, path, err);
	k->early = true;
	return 0;
}

static int read_added(struct tokenizer *t, const struct json *list, const char *path,
		      struct err *err)
{
	const int limit = t->n + json_size(list) + 65536;

	for (const struct json *v = json_at(list, 0); v; v = json_next(v)) {
		int64_t id;

		if (json_int(json_get(v, "id"), 0, limit, path, &id, err))
			return err_wrap(err, "the number of an added token");
		if (tokenizer_put_added(t, v, id, path, err))
			return err->code;
	}
	return 0;
}

static int read_merges(struct tokenizer *t, const struct json *list, const char *path,
		       struct err *err)
{
	struct strbuf b = { 0 };
	int rank = 0;

	for (const struct json *v = json_at(list, 0); v && !err->code; v = json_next(v), rank++) {
		strbuf_reset(&b);
		if (json_type(v) == JSON_ARRAY) {
			strbuf_addf(&b, "%s %s", json_str(json_at(v, 0), ""),
				    json_str(json_at(v, 1), ""));
		} else {
			strbuf_add(&b, json_str(v, ""));
		}
		if (b.oom)
			err_set(err, ERR_NOMEM, "%s: no memory", path);
		else
			tokenizer_merge_line(t, rank, strbuf_str(&b), b.len, path, err);
	}
	strbuf_free(&b);
	return err->code;
}

/* <0x00> … <0xFF> of the vocabulary are bytes, the unknown token is what the model names. */
static void mark_types(struct tokenizer *t, const struct json *model)
{
	const char *unknown = json_str(json_get(model, "unk_token"), NULL);
	const bool bytes = json_bool(json_get(model, "byte_fallback"), false);

	for (int i = 0; i < t->n; i++) {
		struct token *k = &t->token[i];

		if (unknown && !strcmp(k->s, unknown)) {
			t->role[TOKEN_UNKNOWN] = i;
			if (k->type == TOKEN_NORMAL)
				k->type = TOKEN_UNK;
		}
		if (bytes && t->kind == TOKENIZER_SPM && k->type == TOKEN_NORMAL && k->len == 6 &&
		    str_starts(k->s, "<0x") && k->s[5] == '>')
			k->type = TOKEN_BYTE;
	}
}

static int read_json(struct tokenizer *t, const struct json *root, const char *path,
		     struct err *err)
{
	const struct json *model = json_get(root, "model");

	if (t->kind == TOKENIZER_SPM ? read_spm_parts(t, root, path, err)
				     : read_bbpe_parts(t, root, path, err))
		return err->code;
	t->whole_pieces = json_bool(json_get(model, "ignore_merges"), false);
	if (tokenizer_put_vocab(t, json_get(model, "vocab"), path, err) ||
	    read_added(t, json_get(root, "added_tokens"), path, err))
		return err->code;
	mark_types(t, model);
	if (tokenizer_index(t, path, err) || read_merges(t, json_get(model, "merges"), path, err) ||
	    tokenizer_read_roles(t, root, path, err))
		return err->code;
	return tokenizer_finish(t, path, err);
}

/* Byte-level when a ByteLevel pre-tokenizer is there. */
static enum tokenizer_kind kind_of(const struct json *root)
{
	const struct json *part[8];
	const int n = parts_of(json_get(root, "pre_tokenizer"), "pretokenizers", part, 8);

	for (int i = 0; i < n; i++)
		if (is(json_get(part[i], "type"), "ByteLevel"))
			return TOKENIZER_BBPE;
	return TOKENIZER_SPM;
}

struct tokenizer *tokenizer_read_json(const char *path, struct err *err)
{
	struct json *root = json_read_file(path, TOKENIZER_BYTES, err);
	struct tokenizer *t = NULL;

	if (root && !check_model(json_get(root, "model"), path, err))
		t = tokenizer_draft(kind_of(root), err);
	if (t && read_json(t, root, path, err)) {
		tokenizer_free(t);
		t = NULL;
	}
	json_free(root);
	return t;
}
