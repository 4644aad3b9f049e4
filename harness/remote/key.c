/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/key.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/sha256.h"

#define KEY_VERSION 1 /* goes up when the same ask gets another key */

static int by_key(const void *a, const void *b)
{
	return strcmp(json_key(*(const struct json *const *)a),
		      json_key(*(const struct json *const *)b));
}

static void put_sorted_object(struct json_writer *w, const char *key, const struct json *v)
{
	const size_t n = (size_t)json_size(v);
	const struct json **member, *m = json_at(v, 0);

	json_open_object(w, key);
	if (NEW_ARRAY(member, n)) {
		for (size_t i = 0; i < n; i++, m = json_next(m))
			member[i] = m;
		qsort(member, n, sizeof(*member), by_key);
		for (size_t i = 0; i < n; i++)
			json_put_sorted(w, json_key(member[i]), member[i]);
		free(member);
	} else {
		w->out->oom = true;
	}
	json_close_object(w);
}

void json_put_sorted(struct json_writer *w, const char *key, const struct json *v)
{
	if (json_type(v) == JSON_OBJECT) {
		put_sorted_object(w, key, v);
	} else if (json_type(v) == JSON_ARRAY) {
		json_open_array(w, key);
		for (const struct json *m = json_at(v, 0); m; m = json_next(m))
			json_put_sorted(w, NULL, m);
		json_close_array(w);
	} else {
		json_put_value(w, key, v);
	}
}

/* media: gets a line with the hash. */
static void put_part(struct json_writer *w, const struct ask_part *p, struct strbuf *media)
{
	static const char *const name[ASK_PART_TYPES] = { "text", "jpeg", "wav", "video" };
	char hash[SHA256_HEX];

	json_open_object(w, NULL);
	if (p->type == ASK_TEXT) {
		json_put_str(w, "text", p->data);
	} else {
		sha256_hex(p->data, p->size, hash);
		json_put_str(w, "sha256", hash);
		json_put_int(w, "size", (int64_t)p->size);
		strbuf_addf(media, "%s\n", hash);
	}
	json_put_str(w, "type", name[p->type]);
	json_close_object(w);
}

static void put_messages(struct json_writer *w, const struct ask *ask, struct strbuf *media)
{
	json_open_array(w, NULL);
	for (int i = 0; i < ask->n_messages; i++) {
		const struct ask_message *m = &ask->message[i];

		json_open_object(w, NULL);
		json_open_array(w, "parts");
		for (int k = 0; k < m->n_parts; k++)
			put_part(w, &m->part[k], media);
		json_close_array(w);
		json_put_str(w, "role", m->role);
		json_close_object(w);
	}
	json_close_array(w);
}

static int hash_and_free(struct strbuf *b, char out[ASK_SHA_HEX], struct err *err)
{
	if (b->oom)
		err_set(err, ERR_NOMEM, "ask: no memory");
	else
		sha256_hex(strbuf_str(b), b->len, out);
	strbuf_free(b);
	return err->code;
}

int ask_prompt_hash(const struct ask *ask, char out[ASK_SHA_HEX], char media[ASK_SHA_HEX],
		    struct err *err)
{
	struct strbuf b = { 0 }, list = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 0);
	put_messages(&w, ask, &list);
	if (media)
		media[0] = '\0';
	if (media && list.len)
		return hash_and_free(&list, media, err) ? err->code : hash_and_free(&b, out, err);
	strbuf_free(&list);
	return hash_and_free(&b, out, err);
}

/* -0 and 0 are one number. */
static void put_number(struct json_writer *w, const char *key, double x)
{
	json_put_num(w, key, x == 0 ? 0 : x);
}

int ask_key(const struct ask *ask, const char *identity, const char prompt_hash[ASK_SHA_HEX],
	    char out[ASK_SHA_HEX], struct err *err)
{
	const struct ask_sampling *s = &ask->sampling;
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "backend", identity);
	put_number(&w, "frequency_penalty", s->frequency_penalty);
	json_put_str(&w, "id", ask->id);
	json_put_int(&w, "index", ask->index);
	json_put_int(&w, "key_version", KEY_VERSION);
	json_put_int(&w, "max_tokens", s->max_tokens);
	json_put_str(&w, "mode", ask_mode_name[ask->mode]);
	json_open_array(&w, "options");
	for (int i = 0; i < ask->n_options; i++)
		json_put_str(&w, NULL, ask->option[i]);
	json_close_array(&w);
	put_number(&w, "presence_penalty", s->presence_penalty);
	json_put_str(&w, "prompt", prompt_hash);
	json_put_int(&w, "seed", s->seed);
	json_put_str(&w, "settings", ask->settings);
	json_put_str(&w, "task", ask->task);
	put_number(&w, "temperature", s->temperature);
	put_number(&w, "top_p", s->top_p);
	json_close_object(&w);
	return hash_and_free(&b, out, err);
}

bool ask_deterministic(const struct ask *ask)
{
	return ask->sampling.temperature == 0;
}
