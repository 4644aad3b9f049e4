/* SPDX-License-Identifier: Apache-2.0
 * Questions through a carrier: each target is asked about once, follow-ups come after their
 * replies, clips that cannot be read become replies of their own, and whatever ends early
 * leaves nothing behind.
 */
#include "tests/test.h"

#include <poll.h>
#include <pthread.h>

#include "harness/base/rng.h"
#include "harness/run/inquiry.h"

#define DIALOGUES 40
#define TURNS	  7

/* A corpus of text; every ninth utterance names a clip that is not there. */
struct world {
	struct corpus c;
	struct dialogue dia[DIALOGUES];
	struct utterance utt[DIALOGUES * TURNS];
	char id[DIALOGUES * TURNS][24];
	struct turn turn[DIALOGUES * TURNS];
	int index[DIALOGUES * TURNS];
	unsigned char target[TURNS];
	struct view view[DIALOGUES];
	const int *indices[DIALOGUES];
	struct views views;
};

static void world_make(struct world *w)
{
	*w = (struct world){ .c = { .name = "meld", .n_dia = DIALOGUES } };
	for (int t = 0; t < TURNS; t++)
		w->target[t] = t != 2;
	for (int d = 0; d < DIALOGUES; d++) {
		w->dia[d] = (struct dialogue){ .split = SPLIT_TEST,
					       .first = d * TURNS,
					       .count = TURNS };
		w->view[d] = (struct view){ .dialogue = "d",
					    .turn = &w->turn[d * TURNS],
					    .n = TURNS,
					    .target = w->target };
		w->indices[d] = &w->index[d * TURNS];
		for (int t = 0; t < TURNS; t++) {
			const int i = d * TURNS + t;

			snprintf(w->id[i], sizeof(w->id[i]), "dia%d_utt%d", d, t);
			w->index[i] = i;
			w->turn[i].id = w->id[i];
			w->utt[i] = (struct utterance){ .id = w->id[i], .dialogue = d };
			if (i % 9 == 0)
				w->utt[i].audio = (struct media_ref){ "/nowhere/at/all.wav", 0, -1,
								      CROP_NONE };
		}
	}
	w->c.dia = w->dia;
	w->c.utt = w->utt;
	w->c.n_utt = DIALOGUES * TURNS;
	w->views = (struct views){ .view = w->view,
				   .n = DIALOGUES,
				   .n_target = DIALOGUES * (TURNS - 1),
				   .index = w->indices };
}

/* The asker: counts what it is told, and asks again where its plan says so. */
struct asker {
	struct world *w;
	int followups;	 /* further questions about each third target */
	bool with_clips; /* the ninth utterances are asked about with their sound */
	int fail_at;	 /* utterance whose question cannot be written, -1: none */
	int taken[DIALOGUES * TURNS][4];
	int no_clip, wrong;
};

static int wanted(const struct asker *a, int i)
{
	return i % 3 == 0 ? a->followups : 0;
}

static int ask(void *ctx, int v, int t, int index, const struct reply *before, struct ask *out,
	       struct arena *mem, struct err *err)
{
	struct asker *a = ctx;
	const int i = v * TURNS + t;
	const bool sound = a->with_clips && i % 9 == 0;
	struct ask_part *part = arena_array(mem, 2, sizeof(*part));
	struct ask_message *message = arena_array(mem, 1, sizeof(*message));
	char text[80];

	if (i == a->fail_at)
		return err_set(err, ERR_ARG, "no question");
	if (!part || !message)
		return err_set(err, ERR_NOMEM, "no memory");
	snprintf(text, sizeof(text), "%d %d after '%s'", i, index, before ? before->text : "");
	part[0] = (struct ask_part){ .type = ASK_TEXT,
				     .data = arena_strdup(mem, text),
				     .size = strlen(text) };
	part[1] = (struct ask_part){ .type = ASK_WAV, .turn = t };
	*message = (struct ask_message){ "user", part, sound ? 2 : 1 };
	*out = (struct ask){ .task = "",
			     .settings = "",
			     .message = message,
			     .n_messages = 1,
			     .sampling = ask_sampling_default,
			     .media = { 1, 64, 1 } };
	return 0;
}

static int take(void *ctx, int v, int t, int index, const struct reply *r, bool *again,
		struct err *err)
{
	struct asker *a = ctx;
	const int i = v * TURNS + t;
	char want[80];

	(void)err;
	a->taken[i][index]++;
	if (r->cause == CAUSE_MEDIA) {
		a->no_clip++;
		a->wrong += r->status != ANSWER_DECODE_FAIL ||
			    !strstr(r->first_error, "/nowhere/at/all.wav");
		return 0;
	}
	if (index)
		snprintf(want, sizeof(want), "re %d %d after 're %d %d", i, index, i, index - 1);
	else
		snprintf(want, sizeof(want), "re %d 0 after ''", i);
	a->wrong += strncmp(r->text, want, strlen(want)) != 0;
	*again = index < wanted(a, i);
	return 0;
}

/* A carrier that answers in any order; ends after `most` replies with an error, if that is not 0.
 */
struct shuffler {
	struct rng rng;
	unsigned needs;
	int most, put;
	bool ids_wrong;
	const struct ask *flying[16];
	int n;
};

static int answer_one(struct shuffler *s, const struct ask_sink *sink, struct err *err)
{
	const int k = (int)rng_below(&s->rng, (uint32_t)s->n);
	const struct ask *a = s->flying[k];
	char text[120];
	struct reply r = { .finish_reason = "stop",
			   .first_error = "",
			   .model = "m",
			   .fingerprint = "",
			   .request_id = "" };
	int i = -1;

	snprintf(text, sizeof(text), "re %s", a->message[0].part[0].data);
	r.text = text;
	sscanf(a->id, "test/dia%d", &i);
	s->ids_wrong |= i < 0 || strncmp(a->id, "test/dia", 8) != 0;
	s->flying[k] = s->flying[--s->n];
	s->put++;
	return sink->put(sink->ctx, a, &r, err);
}

static int carry(void *ctx, const char *dir, unsigned needs, int64_t total,
		 const struct ask_source *source, const struct ask_sink *sink,
		 struct ask_counts *counts, struct strbuf *served, struct err *err)
{
	struct shuffler *s = ctx;
	bool ended = false;

	(void)dir;
	(void)served;
	s->needs = needs;
	CHECK(total == DIALOGUES * (TURNS - 1));
	while (!err->code && (!ended || s->n)) {
		struct pollfd ready = { .fd = source->ready, .events = POLLIN };
		enum ask_next what = ASK_LATER;

		if (!ended && s->n < 16) {
			what = source->next(source->ctx, &s->flying[s->n], err);
			ended = what == ASK_END;
			s->n += what == ASK_READY;
		}
		if (what == ASK_READY || err->code)
			continue;
		if (s->n)
			answer_one(s, sink, err);
		else if (!ended)
			poll(&ready, 1, 10000);
		if (s->most && s->put == s->most)
			err_set(err, ERR_BACKEND, "gone");
	}
	counts->asks = s->put;
	return err->code;
}

static struct err go(struct asker *a, struct shuffler *s, int threads, struct ask_counts *counts)
{
	const struct carrier c = { .name = "c", .backend = "test", .carry = carry, .ctx = s };
	const struct inquiry q = { .views = &a->w->views,
				   .corpus = &a->w->c,
				   .see = SEE_SOUND,
				   .threads = threads,
				   .ask = ask,
				   .take = take,
				   .ctx = a };
	struct strbuf served = { 0 };
	struct err err = { 0 };

	rng_seed(&s->rng, 11, 0);
	inquiry_carry(&q, &c, "nowhere", counts, &served, &err);
	strbuf_free(&served);
	return err;
}

static void test_once_each(void **state)
{
	static struct world w;
	static struct asker a;

	(void)state;
	world_make(&w);
	for (int threads = 1; threads <= 3; threads++) {
		struct shuffler s = { 0 };
		struct ask_counts counts;
		struct err err;

		a = (struct asker){ .w = &w, .followups = 2, .with_clips = true, .fail_at = -1 };
		err = go(&a, &s, threads, &counts);
		CHECK_OK(&err);
		CHECK(!a.wrong && !s.ids_wrong);
		CHECK(s.needs == (ASK_NEEDS_MODE(ASK_GENERATE) | ASK_NEEDS_PART(ASK_TEXT) |
				  ASK_NEEDS_PART(ASK_WAV)));
		CHECK(a.no_clip > 10 && counts.status[ANSWER_DECODE_FAIL] == a.no_clip &&
		      counts.cause[CAUSE_MEDIA] == a.no_clip && counts.asks == s.put + a.no_clip);
		for (int i = 0; i < DIALOGUES * TURNS; i++)
			for (int k = 0; k < 4; k++) {
				const bool target = w.target[i % TURNS];
				const bool asked = k == 0 || (i % 9 && k <= wanted(&a, i));

				CHECK(a.taken[i][k] == (target && asked));
			}
	}
}

static void test_ends_early(void **state)
{
	static struct world w;
	static struct asker a;
	struct shuffler gone = { .most = 37 }, broken = { 0 };
	struct ask_counts counts;
	struct err err;

	(void)state;
	world_make(&w);
	a = (struct asker){ .w = &w, .followups = 1, .fail_at = -1 };
	err = go(&a, &gone, 2, &counts);
	CHECK(err.code == ERR_BACKEND && gone.put == 37 && gone.n > 0);
	a = (struct asker){ .w = &w, .fail_at = 150 };
	err = go(&a, &broken, 2, &counts);
	CHECK(err.code == ERR_ARG && strstr(err.msg, "dia21_utt3"));
}

static int show(void *ctx, const struct ask *ask, const char *why, struct err *err)
{
	int *n = ctx;

	(void)err;
	n[0]++;
	n[1] += why != NULL;
	n[2] += why && strstr(why, "/nowhere/at/all.wav") && ask->n_messages == 1;
	return 0;
}

static void test_shows(void **state)
{
	static struct world w;
	static struct asker a;
	const struct inquiry q = { .views = &w.views,
				   .corpus = &w.c,
				   .see = SEE_SOUND,
				   .ask = ask,
				   .take = take,
				   .ctx = &a };
	struct err err = { 0 };
	int n[3] = { 0 };

	(void)state;
	world_make(&w);
	a = (struct asker){ .w = &w, .with_clips = true, .fail_at = -1 };
	inquiry_show(&q, show, n, &err);
	CHECK_OK(&err);
	CHECK(n[0] == DIALOGUES * (TURNS - 1) && n[1] == n[2] && n[1] > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once_each),
		cmocka_unit_test(test_ends_early),
		cmocka_unit_test(test_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
