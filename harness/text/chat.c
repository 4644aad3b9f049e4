/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/chat.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/text/tokenizer_parts.h"
#include "harness/text/unicode.h"

#define ROLES	 3
#define MARKERS	 4
#define SPECIALS 4

/* What stands before and behind a message of each role. */
struct chat_format {
	const char *name, *title;
	const char *start;    /* in front of everything */
	bool begin;	      /* the tokenizer puts its begin token in front of that */
	const char *fallback; /* system text where none is given; NULL: no system turn */
	const char *before[ROLES], *behind[ROLES];
	const char *first_user; /* instead of before[] behind a system message, or NULL */
	const char *ask;	/* where the assistant's words begin */
	const char *end;	/* token that ends them; NULL: the tokenizer's own */
	bool trim[ROLES];
	const char *special[SPECIALS]; /* tokens in the texts above */
	const char *marker[MARKERS];   /* ordinary words in them */
};

static const struct chat_format vicuna = {
	.name = "vicuna",
	.title = "Vicuna v1.5: USER: ... ASSISTANT: ...</s>",
	.start = "",
	.begin = true,
	.fallback = "A chat between a curious user and an artificial intelligence assistant. The "
		    "assistant gives helpful, detailed, and polite answers to the user's "
		    "questions.",
	.before = { "", "USER: ", "ASSISTANT: " },
	.behind = { " ", " ", "</s>" },
	.ask = "ASSISTANT:",
	.end = "</s>",
	.special = { "</s>" },
	.marker = { "USER:", "ASSISTANT:" },
};

static const struct chat_format llama2 = {
	.name = "llama2",
	.title = "LLaMA-2-chat: <s>[INST] <<SYS>> ... [/INST] ... </s>",
	.start = "",
	.before = { "<s>[INST] <<SYS>>\n", "<s>[INST] ", " " },
	.behind = { "\n<</SYS>>\n\n", " [/INST]", " </s>" },
	.first_user = "",
	.ask = "",
	.end = "</s>",
	.trim = { false, true, true },
	.special = { "<s>", "</s>" },
	.marker = { "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>" },
};

#define HEADER(role) "<|start_header_id|>" role "<|end_header_id|>\n\n"
static const struct chat_format llama3 = {
	.name = "llama3",
	.title = "LLaMA-3-instruct: <|start_header_id|>user<|end_header_id|> ... <|eot_id|>",
	.start = "<|begin_of_text|>",
	.before = { HEADER("system"), HEADER("user"), HEADER("assistant") },
	.behind = { "<|eot_id|>", "<|eot_id|>", "<|eot_id|>" },
	.ask = HEADER("assistant"),
	.end = "<|eot_id|>",
	.trim = { true, true, true },
	.special = { "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
		     "<|eot_id|>" },
};

static const struct chat_format qwen2 = {
	.name = "qwen2",
	.title = "Qwen2-instruct (ChatML): <|im_start|>user ... <|im_end|>",
	.start = "",
	.fallback = "You are a helpful assistant.",
	.before = { "<|im_start|>system\n", "<|im_start|>user\n", "<|im_start|>assistant\n" },
	.behind = { "<|im_end|>\n", "<|im_end|>\n", "<|im_end|>\n" },
	.ask = "<|im_start|>assistant\n",
	.end = "<|im_end|>",
	.special = { "<|im_start|>", "<|im_end|>" },
};

static const struct chat_format plain = {
	.name = "plain",
	.title = "the texts alone: a line end behind the system's, a blank before the assistant's",
	.start = "",
	.begin = true,
	.before = { "", "", " " },
	.behind = { "\n", "", "" },
	.ask = "",
};

const struct chat_format *const chat_formats[] = {
	&vicuna, &llama2, &llama3, &qwen2, &plain, NULL
};

const struct chat_format *chat_format_named(const char *name)
{
	for (int i = 0; chat_formats[i]; i++)
		if (!strcmp(chat_formats[i]->name, name))
			return chat_formats[i];
	return NULL;
}

const char *chat_format_name(const struct chat_format *f)
{
	return f->name;
}

const char *chat_format_title(const struct chat_format *f)
{
	return f->title;
}

/* A text of which some stretches are the format's own. */
struct rendered {
	struct strbuf text;
	struct stretch *own;
	size_t n, cap;
	bool oom;
};

static void add_own(struct rendered *r, const char *s)
{
	const size_t start = r->text.len;

	strbuf_add(&r->text, s);
	if (!*s)
		return;
	if (r->n && r->own[r->n - 1].end == start) {
		r->own[r->n - 1].end = r->text.len;
		return;
	}
	if (!GROW_ARRAY(r->own, r->cap, r->n + 1)) {
		r->oom = true;
		return;
	}
	r->own[r->n++] = (struct stretch){ start, r->text.len };
}

/* What the templates' trim takes away. */
static bool is_blank(int32_t cp)
{
	return char_class(cp) == CHAR_SPACE || (cp >= 0x1c && cp <= 0x1f);
}

static void add_text(struct rendered *r, const char *s, bool left, bool right)
{
	size_t len = strlen(s), bytes;

	while (left && len && is_blank(char_next(s, len, &bytes))) {
		s += bytes;
		len -= bytes;
	}
	while (right && len && is_blank(char_before(s, len, &bytes)))
		len -= bytes;
	strbuf_addn(&r->text, s, len);
}

static int render(const struct chat_format *f, const struct chat_message *m, int n, bool ask,
		  struct rendered *r, struct err *err)
{
	bool system = n > 0 && m[0].role == CHAT_SYSTEM;

	if (system && f->first_user && (n < 2 || m[1].role != CHAT_USER))
		return err_set(err, ERR_ARG,
			       "chat format %s: a system message needs a user's behind it",
			       f->name);
	add_own(r, f->start);
	if (!system && f->fallback) {
		add_own(r, f->before[CHAT_SYSTEM]);
		add_own(r, f->fallback);
		add_own(r, f->behind[CHAT_SYSTEM]);
	}
	for (int i = 0; i < n; i++) {
		const enum chat_role role = m[i].role;
		const bool joined = f->first_user && system && i == 1;

		if (i && role == CHAT_SYSTEM)
			return err_set(err, ERR_ARG, "a system message can only be the first");
		add_own(r, joined ? f->first_user : f->before[role]);
		add_text(r, m[i].text, f->trim[role] && !joined, f->trim[role]);
		add_own(r, f->behind[role]);
	}
	if (ask)
		add_own(r, f->ask);
	return r->oom || r->text.oom ? err_set(err, ERR_NOMEM, "chat: no memory") : 0;
}

static void rendered_free(struct rendered *r)
{
	strbuf_free(&r->text);
	free(r->own);
}

int chat_text(const struct chat_format *f, const struct chat_message *m, int n, bool ask,
	      struct strbuf *out, struct err *err)
{
	struct rendered r = { .n = 0 };

	if (!render(f, m, n, ask, &r, err))
		strbuf_addn(out, strbuf_str(&r.text), r.text.len);
	rendered_free(&r);
	return out->oom && !err->code ? err_set(err, ERR_NOMEM, "chat: no memory") : err->code;
}

/* Whether one of the format's own stretches holds the text. */
static bool own_holds(const struct rendered *r, const char *text)
{
	const size_t n = strlen(text);

	for (size_t i = 0; i < r->n; i++)
		for (size_t at = r->own[i].start; at + n <= r->own[i].end; at++)
			if (!memcmp(strbuf_str(&r->text) + at, text, n))
				return true;
	return false;
}

static int check_specials(const struct chat_format *f, const struct tokenizer *t,
			  const struct rendered *r, struct err *err)
{
	for (int i = 0; i < SPECIALS && f->special[i]; i++) {
		const int id = tokenizer_find(t, f->special[i]);

		if ((id < 0 || !t->token[id].early) && own_holds(r, f->special[i]))
			return err_set(err, ERR_ARG,
				       "chat format %s needs the special token %s, which the "
				       "tokenizer (%s) lacks: choose the format the model was "
				       "trained with",
				       f->name, f->special[i], tokenizer_describe(t));
	}
	return 0;
}

int chat_encode(const struct chat_format *f, const struct tokenizer *t,
		const struct chat_message *m, int n, bool ask, struct bpe_ids *out, struct err *err)
{
	struct rendered r = { .n = 0 };

	if (!render(f, m, n, ask, &r, err) && !check_specials(f, t, &r, err))
		tokenizer_encode_marked(t, strbuf_str(&r.text), r.text.len, r.own, r.n,
					f->begin ? TOKENIZER_BOS : 0, out, err);
	rendered_free(&r);
	return err->code;
}

int chat_end(const struct chat_format *f, const struct tokenizer *t)
{
	return f->end ? tokenizer_find(t, f->end) : tokenizer_role(t, TOKEN_EOS);
}

const char *chat_lookalike(const struct chat_format *f, const char *text)
{
	for (int i = 0; i < MARKERS && f->marker[i]; i++)
		if (strstr(text, f->marker[i]))
			return f->marker[i];
	return NULL;
}
