/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/served.h"

#include <string.h>

#include "harness/base/sha256.h"
#include "harness/remote/redact.h"

#define SHOWN 300 /* bytes of a server's text in a message */

/* A body as JSON.  What is wrong with it may quote it, so it is cleaned too. */
static struct json *parse(const struct endpoint *p, const char *body, size_t len, const char *path,
			  struct err *err)
{
	struct strbuf clean = { 0 };
	struct err why = { 0 };
	struct json *v = json_parse(body, len, path, &why);

	if (why.code == ERR_NOMEM)
		err_set(err, ERR_NOMEM, "%s", why.msg);
	if (v || err->code)
		return v;
	redact_message(&clean, why.msg, strlen(why.msg), p->key, SHOWN);
	err_set(err, ERR_BACKEND, "profile %s: %s", p->name, strbuf_str(&clean));
	strbuf_free(&clean);
	return NULL;
}

/* The entry of the model in the list of /models. */
static const struct json *find_model(const struct json *list, const char *model)
{
	for (const struct json *m = json_at(json_get(list, "data"), 0); m; m = json_next(m))
		if (!strcmp(json_str(json_get(m, "id"), ""), model))
			return m;
	return NULL;
}

/* A text of the server's, secrets taken out. */
static void put_text(const struct endpoint *p, struct json_writer *w, const char *key,
		     const char *text)
{
	struct strbuf b = { 0 };

	redact_secret(&b, text, strlen(text), p->key);
	json_put_str(w, key, strbuf_str(&b));
	w->out->oom |= b.oom;
	strbuf_free(&b);
}

/* What of the entry tells one model from another (not the time, which some servers make up). */
static void put_served(const struct endpoint *p, struct json_writer *w, const struct json *model)
{
	static const char *const field[] = { "id", "max_model_len", "owned_by", "parent", "root" };

	json_open_object(w, "served");
	for (size_t i = 0; i < ARRAY_LEN(field); i++) {
		const struct json *v = json_get(model, field[i]);

		if (json_type(v) == JSON_STRING)
			put_text(p, w, field[i], json_str(v, ""));
		else if (json_type(v) == JSON_NUMBER)
			json_put_value(w, field[i], v);
	}
	json_close_object(w);
}

/* What a server lists when it does not list ours. */
static int refuse_model(const struct endpoint *p, const struct json *list, struct err *err)
{
	struct strbuf names = { 0 }, clean = { 0 };
	int n = 0;

	for (const struct json *m = json_at(json_get(list, "data"), 0); m && n < 10;
	     m = json_next(m), n++)
		strbuf_addf(&names, " %s", json_str(json_get(m, "id"), "?"));
	redact_message(&clean, strbuf_str(&names), names.len, p->key, SHOWN);
	err_set(err, ERR_BACKEND, "profile %s: the server has no model %s; it has:%s", p->name,
		p->model, strbuf_str(&clean));
	strbuf_free(&names);
	strbuf_free(&clean);
	return err->code;
}

int served_models(const struct endpoint *p, const char *body, size_t len, struct json_writer *w,
		  struct err *err)
{
	struct json *list = body ? parse(p, body, len, "/models", err) : NULL;
	const struct json *model = find_model(list, p->model);

	/* llama-server has one model, whatever it is called */
	if (!model && p->dialect == DIALECT_LLAMA)
		model = json_at(json_get(list, "data"), 0);
	if (list && !model)
		refuse_model(p, list, err);
	put_served(p, w, model);
	json_free(list);
	return err->code;
}

/* Whether llama-server was started with what it takes to see and hear. */
static int check_senses(const struct endpoint *p, const struct json *props, unsigned needs,
			struct err *err)
{
	const struct json *has = json_get(props, "modalities");
	const unsigned see = ASK_NEEDS_PART(ASK_JPEG) | ASK_NEEDS_PART(ASK_VIDEO);
	const bool blind = needs & see && !json_bool(json_get(has, "vision"), false);
	const bool deaf =
		needs & ASK_NEEDS_PART(ASK_WAV) && !json_bool(json_get(has, "audio"), false);

	if (has && (blind || deaf))
		return err_set(err, ERR_BACKEND,
			       "profile %s: the server was started without the projector for %s; "
			       "start it with --mmproj FILE",
			       p->name, blind ? "pictures" : "sound");
	return 0;
}

static void put_hash(struct json_writer *w, const char *key, const char *text)
{
	char hash[SHA256_HEX];

	sha256_hex(text, strlen(text), hash);
	json_put_str(w, key, hash);
}

int served_props(const struct endpoint *p, const char *body, size_t len, const char *rendered,
		 unsigned needs, struct json_writer *w, struct err *err)
{
	struct json *v = parse(p, body, len, "/props", err), *sample = NULL;
	struct err ignored = { 0 };
	const char *prompt;

	if (!v)
		return err->code;
	if (rendered)
		sample = json_parse(rendered, strlen(rendered), "/apply-template", &ignored);
	prompt = json_str(json_get(sample, "prompt"), NULL);
	json_open_object(w, "props");
	put_text(p, w, "build_info", json_str(json_get(v, "build_info"), ""));
	put_hash(w, "chat_template", json_str(json_get(v, "chat_template"), ""));
	json_put_num(w, "n_ctx",
		     json_num(json_get(json_get(v, "default_generation_settings"), "n_ctx"), 0));
	if (prompt)
		put_hash(w, "rendered", prompt);
	json_close_object(w);
	check_senses(p, v, needs, err);
	json_free(sample);
	json_free(v);
	return err->code;
}
