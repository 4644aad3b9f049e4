/* SPDX-License-Identifier: Apache-2.0
 * The mock server's own eye: what breaches the documented shape of a request, it says.
 */
#include "tests/test.h"

#include "harness/base/base64.h"
#include "harness/remote/probe_media.h"
#include "tests/mock_parts.h"

#define REQUEST                                                                                    \
	"{\"model\":\"m\",\"stream\":false,\"n\":1,\"temperature\":0,\"top_p\":1,\"seed\":1,"      \
	"\"max_tokens\":16,\"presence_penalty\":0,\"frequency_penalty\":0,\"messages\":[{"         \
	"\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}"
#define PART "{\"type\":\"text\",\"text\":\"hi\"}"

/* What the mock says about REQUEST with `from` replaced; "" for nothing. */
static void shape(enum mock_dialect dialect, const char *from, const char *to, struct strbuf *why)
{
	const char *at = strstr(REQUEST, from);
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct mock_request q = { .misdeed = "" };
	struct json *v;

	CHECK(at != NULL);
	strbuf_addf(&b, "%.*s%s%s", (int)(at - REQUEST), REQUEST, to, at + strlen(from));
	q.v = v = json_parse(b.s, b.len, "request", &err);
	CHECK_OK(&err);
	q.body = b.s;
	q.n = b.len;
	strbuf_reset(why);
	mock_shape(dialect, &q, NULL, why, NULL);
	json_free(v);
	strbuf_free(&b);
}

static void test_checker(void **state)
{
	static const struct {
		enum mock_dialect dialect;
		const char *from, *to, *why;
	} row[] = {
		{ MOCK_OPENAI, "\"seed\":1,", "", "missing: 'seed'" },
		{ MOCK_OPENAI, "\"n\":1", "\"n\":2", "out of range: 'n'" },
		{ MOCK_OPENAI, "false", "true", "'stream'" },
		{ MOCK_OPENAI, "false", "\"no\"", "'stream'" },
		{ MOCK_OPENAI, "\"seed\":1", "\"seed\":1.5", "'seed'" },
		{ MOCK_OPENAI, "\"seed\"", "\"top_k\":1,\"seed\"", "unknown field 'top_k'" },
		{ MOCK_LLAMA, "\"seed\"", "\"structured_outputs\":{},\"seed\"", "unknown field" },
		{ MOCK_VLLM, "\"max_tokens\":16,", "", "one of both" },
		{ MOCK_VLLM, "\"user\"", "\"tool\"", "unknown role 'tool'" },
		{ MOCK_VLLM, "\"role\"", "\"name\":\"x\",\"role\"", "unknown member 'name'" },
		{ MOCK_VLLM, "[" PART "]", "[]", "neither a text nor a list" },
		{ MOCK_OPENAI, PART, "{\"type\":\"video_url\",\"video_url\":{}}", "part type" },
		{ MOCK_LLAMA, PART, "{\"type\":\"video_url\",\"video_url\":{}}", "part type" },
		{ MOCK_VLLM, PART, "{\"type\":\"input_video\",\"input_video\":{}}", "part type" },
		{ MOCK_VLLM, PART, "{\"type\":\"image_url\",\"image_url\":{\"url\":\"/9j/\"}}",
		  "does not begin" },
		{ MOCK_VLLM, PART,
		  "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/jpeg;base64,/9j/"
		  "\"}}",
		  "no JPEG" },
		{ MOCK_VLLM, PART,
		  "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/jpeg;base64,/9j\"}}",
		  "no base64" },
		{ MOCK_VLLM, PART,
		  "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"data:audio/"
		  "wav;base64,UklG\","
		  "\"format\":\"wav\"}}",
		  "no base64" },
		{ MOCK_VLLM, PART,
		  "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklGRg==\","
		  "\"format\":\"mp3\"}}",
		  "not wav: 'format'; no WAV with samples 'data'" },
	};
	struct strbuf why = { 0 }, sound = { 0 };
	unsigned char wav[PROBE_SOUND_BYTES];

	(void)state;
	for (int d = MOCK_OPENAI; d <= MOCK_LLAMA; d++) {
		shape((enum mock_dialect)d, "hi", "ho", &why);
		assert_string_equal(strbuf_str(&why), "");
	}
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		shape(row[i].dialect, row[i].from, row[i].to, &why);
		if (!strstr(strbuf_str(&why), row[i].why))
			fail_msg("%zu: no '%s' in '%s'", i, row[i].why, strbuf_str(&why));
	}
	probe_sound(wav);
	wav[24] = wav[25] = 0; /* another rate */
	strbuf_add(&sound, "{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"");
	base64_add(&sound, wav, sizeof(wav));
	strbuf_add(&sound, "\",\"format\":\"wav\"}}");
	shape(MOCK_OPENAI, PART, sound.s, &why);
	assert_string_equal(strbuf_str(&why), "not 16-bit mono PCM at 16 kHz 'data'");
	strbuf_free(&why);
	strbuf_free(&sound);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
