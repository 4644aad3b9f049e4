/* SPDX-License-Identifier: Apache-2.0
 * Weights that answer asks: likelihoods against the double twin, choices against a search over the
 * whole vocabulary, letters, free writing, what is refused.
 */
#include "tests/teller.h"

static void check_refused(struct teller *x, const struct ask *ask, enum reply_cause cause,
			  const char *text)
{
	const struct reply r = answer(x, ask);

	if (r.status != ANSWER_BACKEND_FAIL || r.cause != cause || !strstr(r.first_error, text))
		fail_msg("wanted %s '%s', got %s: %s", reply_cause_name[cause], text,
			 reply_cause_name[r.cause], r.first_error);
	CHECK(!*r.text && !r.option);
}

/* --- likelihood --- */

/* The sum for one option by the twin; from: its first token. */
static double twin_sum(const struct teller *x, const struct bpe_ids *ids, size_t from)
{
	const size_t v = (size_t)decoder_config_of(x->d)->vocab;
	struct made *m = room(1, sizeof(*m));
	double *logp, sum = 0;

	for (size_t i = 0; i + 1 < ids->n; i++) {
		m->at[i] = (int)i;
		made_put(m, ids->id[i], 0, 0, (int)i);
	}
	m->p.trunk = m->p.n_at = m->p.n;
	made_finish(m);
	logp = room((size_t)m->p.n * v, sizeof(*logp));
	twin_loss(&(struct twin){ .d = x->d, .p = &m->p }, logp);
	for (size_t i = from; i < ids->n; i++)
		sum += logp[(i - 1) * v + (size_t)ids->id[i]];
	free(logp);
	free(m);
	return sum;
}

static void check_likelihood(struct teller *x, const char *text, const char *const *option, int n)
{
	struct question q;
	const struct reply r = answer(x, question(&q, ASK_LIKELIHOOD, text, option, n));
	struct bpe_ids front = { 0 };
	struct err err = { 0 };

	tokenizer_encode(x->t, text, strlen(text), TOKENIZER_BOS | TOKENIZER_SPECIAL, &front, &err);
	CHECK(r.status == ANSWER_OK && r.n_options == n);
	for (int j = 0; j < n; j++) {
		struct bpe_ids ids = { 0 };
		struct strbuf all = { 0 };

		strbuf_addf(&all, "%s %s", text, option[j]);
		tokenizer_encode(x->t, all.s, all.len, TOKENIZER_BOS | TOKENIZER_SPECIAL, &ids,
				 &err);
		CHECK_OK(&err);
		CHECK(r.option[j].known && r.option[j].tokens == (int)(ids.n - front.n));
		CHECK(r.option[j].bytes == (int)strlen(option[j]));
		CHECK_NEAR(r.option[j].logprob, twin_sum(x, &ids, front.n), 2e-4);
		bpe_ids_free(&ids);
		strbuf_free(&all);
	}
	bpe_ids_free(&front);
}

/* Options that begin alike, one that begins another, one alone, more than a pass holds. */
static void test_likelihood(void **state)
{
	static const char *const some[] = { "sad", "sadness", "happy", "very happy and sad" };
	static const char long_text[] =
		"Once upon a time, there was a little girl named Lily. She loved to play outside "
		"in the park with her dog and her friend Tom. One day, she saw a big, red ball. "
		"Lily was";
	static char word[40][16];
	const char *many[40];
	struct teller x;

	(void)state;
	if (!stories(&x, 2))
		return;
	for (int i = 0; i < 40; i++) {
		snprintf(word[i], sizeof(word[i]), "option %d", i * 7);
		many[i] = word[i];
	}
	check_likelihood(&x, "Tom was very", some, 4);
	check_likelihood(&x, long_text, some, 4);
	check_likelihood(&x, long_text, some + 2, 1);
	check_likelihood(&x, "Tom", many, 40);
	teller_end(&x);
}

/* A finished chat as text: what is spelled out there are special tokens, as servers read it. */
static void test_finished_chat(void **state)
{
	static const char text[] = "<|im_start|>user\nHow?<|im_end|>\n<|im_start|>assistant\nIt is";
	static const char *const option[] = { "joy", "sadness", "anger" };
	char *dir = invent(WEIGHT_F32, false);
	struct question q;
	struct teller x;

	(void)state;
	invented(&x, dir, "qwen2", 1, NULL);
	check_likelihood(&x, text, option, 3);
	/* of 59 bytes 34 are three special tokens and two are "an"; " joy" is two tokens */
	CHECK(answer(&x, question(&q, ASK_LIKELIHOOD, text, option, 1)).prompt_tokens ==
	      59 - 34 + 3 - 1 + 2);
	teller_end(&x);
	scratch_remove(dir);
}

/* Servers find tokens by their place in the text: one that reaches across the border has none. */
static void test_border(void **state)
{
	static const char *const option[] = { "joy", "zest" };
	struct question q;
	struct teller x;
	char *dir = invent(WEIGHT_F32, true);

	(void)state;
	invented(&x, dir, "plain", 1, NULL);
	check_likelihood(&x, "she feels", option, 2);
	check_refused(&x, question(&q, ASK_LIKELIHOOD, "they", option, 2), CAUSE_BORDER,
		      "straddles the border of text and 'joy'");
	teller_end(&x);
	scratch_remove(dir);
}

/* --- choice --- */

/* Log-probabilities behind the tokens, read at once. */
static void next_logp(const struct teller *x, const struct bpe_ids *ids, float *out)
{
	struct made *m = room(1, sizeof(*m));
	struct err err = { 0 };

	for (size_t i = 0; i < ids->n; i++)
		made_put(m, ids->id[i], 0, 0, (int)i);
	m->p.trunk = m->p.n;
	m->p.n_at = 1;
	m->at[0] = m->p.n - 1;
	made_finish(m);
	decoder_score(x->d, &m->p, out, &err);
	CHECK_OK(&err);
	free(m);
}

/* The option that is written greedily, by trying every token of the vocabulary. */
static int search(const struct teller *x, struct bpe_ids *ids, const char *const *option, int n)
{
	const int v = decoder_config_of(x->d)->vocab, size = tokenizer_size(x->t);
	float *logp = room((size_t)v, sizeof(*logp));
	struct strbuf done = { 0 }, piece = { 0 };
	struct err err = { 0 };
	int whole = -1;

	for (;;) {
		int best = -1;
		bool open = false;

		next_logp(x, ids, logp);
		whole = -1;
		for (int j = 0; j < 2 * n; j++) {
			char form[64];

			snprintf(form, sizeof(form), "%s%s", j < n ? "" : " ", option[j % n]);
			if (whole < 0 && !strcmp(form, strbuf_str(&done)))
				whole = j % n;
			for (int id = 0; id < (size < v ? size : v); id++) {
				strbuf_reset(&piece);
				strbuf_add(&piece, strbuf_str(&done));
				tokenizer_decode(x->t, &id, 1, TOKENIZER_NO_PREFIX, &piece, &err);
				if (piece.len <= done.len || !str_starts(form, piece.s))
					continue;
				open = true;
				if (best < 0 || logp[id] > logp[best])
					best = id;
			}
		}
		for (int id = 0; id < v && whole >= 0 && open; id++)
			if (respond_ends(&x->base->cfg, x->t, chat_format_named("plain"), id) &&
			    logp[id] > logp[best])
				open = false;
		if (!open)
			break;
		tokenizer_decode(x->t, &best, 1, TOKENIZER_NO_PREFIX, &done, &err);
		CHECK(GROW_ARRAY(ids->id, ids->cap, ids->n + 1));
		ids->id[ids->n++] = best;
	}
	strbuf_free(&done);
	strbuf_free(&piece);
	free(logp);
	return whole;
}

static void test_choice(void **state)
{
	static const char *const text[] = { "Tom was very", "Lily saw a big", "Once upon a",
					    "The sun", "\"Oh no!\" said Tom. He felt" };
	static const char *const option[] = { "sad",  "happy", "sadness",	    "red ball",
					      "time", "a",     "\xc3\xa9t\xc3\xa9", "xylophone" };
	struct question q;
	struct teller x;

	(void)state;
	if (!stories(&x, 1))
		return;
	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		for (int n = 1; n <= (int)ARRAY_LEN(option); n++) {
			const int skip = (int)ARRAY_LEN(option) - n;
			struct bpe_ids ids = { 0 };
			struct err err = { 0 };
			struct reply r;
			size_t prompt;
			int want;

			r = answer(&x, question(&q, ASK_CHOICE, text[i], option + skip, n));
			tokenizer_encode(x.t, text[i], strlen(text[i]), TOKENIZER_BOS, &ids, &err);
			CHECK_OK(&err);
			prompt = ids.n;
			want = search(&x, &ids, option + skip, n);
			CHECK(want >= 0 && r.status == ANSWER_OK);
			assert_string_equal(r.text, option[skip + want]);
			CHECK(r.prompt_tokens == (int)prompt &&
			      r.completion_tokens == (int)(ids.n - prompt));
			bpe_ids_free(&ids);
		}
	/* drawn: any of them, and nothing else */
	for (int k = 0, seen = 0; k < 40; k++) {
		struct reply r;
		int j = 0;

		question(&q, ASK_CHOICE, text[0], option, 8);
		q.ask.sampling.temperature = 5;
		q.ask.sampling.seed = k;
		r = answer(&x, &q.ask);
		while (j < 8 && strcmp(option[j], r.text) != 0)
			j++;
		CHECK(j < 8);
		seen |= 1 << j;
		CHECK(k < 39 || (seen & (seen - 1)));
	}
	teller_end(&x);
}

/* --- letters --- */

/* With and without a blank in front: what tokens say is asked of the decoder of texts. */
static void check_blank_letter(struct teller *x, const char *text, char letter)
{
	const char *option[20], want[2] = { letter, 0 }, blank[3] = { ' ', letter, 0 };
	struct strbuf said = { 0 };
	struct bpe_ids ids = { 0 };
	struct err err = { 0 };
	struct question q;
	struct reply r;
	float logp[512];
	double sum = 0;
	int n = 0;

	for (int i = 0; i < 20; i++)
		option[i] = "x";
	tokenizer_encode(x->t, text, strlen(text), TOKENIZER_BOS, &ids, &err);
	next_logp(x, &ids, logp);
	for (int id = 0; id < 512; id++) {
		strbuf_reset(&said);
		tokenizer_decode(x->t, &id, 1, TOKENIZER_NO_PREFIX, &said, &err);
		if (strcmp(strbuf_str(&said), want) != 0 && strcmp(strbuf_str(&said), blank) != 0)
			continue;
		sum += exp((double)logp[id]);
		n++;
	}
	CHECK_OK(&err);
	CHECK(n > 1);
	r = answer(x, question(&q, ASK_LETTERS, text, option, 20));
	CHECK_NEAR(r.option[letter - 'A'].logprob, log(sum), 1e-4);
	strbuf_free(&said);
	bpe_ids_free(&ids);
}

static void test_letters(void **state)
{
	static const char *const option[] = { "joy", "anger", "zest" };
	struct question q;
	struct teller x;
	char *dir = invent(WEIGHT_BF16, false);
	struct bpe_ids ids = { 0 };
	struct err err = { 0 };
	float logp[288];
	struct reply r;

	(void)state;
	invented(&x, dir, "qwen2", 1, NULL);
	r = answer(&x, question(&q, ASK_LETTERS, "A: joy", option, 3));
	chat_encode(chat_format_named("qwen2"), x.t, &(struct chat_message){ CHAT_USER, "A: joy" },
		    1, true, &ids, &err);
	CHECK_OK(&err);
	next_logp(&x, &ids, logp);
	CHECK(r.status == ANSWER_OK && r.n_options == 3 && r.completion_tokens <= 16);
	for (int j = 0; j < 3; j++) {
		CHECK(r.option[j].known && r.option[j].tokens == 1);
		CHECK_NEAR(r.option[j].logprob, (double)logp['A' + j], 1e-4);
	}
	bpe_ids_free(&ids);
	teller_end(&x);
	scratch_remove(dir);
	if (!stories(&x, 1))
		return;
	check_blank_letter(&x, "Once upon", 'T');
	check_blank_letter(&x, "Lily and", 'T');
	teller_end(&x);
}

/* --- writing --- */

/* logit - presence (where it was written) - count * frequency, token by token. */
static void check_penalties(struct teller *x, double presence, double frequency)
{
	static const char text[] = "Once upon a time";
	const int v = decoder_config_of(x->d)->vocab;
	struct strbuf want = { 0 };
	struct bpe_ids ids = { 0 };
	struct err err = { 0 };
	struct question q;
	size_t prompt;

	tokenizer_encode(x->t, text, strlen(text), TOKENIZER_BOS, &ids, &err);
	prompt = ids.n;
	for (int k = 0; k < 40; k++) {
		float logp[512];
		int best = 0;

		next_logp(x, &ids, logp);
		for (int id = 0; id < v; id++) {
			int count = 0;

			for (size_t i = prompt; i < ids.n; i++)
				count += ids.id[i] == id;
			logp[id] -= (float)(count * frequency + (count ? presence : 0));
			best = logp[id] > logp[best] ? id : best;
		}
		tokenizer_piece(x->t, ids.id[ids.n - 1], best, &want, &err);
		CHECK(GROW_ARRAY(ids.id, ids.cap, ids.n + 1));
		ids.id[ids.n++] = best;
	}
	CHECK_OK(&err);
	question(&q, ASK_GENERATE, text, NULL, 0);
	q.ask.sampling.max_tokens = 40;
	q.ask.sampling.presence_penalty = presence;
	q.ask.sampling.frequency_penalty = frequency;
	assert_string_equal(answer(x, &q.ask).text, strbuf_str(&want));
	strbuf_free(&want);
	bpe_ids_free(&ids);
}

static void test_generate(void **state)
{
	struct question q;
	struct teller x;
	struct reply r;
	char first[400];

	(void)state;
	if (!stories(&x, 1))
		return;
	question(&q, ASK_GENERATE, "Once upon a time", NULL, 0);
	q.ask.sampling.max_tokens = 40;
	r = answer(&x, &q.ask);
	assert_string_equal(r.text,
			    ", there was a little girl named Lily. She loved to play outside "
			    "in the park. One day, she saw a big, red ball.");
	assert_string_equal(r.finish_reason, "length");
	CHECK(r.completion_tokens == 40 && r.prompt_tokens == 5);
	/* a seed repeats, another one does not */
	q.ask.sampling.temperature = 1.2;
	q.ask.sampling.top_p = 0.95;
	r = answer(&x, &q.ask);
	CHECK(str_copy(first, sizeof(first), r.text));
	assert_string_equal(answer(&x, &q.ask).text, first);
	q.ask.sampling.seed++;
	assert_string_not_equal(answer(&x, &q.ask).text, first);
	check_penalties(&x, 0.7, 0);
	check_penalties(&x, 0, 1.1);
	check_penalties(&x, 1000, -0.3);
	/* to the end of the story, and to the end of the context */
	question(&q, ASK_GENERATE, "Once upon a time", NULL, 0);
	q.ask.sampling.max_tokens = 5000;
	r = answer(&x, &q.ask);
	CHECK(r.prompt_tokens + r.completion_tokens <= 512);
	CHECK(!strcmp(r.finish_reason, "stop") || r.prompt_tokens + r.completion_tokens == 512);
	teller_end(&x);
}

/* --- what is refused --- */

static void test_refused(void **state)
{
	static const char *const option[] = { "joy" };
	char *dir = invent(WEIGHT_F32, false), big[1500] = { 0 };
	struct ask_part parts[2] = { { .type = ASK_TEXT, .data = "a", .size = 1 },
				     { .type = ASK_WAV, .data = "RIFF", .size = 4 } };
	struct ask_message roles[2];
	struct err err = { 0 };
	struct question q;
	struct teller x;
	struct reply r;

	(void)state;
	invented(&x, dir, "qwen2", 1, NULL);
	question(&q, ASK_GENERATE, "a", NULL, 0);
	q.message = (struct ask_message){ "user", parts, 2 };
	check_refused(&x, &q.ask, CAUSE_REPORTED, "read text");
	memset(big, 'x', sizeof(big) - 1);
	check_refused(&x, question(&q, ASK_GENERATE, big, NULL, 0), CAUSE_REPORTED,
		      "the weights read 1200");
	check_refused(&x, question(&q, ASK_LIKELIHOOD, big, option, 1), CAUSE_REPORTED,
		      "the weights read 1200");
	check_refused(&x, question(&q, ASK_CHOICE, "a", NULL, 0), CAUSE_REPORTED,
		      "without options");
	question(&q, ASK_GENERATE, "a", NULL, 0);
	q.message.role = "tool";
	check_refused(&x, &q.ask, CAUSE_REPORTED, "role 'tool'");
	question(&q, ASK_GENERATE, "a", NULL, 0);
	roles[0] = roles[1] = q.message;
	roles[1].role = "system";
	q.ask.message = roles;
	q.ask.n_messages = 2;
	check_refused(&x, &q.ask, CAUSE_REPORTED, "can only be the first");
	/* nothing of this hurts the next */
	CHECK(answer(&x, question(&q, ASK_CHOICE, "a", option, 1)).status == ANSWER_OK);
	x.stop = 15;
	responder_answer(x.r, question(&q, ASK_GENERATE, "a", NULL, 0), &x.mem, &r, &err);
	CHECK_ERR(&err, ERR_INTERRUPTED, "interrupted");
	teller_end(&x);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_likelihood), cmocka_unit_test(test_finished_chat),
		cmocka_unit_test(test_border),	   cmocka_unit_test(test_choice),
		cmocka_unit_test(test_letters),	   cmocka_unit_test(test_generate),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
