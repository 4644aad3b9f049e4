/* SPDX-License-Identifier: Apache-2.0
 * Is a teacher's reply a description?
 */
#include "models/teacher.h"

#include <string.h>
#include <strings.h>

#include "harness/base/json.h"
#include "harness/text/label_extract.h"
#include "harness/text/slot.h"

#define FENCE	   "```"
#define BLANKS	   " \t\r\n"
#define REPLY_MOST (16 << 10) /* bytes that are looked at */

/* What a model is told about each way to fail. */
static const struct {
	const char *cause, *wrong;
} faults[] = {
	{ "empty", "it is empty" },
	{ "filtered", "it was filtered out" },
	{ "length", "it was cut off before its end" },
	{ "utf8", "it is not valid UTF-8" },
	{ "long", "it is far too long" },
	{ "thinking", "it ends before the thinking does" },
	{ "not-json", "it is not one JSON object" },
	{ "keys", "its members are not face, body and posture, each once" },
	{ "type", "a value is neither a text nor null" },
	{ "sentence-empty", "a text is empty" },
	{ "sentence-long", "a text is too long" },
	{ "nothing", "all three values are null" },
};

/* Words that name an emotion instead of a movement. */
static const char *const emotions[] = {
	"anger",      "angry",	     "angrily", "annoyed",    "annoyance", "afraid",
	"disgust",    "disgusted",   "excited", "excitement", "fear",	   "fearful",
	"frustrated", "frustration", "happily", "happiness",  "happy",	   "joy",
	"joyful",     "neutral",     "sad",	"sadly",      "sadness",   "scared",
	"surprise",   "surprised",
};

static int fail(struct description *out, const char *cause)
{
	*out = (struct description){ .cause = cause, .wrong = cause };
	for (size_t i = 0; i < ARRAY_LEN(faults); i++)
		if (!strcmp(faults[i].cause, cause))
			out->wrong = faults[i].wrong;
	return 0;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool names_emotion(const char *s)
{
	for (; *s; s += !is_letter(*s)) {
		size_t n = 0;

		while (is_letter(s[n]))
			n++;
		for (size_t i = 0; n && i < ARRAY_LEN(emotions); i++)
			if (strlen(emotions[i]) == n && !strncasecmp(s, emotions[i], n))
				return true;
		s += n;
	}
	return false;
}

static void trim(const char **s, size_t *n)
{
	const size_t front = strspn(*s, BLANKS);
	const size_t skip = front < *n ? front : *n;

	*s += skip;
	*n -= skip;
	while (*n && strchr(BLANKS, (*s)[*n - 1]))
		--*n;
}

/* Takes the fence off that stands around the whole, with its first line ("```json"). */
static void unfence(const char **s, size_t *n)
{
	const size_t f = strlen(FENCE);
	size_t line = 0;

	if (*n < 2 * f || memcmp(*s, FENCE, f) != 0 || memcmp(*s + *n - f, FENCE, f) != 0)
		return;
	while (line < *n - f && (*s)[line] != '\n')
		line++;
	*s += line;
	*n -= line + f;
	trim(s, n);
}

/* One value becomes a sentence from mem. */
static int keep_sentence(const struct json *v, struct description *out, int part, struct arena *mem,
			 struct err *err)
{
	struct strbuf b = { 0 };
	const char *s;
	size_t n;

	slot_add(json_str(v, ""), &b);
	s = strbuf_str(&b);
	n = strlen(s);
	trim(&s, &n);
	if (b.oom)
		err_set(err, ERR_NOMEM, "description: no memory");
	else if (!n)
		fail(out, "sentence-empty");
	else if (n > DESCRIPTION_BYTES)
		fail(out, "sentence-long");
	else if (!(out->sentence[part] = arena_strndup(mem, s, n)))
		err_set(err, ERR_NOMEM, "description: no memory");
	else
		out->naming += names_emotion(out->sentence[part]);
	strbuf_free(&b);
	return err->code;
}

static int read_object(const struct json *v, struct description *out, struct arena *mem,
		       struct err *err)
{
	int texts = 0;

	if (json_type(v) != JSON_OBJECT)
		return fail(out, "not-json");
	if (json_size(v) != PART_COUNT)
		return fail(out, "keys");
	for (int p = 0; p < PART_COUNT; p++)
		if (!json_get(v, part_name[p]))
			return fail(out, "keys");
	for (int p = 0; p < PART_COUNT; p++) {
		const struct json *m = json_get(v, part_name[p]);
		const enum json_type type = json_type(m);

		if (type != JSON_NULL && type != JSON_STRING)
			return fail(out, "type");
		if (type == JSON_STRING && (keep_sentence(m, out, p, mem, err) || out->cause))
			return err->code;
		texts += type == JSON_STRING;
	}
	return texts ? 0 : fail(out, "nothing");
}

static int read_json(const char *s, size_t n, struct description *out, struct arena *mem,
		     struct err *err)
{
	struct err why = { 0 };
	struct json *v = json_parse(s, n, "reply", &why);

	if (v)
		read_object(v, out, mem, err);
	else if (why.code == ERR_NOMEM)
		err_set(err, ERR_NOMEM, "%s", why.msg);
	else
		fail(out, "not-json");
	json_free(v);
	return err->code;
}

static int read_text(const char *s, struct description *out, struct arena *mem, struct err *err)
{
	size_t n = strlen(s);

	if (n > REPLY_MOST)
		return fail(out, "long");
	if (utf8_check(s, n) < n)
		return fail(out, "utf8");
	if (!extract_after_thinking(&s, &n))
		return fail(out, "thinking");
	trim(&s, &n);
	unfence(&s, &n);
	return n ? read_json(s, n, out, mem, err) : fail(out, "empty");
}

int teacher_read(const struct reply *r, struct description *out, struct arena *mem, struct err *err)
{
	*out = (struct description){ 0 };
	if (r->status != ANSWER_OK)
		fail(out, reply_cause_name[r->cause]);
	else
		read_text(r->text, out, mem, err);
	/* what is missing was not written any more */
	if (out->cause && !strcmp(r->finish_reason, "length"))
		fail(out, "length");
	return err->code;
}
