/* SPDX-License-Identifier: Apache-2.0
 * SentencePiece's .model: a protocol-buffers message, read with bounds by hand (fields of
 * sentencepiece_model.proto).  Only BPE with the identity normalizer is a backbone's.
 */
#include "harness/text/tokenizer_parts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/text/tokenizer_config.h"

struct message {
	const unsigned char *p, *end;
};

/* One field; len and bytes of strings and messages, number of everything else. */
struct field {
	unsigned tag;
	uint64_t number;
	struct message bytes;
};

static bool read_varint(struct message *m, uint64_t *out)
{
	*out = 0;
	for (int shift = 0; shift < 70 && m->p < m->end; shift += 7) {
		const unsigned char c = *m->p++;

		if (shift < 64)
			*out |= (uint64_t)(c & 127) << shift;
		if (!(c & 128))
			return true;
	}
	return false;
}

/* 1: a field, 0: the end, -1: damaged. */
static int next_field(struct message *m, struct field *f)
{
	uint64_t key;
	size_t fixed;

	if (m->p == m->end)
		return 0;
	*f = (struct field){ 0 };
	if (!read_varint(m, &key) || key >> 3 == 0 || key >> 3 > 1 << 28)
		return -1;
	f->tag = (unsigned)(key >> 3);
	switch (key & 7) {
	case 0:
		return read_varint(m, &f->number) ? 1 : -1;
	case 2:
		if (!read_varint(m, &f->number) || f->number > (uint64_t)(m->end - m->p))
			return -1;
		f->bytes = (struct message){ m->p, m->p + f->number };
		m->p += f->number;
		return 1;
	case 1:
	case 5:
		fixed = (key & 7) == 1 ? 8 : 4;
		if ((size_t)(m->end - m->p) < fixed)
			return -1;
		for (size_t i = 0; i < fixed; i++)
			f->number |= (uint64_t)m->p[i] << 8 * i;
		m->p += fixed;
		return 1;
	default:
		return -1;
	}
}

static int damaged(const char *path, const char *where, struct err *err)
{
	return err_set(err, ERR_FORMAT,
		       "%s: not a whole SentencePiece model (damaged in %s); copy it again", path,
		       where);
}

static float float_of(uint64_t bits)
{
	const uint32_t low = (uint32_t)bits;
	float f;

	memcpy(&f, &low, sizeof(f));
	return f;
}

static int read_piece(struct tokenizer *t, struct message m, const char *path, struct err *err)
{
	struct message text = { 0 };
	uint64_t type = TOKEN_NORMAL;
	const int id = t->n;
	float score = 0;
	struct field f;
	int got;

	while ((got = next_field(&m, &f)) > 0) {
		if (f.tag == 1)
			text = f.bytes;
		else if (f.tag == 2)
			score = float_of(f.number);
		else if (f.tag == 3)
			type = f.number;
	}
	if (got < 0 || type < TOKEN_NORMAL || type > TOKEN_BYTE)
		return damaged(path, "a piece", err);
	if (text.p == text.end)
		return err_set(err, ERR_FORMAT, "%s: piece %d has no text", path, id);
	if (tokenizer_put(t, id, (const char *)text.p, (size_t)(text.end - text.p),
			  (enum token_type)type, path, err))
		return err->code;
	t->token[id].score = score;
	/* the library never finds control symbols in a text; the caller may ask for it */
	t->token[id].early = type == TOKEN_CONTROL || type == TOKEN_UNK;
	t->token[id].late = type == TOKEN_USER;
	return 0;
}

/* What of the trainer's and the normalizer's settings matters, with the defaults of the
 * format. */
struct settings {
	uint64_t model_type, suffix, prefix, squeeze, escape;
	struct message unk, bos, eos, pad, map, name;
};

static int read_trainer(struct settings *s, struct message m, const char *path, struct err *err)
{
	struct field f;
	int got;

	while ((got = next_field(&m, &f)) > 0) {
		if (f.tag == 3)
			s->model_type = f.number;
		else if (f.tag == 24)
			s->suffix = f.number;
		else if (f.tag == 45)
			s->unk = f.bytes;
		else if (f.tag == 46)
			s->bos = f.bytes;
		else if (f.tag == 47)
			s->eos = f.bytes;
		else if (f.tag == 48)
			s->pad = f.bytes;
	}
	return got < 0 ? damaged(path, "the trainer's settings", err) : 0;
}

static int read_normalizer(struct settings *s, struct message m, const char *path, struct err *err)
{
	struct field f;
	int got;

	while ((got = next_field(&m, &f)) > 0) {
		if (f.tag == 1)
			s->name = f.bytes;
		else if (f.tag == 2)
			s->map = f.bytes;
		else if (f.tag == 3)
			s->prefix = f.number;
		else if (f.tag == 4)
			s->squeeze = f.number;
		else if (f.tag == 5)
			s->escape = f.number;
	}
	return got < 0 ? damaged(path, "the normalizer's settings", err) : 0;
}

static int check_settings(const struct settings *s, const char *path, struct err *err)
{
	static const char *const types[] = { "?", "unigram", "BPE", "word", "char" };

	if (s->model_type != 2)
		return err_set(err, ERR_FORMAT, "%s: a %s model; only BPE is read", path,
			       s->model_type < ARRAY_LEN(types) ? types[s->model_type] : "?");
	if (s->map.p != s->map.end || s->squeeze || !s->escape || s->suffix)
		return err_set(err, ERR_FORMAT,
			       "%s: the normalizer '%.*s'%s; only 'identity' that keeps blanks is "
			       "read",
			       path, (int)(s->name.end - s->name.p),
			       s->name.p ? (const char *)s->name.p : "",
			       s->squeeze   ? " removes extra blanks"
			       : s->suffix  ? " writes blanks behind words"
			       : !s->escape ? " leaves blanks as they are"
					    : " replaces characters");
	return 0;
}

/* The token of a role by its text, if it is a control symbol; fallback: the format's name. */
static int role_of(const struct tokenizer *t, struct message name, const char *fallback)
{
	const char *s = name.p ? (const char *)name.p : fallback;
	const size_t len = name.p ? (size_t)(name.end - name.p) : strlen(fallback);
	const int at = vocab_find(&t->text, s, len), id = at < 0 ? -1 : t->text_id[at];

	return id >= 0 && (t->token[id].type == TOKEN_CONTROL || t->token[id].type == TOKEN_UNK)
		       ? id
		       : -1;
}

/* {"[PAD]": 32000} */
static int put_added(struct tokenizer *t, const struct json *list, const char *path,
		     struct err *err)
{
	const int first = t->n;

	for (const struct json *v = json_at(list, 0); v; v = json_next(v)) {
		int64_t id;

		if (json_int(v, first, first + json_size(list), path, &id, err))
			return err_wrap(err, "added_tokens.json");
		if (tokenizer_put(t, (int)id, json_key(v), strlen(json_key(v)), TOKEN_CONTROL, path,
				  err))
			return err->code;
		t->token[id].early = true;
	}
	return 0;
}

/* What folders of chat models add beside the model, in either form. */
static int read_added(struct tokenizer *t, const char *path, struct err *err)
{
	struct json *list = NULL, *config = NULL;

	if (!tokenizer_beside(path, "added_tokens.json", &list, err) &&
	    !put_added(t, list, path, err) &&
	    !tokenizer_beside(path, "tokenizer_config.json", &config, err))
		tokenizer_put_decoder(t, config, path, err);
	json_free(list);
	json_free(config);
	return err->code;
}

static int read_model(struct tokenizer *t, struct message m, const char *path, struct err *err)
{
	struct settings s = { .model_type = 1, .prefix = 1, .squeeze = 1, .escape = 1 };
	struct field f;
	int got;

	while ((got = next_field(&m, &f)) > 0) {
		if ((f.tag == 1 && read_piece(t, f.bytes, path, err)) ||
		    (f.tag == 2 && read_trainer(&s, f.bytes, path, err)) ||
		    (f.tag == 3 && read_normalizer(&s, f.bytes, path, err)))
			return err->code;
	}
	if (got < 0)
		return damaged(path, "its outermost message", err);
	t->prefix = s.prefix ? PREFIX_ALWAYS : PREFIX_NEVER;
	if (check_settings(&s, path, err) || read_added(t, path, err) ||
	    tokenizer_index(t, path, err))
		return err->code;
	t->role[TOKEN_UNKNOWN] = role_of(t, s.unk, "<unk>");
	t->role[TOKEN_BOS] = role_of(t, s.bos, "<s>");
	t->role[TOKEN_EOS] = role_of(t, s.eos, "</s>");
	t->role[TOKEN_PAD] = role_of(t, s.pad, "<pad>");
	t->add_bos = true;
	if (tokenizer_read_roles(t, NULL, path, err) || tokenizer_merge_scores(t, path, err))
		return err->code;
	return tokenizer_finish(t, path, err);
}

struct tokenizer *tokenizer_read_model(const char *path, struct err *err)
{
	struct tokenizer *t = NULL;
	char *buf;
	size_t len;

	if (io_read_file(path, TOKENIZER_BYTES, &buf, &len, err))
		return NULL;
	t = tokenizer_draft(TOKENIZER_SPM, err);
	if (t && read_model(t, (struct message){ (unsigned char *)buf, (unsigned char *)buf + len },
			    path, err)) {
		tokenizer_free(t);
		t = NULL;
	}
	free(buf);
	return t;
}
