/* SPDX-License-Identifier: Apache-2.0
 * Does a server do what its profile says: asks whose replies are known.
 */
#include "harness/remote/http_parts.h"

#include <ctype.h>
#include <string.h>

#include "harness/remote/probe_media.h"
#include "harness/remote/redact.h"

#define SHOWN  300 /* bytes of a server's text in a message */
#define TOKENS 256 /* of a reply: some models think first */

#define ROLE_TEXT(text)                                                                            \
	{                                                                                          \
		.type = ASK_TEXT, .data = text, .size = sizeof(text) - 1                           \
	}

struct trial {
	const struct http *h;
	struct ask ask;
	bool asked, ok;
	enum answer_status status;
	enum reply_cause cause;
	struct strbuf why, text; /* first error; reply; both fit for a message */
};

static enum ask_next next_trial(void *ctx, const struct ask **out, struct err *err)
{
	struct trial *t = ctx;

	(void)err;
	if (t->asked)
		return ASK_END;
	t->asked = true;
	*out = &t->ask;
	return ASK_READY;
}

static int put_trial(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct trial *t = ctx;
	bool known = r->n_options == 0;

	(void)ask;
	for (int i = 0; i < r->n_options; i++)
		known |= r->option[i].known;
	t->ok = r->status == ANSWER_OK && known;
	t->status = r->status;
	t->cause = r->cause;
	strbuf_add(&t->why, r->first_error);
	redact_message(&t->text, r->text, strlen(r->text), t->h->profile.key, SHOWN);
	return t->why.oom || t->text.oom ? err_set(err, ERR_NOMEM, "http: no memory") : 0;
}

static bool word_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Where the text names a request field: in quotes, but not as the key of a JSON object, or behind
 * "supplied: ".  NULL: nowhere. */
static const char *find_field(const char *text, const char *field)
{
	const size_t n = strlen(field);

	for (const char *s = strstr(text, field); s; s = strstr(s + 1, field)) {
		const char *after = s + n + (s[n] == '\\');

		if (s > text && strchr("'\"`", s[-1]) && !word_byte(s[n]) &&
		    !str_starts(after, "\":"))
			return s;
		if (s - text >= 10 && str_starts(s - 10, "supplied: ") && !word_byte(s[n]))
			return s;
	}
	return NULL;
}

/* The field that a refusal names first and the profile can do something about; NULL: none.
 * *extra: it is the user's own. */
static const char *refused_field(const struct endpoint *p, const char *why, bool *extra)
{
	const char *field = NULL, *first = NULL, *at;

	*extra = false;
	for (int i = 0; i < FIELDS; i++) {
		at = find_field(why, i == FIELD_MAX_TOKENS && p->completion_tokens
					     ? "max_completion_tokens"
					     : endpoint_field_name[i]);
		if (p->omit & 1u << i || !at || (first && at > first))
			continue;
		first = at;
		field = endpoint_field_name[i];
	}
	for (const struct json *m = json_at(json_get(p->json, "extra"), 0); m; m = json_next(m)) {
		at = find_field(why, json_key(m));
		if (!at || (first && at > first))
			continue;
		first = at;
		field = json_key(m);
		*extra = true;
	}
	return field;
}

/* A refusal that names a field has another remedy than one that does not. */
static int check_fields(const struct trial *t, struct err *err)
{
	const struct endpoint *p = &t->h->profile;
	const char *why = strbuf_str(&t->why), *field;
	bool extra;

	field = t->cause == CAUSE_REFUSED ? refused_field(p, why, &extra) : NULL;
	if (!field)
		return 0;
	if (extra)
		return err_set(
			err, ERR_BACKEND,
			"profile %s: the server refuses the field \"%.60s\" (%s); take it out "
			"of \"extra\"",
			p->name, field, why);
	return err_set(
		err, ERR_BACKEND,
		"profile %s: the server refuses the field \"%s\" or its value (%s); leave it "
		"out with \"omit\": [\"%s\"]%s",
		p->name, field, why, field,
		strcmp(field, "max_tokens") ? "" : ", or name another one under \"tokens_field\"");
}

/* Sends the ask; t->ok says what came of it. */
static int put_question(struct http *h, struct trial *t, struct err *err)
{
	const struct ask_source source = { .next = next_trial, .ctx = t };
	const struct ask_sink sink = { put_trial, NULL, t };

	t->h = h;
	t->ask.id = "probe";
	t->ask.task = t->ask.settings = "";
	t->ask.n_messages = 1;
	t->ask.sampling = ask_sampling_default;
	t->ask.sampling.max_tokens = TOKENS;
	return http_run(h, &source, &sink, err) ? err->code : check_fields(t, err);
}

static void end(struct trial *t)
{
	strbuf_free(&t->why);
	strbuf_free(&t->text);
}

/* A text is answered at all, or the reason is told now rather than a thousand times. */
static int try_text(struct http *h, struct err *err)
{
	static const struct ask_part question =
		ROLE_TEXT("What colour is grass? Reply with the name of the colour only.");
	static const struct ask_message message = { "user", &question, 1 };
	struct trial t = { .ask = { .message = &message, .mode = ASK_GENERATE } };

	if (!put_question(h, &t, err) && t.status == ANSWER_BACKEND_FAIL)
		err_set(err, ERR_BACKEND, "profile %s: the server does not answer a question: %s",
			h->profile.name, strbuf_str(&t.why));
	end(&t);
	return err->code;
}

static int try_mode(struct http *h, enum ask_mode mode, struct err *err)
{
	static const char *const animal[] = { "cat", "dog" };
	static const char *const colour[] = { "green", "yellow" };
	/* no free reply to this is one of the animals */
	static const struct ask_part question =
		ROLE_TEXT("What colour is grass? Reply with the name of the colour only.");
	static const struct ask_part beginning = ROLE_TEXT("The colour of fresh grass is");
	static const struct ask_part letters =
		ROLE_TEXT("What colour is grass? A: green. B: yellow. Reply with one letter.");
	const struct ask_message message = { "user",
					     mode == ASK_CHOICE	   ? &question
					     : mode == ASK_LETTERS ? &letters
								   : &beginning,
					     1 };
	struct trial t = { .ask = { .message = &message,
				    .mode = mode,
				    .option = mode == ASK_CHOICE ? animal : colour,
				    .n_options = 2 } };

	if (!put_question(h, &t, err) && !t.ok)
		err_set(err, ERR_BACKEND,
			"profile %s: the server does not do mode %s as it should (%s); take "
			"it out of \"can\"%s",
			h->profile.name, ask_mode_name[mode], strbuf_str(&t.why),
			mode == ASK_CHOICE ? " or name another \"choice\"" : "");
	end(&t);
	return err->code;
}

/* Whether one of the words (a list with blanks, in small letters) begins a word of the text. */
static bool says(const char *text, const char *words)
{
	for (const char *w = words; *w; w += strspn(w, " ")) {
		const size_t n = strcspn(w, " ");

		for (const char *s = text; *s; s++) {
			size_t k = 0;

			while (k < n && tolower((unsigned char)s[k]) == w[k])
				k++;
			if (k == n && (s == text || !word_byte(s[-1])))
				return true;
		}
		w += n;
	}
	return false;
}

/* A known picture, sound or video, and a question about it. */
static int try_part(struct http *h, enum ask_part_type type, struct err *err)
{
	static const struct {
		const char *can, *question, *is, *words;
	} row[ASK_PART_TYPES] = {
		[ASK_JPEG] = { "images",
			       "What colour is this picture? Reply with the name of the colour "
			       "only.",
			       "a green picture", "green" },
		[ASK_WAV] = { "audio", "What is heard in this recording? Reply in a few words.",
			      "a steady tone of 440 Hz",
			      "tone beep buzz hum sine whistl pitch note signal ring drone "
			      "electronic" },
		[ASK_VIDEO] = { "video",
				"What colour is this video? Reply with the name of the colour "
				"only.",
				"a green video", "green" },
	};
	unsigned char wav[PROBE_SOUND_BYTES];
	struct ask_part part[2] = {
		{ .type = ASK_WAV, .data = (const char *)wav, .size = sizeof(wav) },
		{ .type = ASK_TEXT, .data = row[type].question, .size = strlen(row[type].question) }
	};
	const struct ask_message message = { "user", part, 2 };
	struct trial t = { .ask = { .message = &message, .mode = ASK_GENERATE } };

	if (type == ASK_WAV)
		probe_sound(wav);
	else
		part[0] = type == ASK_JPEG ? probe_picture() : probe_video();
	if (!put_question(h, &t, err) &&
	    (!t.ok || !says(strbuf_str(&t.text), row[type].words) ||
	     says(strbuf_str(&t.text), "cannot can't can’t unable don't don’t")))
		err_set(err, ERR_BACKEND,
			"profile %s: given %s and asked \"%s\", the server says: '%s'; take %s "
			"out of \"can\", or leave this trial out with \"probe\"",
			h->profile.name, row[type].is, row[type].question,
			strbuf_str(t.ok ? &t.text : &t.why), row[type].can);
	end(&t);
	return err->code;
}

int http_try(struct http *h, unsigned needs, struct err *err)
{
	static const unsigned mode_bit[ASK_MODES] = { CAN_TEXT, CAN_CHOICE, CAN_LIKELIHOOD,
						      CAN_LETTERS };
	static const unsigned part_bit[ASK_PART_TYPES] = { 0, CAN_IMAGES, CAN_AUDIO, CAN_VIDEO };
	const unsigned probe = h->profile.probe;

	if (needs & ASK_NEEDS_MODE(ASK_GENERATE) && probe & mode_bit[ASK_GENERATE])
		try_text(h, err);
	for (int m = ASK_CHOICE; m < ASK_MODES && !err->code; m++)
		if (needs & ASK_NEEDS_MODE(m) && probe & mode_bit[m])
			try_mode(h, (enum ask_mode)m, err);
	for (int t = ASK_JPEG; t < ASK_PART_TYPES && !err->code; t++)
		if (needs & ASK_NEEDS_PART(t) && probe & part_bit[t])
			try_part(h, (enum ask_part_type)t, err);
	return err->code;
}
