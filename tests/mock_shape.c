/* SPDX-License-Identifier: Apache-2.0
 * The documented shape of a request in each dialect.  Written from the documentation of the
 * interface, not from what the harness sends.
 */
#include "tests/mock_parts.h"

#include <libavcodec/avcodec.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

#define OPENAI (1u << MOCK_OPENAI)
#define VLLM   (1u << MOCK_VLLM)
#define LLAMA  (1u << MOCK_LLAMA)
#define ALL    (OPENAI | VLLM | LLAMA)

struct shape {
	enum mock_dialect dialect;
	struct strbuf *wrong, *facts;
};

static void wrong(struct shape *s, const char *what, const char *name)
{
	if (s->wrong)
		strbuf_addf(s->wrong, "%s%s '%.60s'", s->wrong->len ? "; " : "", what, name);
}

/* --- media ----------------------------------------------------------------------------------- */

/* Strict RFC 4648: no line feeds, padding where it belongs.  NULL: it is not.  Freed by caller. */
static unsigned char *from_base64(const char *text, size_t *n)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(text), pad = 0;
	unsigned char *out = calloc(len / 4 * 3 + 1 + AV_INPUT_BUFFER_PADDING_SIZE, 1);
	unsigned v = 0;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; out && i < len; i++) {
		const char *d = i < len - pad ? strchr(digit, text[i]) : digit;

		if (!d || len % 4) {
			free(out);
			return NULL;
		}
		v = v << 6 | (unsigned)(d - digit);
		if (i % 4 == 3)
			for (size_t k = 0; k < 3; k++)
				out[i / 4 * 3 + k] = (unsigned char)(v >> (16 - 8 * k));
	}
	*n = len / 4 * 3 - pad;
	return out;
}

static bool jpeg_decodes(unsigned char *data, size_t n, int *width, int *height)
{
	AVCodecContext *c = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_MJPEG));
	AVPacket *p = av_packet_alloc();
	AVFrame *f = av_frame_alloc();
	bool ok = false;

	av_log_set_level(AV_LOG_FATAL);
	if (c && p && f) {
		p->data = data;
		p->size = (int)n;
		c->err_recognition = AV_EF_EXPLODE;
		ok = n > 4 && data[0] == 0xff && data[1] == 0xd8 && data[n - 2] == 0xff &&
		     data[n - 1] == 0xd9 && avcodec_open2(c, NULL, NULL) >= 0 &&
		     avcodec_send_packet(c, p) >= 0 && avcodec_receive_frame(c, f) >= 0;
		*width = f->width;
		*height = f->height;
	}
	av_frame_free(&f);
	av_packet_free(&p);
	avcodec_free_context(&c);
	return ok;
}

static unsigned number(const unsigned char *s, int n)
{
	unsigned v = 0;

	while (n-- > 0)
		v = v << 8 | s[n];
	return v;
}

/* What keeps it from being 16-bit mono PCM at 16 kHz in 44 bytes of header; NULL: nothing. */
static const char *sound_fault(const unsigned char *s, size_t n)
{
	if (n < 46 || memcmp(s, "RIFF", 4) != 0 || memcmp(s + 8, "WAVEfmt ", 8) != 0 ||
	    memcmp(s + 36, "data", 4) != 0)
		return "no WAV with samples";
	if (number(s + 4, 4) != n - 8 || number(s + 40, 4) != n - 44 || number(s + 16, 4) != 16)
		return "lengths of its chunks are wrong";
	if (number(s + 20, 2) != 1 || number(s + 22, 2) != 1 || number(s + 24, 4) != 16000 ||
	    number(s + 28, 4) != 32000 || number(s + 32, 2) != 2 || number(s + 34, 2) != 16)
		return "not 16-bit mono PCM at 16 kHz";
	return NULL;
}

/* A text member that is base64 behind a prefix; NULL after saying what is wrong. */
static unsigned char *bytes_of(struct shape *s, const struct json *v, const char *member,
			       const char *prefix, size_t *n)
{
	const char *text = json_str(json_get(v, member), NULL);
	unsigned char *data = NULL;

	if (!text)
		wrong(s, "no text", member);
	else if (!str_starts(text, prefix))
		wrong(s, "does not begin as it should:", member);
	else if (!(data = from_base64(text + strlen(prefix), n)))
		wrong(s, "no base64:", member);
	return data;
}

static void only(struct shape *s, const struct json *v, const char *a, const char *b)
{
	if (json_type(v) != JSON_OBJECT)
		wrong(s, "no object with", a);
	for (const struct json *m = json_at(v, 0); m; m = json_next(m))
		if (strcmp(json_key(m), a) != 0 && strcmp(json_key(m), b) != 0)
			wrong(s, "unknown member", json_key(m));
}

static void look_at_picture(struct shape *s, const struct json *part)
{
	const struct json *v = json_get(part, "image_url");
	const char *detail = json_str(json_get(v, "detail"), "auto");
	int width = 0, height = 0;
	size_t n;
	unsigned char *data = bytes_of(s, v, "url", "data:image/jpeg;base64,", &n);

	only(s, v, "url", "detail");
	if (strcmp(detail, "low") != 0 && strcmp(detail, "high") != 0 &&
	    strcmp(detail, "auto") != 0)
		wrong(s, "unknown detail", detail);
	if (data && !jpeg_decodes(data, n, &width, &height))
		wrong(s, "no JPEG:", "url");
	if (s->facts)
		strbuf_addf(s->facts, " image %dx%d", width, height);
	free(data);
}

static void look_at_sound(struct shape *s, const struct json *part)
{
	const struct json *v = json_get(part, "input_audio");
	size_t n = 44;
	unsigned char *data = bytes_of(s, v, "data", "", &n);
	const char *fault = data ? sound_fault(data, n) : NULL;

	only(s, v, "data", "format");
	if (strcmp(json_str(json_get(v, "format"), ""), "wav") != 0)
		wrong(s, "not wav:", "format");
	if (fault)
		wrong(s, fault, "data");
	if (s->facts)
		strbuf_addf(s->facts, " sound %.6f", ((double)n - 44) / 32000);
	free(data);
}

static void look_at_video(struct shape *s, const struct json *part, const char *type)
{
	const struct json *v = json_get(part, type);
	const bool url = !strcmp(type, "video_url");
	size_t n = 0;
	unsigned char *data =
		bytes_of(s, v, url ? "url" : "data", url ? "data:video/mp4;base64," : "", &n);

	only(s, v, url ? "url" : "data", "");
	if (data && (n < 8 || memcmp(data + 4, "ftyp", 4) != 0))
		wrong(s, "no MP4:", type);
	if (s->facts)
		strbuf_addf(s->facts, " video %zu", n);
	free(data);
}

/* --- messages -------------------------------------------------------------------------------- */

static void look_at_part(struct shape *s, const struct json *part, size_t *text)
{
	static const struct {
		const char *type;
		unsigned dialects;
	} row[] = { { "text", ALL },
		    { "image_url", ALL },
		    { "input_audio", ALL },
		    { "video_url", VLLM },
		    { "input_video", LLAMA } };
	const char *type = json_str(json_get(part, "type"), "");
	size_t i = 0;

	while (i < ARRAY_LEN(row) &&
	       (strcmp(row[i].type, type) != 0 || !(row[i].dialects & 1u << s->dialect)))
		i++;
	only(s, part, "type", type);
	if (i == ARRAY_LEN(row))
		wrong(s, "unknown part type", type);
	else if (i == 0 && json_type(json_get(part, "text")) != JSON_STRING)
		wrong(s, "no text in a part of type", type);
	else if (i == 0)
		*text += strlen(json_str(json_get(part, "text"), ""));
	else if (i == 1)
		look_at_picture(s, part);
	else if (i == 2)
		look_at_sound(s, part);
	else
		look_at_video(s, part, type);
}

static void look_at_messages(struct shape *s, const struct json *list)
{
	struct strbuf media = { 0 }, *facts = s->facts;
	size_t text = 0;

	s->facts = &media;
	if (json_type(list) != JSON_ARRAY || !json_size(list))
		wrong(s, "no list with something in it:", "messages");
	for (const struct json *m = json_at(list, 0); m; m = json_next(m)) {
		const struct json *content = json_get(m, "content");
		const char *role = json_str(json_get(m, "role"), "");

		only(s, m, "role", "content");
		if (strcmp(role, "system") != 0 && strcmp(role, "user") != 0 &&
		    strcmp(role, "assistant") != 0)
			wrong(s, "unknown role", role);
		if (json_type(content) == JSON_STRING)
			text += strlen(json_str(content, ""));
		else if (json_type(content) != JSON_ARRAY || !json_size(content))
			wrong(s, "neither a text nor a list of parts:", "content");
		else
			for (const struct json *p = json_at(content, 0); p; p = json_next(p))
				look_at_part(s, p, &text);
	}
	if (facts)
		strbuf_addf(facts, "text %zu%s", text, strbuf_str(&media));
	s->facts = facts;
	strbuf_free(&media);
}

/* --- fields ---------------------------------------------------------------------------------- */

enum kind { NUMBER, WHOLE, TEXT, TRUE, FALSE, FLAG, LIST, OBJECT, MESSAGES };

struct field {
	const char *name;
	enum kind kind;
	double least, most;
	unsigned chat, completions; /* dialects that know it there */
	bool needed;
};

static const struct field fields[] = {
	{ "model", TEXT, 0, 0, ALL, ALL, true },
	{ "stream", FALSE, 0, 0, ALL, ALL, true },
	{ "n", WHOLE, 1, 1, ALL, ALL, true },
	{ "temperature", NUMBER, 0, 2, ALL, ALL, true },
	{ "top_p", NUMBER, 0, 1, ALL, ALL, true },
	{ "seed", WHOLE, 0, 9e15, ALL, ALL, true },
	{ "presence_penalty", NUMBER, -2, 2, ALL, ALL, true },
	{ "frequency_penalty", NUMBER, -2, 2, ALL, ALL, true },
	{ "max_tokens", WHOLE, 1, 1e6, ALL, ALL, false },
	{ "max_completion_tokens", WHOLE, 1, 1e6, ALL, 0, false },
	{ "messages", MESSAGES, 0, 0, ALL, 0, false },
	{ "prompt", TEXT, 0, 0, 0, ALL, false },
	{ "echo", TRUE, 0, 0, 0, VLLM | OPENAI, false },
	{ "logprobs", FLAG, 0, 5, ALL, ALL, false },
	{ "top_logprobs", WHOLE, 0, 20, ALL, 0, false },
	{ "stop", LIST, 0, 0, ALL, ALL, false },
	{ "response_format", OBJECT, 0, 0, ALL, 0, false },
	{ "reasoning_effort", TEXT, 0, 0, OPENAI | VLLM, 0, false },
	{ "structured_outputs", OBJECT, 0, 0, VLLM, VLLM, false },
	{ "guided_choice", LIST, 0, 0, VLLM, VLLM, false },
	{ "grammar", TEXT, 0, 0, LLAMA, LLAMA, false },
	{ "chat_template_kwargs", OBJECT, 0, 0, VLLM | LLAMA, 0, false },
	{ "top_k", WHOLE, -1, 1e6, VLLM | LLAMA, VLLM | LLAMA, false },
	{ "min_p", NUMBER, 0, 1, VLLM | LLAMA, VLLM | LLAMA, false },
	{ "repetition_penalty", NUMBER, 0, 2, VLLM, VLLM, false },
	{ "repeat_penalty", NUMBER, 0, 2, LLAMA, LLAMA, false },
};

static bool of_kind(const struct field *f, const struct json *v, bool completions)
{
	const double x = json_num(v, NAN);
	/* a count for completions, a switch for chat */
	const enum kind kind = f->kind == FLAG ? (completions ? WHOLE : TRUE) : f->kind;

	switch (kind) {
	case NUMBER:
		return x >= f->least && x <= f->most;
	case WHOLE:
		return x >= f->least && x <= f->most && x == floor(x);
	case TEXT:
		return *json_str(v, "") != '\0';
	case TRUE:
		return json_bool(v, false);
	case FALSE:
		return json_type(v) == JSON_BOOL && !json_bool(v, true);
	case LIST:
	case MESSAGES:
		return json_type(v) == JSON_ARRAY && json_size(v) > 0;
	case OBJECT:
	case FLAG:
		break;
	}
	return json_type(v) == JSON_OBJECT;
}

static void look_at_fields(struct shape *s, const struct mock_request *q, const char *rejects)
{
	for (const struct json *m = json_at(q->v, 0); m; m = json_next(m)) {
		size_t i = 0;

		while (i < ARRAY_LEN(fields) &&
		       (strcmp(fields[i].name, json_key(m)) != 0 ||
			!((q->completions ? fields[i].completions : fields[i].chat) &
			  1u << s->dialect)))
			i++;
		if (i == ARRAY_LEN(fields))
			wrong(s, "unknown field", json_key(m));
		else if (!of_kind(&fields[i], m, q->completions))
			wrong(s, "wrong type or out of range:", json_key(m));
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].needed && !json_get(q->v, fields[i].name) &&
		    (!rejects || strcmp(rejects, fields[i].name) != 0))
			wrong(s, "missing:", fields[i].name);
	if (!json_get(q->v, "max_tokens") == !json_get(q->v, "max_completion_tokens"))
		wrong(s, "one of both is needed:", "max_tokens, max_completion_tokens");
	if (json_get(q->v, "top_logprobs") && !json_get(q->v, "logprobs"))
		wrong(s, "needs logprobs:", "top_logprobs");
}

static void look_at_choice(struct shape *s, const struct json *v)
{
	const struct json *choice = json_get(json_get(v, "structured_outputs"), "choice");
	const struct json *format = json_get(v, "response_format"),
			  *schema = json_get(format, "json_schema");

	if (!choice)
		choice = json_get(json_get(v, "structured_outputs"), "choices");
	if (!choice)
		choice = json_get(v, "guided_choice");
	if (json_get(v, "structured_outputs"))
		only(s, json_get(v, "structured_outputs"), "choice", "choices");
	for (const struct json *o = json_at(choice, 0); o; o = json_next(o))
		if (!*json_str(o, ""))
			wrong(s, "holds something that is no text:", "choice");
	if (format && (strcmp(json_str(json_get(format, "type"), ""), "json_schema") != 0 ||
		       !*json_str(json_get(schema, "name"), "") ||
		       json_type(json_get(schema, "schema")) != JSON_OBJECT))
		wrong(s, "no named schema:", "response_format");
	if (json_get(v, "grammar") && !str_starts(json_str(json_get(v, "grammar"), ""), "root ::="))
		wrong(s, "no root rule:", "grammar");
}

void mock_shape(enum mock_dialect dialect, const struct mock_request *q, const char *rejects,
		struct strbuf *wrong_out, struct strbuf *facts)
{
	/* who only wants facts has named no dialect: parts of all are looked into */
	struct shape s = { dialect ? dialect : MOCK_VLLM, dialect ? wrong_out : NULL, facts };

	if (json_type(q->v) != JSON_OBJECT) {
		wrong(&s, "the request is no", "object");
		return;
	}
	look_at_fields(&s, q, rejects);
	look_at_choice(&s, q->v);
	if (q->completions && facts)
		strbuf_addf(facts, "text %zu", strlen(json_str(json_get(q->v, "prompt"), "")));
	else if (!q->completions)
		look_at_messages(&s, json_get(q->v, "messages"));
}
