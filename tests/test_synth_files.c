/* SPDX-License-Identifier: Apache-2.0
 * Calibrated corpora on disk: the same bytes on any number of threads, the
 * loaders read back what was written, calibration.json is whole.
 */
#include "tests/test.h"

#include "datasets/synth_ceiling.h"
#include "harness/base/hash.h"
#include "harness/core/dataset.h"

/* Writes a small corpus; opts: "dialogues=5 seed=3". */
static void generate(const char *name, const char *out, int threads, const char *opts,
		     struct err *err)
{
	const struct dataset_ops *ops = dataset_find(name);
	char *copy = str_dup(opts), *save = NULL;
	struct opt_values v;

	CHECK(ops && ops->synth && copy);
	opt_init(&v, ops->synth_opts, err);
	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(s, '=');

		CHECK(eq != NULL);
		*eq = '\0';
		opt_set(&v, s, eq + 1, err);
	}
	CHECK_OK(err);
	ops->synth(out, &v, threads, NULL, err);
	opt_free(&v);
	free(copy);
}

/* One line a file below the folder: name and hash. */
static void list_tree(const char *root, const char *below, struct strbuf *out)
{
	char *path = path_join(root, below);
	struct io_list list = { 0 };
	struct err err = { 0 };

	io_list_dir(path, &list, &err);
	CHECK_OK(&err);
	for (size_t i = 0; i < list.n; i++) {
		char *name = path_join(below, list.name[i]), *full = path_join(root, name);
		char hex[HASH_HEX];

		if (io_is_dir(full)) {
			list_tree(root, name, out);
		} else {
			hash_file(full, hex, &err);
			CHECK_OK(&err);
			strbuf_addf(out, "%s %s\n", name, hex);
		}
		free(name);
		free(full);
	}
	io_list_free(&list);
	free(path);
}

static void check_bytes(const char *name, const char *opts)
{
	char *dir = scratch_make(), *a = path_join(dir, "a"), *b = path_join(dir, "b");
	struct strbuf la = { 0 }, lb = { 0 };
	struct err err = { 0 };

	generate(name, a, 1, opts, &err);
	CHECK_OK(&err);
	generate(name, b, 3, opts, &err);
	CHECK_OK(&err);
	list_tree(a, "", &la);
	list_tree(b, "", &lb);
	CHECK(la.len > 200 && !strcmp(strbuf_str(&la), strbuf_str(&lb)));
	/* what is there is never overwritten */
	generate(name, a, 1, opts, &err);
	CHECK_ERR(&err, ERR_ARG, "not empty");
	strbuf_free(&la);
	strbuf_free(&lb);
	free(a);
	free(b);
	scratch_remove(dir);
}

static void test_bytes(void **state)
{
	(void)state;
	check_bytes("meld", "dialogues=5 utterances=3 sample=10 seed=3");
	check_bytes("iemocap", "dialogues=5 utterances=3 sample=10 seed=3");
}

struct reading {
	const struct corpus *c;
	const struct gold *g;
	int n;
};

/* The loader's utterance is the one the generator says it wrote. */
static int same_as_truth(void *ctx, const struct json *v, long line, struct err *err)
{
	struct reading *r = ctx;
	const char *split = json_str(json_get(v, "split"), "");
	const char *word = json_str(json_get(v, "emotion"), "");
	int i, at = -1;

	(void)line;
	(void)err;
	for (i = 0; i < SPLIT_COUNT; i++)
		at = strcmp(split_name[i], split) ? at : i;
	CHECK(at >= 0);
	i = corpus_find(r->c, json_str(json_get(v, "id"), ""), at);
	CHECK(i >= 0);
	if (json_bool(json_get(v, "withheld"), false))
		CHECK(r->g->label[i] == -1);
	else
		CHECK(r->g->label[i] == label_find(r->c->labels, word));
	CHECK(r->c->utt[i].audio.path && r->c->utt[i].video.path);
	CHECK(io_is_file(r->c->utt[i].audio.path) && io_is_file(r->c->utt[i].video.path));
	r->n++;
	return 0;
}

static void check_calibration(const char *dir, const char *layout)
{
	char *path = path_join(dir, "calibration.json");
	struct err err = { 0 };
	struct json *v = json_read_file(path, 1 << 20, &err);
	const struct json *list = json_get(v, "ceilings");

	CHECK_OK(&err);
	CHECK(json_num(json_get(v, "schema_version"), 0) == 1);
	CHECK(!strcmp(json_str(json_get(v, "layout"), ""), layout));
	CHECK(json_size(json_get(v, "labels")) == json_size(json_get(v, "marginal")));
	CHECK(json_size(json_get(v, "channels")) == CH_COUNT);
	CHECK(json_size(list) == SYNTH_CEILINGS);
	for (const struct json *c = json_at(list, 0); c; c = json_next(c)) {
		CHECK(json_type(json_get(c, "see")) == JSON_ARRAY);
		CHECK(json_type(json_get(c, "history")) == JSON_BOOL);
		CHECK(json_num(json_get(c, "weighted_f1"), 0) > 0);
		CHECK(json_type(json_get(c, "test_accuracy")) == JSON_NUMBER);
		CHECK(json_type(json_get(c, "test_weighted_f1")) == JSON_NUMBER);
		CHECK(json_type(json_get(c, "weighted_f1_se")) == JSON_NUMBER);
	}
	json_free(v);
	free(path);
}

static void check_loading(const char *name, const char *opts)
{
	char *dir = scratch_make(), *out = path_join(dir, "corpus"), *truth;
	const struct dataset_ops *ops = dataset_find(name);
	struct err err = { 0 };
	struct opt_values v;
	struct corpus c = { 0 };
	struct gold g = { 0 };
	struct reading r = { .c = &c, .g = &g };
	bool torn, seen[SPLIT_COUNT] = { false };

	generate(name, out, 2, opts, &err);
	CHECK_OK(&err);
	check_calibration(out, name);
	opt_init(&v, ops->opts, &err);
	ops->load(&c, &g, out, &v, &err);
	CHECK_OK(&err);
	corpus_check(&c, &g, &err);
	CHECK_OK(&err);
	for (int i = 0; i < c.n_issue; i++)
		CHECK(c.issue[i].level == ISSUE_NOTE);
	truth = path_join(out, "truth.jsonl");
	json_lines(truth, 1 << 24, &torn, same_as_truth, &r, &err);
	CHECK_OK(&err);
	CHECK(r.n == c.n_utt && !torn);
	for (int d = 0; d < c.n_dia; d++)
		seen[c.dia[d].split] = true;
	CHECK(seen[SPLIT_TRAIN] && seen[SPLIT_DEV] && seen[SPLIT_TEST]);
	corpus_free(&c);
	gold_free(&g);
	opt_free(&v);
	free(truth);
	free(out);
	scratch_remove(dir);
}

static void test_loading(void **state)
{
	(void)state;
	check_loading("meld", "dialogues=12 utterances=4 sample=10");
	check_loading("iemocap", "dialogues=12 utterances=6 sample=10 seed=2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_loading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) != 0;
}
