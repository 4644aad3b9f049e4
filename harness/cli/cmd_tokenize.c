/* SPDX-License-Identifier: Apache-2.0
 * merc tokenize: what a tokenizer makes of a text, token by token.
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/text/chat.h"
#include "harness/text/tokenizer.h"

#define INPUT_MAX ((size_t)256 << 20)

static const struct opt_spec tokenize_opts[] = {
	{ .name = "tokenizer",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 't',
	  .arg = "FILE|DIR",
	  .help = "tokenizer.json, .model, .gguf, .bin, vocab.json, or a folder with one" },
	OPT_CHAT,
	OPT_SYSTEM,
	OPT_SPECIAL,
	{ .name = "begin",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'b',
	  .help = "the begin token in front, where the tokenizer has one" },
	{ .name = "ids", .type = OPT_BOOL, .fallback = "false", .help = "numbers alone, one line" },
	{ .name = "decode",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'd',
	  .help = "the other way: the text that numbers stand for" },
	OPT_FORMAT,
	OPT_END,
};

/* The operands with a blank between, or all of stdin. */
static int read_input(const struct cli *c, struct strbuf *in, struct err *err)
{
	char block[65536];
	size_t n;

	for (int i = 0; i < c->n_operand; i++) {
		strbuf_add(in, i ? " " : "");
		strbuf_add(in, c->operand[i]);
	}
	while (!c->n_operand && (n = fread(block, 1, sizeof(block), stdin)) > 0) {
		if (in->len + n > INPUT_MAX)
			return err_set(err, ERR_LIMIT, "tokenize: more than %zu bytes", INPUT_MAX);
		strbuf_addn(in, block, n);
	}
	if (!c->n_operand && ferror(stdin))
		return err_set(err, ERR_IO, "tokenize: cannot read standard input");
	return in->oom ? err_set(err, ERR_NOMEM, "tokenize: no memory") : 0;
}

/* Bytes as a person can read them: what is no printable ASCII or whole UTF-8 as \x... */
static void add_shown(struct strbuf *b, const char *s, size_t n)
{
	strbuf_addc(b, '"');
	for (size_t at = 0, len; at < n; at += len) {
		const int32_t cp = utf8_decode(s + at, n - at, &len);

		if (cp == '"' || cp == '\\')
			strbuf_addf(b, "\\%c", (int)cp);
		else if (cp == '\n')
			strbuf_add(b, "\\n");
		else if (cp < 0 || cp < 32 || (cp >= 127 && cp < 160))
			for (size_t i = 0; i < len; i++)
				strbuf_addf(b, "\\x%02x", (unsigned char)s[at + i]);
		else
			strbuf_addn(b, s + at, len);
	}
	strbuf_addc(b, '"');
}

/* Bytes of one token as they are written behind another. */
struct piece {
	struct strbuf text;
	bool special;
};

static int piece_of(const struct tokenizer *t, const struct bpe_ids *ids, size_t i, struct piece *p,
		    struct err *err)
{
	strbuf_reset(&p->text);
	if (tokenizer_piece(t, i ? ids->id[i - 1] : -1, ids->id[i], &p->text, err))
		return err->code;
	p->special = false;
	if (p->text.len)
		return 0;
	tokenizer_decode(t, &ids->id[i], 1, TOKENIZER_SPECIAL | TOKENIZER_NO_PREFIX, &p->text, err);
	p->special = p->text.len && tokenizer_special(t, ids->id[i]);
	if (!p->special)
		strbuf_reset(&p->text);
	return err->code;
}

static int add_text(const struct tokenizer *t, const struct bpe_ids *ids, struct strbuf *b,
		    struct err *err)
{
	struct piece p = { .special = false };

	for (size_t i = 0; i < ids->n && !piece_of(t, ids, i, &p, err); i++) {
		strbuf_addf(b, "%8d  ", ids->id[i]);
		if (p.special)
			strbuf_addf(b, "%s", strbuf_str(&p.text));
		else
			add_shown(b, strbuf_str(&p.text), p.text.len);
		for (size_t k = 0; k < p.text.len; k++)
			strbuf_addf(b, "%s%02x", k ? " " : "  ", (unsigned char)p.text.s[k]);
		strbuf_addc(b, '\n');
	}
	strbuf_addf(b, "%zu tokens; %s\n", ids->n, tokenizer_describe(t));
	strbuf_free(&p.text);
	return err->code;
}

static int add_json(const struct tokenizer *t, const struct bpe_ids *ids, struct strbuf *b,
		    struct err *err)
{
	struct piece p = { .special = false };
	struct json_writer w;

	json_begin(&w, b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "tokenizer", tokenizer_describe(t));
	json_put_int(&w, "count", (int64_t)ids->n);
	json_open_array(&w, "tokens");
	for (size_t i = 0; i < ids->n && !piece_of(t, ids, i, &p, err); i++) {
		struct strbuf hex = { 0 };

		for (size_t k = 0; k < p.text.len; k++)
			strbuf_addf(&hex, "%02x", (unsigned char)p.text.s[k]);
		json_open_object(&w, NULL);
		json_put_int(&w, "id", ids->id[i]);
		json_put_bool(&w, "special", p.special);
		json_put_str(&w, "bytes", strbuf_str(&hex));
		json_close_object(&w);
		strbuf_free(&hex);
	}
	json_close_array(&w);
	json_close_object(&w);
	strbuf_addc(b, '\n');
	strbuf_free(&p.text);
	return err->code;
}

/* Numbers between anything that is no digit. */
static int read_ids(const struct strbuf *in, struct bpe_ids *ids, struct err *err)
{
	const char *s = strbuf_str(in);

	for (size_t at = strcspn(s, "0123456789"); s[at]; at += strcspn(s + at, "0123456789")) {
		const size_t n = strspn(s + at, "0123456789");
		char word[12] = { 0 };
		int64_t id;

		if (n < sizeof(word))
			memcpy(word, s + at, n);
		if (parse_i64(n < sizeof(word) ? word : "too long", 0, INT32_MAX, "token", &id,
			      err))
			return err->code;
		if (!GROW_ARRAY(ids->id, ids->cap, ids->n + 1))
			return err_set(err, ERR_NOMEM, "tokenize: no memory");
		ids->id[ids->n++] = (int)id;
		at += n;
	}
	return 0;
}

static int encode(const struct cli *c, const struct tokenizer *t, const struct strbuf *in,
		  struct bpe_ids *ids, struct err *err)
{
	const char *name = opt_str(&c->opts, "chat"), *mark;
	const struct chat_format *f = chat_format_named(name);
	const struct chat_message m[] = { { CHAT_SYSTEM, opt_str(&c->opts, "system") },
					  { CHAT_USER, strbuf_str(in) } };
	const int skip = !opt_given(&c->opts, "system");

	if (!*name && !skip)
		return err_set(err, ERR_ARG, "tokenize: --system needs --chat FORMAT");
	if (!*name)
		return tokenizer_encode(t, strbuf_str(in), in->len,
					(opt_bool(&c->opts, "special") ? TOKENIZER_SPECIAL : 0u) |
						(opt_bool(&c->opts, "begin") ? TOKENIZER_BOS : 0u),
					ids, err);
	if (!f) {
		struct strbuf known = { 0 };

		for (int i = 0; chat_formats[i]; i++)
			strbuf_addf(&known, " %s", chat_format_name(chat_formats[i]));
		err_set(err, ERR_ARG, "no chat format '%s'; known are:%s", name,
			strbuf_str(&known));
		strbuf_free(&known);
		return err->code;
	}
	if (strlen(strbuf_str(in)) != in->len)
		return err_set(err, ERR_ARG, "tokenize: the text of a chat holds a NUL byte");
	mark = chat_lookalike(f, strbuf_str(in));
	if (mark)
		log_info(&c->log,
			 "the text holds '%s', which the model cannot tell from the "
			 "format's own",
			 mark);
	return chat_encode(f, t, m + skip, 2 - skip, true, ids, err);
}

static void show(const struct cli *c, const struct tokenizer *t, const struct bpe_ids *ids,
		 struct err *err)
{
	struct strbuf b = { 0 };

	if (opt_bool(&c->opts, "decode")) {
		tokenizer_decode(t, ids->id, ids->n, TOKENIZER_SPECIAL, &b, err);
	} else if (opt_bool(&c->opts, "ids")) {
		for (size_t i = 0; i < ids->n; i++)
			strbuf_addf(&b, "%s%d", i ? " " : "", ids->id[i]);
		strbuf_addc(&b, '\n');
	} else if (!strcmp(opt_str(&c->opts, "format"), "json")) {
		add_json(t, ids, &b, err);
	} else {
		add_text(t, ids, &b, err);
	}
	if (b.oom)
		err_set(err, ERR_NOMEM, "tokenize: no memory");
	if (!err->code)
		fwrite(strbuf_str(&b), 1, b.len, stdout);
	strbuf_free(&b);
}

static int run_tokenize(struct cli *c, struct err *err)
{
	struct tokenizer *t = NULL;
	struct strbuf in = { 0 };
	struct bpe_ids ids = { 0 };

	if (!*opt_str(&c->opts, "tokenizer"))
		err_set(err, ERR_ARG, "tokenize: name a tokenizer (--tokenizer FILE|DIR)");
	else
		t = tokenizer_open(opt_str(&c->opts, "tokenizer"), err);
	if (t && !read_input(c, &in, err) &&
	    !(opt_bool(&c->opts, "decode") ? read_ids(&in, &ids, err)
					   : encode(c, t, &in, &ids, err)))
		show(c, t, &ids, err);
	tokenizer_free(t);
	strbuf_free(&in);
	bpe_ids_free(&ids);
	return 0;
}

const struct verb verb_tokenize = {
	.name = "tokenize",
	.operands = "[TEXT...]",
	.max_operands = 1000,
	.summary = "Show what a tokenizer makes of a text",
	.doc = "Each token with its number, its text and its bytes; the text is the operands or "
	       "standard input, byte for byte.  Special tokens are written without quotes.  What "
	       "a user says in a chat never becomes a special token.",
	.opts = tokenize_opts,
	.run = run_tokenize,
};
