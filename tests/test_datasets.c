/* SPDX-License-Identifier: Apache-2.0
 * Data sets: the contract over the registry, exact counts and oddities on real
 * data, repaired text, and media found and verified.
 */
#include "tests/test.h"

#include "datasets/pickle.h"
#include "harness/base/mem.h"
#include "harness/core/dataset.h"

/* A loaded corpus with everything it came from. */
struct loaded {
	const struct dataset_ops *ops;
	struct corpus c;
	struct gold g;
	struct opt_values v;
	struct err err;
};

/* opts: "labels=4 policy=raw" or "". */
static void load(struct loaded *l, const char *name, const char *root, const char *opts)
{
	char *copy = str_dup(opts), *save = NULL;

	*l = (struct loaded){ .ops = dataset_find(name) };
	CHECK(l->ops && copy);
	opt_init(&l->v, l->ops->opts, &l->err);
	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(s, '=');

		CHECK(eq != NULL);
		*eq = '\0';
		opt_set(&l->v, s, eq + 1, &l->err);
	}
	CHECK_OK(&l->err);
	free(copy);
	if (!l->ops->load(&l->c, &l->g, root, &l->v, &l->err)) {
		corpus_check(&l->c, &l->g, &l->err);
		CHECK_OK(&l->err);
	}
}

static void unload(struct loaded *l)
{
	corpus_free(&l->c);
	gold_free(&l->g);
	opt_free(&l->v);
}

/* Issues of a kind; kind NULL: all.  file_end NULL: of any file. */
static int count_issues(const struct corpus *c, const char *kind, const char *file_end)
{
	int n = 0;

	for (int i = 0; i < c->n_issue; i++)
		n += (!kind || !strcmp(c->issue[i].kind, kind)) &&
		     (!file_end || (c->issue[i].file && str_ends(c->issue[i].file, file_end)));
	return n;
}

static const struct issue *find_issue(const struct corpus *c, const char *kind)
{
	for (int i = 0; i < c->n_issue; i++)
		if (!strcmp(c->issue[i].kind, kind))
			return &c->issue[i];
	return NULL;
}

/* Holds the corpus against the sizes published for its policy. */
static void check_sizes(const struct loaded *l)
{
	int splits = 0;

	for (const struct published_size *p = l->ops->size; p->policy; p++) {
		int n_label[LABEL_MAX] = { 0 }, utterances = 0, dialogues = 0;

		if (strcmp(p->policy, l->c.policy))
			continue;
		splits++;
		CHECK(p->labels == l->c.labels);
		for (int d = 0; d < l->c.n_dia; d++) {
			const struct dialogue *dia = &l->c.dia[d];

			if (dia->split != p->split)
				continue;
			dialogues++;
			for (int i = dia->first; i < dia->first + dia->count; i++) {
				if (l->g.label[i] < 0)
					continue;
				utterances++;
				n_label[l->g.label[i]]++;
			}
		}
		CHECK(dialogues == p->dialogues);
		CHECK(utterances == p->utterances);
		for (int k = 0; k < p->labels->n; k++)
			CHECK(n_label[k] == p->n_label[k]);
	}
	CHECK(splits == SPLIT_COUNT);
}

static void test_registry(void **state)
{
	(void)state;
	for (int i = 0; dataset_registry[i]; i++) {
		const struct dataset_ops *ops = dataset_registry[i];
		struct loaded l;

		CHECK(ops->name && ops->title && ops->source && ops->licence && ops->load);
		CHECK(dataset_find(ops->name) == ops);
		for (const struct published_size *p = ops->size; p && p->policy; p++) {
			int sum = 0;

			for (int k = 0; k < p->labels->n; k++)
				sum += p->n_label[k];
			CHECK(sum == p->utterances);
		}
		load(&l, ops->name, "/nonexistent", "");
		CHECK(l.c.n_utt == 0 && l.c.issue == NULL && l.g.label == NULL);
		CHECK_ERR(&l.err, ERR_MISSING, "/nonexistent");
		unload(&l);
	}
	CHECK(dataset_find("none") == NULL);
}

struct expected {
	const char *kind, *file_end;
	int n;
};

/* Every kind listed has exactly this many issues, and there are no others. */
static void check_issues(const struct corpus *c, const struct expected *want, size_t n)
{
	int all = 0;

	for (size_t i = 0; i < n; i++) {
		int have = count_issues(c, want[i].kind, want[i].file_end);

		if (have != want[i].n)
			fail_msg("%d issues %s in %s, expected %d", have, want[i].kind,
				 want[i].file_end ? want[i].file_end : "any file", want[i].n);
		all += have;
	}
	for (int i = 0; i < c->n_issue && all != c->n_issue; i++)
		print_message("%s %s:%ld %s\n", c->issue[i].kind, c->issue[i].file,
			      c->issue[i].line, c->issue[i].text);
	CHECK(all == c->n_issue);
}

static void test_meld(void **state)
{
	static const struct expected want[] = {
		{ "repeated-number", "train_sent_emo.csv", 57 },
		{ "id-gap", "train_sent_emo.csv", 72 },
		{ "id-gap", "dev_sent_emo.csv", 2 },
		{ "id-gap", "test_sent_emo.csv", 2 },
		{ "dialogue-missing", "train_sent_emo.csv", 1 },
		{ "time-backward", "train_sent_emo.csv", 23 },
		{ "time-backward", "dev_sent_emo.csv", 4 },
		{ "time-backward", "test_sent_emo.csv", 4 },
		{ "time-form", "train_sent_emo.csv", 1 },
		{ "time-form", "test_sent_emo.csv", 2 },
		{ "zero-length", "test_sent_emo.csv", 1 },
		{ "long", "test_sent_emo.csv", 2 },
		{ "text-in-train", "test_sent_emo.csv", 1 },
		{ "no-media", NULL, 2 },
	};
	char *root = real_data("meld");
	struct loaded l;
	int i;

	(void)state;
	if (!root)
		skip();
	load(&l, "meld", root, "");
	CHECK_OK(&l.err);
	check_sizes(&l);
	check_issues(&l.c, want, ARRAY_LEN(want));
	CHECK(strstr(find_issue(&l.c, "dialogue-missing")->text, "dialogue 60"));
	CHECK(find_issue(&l.c, "zero-length")->line == 1442);
	CHECK(str_starts(find_issue(&l.c, "text-in-train")->text, "331 test texts"));
	CHECK(strstr(find_issue(&l.c, "text-in-train")->text, " 3 of them"));
	CHECK(l.c.n_speaker == 304);

	i = corpus_find(&l.c, "dia0_utt1", SPLIT_TRAIN);
	CHECK(i == 1 && !strcmp(l.c.utt[i].text, "You must’ve had your hands full."));
	CHECK(l.c.utt[i].line == 3 && l.c.utt[i].prompt_speaker == 1);
	CHECK(!strcmp(l.c.speaker[l.c.utt[i].speaker].name, "The Interviewer"));
	CHECK(!l.c.speaker[l.c.utt[i].speaker].group);
	CHECK(!strcmp(l.c.speaker[l.c.utt[0].speaker].group, "Chandler"));
	CHECK(!strcmp(l.c.dia[0].id, "train_dia0"));
	i = corpus_find(&l.c, "dia111_utt9", SPLIT_TEST);
	CHECK(i > 0 && str_ends(l.c.utt[i].video.path, "/dia111_utt9.mp4"));
	CHECK(l.c.utt[i].audio.end_ms == -1 && l.c.utt[i].video.crop == CROP_NONE);
	CHECK(l.c.utt[0].video.path == NULL);
	unload(&l);

	load(&l, "meld", root, "labels=sentiment");
	CHECK_OK(&l.err);
	check_sizes(&l);
	unload(&l);
	free(root);
}

static void test_meld_groups(void **state)
{
	static const char *const six[] = {
		"Phoebe", "Rachel", "Chandler", "Joey", "Monica", "Ross"
	};
	char *root = real_data("meld");
	struct loaded l;
	int own = 0;

	(void)state;
	if (!root)
		skip();
	load(&l, "meld", root, "");
	CHECK_OK(&l.err);
	for (int s = 0; s < l.c.n_speaker; s++) {
		bool main_one = false;

		for (size_t k = 0; k < ARRAY_LEN(six); k++)
			main_one |= !strcmp(l.c.speaker[s].name, six[k]);
		CHECK(main_one ? !strcmp(l.c.speaker[s].group, l.c.speaker[s].name)
			       : !l.c.speaker[s].group);
		own += main_one;
	}
	CHECK(own == 6);
	unload(&l);
	free(root);
}

/* Position of the 1 in the published one-hot vector, -1: there is none. */
static int one_hot(const struct pickle_value *v)
{
	for (size_t k = 0; k < pickle_size(v); k++) {
		int64_t bit;

		if (pickle_int(pickle_at(v, k), &bit) && bit)
			return (int)k;
	}
	return -1;
}

/* Speaker numbers and labels against the published feature file, dialogue by dialogue. */
static void test_meld_published(void **state)
{
	static const int64_t offset[SPLIT_COUNT] = { 0, 1039, 1153 };
	char *root = real_data("meld"), *list = real_data("meld/meld_7way.pkl");
	const struct pickle_value *speakers, *labels;
	struct pickle p;
	struct loaded l;
	int n = 0;

	(void)state;
	if (!root || !list)
		skip();
	load(&l, "meld", root, "");
	pickle_read(&p, list, 1 << 24, &l.err);
	CHECK_OK(&l.err);
	speakers = pickle_at(p.root, 0);
	labels = pickle_at(p.root, 1);
	for (size_t k = 0; k < pickle_size(speakers); k++) {
		for (int d = 0; d < l.c.n_dia; d++) {
			const struct dialogue *dia = &l.c.dia[d];
			const char *number = strstr(dia->id, "_dia");
			int64_t key, label;

			CHECK(number && pickle_int(pickle_key(speakers, k), &key));
			if (strtol(number + 4, NULL, 10) + offset[dia->split] != key)
				continue;
			CHECK((int)pickle_size(pickle_item(speakers, k)) == dia->count);
			for (int i = 0; i < dia->count; i++, n++) {
				const struct pickle_value *hot =
					pickle_at(pickle_item(speakers, k), (size_t)i);

				CHECK(l.c.utt[dia->first + i].prompt_speaker == one_hot(hot));
				CHECK(pickle_int(pickle_at(pickle_item(labels, k), (size_t)i),
						 &label) &&
				      l.g.label[dia->first + i] == label);
			}
		}
	}
	CHECK(n == 13708);
	pickle_free(&p);
	unload(&l);
	free(root);
	free(list);
}

/* The old release of the test file holds C1 characters; read, it is the new one. */
static void test_meld_old(void **state)
{
	char *root = real_data("meld"), *old = real_data("meld/old");
	struct loaded l, m;
	int differ = 0;

	(void)state;
	if (!root || !old)
		skip();
	load(&l, "meld", old, "splits=test");
	CHECK_OK(&l.err);
	load(&m, "meld", root, "splits=test");
	CHECK_OK(&m.err);
	CHECK(l.c.n_utt == 2610 && m.c.n_utt == 2610);
	CHECK(count_issues(&l.c, "c1-characters", "old/test_sent_emo.csv") == 1);
	for (int i = 0; i < l.c.n_utt; i++) {
		for (const char *s = l.c.utt[i].text; *s; s++)
			CHECK(!((unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0));
		differ += strcmp(l.c.utt[i].text, m.c.utt[i].text) != 0;
	}
	print_message("%d of 2610 texts differ between the releases; %s\n", differ,
		      find_issue(&l.c, "c1-characters")->text);
	CHECK(differ < 100);
	unload(&l);
	unload(&m);
	free(root);
	free(old);
}

static void test_iemocap(void **state)
{
	static const struct expected published[] = {
		{ "turn-unlabelled", NULL, 47 },
		{ "label-ghost", NULL, 53 },
		{ "label-outside", NULL, 1 },
		{ "no-media", NULL, 2 },
	};
	static const struct expected raw[] = {
		{ "turn-unlabelled", NULL, 47 },
		{ "label-outside", NULL, 1 },
		{ "no-media", NULL, 2 },
	};
	char *root = real_data("iemocap/release");
	struct loaded l;
	int i;

	(void)state;
	if (!root)
		skip();
	load(&l, "iemocap", root, "");
	CHECK_OK(&l.err);
	CHECK(!strcmp(l.c.policy, "published-6way"));
	CHECK(l.c.n_utt == 10039 && l.c.n_dia == 151 && l.c.n_speaker == 10);
	check_sizes(&l);
	check_issues(&l.c, published, ARRAY_LEN(published));
	CHECK(str_starts(find_issue(&l.c, "label-outside")->text, "2606 utterances"));
	i = corpus_find(&l.c, "Ses01F_impro01_M000", -1);
	CHECK(!strcmp(l.c.utt[i].text, "Do you have your forms?") && l.g.label[i] == 5);
	CHECK(l.c.utt[i].prompt_speaker == 0 && l.c.utt[i].line == 2);
	CHECK(!strcmp(l.c.speaker[l.c.utt[i].speaker].name, "Ses01_M"));
	CHECK(!strcmp(l.c.speaker[l.c.utt[i].speaker].group, "M"));
	unload(&l);

	load(&l, "iemocap", root, "policy=raw");
	CHECK_OK(&l.err);
	CHECK(!strcmp(l.c.policy, "raw-6way") && l.c.n_utt == 10039);
	check_sizes(&l);
	check_issues(&l.c, raw, ARRAY_LEN(raw));
	unload(&l);
	free(root);
}

static void test_iemocap_options(void **state)
{
	char *root = real_data("iemocap/release"), *list = real_data("iemocap/iemocap_6way.pkl");
	char opts[512];
	struct loaded l;

	(void)state;
	if (!root || !list)
		skip();
	CHECK(str_format(opts, sizeof(opts), "labels=4 policy=published list=%s", list));
	load(&l, "iemocap", root, opts);
	CHECK_OK(&l.err);
	CHECK(!strcmp(l.c.policy, "published-4way"));
	check_sizes(&l);
	unload(&l);
	load(&l, "iemocap", root, "labels=4 policy=raw");
	CHECK_OK(&l.err);
	check_sizes(&l);
	unload(&l);

	load(&l, "iemocap", root, "outside=drop");
	CHECK_OK(&l.err);
	CHECK(l.c.n_utt == 7433);
	check_sizes(&l);
	unload(&l);

	load(&l, "iemocap", root, "sessions=5 order=time");
	CHECK_OK(&l.err);
	CHECK(l.c.n_utt == 2170 && l.c.n_dia == 31 && l.c.dia[0].split == SPLIT_TEST);
	unload(&l);

	load(&l, "iemocap", root, "policy=published list=/nonexistent.pkl");
	CHECK_ERR(&l.err, ERR_MISSING, "/nonexistent.pkl");
	unload(&l);
	free(root);
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registry),	cmocka_unit_test(test_meld),
		cmocka_unit_test(test_meld_groups),	cmocka_unit_test(test_meld_old),
		cmocka_unit_test(test_meld_published),	cmocka_unit_test(test_iemocap),
		cmocka_unit_test(test_iemocap_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
