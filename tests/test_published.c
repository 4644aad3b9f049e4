/* SPDX-License-Identifier: Apache-2.0
 * The systems on published weights, invented and tiny but in the published form: prompts
 * letter for letter, training, answers, files, what is refused.
 */
#include "tests/test.h"

#include "harness/run/recipe.h"
#include "harness/text/prompt.h"
#include "tests/nano_world.h"
#include "tests/published_fixture.h"
#include "tests/weights_fixture.h"

#define VOCAB 384

/* A folder with weights and tokenizer. */
static char *publish_sized(int layers, int vocab, uint64_t seed)
{
	static const char *const word[] = { " neutral", " positive", " negative", NULL };
	struct llama_config c = fixture_config();
	struct fixture f;
	char *dir = scratch_make();

	c.vocab = vocab;
	c.layers = layers;
	c.context = 8192;
	c.bos = -1;
	c.eos = 256;
	fixture_make(&f, &c, WEIGHT_BF16, WEIGHT_F32, seed);
	fixture_write_hf(&f, dir, 1);
	fixture_free(&f);
	fixture_write_tokenizer(dir, word, VOCAB);
	return dir;
}

static char *publish(int layers, uint64_t seed)
{
	return publish_sized(layers, VOCAB, seed);
}

/* "weights=DIR,lora_rank=4,…" over the small defaults; set: more of them. */
static int try_on(struct run *r, const struct model_ops *m, unsigned see, const char *dir,
		  const char *set, struct err *err)
{
	char all[600];

	CHECK(str_format(all, sizeof(all), "weights=%s,lora_rank=4,dropout=0,token_dropout=0%s%s",
			 dir, *set ? "," : "", set));
	return run_try(r, m, see, all, err);
}

static void run_on(struct run *r, const struct model_ops *m, const char *dir, const char *set)
{
	struct err err = { 0 };

	try_on(r, m, SEE_ALL, dir, set, &err);
	CHECK_OK(&err);
}

/* --- prompts --- */

/* The prompt of turn t as the text templates and chat formats write it. */
static void whole_prompt(const struct world *w, int t, const char *template, const char *chat,
			 struct strbuf *out)
{
	const struct turn *u = &w->turn[0][t];
	struct prompt_turn said[TURNS];
	struct prompt_request rq = { .turn = said,
				     .n = t + 1,
				     .window = TURNS,
				     .description = u->speech,
				     .label = labels_meld3.prompt,
				     .n_label = 3 };
	struct strbuf user = { 0 }, behaviour = { 0 };
	struct chat_message m = { CHAT_USER, NULL };
	struct err err = { 0 };

	for (int i = 0; i <= t; i++)
		said[i] = (struct prompt_turn){ w->turn[0][i].speaker, w->turn[0][i].text, NULL };
	if (u->behaviour[0]) {
		strbuf_addf(&behaviour, "%s %s", u->behaviour[0], u->behaviour[2]);
		rq.behaviour = strbuf_str(&behaviour);
	}
	prompt_build(template, &rq, &user, &err);
	m.text = strbuf_str(&user);
	chat_text(chat_format_named(chat), &m, 1, true, out, &err);
	CHECK_OK(&err);
	strbuf_free(&user);
	strbuf_free(&behaviour);
}

static void test_prompts(void **state)
{
	static const struct {
		const struct model_ops *m;
		const char *template, *chat;
		unsigned see;
	} kase[] = {
		{ &model_speechcue, "speechcue", "qwen2", SEE_SPEECH },
		{ &model_speechcue, "brief", "plain", SEE_SPEECH },
		{ &model_bemerc, "bemerc", "vicuna", SEE_SPEECH | SEE_BEHAVIOUR },
		{ &model_bemerc, "brief", "llama2", SEE_SPEECH | SEE_BEHAVIOUR },
		{ &model_llmerc, "instructerc", "plain", 0 },
	};
	char *dir = publish(2, 1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kase); i++) {
		struct world *w = world_new(TURNS);
		struct samples s = { w->view, w->labels, 4 };
		struct strbuf want = { 0 }, got = { 0 };
		struct err err = { 0 };
		char set[120];
		struct run r;

		snprintf(set, sizeof(set), "template=%s,chat=%s,history_cues=text,epochs=0%s",
			 kase[i].template, kase[i].chat,
			 kase[i].m == &model_bemerc ? ",align_epochs=0" : "");
		world_mask(w, kase[i].see);
		try_on(&r, kase[i].m, SEE_TEXT | SEE_HISTORY | kase[i].see, dir, set, &err);
		CHECK_OK(&err);
		r.m->fit(r.state, &s, &err);
		CHECK_OK(&err);
		for (int t = 0; t < TURNS; t += 6) {
			strbuf_reset(&want);
			strbuf_reset(&got);
			whole_prompt(w, t, kase[i].template, kase[i].chat, &want);
			r.m->prompt(r.state, &w->view[0], t, &got, &err);
			CHECK_OK(&err);
			assert_string_equal(strbuf_str(&got), strbuf_str(&want));
		}
		strbuf_free(&want);
		strbuf_free(&got);
		run_free(&r);
		free(w);
	}
	scratch_remove(dir);
}

/* Encoded piece by piece a prompt has the very tokens it has encoded whole. */
static void test_pieces(void **state)
{
	static const char *const chat[] = { "vicuna", "llama2", "plain" };
	static const char *const template[] = { "brief", "speechcue", "bemerc", "instructerc" };
	char *model = real_data("tokenizers/llama2.model"), *dir;

	(void)state;
	if (!model)
		skip();
	dir = publish_sized(1, 32000, 1);
	for (int i = 0; i < 12; i++) {
		struct world *w = world_new(TURNS);
		struct bpe_ids whole = { 0 };
		struct nano_pack k = { 0 };
		struct strbuf text = { 0 };
		struct arena mem = { 0 };
		struct err err = { 0 };
		struct nano_turn *turn;
		struct nano_plan plan;
		struct run r;
		char set[300];

		snprintf(set, sizeof(set), "tokenizer=%s,history_cues=text,chat=%s,template=%s",
			 model, chat[i % 3], template[i / 3]);
		world_mask(w, i / 3 < 3 ? SEE_SPEECH : 0);
		try_on(&r, &model_speechcue, i / 3 < 3 ? SEE_ALL : SEE_TEXT, dir, set, &err);
		CHECK_OK(&err);
		plan = nano_plan(r.state, NANO_LABEL);
		turn = nano_encode(r.state, &w->view[1], &mem, &err);
		CHECK_OK(&err);
		pack_trunk(&k, r.state, turn, 0, 5, &plan);
		pack_branch(&k, r.state, turn, 4, &plan);
		nano_text_write(r.state, k.token, (size_t)k.p.n, &text, &err);
		CHECK(str_starts(strbuf_str(&text), "<s>"));
		tokenizer_encode(r.state->text.tokenizer, text.s + 3, text.len - 3,
				 TOKENIZER_BOS | TOKENIZER_SPECIAL, &whole, &err);
		CHECK_OK(&err);
		CHECK((int)whole.n == k.p.n);
		assert_memory_equal(whole.id, k.token, whole.n * sizeof(*whole.id));
		bpe_ids_free(&whole);
		strbuf_free(&text);
		arena_free(&mem);
		pack_free(&k);
		run_free(&r);
		free(w);
	}
	scratch_remove(dir);
	free(model);
}

/* --- the way of a run --- */

static const struct {
	const struct model_ops *m;
	const char *set;
	bool single;
} way[] = {
	{ &model_speechcue, "template=speechcue,chat=plain,history_cues=text", true },
	{ &model_speechcue, "template=speechcue,chat=qwen2,history_cues=text,recompute=true",
	  false },
	{ &model_llmerc, "chat=qwen2,projector_kind=qformer,queries=2,projector=8", false },
	{ &model_bemerc, "template=bemerc,chat=qwen2,history_cues=text,align_epochs=1", false },
	{ &model_bemerc, "chat=plain,behaviour=student,align_epochs=1,lora_on=q_proj+down_proj",
	  true },
	{ &model_bemerc, "chat=llama2,thaw=true,lora_rank=0,align_epochs=0", true },
	{ &model_llmerc, "chat=plain,lora_rank=0,path=float,threads=2", true },
};

static void test_way(void **state)
{
	struct world *w = world_new(TURNS);
	char *dir = publish(2, 1), *out = scratch_make(), *path = path_join(out, "model.ckpt");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(way); i++) {
		struct answer a[TURNS], b[TURNS];
		struct err err = { 0 };
		struct run r, again;
		int n;

		run_on(&r, way[i].m, dir, way[i].set);
		CHECK(r.state->text.single == way[i].single);
		run_fit(&r, w);
		n = predict(&r, &w->view[0], a);
		for (int k = 0; k < n; k++)
			CHECK(a[k].label >= 0 && isfinite(a[k].score[0]) &&
			      (!a[k].raw ||
			       utf8_check(a[k].raw, strlen(a[k].raw)) == strlen(a[k].raw)));
		r.m->save(r.state, path, &err);
		CHECK_OK(&err);
		run_on(&again, way[i].m, dir, way[i].set);
		again.m->load(again.state, path, &err);
		CHECK_OK(&err);
		CHECK(predict(&again, &w->view[0], b) == n);
		check_same(a, b, n, 0);
		run_free(&again);
		run_free(&r);
	}
	free(path);
	scratch_remove(out);
	scratch_remove(dir);
	free(w);
}

/* The adapter beside the checkpoint starts another run, which then answers the same. */
static void test_adapter(void **state)
{
	struct world *w = world_new(TURNS);
	char *dir = publish(2, 1), *out = scratch_make(), *path = path_join(out, "model.ckpt");
	char *adapter = path_join(out, "adapter"), set[200];
	struct samples s = { w->view, w->labels, 4 };
	struct answer a[TURNS], b[TURNS];
	struct err err = { 0 };
	struct run r;
	int n;

	(void)state;
	run_on(&r, &model_speechcue, dir, "lora_on=v_proj+o_proj,lora_rank=3,lora_alpha=5");
	run_fit(&r, w);
	n = predict(&r, &w->view[0], a);
	r.m->save(r.state, path, &err);
	CHECK_OK(&err);
	run_free(&r);
	snprintf(set, sizeof(set), "epochs=0,adapter=%s", adapter);
	run_on(&r, &model_speechcue, dir, set);
	run_fit(&r, w);
	CHECK(predict(&r, &w->view[0], b) == n);
	check_same(a, b, n, 0);
	r.m->save(r.state, path, &err);
	run_free(&r);
	run_on(&r, &model_speechcue, dir, set);
	r.m->load(r.state, path, &err);
	CHECK_OK(&err);
	CHECK(predict(&r, &w->view[0], b) == n);
	check_same(a, b, n, 0);
	run_free(&r);
	run_on(&r, &model_speechcue, dir, "adapter=/nowhere");
	CHECK(r.m->fit(r.state, &s, &err));
	CHECK_ERR(&err, ERR_MISSING, "/nowhere");
	run_free(&r);
	free(adapter);
	free(path);
	scratch_remove(out);
	scratch_remove(dir);
	free(w);
}

/* Training with adapters lowers the loss on words that give the label away. */
static void test_learns(void **state)
{
	struct world *w = world_new(TURNS);
	char *dir = publish(2, 3);
	struct answer a[TURNS];
	struct run r;
	int right = 0, n = 0;

	(void)state;
	run_on(&r, &model_llmerc, dir,
	       "chat=plain,answer=vocabulary,epochs=25,lr=1e-2,batch=4,smooth=0,balance=0,"
	       "lora_on=q_proj+k_proj+v_proj+o_proj+gate_proj+up_proj+down_proj");
	run_fit(&r, w);
	for (int d = 0; d < 4; d++) {
		predict(&r, &w->view[d], a);
		for (int t = 0, k = 0; t < TURNS; t++)
			if (w->target[t]) {
				right += a[k++].label == w->label[d][t];
				n++;
			}
	}
	CHECK(right > n * 3 / 4);
	run_free(&r);
	scratch_remove(dir);
	free(w);
}

/* Is it a recipe for published weights? */
static bool needs_weights(const char *path)
{
	struct err err = { 0 };
	struct recipe r;
	bool yes = false;

	if (!recipe_read(&r, path, "meld", NULL, NULL, &err))
		for (int i = 0; i < r.opts.n; i++)
			yes |= !strcmp(r.opts.spec[i].name, "weights") &&
			       !strcmp(r.opts.text[i], "?");
	recipe_free(&r);
	return yes;
}

/* A recipe on the invented weights: trained, answered, saved, loaded, answered the same. */
static void run_recipe(const char *path, const char *dir, const char *ckpt)
{
	struct world *w = world_new(12);
	struct answer a[TURNS], b[TURNS];
	struct err err = { 0 };
	struct recipe recipe;
	struct run r;
	char set[300];
	int n;

	snprintf(set, sizeof(set), "weights=%s,epochs=1,lora_rank=2", dir);
	recipe_read(&recipe, path, "meld", NULL, set, &err);
	CHECK_OK(&err);
	world_mask(w, recipe.see);
	for (int turn = 0; turn < 2; turn++) {
		r = (struct run){ .m = recipe.model,
				  .state = mem_calloc(1, recipe.model->state_size) };
		r.env = (struct model_env){ .labels = &labels_meld3,
					    .opts = &recipe.opts,
					    .see = recipe.see,
					    .seed = 1,
					    .threads = 1 };
		CHECK(r.state);
		r.m->init(r.state, &r.env, &err);
		CHECK_OK(&err);
		if (turn == 0) {
			run_fit(&r, w);
			n = predict(&r, &w->view[0], a);
			r.m->save(r.state, ckpt, &err);
		} else {
			r.m->load(r.state, ckpt, &err);
			CHECK_OK(&err);
			n = predict(&r, &w->view[0], b);
			check_same(a, b, n, 0);
		}
		CHECK_OK(&err);
		run_free(&r);
	}
	recipe_free(&recipe);
	free(w);
}

/* Watching every access takes its time: the sanitized build runs the first recipe, which has
 * every channel and stage. */
#ifdef __SANITIZE_ADDRESS__
enum { RECIPES = 1 };
#else
enum { RECIPES = 7 };
#endif

static void test_recipes(void **state)
{
	char *dir = publish(2, 1), *out = scratch_make(), *ckpt = path_join(out, "model.ckpt");
	char *config = path_join(out, "adapter/adapter_config.json");
	struct io_list list = { 0 };
	struct err err = { 0 };
	int done = 0;

	(void)state;
	io_list_dir("scripts/experiments", &list, &err);
	CHECK_OK(&err);
	for (size_t i = 0; i < list.n && (done < RECIPES || RECIPES > 1); i++) {
		char *path = path_join("scripts/experiments", list.name[i]);

		if (needs_weights(path)) {
			io_remove_tree(config, &err);
			run_recipe(path, dir, ckpt);
			CHECK(io_is_file(config));
			done++;
		}
		free(path);
	}
	CHECK(done >= RECIPES);
	io_list_free(&list);
	free(config);
	free(ckpt);
	scratch_remove(out);
	scratch_remove(dir);
}

/* --- packing --- */

static void test_windows(void **state)
{
	static const struct {
		const char *set;
		int window, first[TURNS];
	} kase[] = {
		{ "window_mode=exact", 4, { 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 } },
		{ "", 4, { 0, 0, 0, 0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10 } },
		{ "", TURNS, { 0 } },
	};
	char *dir = publish(2, 1);

	(void)state;
	for (size_t i = 0; i < 4 * ARRAY_LEN(kase); i++) {
		struct world *w = world_new(kase[i / 4].window);
		struct answer a[TURNS], b[TURNS];
		char set[160];
		struct run r;
		int n;

		snprintf(set, sizeof(set), "turns=5,history_cues=%s,chat=%s%s%s",
			 i % 2 ? "all" : "text", i % 4 < 2 ? "plain" : "qwen2",
			 *kase[i / 4].set ? "," : "", kase[i / 4].set);
		run_on(&r, &model_llmerc, dir, set);
		run_fit(&r, w);
		n = predict(&r, &w->view[1], a);
		predict_alone(&r, w, 1, kase[i / 4].first, b);
		check_same(a, b, n, 1e-4);
		run_free(&r);
		free(w);
	}
	scratch_remove(dir);
}

/* Packed answers of several tokens are the training losses of their tokens. */
static void test_answers(void **state)
{
	struct world *w = world_new(TURNS);
	char *dir = publish(2, 1);
	struct answer a[TURNS];
	struct nano_turn *turn;
	struct arena mem = { 0 };
	struct err err = { 0 };
	struct run r;
	int i = 0;

	(void)state;
	run_on(&r, &model_llmerc, dir,
	       "chat=qwen2,history_cues=text,template=speechcue,path=float");
	run_fit(&r, w);
	predict(&r, &w->view[2], a);
	turn = nano_encode(r.state, &w->view[2], &mem, &err);
	CHECK_OK(&err);
	for (int t = 0; t < TURNS; t++) {
		double z[3], sum = 0;

		if (!w->target[t])
			continue;
		for (int j = 0; j < 3; j++)
			sum += exp(z[j] = answer_logp(&r, turn, t, j));
		for (int j = 0; j < 3; j++)
			CHECK_NEAR((double)a[i].score[j], z[j] - log(sum), 2e-4);
		i++;
	}
	arena_free(&mem);
	run_free(&r);
	scratch_remove(dir);
	free(w);
}

/* --- what is refused --- */

static void test_refused(void **state)
{
	static const struct {
		const char *set, *says;
	} kase[] = {
		{ "window_mode=shared", "anchored or exact" },
		{ "template=nothing", "template 'nothing'" },
		{ "template=instructerc-predict", "turn by turn" },
		{ "template=instructerc,history_cues=text", "no slot {description}" },
		{ "tokenizer=/nowhere", "/nowhere" },
	};
	char *dir = publish(2, 1), *other = publish(3, 1), *out = scratch_make();
	char *path = path_join(out, "model.ckpt");
	struct world *w = world_new(TURNS);
	struct samples s = { w->view, w->labels, 4 };
	struct err err = { 0 };
	struct run r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kase); i++) {
		CHECK(try_on(&r, &model_speechcue, SEE_ALL, dir, kase[i].set, &err));
		CHECK(strstr(err.msg, kase[i].says));
		err = (struct err){ 0 };
		run_free(&r);
	}
	CHECK(try_on(&r, &model_bemerc, SEE_ALL, dir, "template=speechcue", &err));
	CHECK_ERR(&err, ERR_ARG, "speechcue");
	run_free(&r);
	CHECK(try_on(&r, &model_llmerc, SEE_ALL, "?", "", &err));
	CHECK_ERR(&err, ERR_ARG, "--set weights=");
	run_free(&r);
	CHECK(try_on(&r, &model_llmerc, SEE_ALL, "/nowhere", "", &err));
	CHECK_ERR(&err, ERR_MISSING, "/nowhere");
	run_free(&r);
	run_on(&r, &model_llmerc, dir, "lora_on=q_proj+nothing");
	CHECK(r.m->fit(r.state, &s, &err));
	CHECK_ERR(&err, ERR_ARG, "'nothing'");
	run_free(&r);
	run_on(&r, &model_speechcue, dir, "lora_rank=0");
	CHECK(r.m->fit(r.state, &s, &err));
	CHECK_ERR(&err, ERR_ARG, "nothing to train");
	run_free(&r);

	run_on(&r, &model_speechcue, dir, "");
	run_fit(&r, w);
	r.m->save(r.state, path, &err);
	CHECK_OK(&err);
	run_free(&r);
	run_on(&r, &model_speechcue, dir, "chat=vicuna");
	CHECK(r.m->load(r.state, path, &err));
	CHECK_ERR(&err, ERR_FORMAT, "chat vicuna");
	run_free(&r);
	run_on(&r, &model_speechcue, other, "");
	CHECK(r.m->load(r.state, path, &err));
	CHECK(err.code == ERR_FORMAT);
	run_free(&r);
	free(w);
	free(path);
	scratch_remove(out);
	scratch_remove(other);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prompts), cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_way),	cmocka_unit_test(test_adapter),
		cmocka_unit_test(test_recipes), cmocka_unit_test(test_learns),
		cmocka_unit_test(test_windows), cmocka_unit_test(test_answers),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
