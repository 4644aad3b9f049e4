/* SPDX-License-Identifier: Apache-2.0
 * Models elsewhere: profiles, what is sent in each dialect, under which key a reply is kept, and
 * that the key of a server is found in whatever it says.
 */
#include "tests/remote_session.h"

#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/base64.h"
#include "harness/base/sha256.h"
#include "harness/remote/dialect.h"
#include "harness/remote/key.h"
#include "harness/remote/redact.h"

/* --- pieces ---------------------------------------------------------------------------------- */

static void test_sha256(void **state)
{
	static const struct {
		const char *text, *hash;
	} row[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	char hash[SHA256_HEX], *million = malloc(1000000);
	struct strbuf all = { 0 };
	unsigned char byte[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		sha256_hex(row[i].text, strlen(row[i].text), hash);
		assert_string_equal(hash, row[i].hash);
	}
	CHECK(million != NULL);
	memset(million, 'a', 1000000);
	sha256_hex(million, 1000000, hash);
	assert_string_equal(hash,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	sha256_hex_plain(million, 1000000, hash);
	assert_string_equal(hash,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
	/* every length of a last block: the digest of 301 digests as Python's hashlib has it */
	for (int i = 0; i < 300; i++)
		byte[i] = (unsigned char)(i * 7 + 3);
	for (size_t n = 0; n <= sizeof(byte); n++) {
		sha256_hex(byte, n, hash);
		strbuf_add(&all, hash);
	}
	sha256_hex(all.s, all.len, hash);
	assert_string_equal(hash,
			    "9ab015b3431ba48c0f99e81c5bb7d903f6bfea343d7d7b190120d07cc51e653b");
	/* and behind blocks that are many enough for the processor's own instructions */
	for (size_t n = all.len - 300; n <= all.len; n++) {
		char plain[SHA256_HEX];

		sha256_hex(all.s, n, hash);
		sha256_hex_plain(all.s, n, plain);
		assert_string_equal(hash, plain);
	}
	strbuf_free(&all);
}

static void check_message(const char *text, const char *want, size_t max)
{
	struct strbuf b = { 0 };

	redact_message(&b, text, strlen(text), KEY, max);
	assert_string_equal(strbuf_str(&b), want);
	strbuf_free(&b);
}

static void test_redact(void **state)
{
	struct strbuf b = { 0 };

	(void)state;
	redact_secret(&b, "a " KEY KEY " b sk-planted", 14 + 2 * strlen(KEY) + 2, KEY);
	assert_string_equal(strbuf_str(&b), "a " REDACTED REDACTED " b " REDACTED);
	strbuf_free(&b);
	check_message("x sk-planted+key\\/0123456789 y", "x " REDACTED " y", 100);
	check_message("Authorization: Bearer abc\nmore", "Authorization " REDACTED " more", 100);
	check_message("see https://u:p@host/x?key=1 now",
		      "see https://" REDACTED "@host/x?" REDACTED " now", 100);
	check_message("\x1b[31mred\xff", "?[31mred?", 100);
	check_message("aé" KEY, "a…", 2);
	/* what is cut is cut after the key is out */
	check_message("12345" KEY, "12345[redac…", 11);
}

/* The key in every spelling that a header, a log line or an error page gives it. */
static void test_redact_spellings(void **state)
{
	static const char *const row[][2] = {
		{ "%73%6b%2d%70%6c%61%6e%74%65%64%2b%6b%65%79%2f%30%31%32%33%34%35%36%37%38%39",
		  REDACTED },
		{ "%73%6B%2D%70%6C%61%6E%74%65%64%2B%6B%65%79%2F%30%31%32%33%34%35%36%37%38%39",
		  REDACTED },
		{ "sk-planted%2Bkey%2F0123456789", REDACTED },
		{ "sk-planted%252Bkey%252F0123456789", REDACTED },
		{ "x736b2d706c616e7465642b6b65792f30313233343536373839y", "x" REDACTED "y" },
		{ "736B2D706C616E7465642B6B65792F30313233343536373839", REDACTED },
		{ "73:6b:2d:70:6c:61:6e:74:65:64:2b:6b:65:79:2f:30:31:32:33:34:35:36:37:38:39",
		  REDACTED },
		{ "\\x73\\x6b\\x2d\\x70\\x6c\\x61\\x6e\\x74\\x65\\x64\\x2b\\x6b\\x65\\x79\\x2f\\x30"
		  "\\x31\\x32\\x33\\x34\\x35\\x36\\x37\\x38\\x39",
		  REDACTED },
		{ "\\u0073\\u006b\\u002d\\u0070\\u006c\\u0061\\u006e\\u0074\\u0065\\u0064\\u002b\\u"
		  "006b\\u0065\\u0079\\u002f\\u0030\\u0031\\u0032\\u0033\\u0034\\u0035\\u0036\\u003"
		  "7\\u0038\\u0039",
		  REDACTED },
		{ "sk-planted\\u002Bkey\\/0123456789", REDACTED },
		{ "sk-planted&#43;key&#x2F;0123456789", REDACTED },
		/* cut off */
		{ "sk-planted+key/012345678", REDACTED },
		{ "sk-planted+ke is no key", REDACTED " is no key" },
		{ "a sk-pla", "a " REDACTED },
		{ "sk%2dpl%61n", REDACTED },
		{ "736b2d706c61", REDACTED },
		{ "sk-planted%", REDACTED "%" },
		{ "c2stcGxhbnRlZCtrZXkvMDEyMzQ1Njc", REDACTED },
		/* not the key */
		{ "sk-pla is no key", "sk-pla is no key" },
		{ "sk-pl", "sk-pl" },
		{ "73 6b 2d 70 6c 61 6e 74 and", "73 6b 2d 70 6c 61 6e 74 and" },
		{ "c2stcGxhbnRl and", "c2stcGxhbnRl and" },
		{ "%73%6b%2", "%73%6b%2" },
		{ "The answer is joy \\n \\u0041 &#65; %41 QUFB.",
		  "The answer is joy \\n \\u0041 &#65; %41 QUFB." },
	};
	struct strbuf b = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		strbuf_reset(&b);
		redact_secret(&b, row[i][0], strlen(row[i][0]), KEY);
		assert_string_equal(strbuf_str(&b), row[i][1]);
	}
	strbuf_free(&b);
}

/* Base64 of "user:key" and the like: whatever stands before and behind, what is left tells no
 * byte of the key. */
static void test_redact_base64(void **state)
{
	char text[80];
	struct strbuf b = { 0 }, out = { 0 };

	(void)state;
	for (int before = 0; before < 7; before++)
		for (int behind = 0; behind < 7; behind++)
			for (int form = 0; form < 3; form++) {
				size_t digits;

				CHECK(str_format(text, sizeof(text), "%.*s" KEY "%.*s", before,
						 "alice:", behind, "?tail~"));
				strbuf_reset(&b);
				strbuf_reset(&out);
				base64_add(&b, text, strlen(text));
				for (size_t i = 0; form == 1 && i < b.len; i++)
					b.s[i] = b.s[i] == '+' ? '-' : b.s[i] == '/' ? '_' : b.s[i];
				if (form == 2) { /* a line feed in it, as mail has it */
					strbuf_add(&out, "x");
					strbuf_addn(&out, b.s, 20);
					strbuf_addf(&out, "\r\n%s", b.s + 20);
					strbuf_reset(&b);
					strbuf_add(&b, out.s + 1);
					strbuf_reset(&out);
				}
				redact_secret(&out, b.s, b.len, KEY);
				CHECK(strstr(out.s, REDACTED) != NULL);
				/* what is left holds nothing but the text around it */
				digits = out.len - strlen(REDACTED);
				CHECK(digits <=
				      (size_t)(before * 8 / 6 + (behind * 8 + 5) / 6 + 3));
				CHECK(strstr(out.s, REDACTED) - out.s <= before * 8 / 6);
			}
	strbuf_free(&b);
	strbuf_free(&out);
}

static struct endpoint make_profile(const char *dialect, const char *more)
{
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct endpoint p;

	strbuf_addf(&b,
		    "{\"schema_version\":1,\"name\":\"p\",\"dialect\":\"%s\",\"base_url\":"
		    "\"http://h/v1\",\"model\":\"m\",\"can\":[\"choice\",\"likelihood\","
		    "\"letters\",\"images\",\"audio\",\"video\"]%s}",
		    dialect, more);
	endpoint_parse(&p, strbuf_str(&b), b.len, "profile", true, &err);
	CHECK_OK(&err);
	strbuf_free(&b);
	return p;
}

static void refuse_profile(const char *from, const char *to, int code, const char *why)
{
	struct strbuf b = { 0 }, c = { 0 };
	struct err err = { 0 };
	struct endpoint p;
	const char *at;

	strbuf_addf(&b, profile_text, "vllm", 1, "");
	at = strstr(b.s, from);
	CHECK(at != NULL);
	strbuf_addn(&c, b.s, (size_t)(at - b.s));
	strbuf_addf(&c, "%s%s", to, at + strlen(from));
	endpoint_parse(&p, strbuf_str(&c), c.len, "profile", true, &err);
	CHECK_ERR(&err, code, why);
	endpoint_free(&p);
	strbuf_free(&b);
	strbuf_free(&c);
}

static void test_profiles(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "key"), more[200];
	struct err err = { 0 };
	struct endpoint p;

	(void)state;
	refuse_profile("\"model\"", "\"modell\"", ERR_FORMAT, "unknown field \"modell\"");
	refuse_profile("http://", "http://u:p@", ERR_FORMAT, "a host, a port and a path only");
	refuse_profile("/v1/", "/v1?k=1", ERR_FORMAT, "a host, a port and a path only");
	refuse_profile("http://", "file://", ERR_FORMAT, "must begin with http");
	refuse_profile("vllm", "vlmm", ERR_FORMAT, "must be one of: openai vllm llama-server");
	refuse_profile("\"letters\"", "\"letter\"", ERR_FORMAT, "\"can\" holds \"letter\"");
	refuse_profile(
		"\"name\"", "\"omit\":[\"model\"],\"name\"", ERR_FORMAT,
		"\"omit\" holds \"model\"; known are: detail frequency_penalty max_tokens n");
	refuse_profile("\"name\"", "\"image_detail\":\"fine\",\"name\"", ERR_FORMAT,
		       "must be one of: low high auto");
	refuse_profile("\"name\"", "\"probe\":7,\"name\"", ERR_FORMAT, "must be a list of: images");
	refuse_profile("\"max\":2", "\"max\":-2", ERR_FORMAT, "whole number");
	refuse_profile("\"max\":2", "\"extra\":{\"seed\":1},\"max\":2", ERR_FORMAT,
		       "unknown field");
	refuse_profile("\"name\":\"p\"", "\"name\":\"p\",\"extra\":{\"seed\":1}", ERR_FORMAT,
		       "the harness sends it");
	refuse_profile("\"name\":\"p\"", "\"name\":\"p\",\"key_env\":\"MERC_NO_SUCH_KEY\"", ERR_ARG,
		       "MERC_NO_SUCH_KEY, which holds the key, is not set");
	io_write_atomic(path, KEY "\n", strlen(KEY) + 1, &err);
	CHECK_OK(&err);
	CHECK(str_format(more, sizeof(more), "\"name\":\"p\",\"key_file\":\"%s\"", path));
	CHECK(!chmod(path, 0640));
	refuse_profile("\"name\":\"p\"", more, ERR_ARG, "chmod 600");
	CHECK(!chmod(path, 0600));
	CHECK(str_format(more, sizeof(more), ",\"key_file\":\"%s\"", path));
	p = make_profile("openai", more);
	assert_string_equal(p.key, KEY);
	endpoint_free(&p);
	free(path);
	scratch_remove(dir);
}

static void test_examples(void **state)
{
	static const char *const name[] = { "openai", "vllm", "llama-server" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		char path[60], *text;
		struct err err = { 0 };
		struct endpoint p;
		size_t n;

		CHECK(str_format(path, sizeof(path), "scripts/examples/%s.json", name[i]));
		CHECK(!io_read_file(path, 1 << 16, &text, &n, &err));
		endpoint_parse(&p, text, n, path, false, &err);
		CHECK_OK(&err);
		assert_string_equal(dialect_name[p.dialect], name[i]);
		endpoint_free(&p);
		free(text);
	}
}

/* --- requests -------------------------------------------------------------------------------- */

static void check_request(const char *dialect, const char *more, const struct ask *ask, int step,
			  const char *want)
{
	struct endpoint p = make_profile(dialect, more);
	struct strbuf b = { 0 };
	struct err err = { 0 };

	dialect_check(&p, ask, &err);
	dialect_request(&p, ask, step, &b, &err);
	CHECK_OK(&err);
	assert_string_equal(strbuf_str(&b), want);
	strbuf_free(&b);
	endpoint_free(&p);
}

#define FIELDS                                                                                     \
	"{\"model\":\"m\",\"stream\":false,\"n\":1,\"temperature\":0,\"top_p\":1,\"seed\":1234,"   \
	"\"max_tokens\":16,\"presence_penalty\":0,\"frequency_penalty\":0,"
#define HELLO                                                                                      \
	"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}"

static void test_requests(void **state)
{
	const struct ask_part hi = TEXT("hi"), rule = TEXT("Be brief.");
	const struct ask_message both[] = { { "system", &rule, 1 }, { "user", &hi, 1 } };
	struct ask ask = make_ask(both, 2, ASK_GENERATE), one;

	(void)state;
	check_request("openai", "", &ask, 0,
		      FIELDS
		      "\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{"
		      "\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]}");
	one = make_ask(both + 1, 1, ASK_CHOICE);
	check_request("vllm", "", &one, 0,
		      FIELDS "\"structured_outputs\":{\"choice\":[\"anger\",\"joy\"]}," HELLO);
	check_request("vllm", ",\"choice\":\"guided_choice\"", &one, 0,
		      FIELDS "\"guided_choice\":[\"anger\",\"joy\"]," HELLO);
	check_request("llama-server", ",\"extra\":{\"top_k\":1}", &one, 0,
		      FIELDS
		      "\"top_k\":1,\"grammar\":\"root ::= \\\"anger\\\" | \\\"joy\\\"\"," HELLO);
	check_request(
		"openai", "", &one, 0,
		FIELDS
		"\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
		"\"name\":\"label\",\"strict\":true,\"schema\":{\"type\":\"object\","
		"\"properties\":{\"label\":{\"type\":\"string\",\"enum\":[\"anger\","
		"\"joy\"]}},\"required\":[\"label\"],\"additionalProperties\":false}}}," HELLO);
	check_request("vllm", ",\"choice\":\"structured_outputs.choices\"", &one, 0,
		      FIELDS "\"structured_outputs\":{\"choices\":[\"anger\",\"joy\"]}," HELLO);
	check_request("openai",
		      ",\"omit\":[\"seed\",\"temperature\",\"top_p\",\"n\",\"stream\","
		      "\"presence_penalty\",\"frequency_penalty\",\"max_tokens\"],"
		      "\"choice\":\"guided_choice\"",
		      &one, 0, "{\"model\":\"m\",\"guided_choice\":[\"anger\",\"joy\"]," HELLO);
	one = make_ask(both + 1, 1, ASK_LETTERS);
	check_request("vllm", "", &one, 0, FIELDS "\"logprobs\":true,\"top_logprobs\":20," HELLO);
	one = make_ask(both + 1, 1, ASK_LIKELIHOOD);
	check_request(
		"vllm", "", &one, 1,
		"{\"model\":\"m\",\"stream\":false,\"n\":1,\"temperature\":0,\"top_p\":1,"
		"\"seed\":1234,\"max_tokens\":1,\"presence_penalty\":0,\"frequency_penalty\":0,"
		"\"prompt\":\"hi joy\",\"logprobs\":1,\"echo\":true}");
}

static void test_media_requests(void **state)
{
	const struct ask_part part[] = { { .type = ASK_JPEG, .data = "\xff\xd8\xff", .size = 3 },
					 { .type = ASK_WAV, .data = "RIFF", .size = 4 },
					 { .type = ASK_VIDEO, .data = "mp4!!", .size = 5 } };
	const struct ask_message m = { "user", part, 3 }, two = { "user", part, 2 },
				 one = { "user", part, 1 };
	struct ask ask = make_ask(&m, 1, ASK_GENERATE), picture = make_ask(&one, 1, ASK_GENERATE);
	struct endpoint p = make_profile("openai", "");
	struct strbuf shown = { 0 };
	struct err err = { 0 };

	(void)state;
#define PICTURE_AND_SOUND                                                                          \
	"\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"    \
	"\"url\":\"data:image/jpeg;base64,/9j/\",\"detail\":\"low\"}},{\"type\":\"input_audio\","  \
	"\"input_audio\":{\"data\":\"UklGRg==\",\"format\":\"wav\"}}"
	check_request("vllm", "", &ask, 0,
		      FIELDS PICTURE_AND_SOUND
		      ",{\"type\":\"video_url\",\"video_url\":{\"url\":\"data:video/mp4;base64,"
		      "bXA0ISE=\"}}]}]}");
	check_request("openai", ",\"image_detail\":\"high\"", &picture, 0,
		      FIELDS
		      "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
		      "\"image_url\":{\"url\":\"data:image/jpeg;base64,/9j/\",\"detail\":\"high\"}}"
		      "]}]}");
	check_request("openai", ",\"omit\":[\"detail\"]", &picture, 0,
		      FIELDS
		      "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
		      "\"image_url\":{\"url\":\"data:image/jpeg;base64,/9j/\"}}]}]}");
	check_request("llama-server", "", &ask, 0,
		      FIELDS PICTURE_AND_SOUND
		      ",{\"type\":\"input_video\",\"input_video\":{\"data\":\"bXA0ISE=\"}}]}]}");
	/* for people: no bytes, but what tells them apart */
	CHECK(!dialect_show(&p, &picture, 0, &shown, &err));
	assert_string_equal(shown.s, FIELDS
			    "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\","
			    "\"image_url\":{\"url\":{\"sha256\":"
			    "\"6e568e1f67fba258184c78181539e5e8fdee447e49bb706fc0ea34fbf12336a5\","
			    "\"bytes\":3},\"detail\":\"low\"}}]}]}");
	strbuf_free(&shown);
	dialect_check(&p, &ask, &err);
	CHECK_ERR(&err, ERR_ARG, "no video part in dialect openai");
	ask = make_ask(&two, 1, ASK_GENERATE);
	p.can = CAN_AUDIO;
	dialect_check(&p, &ask, &err);
	CHECK_ERR(&err, ERR_ARG, "does not list");
	endpoint_free(&p);
}

/* What a reply depends on tells keys apart, each by itself; what it does not does not. */
static void test_keys(void **state)
{
	static const char *const options[] = { "joy", "anger" }, *const turned[] = { "anger",
										     "joy" };
	static const char jpeg[] = { 1, 2, 3 }, wav[] = { 1, 2, 4 };
	const struct ask_part hi = TEXT("hi"), ho = TEXT("ho"),
			      pictures[] = {
				      { .type = ASK_JPEG, .data = jpeg, .size = 3 },
				      { .type = ASK_JPEG, .data = wav, .size = 3 },
				      { .type = ASK_WAV, .data = jpeg, .size = 3 },
			      };
	const struct ask_message m = { "user", &hi, 1 }, other = { "user", &ho, 1 },
				 said = { "assistant", &hi, 1 }, twice[] = { m, m },
				 seen = { "user", &pictures[0], 1 },
				 elsewhere = { "user", &pictures[1], 1 },
				 heard = { "user", &pictures[2], 1 };
	struct ask a[21];
	char hash[ASK_SHA_HEX], key[ARRAY_LEN(a) + 1][ASK_SHA_HEX], same[ASK_SHA_HEX];
	struct err err = { 0 };
	int n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		a[i] = make_ask(&m, 1, ASK_GENERATE);
	n++; /* the first stays as it is */
	a[n++].id = "another";
	a[n++].index = 1;
	a[n++].task = "another/1";
	a[n++].settings = "{\"window\":3}";
	a[n++].message = &other;
	a[n++].message = &said;
	a[n].n_messages = 2, a[n++].message = twice;
	a[n++].message = &seen;
	a[n++].message = &elsewhere;
	a[n++].message = &heard;
	a[n++].mode = ASK_LETTERS;
	a[n].option = options, a[n++].n_options = 2;
	a[n].option = options, a[n++].n_options = 1;
	a[n].option = turned, a[n++].n_options = 2;
	a[n++].sampling.temperature = .5;
	a[n++].sampling.top_p = .5;
	a[n++].sampling.presence_penalty = .5;
	a[n++].sampling.frequency_penalty = .5;
	a[n++].sampling.seed = 1;
	a[n++].sampling.max_tokens = 17;
	CHECK(n == (int)ARRAY_LEN(a));
	for (int i = 0; i < n; i++) {
		ask_prompt_hash(&a[i], hash, NULL, &err);
		ask_key(&a[i], "{\"served\":1}", hash, key[i], &err);
	}
	ask_prompt_hash(&a[0], hash, NULL, &err);
	ask_key(&a[0], "{\"served\":2}", hash, key[n], &err);
	a[0].sampling.temperature = -0.0;
	a[0].media = (struct ask_media){ 3, 96, 2 }; /* of parts that have no bytes yet */
	ask_key(&a[0], "{\"served\":1}", hash, same, &err);
	CHECK_OK(&err);
	assert_string_equal(key[0], same);
	for (int i = 1; i <= n; i++)
		for (int k = 0; k < i; k++)
			if (!strcmp(key[i], key[k]))
				fail_msg("asks %d and %d have one key", k, i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_redact),
		cmocka_unit_test(test_redact_spellings),
		cmocka_unit_test(test_redact_base64),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_media_requests),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
