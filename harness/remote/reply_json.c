/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/reply_json.h"

#include <math.h>
#include <string.h>

#define COST_MAX 1e12 /* of one reply, in whatever currency */

const struct reply reply_none = {
	.text = "",
	.finish_reason = "",
	.prompt_tokens = -1,
	.completion_tokens = -1,
	.attempts = 1,
	.first_error = "",
	.model = "",
	.fingerprint = "",
	.request_id = "",
};

static void put_known(struct json_writer *w, const char *key, const char *value)
{
	if (*value)
		json_put_str(w, key, value);
}

static void put_count(struct json_writer *w, const char *key, int64_t n)
{
	if (n >= 0)
		json_put_int(w, key, n);
}

static void put_options(struct json_writer *w, const struct reply *r)
{
	json_open_array(w, "options");
	for (int i = 0; i < r->n_options; i++) {
		const struct option_score *o = &r->option[i];

		json_open_object(w, NULL);
		json_put_num(w, "logprob", o->known ? o->logprob : NAN);
		json_put_int(w, "tokens", o->tokens);
		json_put_int(w, "bytes", o->bytes);
		json_close_object(w);
	}
	json_close_array(w);
}

void reply_put(struct json_writer *w, const char *id, int index, const struct reply *r,
	       bool with_run)
{
	json_put_str(w, "id", id);
	json_put_int(w, "index", index);
	json_put_str(w, "status", answer_status_name[r->status]);
	if (r->cause != CAUSE_NONE)
		json_put_str(w, "cause", reply_cause_name[r->cause]);
	json_put_str(w, "text", r->text);
	put_known(w, "finish_reason", r->finish_reason);
	put_count(w, "prompt_tokens", r->prompt_tokens);
	put_count(w, "completion_tokens", r->completion_tokens);
	if (r->n_options)
		put_options(w, r);
	put_known(w, "model", r->model);
	put_known(w, "fingerprint", r->fingerprint);
	put_known(w, "prompt_hash", r->prompt_hash);
	put_known(w, "media_hash", r->media_hash);
	put_known(w, "reply_hash", r->reply_hash);
	if (!with_run)
		return;
	json_put_int(w, "attempts", r->attempts);
	put_known(w, "first_error", r->first_error);
	json_put_num(w, "latency_ms", r->latency_ms);
	if (r->reading_ms > 0)
		json_put_num(w, "reading_ms", r->reading_ms);
	if (r->writing_ms > 0)
		json_put_num(w, "writing_ms", r->writing_ms);
	json_put_num(w, "cost", r->cost);
	put_known(w, "request_id", r->request_id);
}

/* The name's place in a table, fallback when v is NULL; -1: not in it. */
static int named(const struct json *v, const char *const *name, int n, int fallback)
{
	const char *s = json_str(v, NULL);

	if (!v)
		return fallback;
	for (int i = 0; s && i < n; i++)
		if (!strcmp(name[i], s))
			return i;
	return -1;
}

static int read_count(const struct json *v, int64_t fallback, int64_t max, const char *what,
		      int64_t *out, struct err *err)
{
	*out = fallback;
	return v ? json_int(v, 0, max, what, out, err) : 0;
}

static int read_options(const struct json *a, const char *what, struct arena *mem, struct reply *r,
			struct err *err)
{
	struct option_score *o;
	int n = json_size(a), i = 0;

	if (!a)
		return 0;
	if (json_type(a) != JSON_ARRAY || n < 1 || n > ASK_OPTIONS_MAX)
		return err_set(err, ERR_FORMAT, "%s: \"options\" is not a list of 1 to %d scores",
			       what, ASK_OPTIONS_MAX);
	o = arena_array(mem, (size_t)n, sizeof(*o));
	if (!o)
		return err_set(err, ERR_NOMEM, "%s: no memory", what);
	for (const struct json *v = json_at(a, 0); v; v = json_next(v), i++) {
		int64_t tokens, bytes;

		o[i].logprob = json_num(json_get(v, "logprob"), NAN);
		o[i].known = isfinite(o[i].logprob);
		if (!o[i].known)
			o[i].logprob = 0;
		if (read_count(json_get(v, "tokens"), 0, 1 << 30, what, &tokens, err) ||
		    read_count(json_get(v, "bytes"), 0, 1 << 30, what, &bytes, err))
			return err->code;
		o[i].tokens = (int)tokens;
		o[i].bytes = (int)bytes;
	}
	r->option = o;
	r->n_options = n;
	return 0;
}

static int read_strings(const struct json *v, const char *what, struct arena *mem, struct reply *r,
			struct err *err)
{
	const struct {
		const char *name, **to;
	} row[] = {
		{ "text", &r->text },
		{ "finish_reason", &r->finish_reason },
		{ "model", &r->model },
		{ "fingerprint", &r->fingerprint },
		{ "first_error", &r->first_error },
		{ "request_id", &r->request_id },
	};

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		const struct json *s = json_get(v, row[i].name);

		if (s && json_type(s) != JSON_STRING && json_type(s) != JSON_NULL)
			return err_set(err, ERR_FORMAT, "%s: \"%s\" is not a text", what,
				       row[i].name);
		*row[i].to = arena_strdup(mem, json_str(s, ""));
		if (!*row[i].to)
			return err_set(err, ERR_NOMEM, "%s: no memory", what);
	}
	if (!str_copy(r->prompt_hash, ASK_SHA_HEX, json_str(json_get(v, "prompt_hash"), "")) ||
	    !str_copy(r->media_hash, ASK_SHA_HEX, json_str(json_get(v, "media_hash"), "")) ||
	    !str_copy(r->reply_hash, ASK_SHA_HEX, json_str(json_get(v, "reply_hash"), "")))
		return err_set(err, ERR_FORMAT, "%s: a hash is longer than SHA-256 is", what);
	return 0;
}

int reply_read(const struct json *v, const char *what, struct arena *mem, struct reply *r,
	       struct err *err)
{
	int status =
		named(json_get(v, "status"), answer_status_name, ANSWER_STATUS_COUNT, ANSWER_OK);
	int cause = named(json_get(v, "cause"), reply_cause_name, CAUSE_COUNT, CAUSE_NONE);
	const int64_t most = (int64_t)1 << 40; /* sums of it cannot overflow */
	int64_t attempts;

	*r = reply_none;
	if (status < 0 || cause < 0)
		return err_set(err, ERR_FORMAT, "%s: an unknown status or cause", what);
	r->status = (enum answer_status)status;
	r->cause = (enum reply_cause)cause;
	if (read_strings(v, what, mem, r, err) ||
	    read_options(json_get(v, "options"), what, mem, r, err) ||
	    read_count(json_get(v, "prompt_tokens"), -1, most, what, &r->prompt_tokens, err) ||
	    read_count(json_get(v, "completion_tokens"), -1, most, what, &r->completion_tokens,
		       err) ||
	    read_count(json_get(v, "attempts"), 1, 1000000, what, &attempts, err))
		return err->code;
	r->attempts = (int)attempts;
	r->latency_ms = json_num(json_get(v, "latency_ms"), 0);
	r->reading_ms = json_num(json_get(v, "reading_ms"), 0);
	r->writing_ms = json_num(json_get(v, "writing_ms"), 0);
	r->cost = json_num(json_get(v, "cost"), 0);
	if (!(r->cost >= 0 && r->cost <= COST_MAX))
		return err_set(err, ERR_FORMAT, "%s: \"cost\" is no amount", what);
	return 0;
}
