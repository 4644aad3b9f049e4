/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/dialect.h"

#include <string.h>

#include "harness/base/base64.h"
#include "harness/base/sha256.h"

#define TOP_LOGPROBS 20 /* the most that servers give */
#define LETTERS_MAX  26

static const struct {
	unsigned can;
	const char *name;
} part_row[ASK_PART_TYPES] = {
	[ASK_JPEG] = { CAN_IMAGES, "images" },
	[ASK_WAV] = { CAN_AUDIO, "audio" },
	[ASK_VIDEO] = { CAN_VIDEO, "video" },
};
static const unsigned mode_can[ASK_MODES] = { 0, CAN_CHOICE, CAN_LIKELIHOOD, CAN_LETTERS };

/* who: names the ask, or the asks, in messages */
static int check_can(const struct endpoint *p, unsigned needs, const char *who, struct err *err)
{
	for (int t = 0; t < ASK_PART_TYPES; t++)
		if (needs & ASK_NEEDS_PART(t) && (p->can & part_row[t].can) != part_row[t].can)
			return err_set(err, ERR_ARG,
				       "%s: it needs %s, which profile %s does not list under "
				       "\"can\"",
				       who, part_row[t].name, p->name);
	for (int m = 0; m < ASK_MODES; m++)
		if (needs & ASK_NEEDS_MODE(m) && (p->can & mode_can[m]) != mode_can[m])
			return err_set(err, ERR_ARG,
				       "%s: mode %s is not listed under \"can\" of profile %s", who,
				       ask_mode_name[m], p->name);
	if (needs & ASK_NEEDS_PART(ASK_VIDEO) && p->dialect == DIALECT_OPENAI)
		return err_set(err, ERR_ARG, "%s: there is no video part in dialect openai", who);
	return 0;
}

int dialect_can(const struct endpoint *p, unsigned needs, struct err *err)
{
	return check_can(p, needs, "asks", err);
}

static int check_mode(const struct ask *ask, struct err *err)
{
	const struct ask_part *part = ask->message[0].part;

	if (ask->mode == ASK_GENERATE ? ask->n_options != 0 : ask->n_options < 2)
		return err_set(err, ERR_ARG, "%s: mode %s takes %s", ask->id,
			       ask_mode_name[ask->mode],
			       ask->mode == ASK_GENERATE ? "no options" : "two or more options");
	if (ask->n_options > (ask->mode == ASK_LETTERS ? LETTERS_MAX : ASK_OPTIONS_MAX))
		return err_set(err, ERR_ARG, "%s: too many options", ask->id);
	if (ask->mode != ASK_LIKELIHOOD)
		return 0;
	if (ask->n_messages != 1 || ask->message[0].n_parts != 1 || part->type != ASK_TEXT ||
	    !part->size)
		return err_set(err, ERR_ARG, "%s: likelihood takes one message of one text",
			       ask->id);
	if (strchr(" \t\r\n", part->data[part->size - 1]))
		return err_set(err, ERR_ARG,
			       "%s: the text before an option must not end in white space",
			       ask->id);
	return 0;
}

int dialect_check(const struct endpoint *p, const struct ask *ask, struct err *err)
{
	if (ask->n_messages < 1 || ask->n_messages > ASK_MESSAGES_MAX)
		return err_set(err, ERR_ARG, "%s: 1 to %d messages are needed", ask->id,
			       ASK_MESSAGES_MAX);
	for (int i = 0; i < ask->n_messages; i++) {
		const struct ask_message *m = &ask->message[i];

		if (strcmp(m->role, "system") != 0 && strcmp(m->role, "user") != 0 &&
		    strcmp(m->role, "assistant") != 0)
			return err_set(err, ERR_ARG, "%s: no role '%.20s'", ask->id, m->role);
		if (m->n_parts < 1 || m->n_parts > ASK_PARTS_MAX)
			return err_set(err, ERR_ARG, "%s: a message has 1 to %d parts", ask->id,
				       ASK_PARTS_MAX);
		for (int k = 0; k < m->n_parts; k++)
			if (!m->part[k].data)
				return err_set(err, ERR_INTERNAL,
					       "%s: a part of the ask has no bytes", ask->id);
	}
	return check_can(p, ask_needs(ask), ask->id, err) ? err->code : check_mode(ask, err);
}

int dialect_steps(const struct ask *ask)
{
	return ask->mode == ASK_LIKELIHOOD ? ask->n_options : 1;
}

const char *dialect_path(const struct ask *ask)
{
	return ask->mode == ASK_LIKELIHOOD ? "/completions" : "/chat/completions";
}

/* A text member whose value is prefix and base64, without a copy in between; shown: hash and size
 * in its place. */
static void put_bytes(struct json_writer *w, const char *key, const char *prefix,
		      const struct ask_part *part, bool shown)
{
	char hash[SHA256_HEX];

	if (shown) {
		sha256_hex(part->data, part->size, hash);
		json_open_object(w, key);
		json_put_str(w, "sha256", hash);
		json_put_int(w, "bytes", (int64_t)part->size);
		json_close_object(w);
		return;
	}
	json_put_str(w, key, prefix);
	w->out->len -= w->out->oom ? 0 : 1; /* its closing quote comes after the digits */
	base64_add(w->out, part->data, part->size);
	strbuf_addc(w->out, '"');
}

static bool sent(const struct endpoint *p, enum endpoint_field field)
{
	return !(p->omit & 1u << field);
}

static void put_part(struct json_writer *w, const struct endpoint *p, const struct ask_part *part,
		     bool shown)
{
	const bool vllm = p->dialect == DIALECT_VLLM;

	json_open_object(w, NULL);
	switch (part->type) {
	case ASK_JPEG:
		json_put_str(w, "type", "image_url");
		json_open_object(w, "image_url");
		put_bytes(w, "url", "data:image/jpeg;base64,", part, shown);
		if (sent(p, FIELD_DETAIL))
			json_put_str(w, "detail", p->detail);
		json_close_object(w);
		break;
	case ASK_WAV:
		json_put_str(w, "type", "input_audio");
		json_open_object(w, "input_audio");
		put_bytes(w, "data", "", part, shown);
		json_put_str(w, "format", "wav");
		json_close_object(w);
		break;
	case ASK_VIDEO:
		json_put_str(w, "type", vllm ? "video_url" : "input_video");
		json_open_object(w, vllm ? "video_url" : "input_video");
		if (vllm)
			put_bytes(w, "url", "data:video/mp4;base64,", part, shown);
		else
			put_bytes(w, "data", "", part, shown);
		json_close_object(w);
		break;
	case ASK_TEXT:
	case ASK_PART_TYPES:
		json_put_str(w, "type", "text");
		json_put_str(w, "text", part->data);
		break;
	}
	json_close_object(w);
}

/* A system message is one text for every server; other messages are lists of parts. */
static void put_messages(struct json_writer *w, const struct endpoint *p, const struct ask *ask,
			 bool shown)
{
	json_open_array(w, "messages");
	for (int i = 0; i < ask->n_messages; i++) {
		const struct ask_message *m = &ask->message[i];

		json_open_object(w, NULL);
		json_put_str(w, "role", m->role);
		if (!strcmp(m->role, "system") && m->n_parts == 1 && m->part->type == ASK_TEXT) {
			json_put_str(w, "content", m->part->data);
		} else {
			json_open_array(w, "content");
			for (int k = 0; k < m->n_parts; k++)
				put_part(w, p, &m->part[k], shown);
			json_close_array(w);
		}
		json_close_object(w);
	}
	json_close_array(w);
}

static void put_field(struct json_writer *w, const struct endpoint *p, enum endpoint_field field,
		      double value)
{
	if (sent(p, field))
		json_put_num(w, endpoint_field_name[field], value);
}

static void put_sampling(struct json_writer *w, const struct endpoint *p, const struct ask *ask)
{
	const struct ask_sampling *s = &ask->sampling;
	bool chat = ask->mode != ASK_LIKELIHOOD;

	json_put_str(w, "model", p->model);
	if (sent(p, FIELD_STREAM))
		json_put_bool(w, "stream", false);
	put_field(w, p, FIELD_N, 1);
	put_field(w, p, FIELD_TEMPERATURE, s->temperature);
	put_field(w, p, FIELD_TOP_P, s->top_p);
	if (sent(p, FIELD_SEED))
		json_put_int(w, "seed", s->seed);
	if (sent(p, FIELD_MAX_TOKENS))
		json_put_int(w,
			     chat && p->completion_tokens ? "max_completion_tokens" : "max_tokens",
			     chat ? s->max_tokens : 1);
	put_field(w, p, FIELD_PRESENCE_PENALTY, s->presence_penalty);
	put_field(w, p, FIELD_FREQUENCY_PENALTY, s->frequency_penalty);
	for (const struct json *m = json_at(json_get(p->json, "extra"), 0); m; m = json_next(m))
		json_put_value(w, json_key(m), m);
}

static void put_options(struct json_writer *w, const char *key, const struct ask *ask)
{
	json_open_array(w, key);
	for (int i = 0; i < ask->n_options; i++)
		json_put_str(w, NULL, ask->option[i]);
	json_close_array(w);
}

/* root ::= "a" | "b" in GBNF, whose strings are quoted as JSON's are. */
static void put_grammar(struct json_writer *w, const struct ask *ask)
{
	struct strbuf g = { 0 };

	strbuf_add(&g, "root ::=");
	for (int i = 0; i < ask->n_options; i++) {
		struct json_writer quoted;

		strbuf_add(&g, i ? " | " : " ");
		json_begin(&quoted, &g, 0);
		json_put_str(&quoted, NULL, ask->option[i]);
	}
	json_put_str(w, "grammar", strbuf_str(&g));
	w->out->oom |= g.oom;
	strbuf_free(&g);
}

/* The reply is {"label": OPTION}. */
static void put_schema(struct json_writer *w, const struct ask *ask)
{
	json_open_object(w, "response_format");
	json_put_str(w, "type", "json_schema");
	json_open_object(w, "json_schema");
	json_put_str(w, "name", "label");
	json_put_bool(w, "strict", true);
	json_open_object(w, "schema");
	json_put_str(w, "type", "object");
	json_open_object(w, "properties");
	json_open_object(w, "label");
	json_put_str(w, "type", "string");
	put_options(w, "enum", ask);
	json_close_object(w);
	json_close_object(w);
	json_open_array(w, "required");
	json_put_str(w, NULL, "label");
	json_close_array(w);
	json_put_bool(w, "additionalProperties", false);
	json_close_object(w);
	json_close_object(w);
	json_close_object(w);
}

static void put_choice(struct json_writer *w, const struct endpoint *p, const struct ask *ask)
{
	switch (p->choice) {
	case CHOICE_STRUCTURED:
		json_open_object(w, "structured_outputs");
		put_options(w, "choice", ask);
		json_close_object(w);
		break;
	case CHOICE_CHOICES:
		json_open_object(w, "structured_outputs");
		put_options(w, "choices", ask);
		json_close_object(w);
		break;
	case CHOICE_GUIDED:
		put_options(w, "guided_choice", ask);
		break;
	case CHOICE_GRAMMAR:
		put_grammar(w, ask);
		break;
	case CHOICE_JSON_SCHEMA:
	case CHOICE_WAYS:
		put_schema(w, ask);
		break;
	}
}

static void put_prompt(struct json_writer *w, const struct ask *ask, int step)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "%s %s", ask->message[0].part->data, ask->option[step]);
	json_put_str(w, "prompt", strbuf_str(&b));
	w->out->oom |= b.oom;
	strbuf_free(&b);
	json_put_int(w, "logprobs", 1);
	json_put_bool(w, "echo", true);
}

static int make_request(const struct endpoint *p, const struct ask *ask, int step, bool shown,
			struct strbuf *out, struct err *err)
{
	struct json_writer w;

	strbuf_reset(out);
	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	put_sampling(&w, p, ask);
	if (ask->mode == ASK_LETTERS) {
		json_put_bool(&w, "logprobs", true);
		json_put_int(&w, "top_logprobs", TOP_LOGPROBS);
	}
	if (ask->mode == ASK_CHOICE)
		put_choice(&w, p, ask);
	if (ask->mode == ASK_LIKELIHOOD)
		put_prompt(&w, ask, step);
	else
		put_messages(&w, p, ask, shown);
	json_close_object(&w);
	return out->oom ? err_set(err, ERR_NOMEM, "%s: no memory for the request", ask->id) : 0;
}

int dialect_request(const struct endpoint *p, const struct ask *ask, int step, struct strbuf *out,
		    struct err *err)
{
	return make_request(p, ask, step, false, out, err);
}

int dialect_show(const struct endpoint *p, const struct ask *ask, int step, struct strbuf *out,
		 struct err *err)
{
	return make_request(p, ask, step, true, out, err);
}
