/* SPDX-License-Identifier: Apache-2.0
 * The text room: prompts equal to published ones byte for byte, labels read as
 * recorded scores say.  UPDATE_GOLDEN=1
 * rewrites tests/golden/prompts (review the diff).
 */
#include "tests/test.h"

#include "datasets/pickle.h"
#include "harness/base/csv.h"
#include "harness/base/json.h"
#include "harness/base/map.h"
#include "harness/base/mem.h"
#include "harness/cue/words.h"
#include "harness/metrics/scores.h"
#include "harness/text/label_extract.h"
#include "harness/text/prompt.h"
#include "harness/text/vocab.h"
#include "harness/text/words.h"

#define GOLDEN "tests/golden/prompts"

static void test_vocab(void **state)
{
	struct vocab v = { 0 };
	char key[32];

	(void)state;
	CHECK(vocab_find(&v, "a", 1) == -1);
	for (int i = 0; i < 5000; i++) {
		int len = snprintf(key, sizeof(key), "k%d", i * 7919 % 5003);

		CHECK(vocab_add(&v, key, (size_t)len) == i);
		CHECK(vocab_add(&v, key, (size_t)len) == i);
	}
	CHECK(v.n == 5000 && vocab_find(&v, "k", 1) == -1);
	CHECK(vocab_add(&v, "a\0b", 3) == 5000 && vocab_add(&v, "a\0c", 3) == 5001);
	CHECK(vocab_find(&v, "a\0b", 3) == 5000 && vocab_find(&v, "a", 1) == -1);
	vocab_free(&v);
	CHECK(v.n == 0 && vocab_find(&v, "k1", 2) == -1);
}

static void test_words(void **state)
{
	static const char *const want[] = { "oh", ",", "it's", "caf\xc3\xa9", "?!", "2" };
	struct strbuf out = { 0 };
	const char *s;

	(void)state;
	CHECK(words_split("Oh, it\xe2\x80\x99s (CAF\xc3\xa9)?! 2", &out) == 6);
	s = out.s;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_string_equal(s, want[i]);
		s += strlen(s) + 1;
	}
	strbuf_reset(&out);
	CHECK(words_split(" - ", &out) == 0 && out.len == 0);
	strbuf_free(&out);
}

/* --- prompts --- */

static const struct prompt_turn sample[] = {
	{ 0, "Guess what?", NULL },
	{ 1, "What (this time)?", "high pitch with low variation" },
	{ 0, "I\xc2\x92m \xc2\x93going\xc2\x94 there\xc2\x97now\xc2\x85", NULL },
	{ 1, "No!", "low pitch with high variation" },
	{ 1, "Well (laughs), fine.", "moderate pitch with moderate variation" },
};

static const struct prompt_request full = {
	.turn = sample,
	.n = ARRAY_LEN(sample),
	.window = 3,
	.description = "Target speech characteristics: high volume with low variation.",
	.impression = "The target speaker has a moderate pitch with typical variation.",
	.behaviour = "The mouth corners rise.",
	.demonstration = "",
	.label = (const char *const[]){ "happy", "sad" },
	.n_label = 2,
	.n_speaker = 2,
};

static void check_golden(const char *name, const char *got)
{
	const char *update = getenv("UPDATE_GOLDEN");
	struct strbuf path = { 0 };
	struct err err = { 0 };
	char *want = NULL;
	size_t len;

	strbuf_addf(&path, GOLDEN "/%s.txt", name);
	if (update && *update)
		io_write_atomic(strbuf_str(&path), got, strlen(got), &err);
	io_read_file(strbuf_str(&path), 1 << 20, &want, &len, &err);
	CHECK_OK(&err);
	assert_string_equal(got, want);
	free(want);
	strbuf_free(&path);
}

static void test_prompt_golden(void **state)
{
	struct strbuf out = { 0 };
	struct err err = { 0 };

	(void)state;
	for (int i = 0; prompt_templates[i].name; i++) {
		struct prompt_request first = full, bare = full;

		strbuf_reset(&out);
		prompt_build(prompt_templates[i].name, &full, &out, &err);
		bare.description = bare.impression = bare.behaviour = bare.demonstration = NULL;
		strbuf_addc(&out, '\n');
		prompt_build(prompt_templates[i].name, &bare, &out, &err);
		first.n = 1;
		strbuf_addc(&out, '\n');
		prompt_build(prompt_templates[i].name, &first, &out, &err);
		strbuf_addc(&out, '\n');
		CHECK_OK(&err);
		CHECK(!strchr(strbuf_str(&out), '{')); /* every slot was filled */
		check_golden(prompt_templates[i].name, strbuf_str(&out));
	}
	CHECK(prompt_build("nothing", &full, &out, &err));
	CHECK_ERR(&err, ERR_ARG, "instructerc");
	CHECK(prompt_build("bemerc", &(struct prompt_request){ 0 }, &out, &err));
	CHECK_ERR(&err, ERR_ARG, "0 turns");
	strbuf_free(&out);
}

/* The pieces of a template, one behind the other, are the whole prompt. */
static void test_prompt_pieces(void **state)
{
	struct prompt_request whole = full;
	struct strbuf a = { 0 }, b = { 0 };
	struct err err = { 0 };
	int cut = 0;

	(void)state;
	whole.window = whole.n;
	for (int i = 0; prompt_templates[i].name; i++) {
		const char *name = prompt_templates[i].name;
		const char *cue[3] = { whole.description, whole.impression, whole.behaviour };

		strbuf_reset(&a);
		strbuf_reset(&b);
		if (!prompt_has(name, "{turns}")) {
			CHECK(prompt_piece(name, PROMPT_HEAD, &whole, &b, &err));
			CHECK_ERR(&err, ERR_ARG, name);
			continue;
		}
		prompt_build(name, &whole, &a, &err);
		prompt_piece(name, PROMPT_HEAD, &whole, &b, &err);
		for (int t = 0; t < whole.n; t++)
			prompt_turn(&whole.turn[t], &b);
		prompt_piece(name, PROMPT_OPEN, &whole, &b, &err);
		for (int c = 0; c < 3; c++)
			if (prompt_has(name, (const char *[]){ "{description}", "{impression}",
							       "{behaviour}" }[c]))
				strbuf_addf(&b, " %s", cue[c]);
		prompt_piece(name, PROMPT_QUESTION, &whole, &b, &err);
		CHECK_OK(&err);
		assert_string_equal(strbuf_str(&a), strbuf_str(&b));
		cut++;
	}
	CHECK(cut >= 8);
	CHECK(!prompt_has("nothing", "{turns}"));
	CHECK(prompt_piece("nothing", PROMPT_HEAD, &whole, &b, &err));
	CHECK_ERR(&err, ERR_ARG, "instructerc");
	strbuf_free(&a);
	strbuf_free(&b);
}

#define TALK_MAX 128

/* The published prompts: dialogues from the benchmark's file, measurements from a table. */
struct published {
	struct pickle talk;
	struct csv_table cues;
	struct cue_set *set;
	struct quantizer q;
	struct str_map first; /* "dialogue<tab>text" -> first row of cues */
	struct arena mem;
	bool voice;
	size_t dialogue, turn; /* of the next prompt */
	int n;		       /* prompts compared */
};

static const char *cell(const struct csv_table *t, size_t row, const char *name)
{
	int col = csv_column(t, name);

	CHECK(col >= 0);
	return t->row[row].field[col];
}

static char *talk_key(struct arena *mem, const char *dialogue, const char *text)
{
	struct strbuf b = { 0 };
	char *key;

	strbuf_addf(&b, "%s\t%s", dialogue, text);
	key = arena_strdup(mem, strbuf_str(&b));
	strbuf_free(&b);
	CHECK(key);
	return key;
}

static bool is_female(const struct published *p, size_t row)
{
	return *cell(&p->cues, row, "gender") == 'F';
}

static void read_cues(struct published *p)
{
	const size_t n = p->cues.n_rows;
	struct quantizer_data data = {
		.spec = speech_cue_spec, .cues = SPEECH_CUE_COUNT, .groups = 2, .zero_missing = true
	};
	struct cue_set *train = NULL;
	struct err err = { 0 };
	int *group = NULL;

	CHECK(NEW_ARRAY(p->set, n) && NEW_ARRAY(train, n) && NEW_ARRAY(group, n));
	for (size_t i = 0; i < n; i++) {
		int *row = map_slot(&p->first, talk_key(&p->mem, cell(&p->cues, i, "video_id"),
							cell(&p->cues, i, "text")));

		CHECK(row);
		*row = *row < 0 ? (int)i : *row;
		for (int c = 0; c < SPEECH_CUE_COUNT; c++) {
			const char *s = cell(&p->cues, i, speech_cue_spec[c].name);

			p->set[i].ok[c] = *s && !parse_f64(s, -1e9, 1e9, speech_cue_spec[c].name,
							   &p->set[i].v[c], &err);
		}
		CHECK_OK(&err);
		if (!strcmp(cell(&p->cues, i, "mode"), "train")) {
			group[data.n] = is_female(p, i);
			train[data.n++] = p->set[i];
		}
	}
	data.set = train;
	data.group = group;
	quantizer_fit(&p->q, &data, 5, &err);
	CHECK_OK(&err);
	free(train);
	free(group);
}

/* Value of a dialogue in table 0 (speakers), 1 (labels) or 2 (sentences) of the file. */
static const struct pickle_value *talk_of(const struct published *p, size_t table, const char *id)
{
	const struct pickle_value *d = pickle_at(p->talk.root, table);

	for (size_t i = 0; i < pickle_size(d); i++) {
		const char *key = pickle_text(pickle_key(d, i));

		if (key && !strcmp(key, id))
			return pickle_item(d, i);
	}
	fail_msg("no dialogue %s", id);
	return NULL;
}

/* The next prompt; *turns: how many its dialogue has. */
static void build_published(struct published *p, size_t *turns, struct strbuf *out)
{
	static const char *const label[] = { "happy", "sad",	 "neutral",
					     "angry", "excited", "frustrated" };
	const char *id = pickle_text(pickle_at(pickle_at(p->talk.root, 4), p->dialogue));
	const struct pickle_value *who = talk_of(p, 0, id), *said = talk_of(p, 2, id);
	struct prompt_turn turn[TALK_MAX];
	struct prompt_request rq = { .turn = turn, .window = 12, .label = label, .n_label = 6 };
	struct strbuf words = { 0 };
	struct err err = { 0 };
	int row;

	*turns = pickle_size(said);
	CHECK(*turns <= TALK_MAX);
	for (size_t i = 0; i <= p->turn; i++)
		turn[rq.n++] = (struct prompt_turn){ *pickle_text(pickle_at(who, i)) == 'F',
						     pickle_text(pickle_at(said, i)), NULL };
	row = map_get(&p->first, talk_key(&p->mem, id, turn[p->turn].text));
	CHECK(row >= 0);
	speech_describe(&p->q, &p->set[row], is_female(p, (size_t)row), &words);
	rq.description = p->voice ? strbuf_str(&words) : NULL;
	prompt_build(p->voice ? "speechcue-select" : "speechcue-select-text", &rq, out, &err);
	CHECK_OK(&err);
	strbuf_free(&words);
}

/* Long texts: shows the place where they part. */
static void check_same(const char *id, const char *got, const char *want)
{
	size_t at = 0;

	while (got[at] && got[at] == want[at])
		at++;
	if (got[at] != want[at])
		fail_msg("%s: byte %zu: got '%.60s', wanted '%.60s'", id, at, got + at, want + at);
}

static int compare_prompt(void *ctx, const struct json *v, long line, struct err *err)
{
	struct published *p = ctx;
	struct strbuf out = { 0 }, where = { 0 };
	size_t turns;

	(void)err;
	build_published(p, &turns, &out);
	strbuf_addf(&where, "line %ld", line);
	check_same(strbuf_str(&where), strbuf_str(&out), json_str(json_get(v, "input"), ""));
	p->n++;
	if (++p->turn == turns) {
		p->turn = 0;
		p->dialogue++;
	}
	strbuf_free(&out);
	strbuf_free(&where);
	return 0;
}

static void load_published(struct published *p, const char *talk, const char *cues)
{
	struct err err = { 0 };

	pickle_read(&p->talk, talk, 1 << 28, &err);
	csv_table_read(&p->cues, cues, ',', 1 << 28, &err);
	CHECK_OK(&err);
	read_cues(p);
}

static void test_prompt_published(void **state)
{
	char *talk = real_data("iemocap/iemocap_6way.pkl"), *published[2];
	char *cues = real_data("cues/iemocap_audio_features.csv");
	struct published p = { .set = NULL };
	struct err err = { 0 };
	bool torn;

	(void)state;
	published[0] = real_data("prompts/iemocap_False_False/test.jsonl");
	published[1] = real_data("prompts/iemocap_True_False/test.jsonl");
	if (talk && cues && published[0] && published[1]) {
		load_published(&p, talk, cues);
		for (int voice = 0; voice < 2; voice++) {
			p.voice = voice;
			p.n = 0;
			p.dialogue = p.turn = 0;
			json_lines(published[voice], 1 << 28, &torn, compare_prompt, &p, &err);
			CHECK_OK(&err);
			CHECK(p.n == 1623);
		}
	}
	pickle_free(&p.talk);
	csv_table_free(&p.cues);
	quantizer_free(&p.q);
	map_free(&p.first);
	arena_free(&p.mem);
	free(p.set);
	free(talk);
	free(cues);
	free(published[0]);
	free(published[1]);
}

/* --- labels --- */

static const char *const six[] = { "happy", "sad", "neutral", "angry", "excited", "frustrated" };
static const char *const other[] = { "anger", "fear", "sadness", "joy", "surprise", "happy" };
static const char *const alias[] = { "angry", NULL, "sad", "joyful", "surprised", NULL };
static const struct label_words words_six = { .word = six, .n = 6 };
/* the labels that the table of answers in the specification uses */
static const struct label_words words_other = { .word = other, .alias = alias, .n = 6 };

static void check_extract(enum extract_rule rule, const struct label_words *words, const char *text,
			  int label, enum extract_how how)
{
	struct extracted e;
	struct err err = { 0 };

	label_extract(rule, text, words, &e, &err);
	CHECK_OK(&err);
	if (e.label != label || e.how != how)
		fail_msg("%s of '%s': label %d by %s, wanted %d by %s", extract_rule_name[rule],
			 text, e.label, extract_how_name[e.how], label, extract_how_name[how]);
}

static void test_extract_published(void **state)
{
	static const struct {
		enum extract_rule rule;
		const char *text;
		int label;
		enum extract_how how;
	} t[] = {
		{ EXTRACT_A, "neutral", 2, EXTRACTED_SPAN },
		{ EXTRACT_A, "unhappy, not sad", 0, EXTRACTED_SPAN },
		{ EXTRACT_A, "Sad", 1, EXTRACTED_DISTANCE },
		{ EXTRACT_A, "", 1, EXTRACTED_DISTANCE },
		{ EXTRACT_A, "exited", 4, EXTRACTED_DISTANCE },
		{ EXTRACT_A, "relief", 4, EXTRACTED_DISTANCE },
		{ EXTRACT_A, "s\xc3\xa4\x64", 1, EXTRACTED_DISTANCE },
		{ EXTRACT_B, "{\"detected_emotion_label\": \"Angry\", \"reason\": \"sad\"}", 3,
		  EXTRACTED_FIELD },
		{ EXTRACT_B, "{\"emotion_label\": \"very excited\"} happy", 4, EXTRACTED_FIELD },
		{ EXTRACT_B, "{\"emotion\": \"frustrat\"}", 5, EXTRACTED_FIELD },
		{ EXTRACT_B, "{\"emotion\": \"\"}", 0, EXTRACTED_FIELD },
		{ EXTRACT_B, "{\"emotion\": 3, \"label\": \"sad\"}", 1, EXTRACTED_WORD },
		{ EXTRACT_B, "{ {\"a\": 1} \"emotion\" : \"sad\"", 1, EXTRACTED_PATTERN },
		{ EXTRACT_B, "{\"emotion\": \"sad\"} {\"detected_emotion_label\": \"angry\"}", 3,
		  EXTRACTED_FIELD },
		{ EXTRACT_B, "sad \"detected_emotion_label\": 'angry'", 3, EXTRACTED_PATTERN },
		{ EXTRACT_B, "{\"detected_emotion_label\": \"ONE_WORD\"} then sad", 1,
		  EXTRACTED_WORD },
		{ EXTRACT_B, "{\n \"emotion_label\": \"excited\"", 4, EXTRACTED_PATTERN },
		{ EXTRACT_B, "Emotion_Label: Happy or sad", 0, EXTRACTED_PATTERN },
		{ EXTRACT_B, "no, not sad; the emotion is happy", 1, EXTRACTED_WORD },
		{ EXTRACT_B, "I feel SADNESS and am happy", 1, EXTRACTED_WORD },
		{ EXTRACT_B, "<think>happy?</think>{\"emotion\": \"sad\"}", 1, EXTRACTED_FIELD },
		{ EXTRACT_B, "<think>happy", 0, EXTRACTED_WORD },
		{ EXTRACT_B, "ANGR", 3, EXTRACTED_DISTANCE },
		{ EXTRACT_B, " \n", 1, EXTRACTED_DISTANCE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		check_extract(t[i].rule, &words_six, t[i].text, t[i].label, t[i].how);
}

/* Our own rules; label -1: none, for the same reason in both unless strict's is NOT_FOUND. */
static void test_extract_own(void **state)
{
	static const struct {
		const char *text;
		int strict, flexible;
		enum extract_how how;
	} t[] = {
		{ "Anger.", 0, 0, EXTRACTED_WHOLE },
		{ " \"Fear\".\n", 1, 1, EXTRACTED_WHOLE },
		{ "\xe2\x80\x9cjoy\xe2\x80\x9d", 3, 3, EXTRACTED_WHOLE },
		{ "joy..", -1, 3, EXTRACTED_WORD },
		{ "The answer is anger", -1, 0, EXTRACTED_MARKER },
		{ "not happy", -1, -1, NOT_NEGATED },
		{ "isn\xe2\x80\x99t really happy", -1, -1, NOT_NEGATED },
		{ "not sure; happy", -1, 5, EXTRACTED_WORD },
		{ "Not, happy", -1, 5, EXTRACTED_WORD },
		{ "angry, then sad", -1, -1, NOT_ONE },
		{ "unhappy", -1, -1, NOT_FOUND },
		{ "non-happy", -1, -1, NOT_FOUND },
		{ "A sad tone in her voice", -1, 2, EXTRACTED_WORD },
		{ "B or C", -1, -1, NOT_FOUND },
		{ "EMO_UNKNOWN", -1, -1, NOT_FOUND },
		{ "I cannot tell", -1, -1, NOT_FOUND },
		{ "!!!!!!", -1, -1, NOT_FOUND },
		{ "", -1, -1, NOT_EMPTY },
		{ " \t\n", -1, -1, NOT_EMPTY },
		{ "surprised", -1, 4, EXTRACTED_WHOLE },
		{ "fearful", -1, -1, NOT_FOUND },
		{ "\xff\xfe", -1, -1, NOT_UTF8 },
		{ "<think>sad or joy</think>\njoy", -1, 3, EXTRACTED_WHOLE },
		{ "sad or joy</think> joy", -1, 3, EXTRACTED_WHOLE },
		{ "<think>joy", -1, -1, NOT_THINKING },
		{ "<think>joy</think> ", -1, -1, NOT_EMPTY },
		{ "```json\n{\"emotion\": \"Joy\", \"why\": \"no anger\"}\n```", -1, 3,
		  EXTRACTED_FIELD },
		{ "{\"emotion\": \"unknown\", \"why\": \"joy is there\"}", -1, -1, NOT_FOUND },
		{ "{\"emotion\": \"joy\"} {\"emotion\": \"fear\"}", -1, -1, NOT_ONE },
		{ "fear? no: emotion: joy, answer: anger", -1, 0, EXTRACTED_MARKER },
		{ "**anger**", -1, 0, EXTRACTED_WORD },
		{ "'anger' it is, anger", -1, 0, EXTRACTED_WORD },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		const bool whole = t[i].strict >= 0;
		enum extract_how why =
			t[i].how == NOT_EMPTY || t[i].how == NOT_UTF8 ? t[i].how : NOT_FOUND;

		if (t[i].text[0] == '<')
			why = NOT_FOUND;
		check_extract(EXTRACT_STRICT, &words_other, t[i].text, t[i].strict,
			      whole ? EXTRACTED_WHOLE : why);
		check_extract(EXTRACT_FLEXIBLE, &words_other, t[i].text, t[i].flexible, t[i].how);
	}
}

static void test_extract_limits(void **state)
{
	struct label_words letters = words_other;
	char *text = malloc(EXTRACT_TEXT_MAX + 2);

	(void)state;
	CHECK(text != NULL);
	memset(text, ' ', EXTRACT_TEXT_MAX + 1);
	text[EXTRACT_TEXT_MAX + 1] = '\0';
	memcpy(text, "joy", 3);
	text[EXTRACT_TEXT_MAX] = '!';
	check_extract(EXTRACT_STRICT, &words_other, text, -1, NOT_SHORT);
	check_extract(EXTRACT_FLEXIBLE, &words_other, text, -1, NOT_SHORT);
	free(text);
	check_extract(EXTRACT_STRICT, &words_other, "B.", -1, NOT_FOUND);
	letters.letters = true;
	check_extract(EXTRACT_STRICT, &letters, "B.", 1, EXTRACTED_WHOLE);
	check_extract(EXTRACT_STRICT, &letters, "b", -1, NOT_FOUND);
	check_extract(EXTRACT_STRICT, &letters, "G", -1, NOT_FOUND);
	check_extract(EXTRACT_FLEXIBLE, &letters, "Answer: C", 2, EXTRACTED_MARKER);
	check_extract(EXTRACT_FLEXIBLE, &letters, "B or C", -1, NOT_FOUND);
	check_extract(EXTRACT_FLEXIBLE, &letters, "A sad tone in her voice", 2, EXTRACTED_WORD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vocab),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_prompt_golden),
		cmocka_unit_test(test_prompt_pieces),
		cmocka_unit_test(test_prompt_published),
		cmocka_unit_test(test_extract_published),
		cmocka_unit_test(test_extract_own),
		cmocka_unit_test(test_extract_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
