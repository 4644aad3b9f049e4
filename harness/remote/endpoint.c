/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/endpoint.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/remote/redact.h"
#include "harness/remote/key.h"

#define PROFILE_MAX (1 << 20)
#define KEY_MAX	    4096

const char *const dialect_name[DIALECTS] = { "openai", "vllm", "llama-server" };
const char *const choice_way_name[CHOICE_WAYS] = { "structured_outputs",
						   "structured_outputs.choices", "guided_choice",
						   "grammar", "json_schema" };
const char *const endpoint_field_name[FIELDS] = {
	"detail", "frequency_penalty", "max_tokens", "n", "presence_penalty", "seed",
	"stream", "temperature",       "top_p",
};
const char *const endpoint_can_name[ENDPOINT_CANS] = { "images",     "audio",	"video", "choice",
						       "likelihood", "letters", "text" };

/* Every field, so that a misspelt one is refused; "group/" opens the members of an object. */
static const char *const top_fields[] = {
	"schema_version",  "name",    "dialect",      "base_url", "model",
	"revision",	   "key_env", "key_file",     "can",	  "choice",
	"tokens_field",	   "extra",   "concurrency",  "retry",	  "timeouts",
	"max_reply_bytes", "price",   "ca_file",      "note",	  "estimate",
	"adaptive",	   "omit",    "image_detail", "probe",	  NULL,
};
static const char *const retry_fields[] = { "max", "base_s", "cap_s", "retry_after_cap_s", NULL };
static const char *const timeout_fields[] = { "connect_s", "request_s", "idle_s", NULL };
static const char *const price_fields[] = { "prompt_per_million", "completion_per_million", NULL };
static const char *const adaptive_fields[] = { "min", "max", "target_p95_s", NULL };
static const char *const estimate_fields[] = { "bytes_per_token", "image_tokens",
					       "sound_tokens_per_s", "video_tokens_per_s", NULL };
/* What extra may not say: the harness does. */
static const char *const own_fields[] = {
	"model",
	"messages",
	"prompt",
	"stream",
	"n",
	"temperature",
	"top_p",
	"seed",
	"max_tokens",
	"presence_penalty",
	"frequency_penalty",
	"max_completion_tokens",
	"logprobs",
	"top_logprobs",
	"echo",
	"structured_outputs",
	"guided_choice",
	"grammar",
	"response_format",
	NULL,
};

static bool listed(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

static int check_fields(const struct json *v, const char *const *known, const char *what,
			struct err *err)
{
	struct strbuf list = { 0 };

	for (const struct json *m = json_at(v, 0); m && !err->code; m = json_next(m)) {
		if (listed(known, json_key(m)))
			continue;
		for (const char *const *k = known; *k; k++)
			strbuf_addf(&list, " %s", *k);
		err_set(err, ERR_FORMAT, "%s: unknown field \"%.60s\"; known are:%s", what,
			json_key(m), strbuf_str(&list));
	}
	strbuf_free(&list);
	return err->code;
}

static int get_text(const struct json *v, const char *name, bool needed, const char *what,
		    char **out, struct err *err)
{
	const struct json *m = json_get(v, name);
	const char *s = json_str(m, m || needed ? NULL : "");

	if (!s || (needed && !*s))
		return err_set(err, ERR_FORMAT, "%s: \"%s\" must be a text%s", what, name,
			       needed ? " that is not empty" : "");
	*out = str_dup(s);
	return *out ? 0 : err_set(err, ERR_NOMEM, "%s: no memory", what);
}

static int get_name(const struct json *v, const char *field, const char *const *name, int n,
		    int fallback, const char *what, struct err *err)
{
	const struct json *m = json_get(v, field);
	struct strbuf list = { 0 };

	if (!m && fallback >= 0)
		return fallback;
	for (int i = 0; i < n; i++) {
		if (!strcmp(json_str(m, ""), name[i])) {
			strbuf_free(&list);
			return i;
		}
		strbuf_addf(&list, " %s", name[i]);
	}
	err_set(err, ERR_FORMAT, "%s: \"%s\" must be one of:%s", what, field, strbuf_str(&list));
	strbuf_free(&list);
	return 0;
}

static int get_number(const struct json *v, const char *name, double fallback, double min,
		      double max, const char *what, double *out, struct err *err)
{
	const struct json *m = json_get(v, name);
	double x = m ? json_num(m, NAN) : fallback;

	if (!(x >= min && x <= max))
		return err_set(err, ERR_FORMAT, "%s: \"%s\" must be a number from %g to %g", what,
			       name, min, max);
	*out = x;
	return 0;
}

static int get_whole(const struct json *v, const char *name, int fallback, int min, int max,
		     const char *what, int *out, struct err *err)
{
	char field[600];
	int64_t x = fallback;

	if (!str_format(field, sizeof(field), "%s: \"%s\"", what, name))
		return err_set(err, ERR_ARG, "the name of the profile is too long");
	if (json_get(v, name) && json_int(json_get(v, name), min, max, field, &x, err))
		return err->code;
	*out = (int)x;
	return 0;
}

static int get_object(const struct json *v, const char *name, const char *const *known,
		      const char *what, struct err *err)
{
	const struct json *m = json_get(v, name);

	if (m && json_type(m) != JSON_OBJECT)
		return err_set(err, ERR_FORMAT, "%s: \"%s\" must be an object", what, name);
	return known ? check_fields(m, known, what, err) : 0;
}

/* A list of names as bits. */
static int read_names(const struct json *list, const char *field, const char *const *name, size_t n,
		      const char *what, unsigned *bits, struct err *err)
{
	struct strbuf known = { 0 };

	for (size_t i = 0; i < n; i++)
		strbuf_addf(&known, " %s", name[i]);
	if (list && json_type(list) != JSON_ARRAY)
		err_set(err, ERR_FORMAT, "%s: \"%s\" must be a list of:%s", what, field,
			strbuf_str(&known));
	for (const struct json *m = json_at(list, 0); m && !err->code; m = json_next(m)) {
		size_t i = 0;

		while (i < n && strcmp(json_str(m, ""), name[i]) != 0)
			i++;
		if (i == n)
			err_set(err, ERR_FORMAT, "%s: \"%s\" holds \"%.40s\"; known are:%s", what,
				field, json_str(m, "(no text)"), strbuf_str(&known));
		else
			*bits |= 1u << i;
	}
	strbuf_free(&known);
	return err->code;
}

/* What the server can do, what of it is tried, and what it does not take. */
static int read_can(struct endpoint *p, const char *what, struct err *err)
{
	const struct json *probe = json_get(p->json, "probe");

	if (read_names(json_get(p->json, "can"), "can", endpoint_can_name, ENDPOINT_CANS - 1, what,
		       &p->can, err) ||
	    read_names(json_get(p->json, "omit"), "omit", endpoint_field_name, FIELDS, what,
		       &p->omit, err))
		return err->code;
	if (probe && json_type(probe) != JSON_BOOL)
		return read_names(probe, "probe", endpoint_can_name, ENDPOINT_CANS, what, &p->probe,
				  err);
	p->probe = json_bool(probe, true) ? ~0u : 0;
	return 0;
}

/* Only what a request line may hold; a user, a query or a fragment would end up in logs. */
static int check_url(struct endpoint *p, const char *what, struct err *err)
{
	static const char *const ends[] = { "/chat/completions", "/completions", "/models" };
	size_t n = strlen(p->base_url);
	const char *rest = strstr(p->base_url, "://");

	if (!rest || (strncasecmp(p->base_url, "http://", 7) != 0 &&
		      strncasecmp(p->base_url, "https://", 8) != 0))
		return err_set(err, ERR_FORMAT,
			       "%s: \"base_url\" must begin with http:// or https://", what);
	if (strpbrk(rest + 3, "@?#\\ \t") || !rest[3] || rest[3] == '/')
		return err_set(err, ERR_FORMAT,
			       "%s: \"base_url\" may hold a host, a port and a path only (a key "
			       "belongs into the variable that \"key_env\" names)",
			       what);
	for (size_t i = 0; i < n; i++)
		if (!isgraph((unsigned char)p->base_url[i]))
			return err_set(err, ERR_FORMAT,
				       "%s: \"base_url\" holds a byte that URLs do not", what);
	while (n && p->base_url[n - 1] == '/')
		p->base_url[--n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (str_ends(p->base_url, ends[i]))
			return err_set(err, ERR_FORMAT,
				       "%s: \"base_url\" ends in %s, which is put behind it: leave "
				       "it out",
				       what, ends[i]);
	return 0;
}

/* Whether the server is on this machine or in a network of one's own, as far as its name says: what
 * is sent there meets nobody else. */
static bool is_near(const char *base_url)
{
	static const char *const first[] = { "127.", "10.", "192.168." };
	const char *host = strstr(base_url, "://") + 3;
	const size_t n = strcspn(host, ":/");
	const bool numbers = strspn(host, "0123456789.") == n;
	const int second =
		numbers && str_starts(host, "172.") ? (int)strtol(host + 4, NULL, 10) : 0;

	for (size_t i = 0; numbers && i < ARRAY_LEN(first); i++)
		if (str_starts(host, first[i]))
			return true;
	return (second >= 16 && second <= 31) || str_starts(host, "[::1]") ||
	       (*host != '[' && !memchr(host, '.', n));
}

static int read_extra(struct endpoint *p, const char *what, struct err *err)
{
	const struct json *extra = json_get(p->json, "extra");
	struct strbuf b = { 0 };
	struct json_writer w;

	for (const struct json *m = json_at(extra, 0); m; m = json_next(m))
		if (listed(own_fields, json_key(m)))
			return err_set(err, ERR_FORMAT,
				       "%s: \"extra\" may not hold \"%s\": the harness sends it",
				       what, json_key(m));
	json_begin(&w, &b, 0);
	if (extra)
		json_put_sorted(&w, NULL, extra);
	else
		strbuf_add(&b, "{}");
	p->extra = b.s;
	return b.oom ? err_set(err, ERR_NOMEM, "%s: no memory", what) : 0;
}

static int read_limits(struct endpoint *p, const char *what, struct err *err)
{
	const struct json *v = p->json, *retry = json_get(v, "retry"), *t = json_get(v, "timeouts"),
			  *price = json_get(v, "price");
	int bytes;

	if (get_whole(v, "concurrency", 8, 1, 1024, what, &p->concurrency, err) ||
	    get_whole(v, "max_reply_bytes", 1 << 20, 256, 1 << 28, what, &bytes, err) ||
	    get_whole(retry, "max", 5, 0, 100, what, &p->retries, err) ||
	    get_number(retry, "base_s", .5, 0, 3600, what, &p->retry_base_s, err) ||
	    get_number(retry, "cap_s", 30, 0, 3600, what, &p->retry_cap_s, err) ||
	    get_number(retry, "retry_after_cap_s", 120, 0, 86400, what, &p->retry_after_cap_s,
		       err) ||
	    get_number(t, "connect_s", 10, .001, 3600, what, &p->connect_s, err) ||
	    get_number(t, "request_s", 300, .001, 86400, what, &p->request_s, err) ||
	    get_number(t, "idle_s", 120, 1, 86400, what, &p->idle_s, err) ||
	    get_number(price, "prompt_per_million", 0, 0, 1e6, what, &p->price_prompt, err) ||
	    get_number(price, "completion_per_million", 0, 0, 1e6, what, &p->price_completion, err))
		return err->code;
	p->reply_bytes = (size_t)bytes;
	return 0;
}

static int read_estimate(struct endpoint *p, const char *what, struct err *err)
{
	const struct json *v = json_get(p->json, "estimate");
	const struct estimate_rates *u = &estimate_usual;
	struct estimate_rates *r = &p->estimate;

	if (get_object(p->json, "estimate", estimate_fields, what, err) ||
	    get_number(v, "bytes_per_token", u->bytes_per_token, .1, 1000, what,
		       &r->bytes_per_token, err) ||
	    get_number(v, "image_tokens", u->image_tokens, 0, 1e6, what, &r->image_tokens, err) ||
	    get_number(v, "sound_tokens_per_s", u->sound_tokens_per_s, 0, 1e6, what,
		       &r->sound_tokens_per_s, err))
		return err->code;
	return get_number(v, "video_tokens_per_s", u->video_tokens_per_s, 0, 1e6, what,
			  &r->video_tokens_per_s, err);
}

static int read_adaptive(struct endpoint *p, const char *what, struct err *err)
{
	const struct json *v = json_get(p->json, "adaptive");
	const struct adaptive_rule *u = &adaptive_usual;
	struct adaptive_rule *r = &p->adaptive;

	r->on = v != NULL;
	if (get_object(p->json, "adaptive", adaptive_fields, what, err) ||
	    get_whole(v, "min", u->min, 1, ADAPTIVE_MAX, what, &r->min, err) ||
	    get_whole(v, "max", u->max, r->min, ADAPTIVE_MAX, what, &r->max, err))
		return err->code;
	return get_number(v, "target_p95_s", u->target_p95_s, .001, 86400, what, &r->target_p95_s,
			  err);
}

static int check_version(const struct json *v, const char *what, struct err *err)
{
	const struct json *version = json_get(v, "schema_version");

	if (!version)
		return err_set(err, ERR_FORMAT, "%s: \"schema_version\" is needed (1)", what);
	if (json_num(version, 0) != 1)
		return err_set(err, ERR_FORMAT,
			       "%s: \"schema_version\" is not 1, the only one that is known", what);
	return 0;
}

static int read_fields(struct endpoint *p, const char *what, struct err *err)
{
	static const char *const tokens[] = { "max_tokens", "max_completion_tokens" };
	static const char *const detail[] = { "low", "high", "auto" };
	static const enum choice_way usual[DIALECTS] = { CHOICE_JSON_SCHEMA, CHOICE_STRUCTURED,
							 CHOICE_GRAMMAR };
	const struct json *v = p->json;

	if (json_type(v) != JSON_OBJECT)
		return err_set(err, ERR_FORMAT, "%s: a profile is one JSON object", what);
	if (check_fields(v, top_fields, what, err) || check_version(v, what, err) ||
	    get_object(v, "retry", retry_fields, what, err) ||
	    get_object(v, "timeouts", timeout_fields, what, err) ||
	    get_object(v, "price", price_fields, what, err) ||
	    get_object(v, "extra", NULL, what, err) ||
	    get_text(v, "name", true, what, &p->name, err) ||
	    get_text(v, "base_url", true, what, &p->base_url, err) ||
	    get_text(v, "model", true, what, &p->model, err) ||
	    get_text(v, "revision", false, what, &p->revision, err) ||
	    get_text(v, "ca_file", false, what, &p->ca_file, err) || check_url(p, what, err) ||
	    read_can(p, what, err) || read_extra(p, what, err) || read_limits(p, what, err) ||
	    read_estimate(p, what, err) || read_adaptive(p, what, err))
		return err->code;
	p->dialect = (enum dialect)get_name(v, "dialect", dialect_name, DIALECTS, -1, what, err);
	p->choice = (enum choice_way)get_name(v, "choice", choice_way_name, CHOICE_WAYS,
					      usual[p->dialect], what, err);
	p->detail = detail[get_name(v, "image_detail", detail, ARRAY_LEN(detail), 0, what, err)];
	p->completion_tokens = get_name(v, "tokens_field", tokens, 2, 0, what, err) == 1;
	return err->code;
}

/* A key is one printable word: it goes into a header line, and is looked for in what comes back.
 * One that is too short for that is the dummy that some servers want. */
static int keep_key(struct endpoint *p, const char *key, size_t n, const char *from,
		    const char *what, struct err *err)
{
	while (n && (key[n - 1] == '\n' || key[n - 1] == '\r'))
		n--;
	if (!n || n > KEY_MAX)
		return err_set(err, ERR_ARG, "%s: the key in %.200s must have 1 to %d characters",
			       what, from, KEY_MAX);
	if (n < SECRET_MIN && !is_near(p->base_url))
		return err_set(
			err, ERR_ARG,
			"%s: the key in %.200s has fewer than %d characters and could not be "
			"kept out of what is written; only a server of this machine or of a "
			"private network is sent such a one",
			what, from, SECRET_MIN);
	for (size_t i = 0; i < n; i++)
		if (!isgraph((unsigned char)key[i]) || key[i] == '"' || key[i] == '\\')
			return err_set(
				err, ERR_ARG,
				"%s: the key in %.200s holds a blank, a quote or a character "
				"that is not printable",
				what, from);
	free(p->key);
	p->key = mem_calloc(n + 1, 1);
	if (!p->key)
		return err_set(err, ERR_NOMEM, "%s: no memory", what);
	memcpy(p->key, key, n);
	return 0;
}

/* Opens a key file that nobody else can read or write; links are followed, what they lead to is
 * what is judged.  -1: err is set. */
static int open_key_file(const char *path, const char *what, struct err *err)
{
	/* a pipe must not be waited for */
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		err_set(err, errno == ENOENT ? ERR_MISSING : ERR_IO, "%s: the key file %s: %s",
			what, path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err_set(err, ERR_ARG, "%s: the key file %s is not a regular file", what, path);
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		err_set(err, ERR_ARG,
			"%s: the key file %s belongs to somebody else; make a copy of your own",
			what, path);
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		err_set(err, ERR_ARG,
			"%s: the key file %s may be read by others; run: chmod 600 %s", what, path,
			path);
	if (err->code && fd >= 0)
		close(fd);
	return err->code ? -1 : fd;
}

static int key_from_file(struct endpoint *p, const char *path, const char *what, struct err *err)
{
	const int fd = open_key_file(path, what, err);
	char text[KEY_MAX + 3];
	size_t n = 0;
	ssize_t got;

	if (fd < 0)
		return err->code;
	while (n < sizeof(text) && (got = read(fd, text + n, sizeof(text) - n)) > 0)
		n += (size_t)got;
	close(fd);
	keep_key(p, text, n, path, what, err);
	memset(text, 0, sizeof(text));
	return err->code;
}

static int fetch_key(struct endpoint *p, const char *what, struct err *err)
{
	const char *name = json_str(json_get(p->json, "key_env"), NULL);
	const char *path = json_str(json_get(p->json, "key_file"), NULL), *value;

	if (name && path)
		return err_set(err, ERR_FORMAT, "%s: \"key_env\" or \"key_file\", not both", what);
	if (path)
		return key_from_file(p, path, what, err);
	if (!name)
		return 0;
	value = getenv(name);
	if (!value || !*value)
		return err_set(err, ERR_ARG,
			       "%s: the variable %.60s, which holds the key, is not "
			       "set",
			       what, name);
	return keep_key(p, value, strlen(value), name, what, err);
}

int endpoint_parse(struct endpoint *p, const char *text, size_t len, const char *what,
		   bool with_key, struct err *err)
{
	*p = (struct endpoint){ 0 };
	p->json = json_parse(text, len, what, err);
	p->key = str_dup("");
	if (!err->code && !p->key)
		err_set(err, ERR_NOMEM, "%s: no memory", what);
	if (!err->code && !read_fields(p, what, err) && with_key)
		fetch_key(p, what, err);
	return err->code;
}

int endpoint_read(struct endpoint *p, const char *path, struct err *err)
{
	char *text;
	size_t len;

	*p = (struct endpoint){ 0 };
	if (!strncasecmp(path, "http://", 7) || !strncasecmp(path, "https://", 8))
		return err_set(err, ERR_ARG,
			       "%s: a URL is no back-end: name a profile (JSON, merc-remote(5)) "
			       "with it as \"base_url\"",
			       path);
	if (!io_is_file(path))
		return err_set(err, ERR_MISSING,
			       "%s: no such profile; a back-end is PROFILE.json, exec:COMMAND or "
			       "replay:FILE",
			       path);
	if (io_read_file(path, PROFILE_MAX, &text, &len, err))
		return err->code;
	endpoint_parse(p, text, len, path, true, err);
	free(text);
	return err->code;
}

void endpoint_free(struct endpoint *p)
{
	if (p->key)
		memset(p->key, 0, strlen(p->key));
	free(p->name);
	free(p->base_url);
	free(p->model);
	free(p->revision);
	free(p->ca_file);
	free(p->key);
	free(p->extra);
	json_free(p->json);
	*p = (struct endpoint){ 0 };
}

void endpoint_url(const struct endpoint *p, const char *path, struct strbuf *out)
{
	strbuf_add(out, p->base_url);
	strbuf_add(out, path);
}

double endpoint_cost(const struct endpoint *p, int64_t prompt_tokens, int64_t completion_tokens)
{
	return ((prompt_tokens > 0 ? (double)prompt_tokens : 0) * p->price_prompt +
		(completion_tokens > 0 ? (double)completion_tokens : 0) * p->price_completion) /
	       1e6;
}
