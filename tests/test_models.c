/* SPDX-License-Identifier: Apache-2.0
 * Every registered model against the contract of harness/core/model.h, on a
 * small invented corpus in which every channel says something about the label.
 */
#include "tests/test.h"

#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/core/ask.h"
#include "harness/core/model.h"

#define DIALOGUES 12
#define TURNS	  5
#define ROWS	  3
#define COLS	  4

/* Two worlds with the same labels and different content in the channels of `other`. */
struct world {
	struct view view[DIALOGUES];
	struct turn turn[DIALOGUES][TURNS];
	unsigned char target[TURNS];
	int label[DIALOGUES][TURNS];
	const int *labels[DIALOGUES];
	float audio[DIALOGUES][TURNS][ROWS * COLS];
	float video[PART_COUNT][DIALOGUES][TURNS][ROWS * COLS];
};

static const char *const word[2][3] = {
	{ "It is a table.", "This is so great!", "I hate it all..." },
	{ "Where is caf\xc3\xa9 two?", "Lovely, thank you!", "Go away now." },
};
static const char *const speech[2][3] = {
	{ "moderate volume, moderate pitch.", "high volume, high pitch.",
	  "low volume, low pitch." },
	{ "very high volume, low pitch.", "low volume, very low pitch.",
	  "moderate volume, high pitch." },
};
static const char *const behaviour[2][PART_COUNT][3] = {
	{ { "The face is still.", "The mouth corners rise.", "The brows are drawn down." },
	  { "The arms rest.", "The arms wave.", "The arms are crossed." },
	  { "Upright.", "Leaning forward.", "Slumped." } },
	{ { "The eyes widen.", "The eyes close.", "The lips are pressed." },
	  { "The head nods.", "The head shakes.", "The hands are clasped." },
	  { "Turned aside.", "Leaning back.", "Bent down." } },
};

static struct feat invent_frames(float *x, int label, int variant, struct rng *r)
{
	for (int i = 0; i < ROWS * COLS; i++)
		x[i] = (float)(rng_normal(r) + (i % COLS == label) - 2 * variant);
	return (struct feat){ x, ROWS, COLS };
}

static struct world *world_new(unsigned other)
{
	struct world *w = calloc(1, sizeof(*w));
	struct rng r;

	CHECK(w);
	rng_seed(&r, 7, 0);
	for (int t = 0; t < TURNS; t++)
		w->target[t] = t != 1; /* the second turn is history only */
	for (int d = 0; d < DIALOGUES; d++) {
		w->view[d] = (struct view){ "d", w->turn[d], TURNS, w->target, TURNS };
		w->labels[d] = w->label[d];
		for (int t = 0; t < TURNS; t++) {
			struct turn *u = &w->turn[d][t];
			int k = (int)rng_below(&r, 3), *o = &w->label[d][t];

			*o = d == 0 && t == 2 ? -1 : k;
			u->id = "u";
			u->speaker = (int)rng_below(&r, 2);
			u->text = word[!!(other & SEE_TEXT)][k];
			u->speech = speech[!!(other & SEE_SPEECH)][k];
			u->audio = invent_frames(w->audio[d][t], k, !!(other & SEE_AUDIO), &r);
			for (int p = 0; p < PART_COUNT; p++) {
				unsigned bit = (unsigned)SEE_FACE << p;

				u->behaviour[p] = behaviour[!!(other & bit)][p][k];
				u->video[p] = invent_frames(w->video[p][d][t], k,
							    !!(other & SEE_VIDEO), &r);
			}
		}
	}
	return w;
}

/* What the framework does before a model sees anything. */
static void world_mask(struct world *w, unsigned see)
{
	for (int d = 0; d < DIALOGUES; d++) {
		w->view[d].window = see & SEE_HISTORY ? TURNS : 0;
		for (int t = 0; t < TURNS; t++) {
			struct turn *u = &w->turn[d][t];

			if (!(see & SEE_TEXT))
				u->text = NULL;
			if (!(see & SEE_SPEECH))
				u->speech = NULL;
			if (!(see & SEE_AUDIO))
				u->audio = (struct feat){ 0 };
			for (int p = 0; p < PART_COUNT; p++) {
				bool part = see & ((unsigned)SEE_FACE << p);

				if (!part)
					u->behaviour[p] = NULL;
				if (!part || !(see & SEE_VIDEO))
					u->video[p] = (struct feat){ 0 };
			}
		}
	}
}

/* Small and quick, whatever the model's defaults are. */
static const char *const quick[][2] = {
	{ "epochs", "2" }, { "align_epochs", "1" }, { "dim", "16" }, { "context_layers", "2" },
	{ "layers", "3" }, { "heads", "2" },	    { "ff", "16" },  { "vocab", "320" },
	{ "path", "2" },   { "shots", "3" },
};

/* One model in one run. */
struct run {
	const struct model_ops *m;
	struct opt_values opts;
	struct model_env env;
	void *state;
};

static void run_new(struct run *r, const struct model_ops *m, unsigned see, uint64_t seed)
{
	static const struct opt_spec none[] = { OPT_END };
	struct err err = { 0 };

	*r = (struct run){ .m = m, .state = calloc(1, m->state_size) };
	CHECK(r->state);
	opt_init(&r->opts, m->opts ? m->opts : none, &err);
	for (size_t i = 0; i < ARRAY_LEN(quick); i++)
		for (int j = 0; j < r->opts.n; j++)
			if (!strcmp(r->opts.spec[j].name, quick[i][0]) &&
			    r->opts.spec[j].type != OPT_CHOICE)
				opt_set(&r->opts, quick[i][0], quick[i][1], &err);
	CHECK_OK(&err);
	r->env = (struct model_env){
		.labels = &labels_meld3, .opts = &r->opts, .see = see, .seed = seed, .threads = 1
	};
	m->init(r->state, &r->env, &err);
	CHECK_OK(&err);
}

static void run_free(struct run *r)
{
	r->m->destroy(r->state);
	free(r->state);
	opt_free(&r->opts);
}

static void run_fit(struct run *r, const struct world *w)
{
	struct samples s = { w->view, w->labels, DIALOGUES };
	struct err err = { 0 };

	if (r->m->fit)
		r->m->fit(r->state, &s, &err);
	CHECK_OK(&err);
}

#define ANSWERS (DIALOGUES * (TURNS - 1))

/* Every field that a carrier reads is as harness/core/ask.h wants it; *all gets what would be
 * sent. */
static void check_ask(const struct ask *a, const struct label_set *labels, struct strbuf *all)
{
	struct err err = { 0 };
	struct json *settings = json_parse(a->settings, strlen(a->settings), "settings", &err);

	CHECK_OK(&err);
	for (int i = 0; i + 1 < json_size(settings); i++)
		CHECK(strcmp(json_key(json_at(settings, i)), json_key(json_at(settings, i + 1))) <
		      0);
	json_free(settings);
	CHECK(a->id && *a->id && *a->task && a->index == 0);
	CHECK(a->n_messages > 0 && a->n_messages <= ASK_MESSAGES_MAX);
	CHECK(a->mode == ASK_GENERATE ? !a->n_options : a->n_options == labels->n);
	CHECK(a->sampling.max_tokens > 0 && a->sampling.top_p >= 0);
	strbuf_add(all, a->settings);
	for (int i = 0; i < a->n_messages; i++) {
		const struct ask_message *m = &a->message[i];
		const bool user = !strcmp(m->role, "user");

		CHECK(user || !strcmp(m->role, "assistant") || (!i && !strcmp(m->role, "system")));
		CHECK(m->n_parts > 0 && m->n_parts <= ASK_PARTS_MAX);
		strbuf_addf(all, "\n%s", m->role);
		for (int k = 0; k < m->n_parts; k++) {
			const struct ask_part *part = &m->part[k];

			strbuf_addf(all, "\n%d %d %s", part->type, part->turn,
				    part->data ? part->data : "");
			if (part->type != ASK_TEXT) {
				CHECK(!part->data && user && a->media.frames > 0 &&
				      a->media.side > 0 && a->media.seconds > 0);
				continue;
			}
			CHECK(part->data && part->size == strlen(part->data) && part->size);
			CHECK(utf8_check(part->data, part->size) == part->size);
		}
	}
	CHECK(!strcmp(a->message[a->n_messages - 1].role, "user"));
}

/* Stands in for a served model: its label follows from what was sent alone, and so do the scores,
 * which are put behind the answer so that the same answers mean the same asks. */
static void answer_ask(struct run *r, const struct view *v, int t, struct answer *out)
{
	const struct label_set *labels = r->env.labels;
	struct reply reply = { .finish_reason = "stop", .latency_ms = 3 };
	struct strbuf all = { 0 };
	struct arena mem = { 0 };
	struct err err = { 0 };
	struct answer again;
	struct ask ask;
	uint64_t h;
	int label;

	r->m->ask(r->state, v, t, &ask, &mem, &err);
	CHECK_OK(&err);
	check_ask(&ask, labels, &all);
	h = hash_u64(strbuf_str(&all), all.len);
	label = (int)(h % (uint64_t)labels->n);
	reply.text = "I would rather not say.";
	r->m->read(r->state, v, t, &reply, &again, &err);
	CHECK_OK(&err);
	CHECK(again.status == ANSWER_PARSE_FAIL && again.label == -1 && again.cause);
	reply.text = labels->word[label];
	r->m->read(r->state, v, t, &reply, out, &err);
	CHECK_OK(&err);
	CHECK(out->status == ANSWER_OK && out->label == label && out->strict == label);
	CHECK(out->cause && out->raw == reply.text);
	for (int j = 0; j < labels->n; j++)
		out->score[j] = j == label ? 2 : (float)(h >> 12 * j & 0xfff) / 4096;
	strbuf_free(&all);
	arena_free(&mem);
}

static void predict_view(struct run *r, const struct view *v, struct answer *out)
{
	struct err err = { 0 };

	if (r->m->predict)
		r->m->predict(r->state, v, out, &err);
	CHECK_OK(&err);
	for (int t = 0; t < v->n && r->m->ask; t++)
		if (v->target[t])
			answer_ask(r, v, t, out++);
}

static void run_predict(struct run *r, const struct world *w, struct answer out[ANSWERS])
{
	for (int d = 0; d < DIALOGUES; d++) {
		struct answer *a = out + d * (TURNS - 1);

		for (int k = 0; k < TURNS - 1; k++)
			a[k] = (struct answer){ .score = { NAN, NAN, NAN }, .label = -7 };
		predict_view(r, &w->view[d], a);
		for (int k = 0; k < TURNS - 1; k++) {
			CHECK(a[k].status >= ANSWER_OK && a[k].status < ANSWER_STATUS_COUNT);
			CHECK(a[k].status == ANSWER_OK ? a[k].label >= 0 && a[k].label < 3
						       : a[k].label == -1);
			for (int j = 0; j < 3; j++) {
				CHECK(isfinite(a[k].score[j]));
				CHECK(a[k].label < 0 || a[k].score[j] <= a[k].score[a[k].label]);
			}
			CHECK(isfinite(a[k].prompt_ms) && isfinite(a[k].model_ms));
		}
	}
}

static bool same_answers(const struct answer *a, const struct answer *b)
{
	for (int i = 0; i < ANSWERS; i++)
		if (a[i].label != b[i].label ||
		    memcmp(a[i].score, b[i].score, 3 * sizeof(float)) != 0)
			return false;
	return true;
}

static void test_shape(void **state)
{
	(void)state;
	for (int i = 0; model_registry[i]; i++) {
		const struct model_ops *m = model_registry[i];
		void *zero = calloc(1, m->state_size);

		CHECK(m->name && m->title && m->state_size && zero);
		CHECK(m->init && m->destroy && !m->predict == !!m->ask && !m->ask == !m->read);
		CHECK(!(m->flags & MODEL_TRAINS) == !m->fit);
		CHECK(!m->save == !m->load && !m->save == !m->fit);
		CHECK(!(m->needs & ~m->uses));
		CHECK(model_find(m->name) == m);
		m->destroy(zero);
		free(zero);
		for (int j = 0; j < i; j++)
			CHECK(strcmp(m->name, model_registry[j]->name) != 0);
	}
	CHECK(!model_find("no such model"));
}

static void test_repeatable(void **state)
{
	struct world *w = world_new(0);
	struct answer one[ANSWERS], two[ANSWERS];

	(void)state;
	for (int i = 0; model_registry[i]; i++) {
		struct run a, b;

		run_new(&a, model_registry[i], SEE_ALL, 3);
		run_new(&b, model_registry[i], SEE_ALL, 3);
		run_fit(&a, w);
		run_fit(&b, w);
		CHECK(!a.m->fit || a.m->ask || (a.m->parameters && a.m->parameters(a.state) > 0));
		run_predict(&a, w, one);
		run_predict(&a, w, two);
		CHECK(same_answers(one, two)); /* predict leaves no trace */
		run_predict(&b, w, two);
		CHECK(same_answers(one, two)); /* same seed, same result */
		run_free(&a);
		run_free(&b);
	}
	free(w);
}

/* A file cut anywhere, or of another model, is refused with its name. */
static void check_broken_files(struct run *r, const char *path)
{
	struct err err = { 0 };
	char *buf;
	size_t len;

	CHECK(!io_read_file(path, SIZE_MAX, &buf, &len, &err));
	for (size_t n = 0; n < len; n += 1 + len / 13) {
		io_write_atomic(path, buf, n, &err);
		CHECK_OK(&err);
		CHECK(r->m->load(r->state, path, &err));
		CHECK_ERR(&err, ERR_FORMAT, path);
	}
	buf[0] ^= 1;
	io_write_atomic(path, buf, len, &err);
	CHECK_OK(&err);
	CHECK(r->m->load(r->state, path, &err));
	CHECK_ERR(&err, ERR_FORMAT, path);
	free(buf);
}

static void test_save_load(void **state)
{
	struct world *w = world_new(0);
	struct answer one[ANSWERS], two[ANSWERS];
	char *dir = scratch_make();

	(void)state;
	for (int i = 0; model_registry[i]; i++) {
		const struct model_ops *m = model_registry[i];
		char *path = path_join(dir, m->name);
		struct err err = { 0 };
		struct run a, b;

		if (m->save) {
			run_new(&a, m, SEE_ALL, 3);
			run_new(&b, m, SEE_ALL, 4);
			run_fit(&a, w);
			run_predict(&a, w, one);
			m->save(a.state, path, &err);
			CHECK_OK(&err);
			m->load(b.state, path, &err);
			CHECK_OK(&err);
			run_predict(&b, w, two);
			CHECK(same_answers(one, two));
			check_broken_files(&b, path);
			run_free(&a);
			run_free(&b);
			run_new(&b, m, SEE_ALL, 4);
			CHECK(m->load(b.state, "/nonexistent/model", &err));
			CHECK_ERR(&err, ERR_MISSING, "/nonexistent/model");
			run_free(&b);
		}
		free(path);
	}
	scratch_remove(dir);
	free(w);
}

/* What is masked cannot matter; what a model says it uses does. */
static void check_channel(const struct model_ops *m, unsigned bit)
{
	struct answer one[ANSWERS], two[ANSWERS];
	struct world *a = world_new(0), *b = world_new(bit), *train = world_new(0);
	struct run r;

	run_new(&r, m, SEE_ALL, 3);
	run_fit(&r, train);
	run_predict(&r, a, one);
	run_predict(&r, b, two);
	CHECK(!(m->uses & bit) || !same_answers(one, two));
	run_free(&r);

	world_mask(train, SEE_ALL & ~bit);
	world_mask(a, SEE_ALL & ~bit);
	world_mask(b, SEE_ALL & ~bit);
	run_new(&r, m, SEE_ALL & ~bit, 3);
	run_fit(&r, train);
	run_predict(&r, a, one);
	run_predict(&r, b, two);
	CHECK(same_answers(one, two));
	run_free(&r);
	free(a);
	free(b);
	free(train);
}

static void test_masking(void **state)
{
	(void)state;
	for (int i = 0; model_registry[i]; i++)
		for (unsigned bit = SEE_TEXT; bit <= SEE_VIDEO; bit <<= 1)
			if (!(model_registry[i]->needs & bit))
				check_channel(model_registry[i], bit);
}

/* Turns beyond the window cannot matter, however many layers pass them on; those
 * inside do for models that read history. */
static void check_window(const struct model_ops *m, int window)
{
	struct world *a = world_new(0), *b = world_new(0);
	struct answer one[ANSWERS], two[ANSWERS];
	bool near = false;
	struct run r;

	for (int d = 0; d < DIALOGUES; d++) {
		a->view[d].window = b->view[d].window = window;
		b->turn[d][0].text = "something else entirely!";
	}
	run_new(&r, m, SEE_ALL, 3);
	run_fit(&r, a);
	run_predict(&r, a, one);
	run_predict(&r, b, two);
	for (int i = 0; i < ANSWERS; i++) {
		const int k = i % (TURNS - 1), t = k ? k + 1 : 0; /* turn 1 is no target */
		double moved = 0;

		for (int j = 0; j < 3; j++)
			moved = fmax(moved,
				     fabs((double)one[i].score[j] - (double)two[i].score[j]));
		CHECK(moved < 1e-5 || t <= window); /* positions shift: rounding only */
		near = near || (moved > 1e-4 && t > 0);
	}
	CHECK(near == (m->uses & SEE_HISTORY && window > 1));
	run_free(&r);
	free(a);
	free(b);
}

static void test_window(void **state)
{
	(void)state;
	for (int i = 0; model_registry[i]; i++)
		for (int window = 0; window < 4; window++)
			check_window(model_registry[i], window);
}

/* Who reads its own sentences does not see the teacher's when answering. */
static void test_student(void **state)
{
	struct world *a = world_new(0), *b = world_new(SEE_BEHAVIOUR);
	struct answer one[ANSWERS], two[ANSWERS];
	struct err err = { 0 };
	struct run r;

	(void)state;
	run_new(&r, model_find("bemerc"), SEE_ALL, 3);
	opt_set(&r.opts, "behaviour", "student", &err);
	CHECK_OK(&err);
	run_fit(&r, a);
	run_predict(&r, b, two);
	run_predict(&r, a, one);
	CHECK(same_answers(one, two));
	for (int i = (DIALOGUES - 1) * (TURNS - 1); i < ANSWERS; i++)
		CHECK(one[i].raw != NULL); /* of the last call: valid until the next */
	run_free(&r);
	free(a);
	free(b);
}

struct told {
	int epochs, stop_at;
	bool numbered;
};

static enum epoch_verdict count_epoch(void *ctx, const struct epoch *e)
{
	struct told *t = ctx;

	t->numbered = t->numbered && e->stage && e->number >= 1 && e->number <= e->total &&
		      isfinite(e->loss);
	return ++t->epochs == t->stop_at ? EPOCH_STOP : EPOCH_BEST;
}

static void test_epochs(void **state)
{
	struct world *w = world_new(0);
	struct samples s = { w->view, w->labels, DIALOGUES };

	(void)state;
	for (int i = 0; model_registry[i]; i++) {
		struct told told = { .numbered = true }, stop = { .stop_at = 1, .numbered = true };
		struct err err = { 0 };
		struct run r;

		if (!model_registry[i]->fit || model_registry[i]->ask) /* that only chooses */
			continue;
		run_new(&r, model_registry[i], SEE_ALL, 3);
		r.env.epoch_end = count_epoch;
		r.env.epoch_ctx = &told;
		run_fit(&r, w);
		CHECK(told.epochs > 0 && told.numbered);
		run_free(&r);
		run_new(&r, model_registry[i], SEE_ALL, 3);
		r.env.epoch_end = count_epoch;
		r.env.epoch_ctx = &stop;
		CHECK(r.m->fit(r.state, &s, &err));
		CHECK_ERR(&err, ERR_INTERRUPTED, model_registry[i]->name);
		CHECK(stop.epochs == 1);
		run_free(&r);
	}
	free(w);
}

static void test_majority(void **state)
{
	struct world *w = world_new(0);
	struct answer a[ANSWERS];
	int count[3] = { 0 }, best = 0, n = 0;
	struct run r;

	(void)state;
	for (int d = 0; d < DIALOGUES; d++)
		for (int t = 0; t < TURNS; t++)
			if (w->target[t] && w->label[d][t] >= 0)
				count[w->label[d][t]]++;
	for (int k = 0; k < 3; k++) {
		best = count[k] > count[best] ? k : best;
		n += count[k];
	}
	run_new(&r, model_find("majority"), SEE_ALL, 0);
	run_fit(&r, w);
	run_predict(&r, w, a);
	CHECK(n == ANSWERS - 1 && a[0].label == best);
	for (int k = 0; k < 3; k++)
		CHECK_NEAR(a[0].score[k], log((count[k] + 1.0) / (n + 3.0)), 1e-6);
	run_free(&r);
	free(w);
}

/* In this world the words give the label away. */
static void test_bow_learns(void **state)
{
	struct world *w = world_new(0);
	struct answer a[ANSWERS];
	struct run r;
	int i = 0;

	(void)state;
	run_new(&r, model_find("bow"), SEE_ALL, 0);
	run_fit(&r, w);
	run_predict(&r, w, a);
	for (int d = 0; d < DIALOGUES; d++)
		for (int t = 0; t < TURNS; t++)
			if (w->target[t]) {
				CHECK(w->label[d][t] < 0 || a[i].label == w->label[d][t]);
				i++;
			}
	run_free(&r);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),	   cmocka_unit_test(test_repeatable),
		cmocka_unit_test(test_save_load),  cmocka_unit_test(test_masking),
		cmocka_unit_test(test_window),	   cmocka_unit_test(test_student),
		cmocka_unit_test(test_epochs),	   cmocka_unit_test(test_majority),
		cmocka_unit_test(test_bow_learns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
