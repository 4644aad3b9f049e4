/* SPDX-License-Identifier: Apache-2.0
 * Systems that ask, over whole corpora: prompts of a real corpus as a run makes them against those
 * that were published, and every shipped recipe in a state to ask.
 */
#include "tests/test.h"

#include "harness/base/json.h"
#include "harness/base/map.h"
#include "harness/core/ask.h"
#include "harness/core/dataset.h"
#include "harness/run/bank.h"
#include "harness/run/recipe.h"

/* A model as a recipe sets it up. */
struct system {
	struct recipe recipe;
	struct model_env env;
	void *state;
};

static int system_new(struct system *s, const char *path, const char *dataset,
		      const struct label_set *labels, const char *set, struct err *err)
{
	*s = (struct system){ .state = NULL };
	if (recipe_read(&s->recipe, path, dataset, NULL, set, err))
		return err->code;
	s->env = (struct model_env){ .labels = labels,
				     .opts = &s->recipe.opts,
				     .see = s->recipe.see,
				     .seed = 1,
				     .threads = 1 };
	s->state = calloc(1, s->recipe.model->state_size);
	CHECK(s->state);
	return s->recipe.model->init(s->state, &s->env, err);
}

static void system_free(struct system *s)
{
	if (s->state)
		s->recipe.model->destroy(s->state);
	free(s->state);
	recipe_free(&s->recipe);
}

/* --- the published prompts --- */

struct comparing {
	struct str_map left; /* prompts of ours, each with how often it is still to be met */
	struct arena mem;    /* of the prompts */
	int met, all;
};

static int meet(void *ctx, const struct json *v, long line, struct err *err)
{
	struct comparing *c = ctx;
	const char *prompt = json_str(json_get(v, "input"), "");
	int *n = map_get(&c->left, prompt) > 0 ? map_slot(&c->left, prompt) : NULL;

	(void)line;
	(void)err;
	c->all++;
	if (n) {
		c->met++;
		--*n;
	}
	return 0;
}

static void gather(struct comparing *c, const struct system *s, const struct views *v)
{
	struct err err = { 0 };

	for (int i = 0; i < v->n; i++)
		for (int t = 0; t < v->view[i].n; t++) {
			struct ask ask;
			int *n;

			if (!v->view[i].target[t])
				continue;
			s->recipe.model->ask(s->state, &v->view[i], t, &ask, &c->mem, &err);
			CHECK_OK(&err);
			CHECK(ask.n_messages == 1 && ask.message[0].n_parts == 1);
			n = map_slot(&c->left, ask.message[0].part[0].data);
			CHECK(n);
			*n = *n < 0 ? 1 : *n + 1;
		}
}

/* Without the voice: descriptions were made from quantiles over more rows than a corpus without
 * the utterances outside the labels has; tests/test_text.c compares those. */
static void compare_prompts(const char *root, const char *published)
{
	static volatile sig_atomic_t stop;
	const struct dataset_ops *d = dataset_find("iemocap");
	const struct bank_options bo = { .threads = 1, .stop = &stop };
	struct views_request rq = { .split = SPLIT_TEST, .see = SEE_TEXT | SEE_HISTORY };
	struct comparing c = { .met = 0 };
	struct corpus corpus = { 0 };
	struct gold gold = { 0 };
	struct opt_values o = { 0 };
	struct err err = { 0 };
	struct system s;
	struct views v;
	struct bank b;
	bool torn;

	opt_init(&o, d->opts, &err);
	opt_set(&o, "outside", "drop", &err);
	d->load(&corpus, &gold, root, &o, &err);
	bank_build(&b, &corpus, &gold, &bo, &err);
	CHECK_OK(&err);
	system_new(&s, "scripts/experiments/instructerc-zero-shot.json", "iemocap", corpus.labels,
		   "template=speechcue-select-text", &err);
	CHECK_OK(&err);
	rq.window = s.recipe.window;
	views_make(&v, &b, &rq, &err);
	CHECK_OK(&err);
	gather(&c, &s, &v);
	CHECK(v.n_target == 1623);
	json_lines(published, 1 << 28, &torn, meet, &c, &err);
	CHECK_OK(&err);
	print_message("prompts that equal the published ones: %d of %d\n", c.met, c.all);
	CHECK(c.met == 1623 && c.all == 1623);
	map_free(&c.left);
	arena_free(&c.mem);
	views_free(&v);
	system_free(&s);
	bank_free(&b);
	corpus_free(&corpus);
	gold_free(&gold);
	opt_free(&o);
}

static void test_published(void **state)
{
	char *root = real_data("iemocap/release"),
	     *published = real_data("prompts/iemocap_False_False/test.jsonl");

	(void)state;
	if (root && published)
		compare_prompts(root, published);
	free(root);
	free(published);
}

/* --- recipes --- */

/* Every shipped recipe that asks can do so for a turn of which everything is known. */
static void check_recipe(const char *path, const struct label_set *labels)
{
	struct turn turn = { .id = "u",
			     .text = "Yes.",
			     .speech = "high volume.",
			     .behaviour = { "a.", "b.", "c." } };
	const unsigned char target = 1;
	const struct view view = { "d", &turn, 1, &target, 0 };
	struct arena mem = { 0 };
	struct strbuf prompt = { 0 };
	struct err err = { 0 };
	struct system s;
	struct ask ask;

	system_new(&s, path, labels == &labels_meld7 ? "meld" : "iemocap", labels, NULL, &err);
	CHECK_OK(&err);
	CHECK(s.recipe.selection == SELECT_NONE);
	s.recipe.model->ask(s.state, &view, 0, &ask, &mem, &err);
	CHECK_OK(&err);
	CHECK(!(ask_needs(&ask) & ASK_NEEDS_PART(ASK_WAV)) == !(s.recipe.see & SEE_SOUND));
	CHECK(!(ask_needs(&ask) & ASK_NEEDS_PART(ASK_JPEG)) == !(s.recipe.see & SEE_PICTURES));
	s.recipe.model->prompt(s.state, &view, 0, &prompt, &err);
	CHECK_OK(&err);
	strbuf_free(&prompt);
	arena_free(&mem);
	system_free(&s);
}

static void test_recipes(void **state)
{
	const struct label_set *const labels[] = { &labels_meld7, &labels_iemocap6 };
	struct plan plan;
	struct err err = { 0 };

	(void)state;
	plan_read(&plan, "scripts/experiments/prompting.json", NULL, &err);
	CHECK_OK(&err);
	CHECK(plan.n > 20);
	for (int i = 0; i < plan.n; i++)
		for (int k = 0; k < 2; k++)
			check_recipe(plan.run[i].path, labels[k]);
	plan_free(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_recipes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
