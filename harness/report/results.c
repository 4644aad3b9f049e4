/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/results.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"

#define MAX_JSON  ((size_t)64 << 20)
#define MAX_LINES ((size_t)1 << 30)

/* Words of `see` and `without`, and what each stands for. */
static const struct {
	const char *word;
	unsigned see;
} see_word[] = {
	{ "text", SEE_TEXT },	{ "speech", SEE_SPEECH },     { "audio", SEE_AUDIO },
	{ "face", SEE_FACE },	{ "body", SEE_BODY },	      { "posture", SEE_POSTURE },
	{ "video", SEE_VIDEO }, { "history", SEE_HISTORY },   { "behaviour", SEE_BEHAVIOUR },
	{ "sound", SEE_SOUND }, { "pictures", SEE_PICTURES },
};

static unsigned see_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(see_word); i++)
		if (!strcmp(see_word[i].word, word))
			return see_word[i].see;
	return 0;
}

/* Required text member; the copy lives in the result's arena. */
static int need_text(struct result *r, const struct json *object, const char *key, const char *path,
		     const char **out, struct err *err)
{
	const char *s = json_str(json_get(object, key), NULL);

	if (!s || !*s)
		return err_set(err, ERR_FORMAT, "%s: no text '%s'", path, key);
	*out = arena_strdup(&r->mem, s);
	return *out ? 0 : err_set(err, ERR_NOMEM, "%s: no memory", path);
}

/* Text member that may be missing (NULL then) or empty. */
static int take_text(struct result *r, const struct json *object, const char *key, const char *path,
		     const char **out, struct err *err)
{
	const char *s = json_str(json_get(object, key), NULL);

	*out = s ? arena_strdup(&r->mem, s) : NULL;
	return s && !*out ? err_set(err, ERR_NOMEM, "%s: no memory", path) : 0;
}

static int check_schema(const struct json *v, const char *path, long line, struct err *err)
{
	if (json_num(json_get(v, "schema_version"), -1) == 1)
		return 0;
	return err_set(err, ERR_FORMAT, "%s:%ld: schema_version is not 1", path, line);
}

static int read_labels(struct result *r, const struct json *corpus, const char *path,
		       struct err *err)
{
	const struct json *a = json_get(corpus, "labels");

	r->k = json_size(a);
	if (r->k < 1 || r->k > LABEL_MAX)
		return err_set(err, ERR_FORMAT,
			       "%s: corpus.labels has %d labels, 1 to %d are needed", path, r->k,
			       LABEL_MAX);
	for (int i = 0; i < r->k; i++) {
		const char *s = json_str(json_at(a, i), NULL);

		if (!s)
			return err_set(err, ERR_FORMAT, "%s: corpus.labels[%d] is not a text", path,
				       i);
		r->label[i] = arena_strdup(&r->mem, s);
		if (!r->label[i])
			return err_set(err, ERR_NOMEM, "%s: no memory", path);
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_sight(struct result *r, const char *path, struct err *err)
{
	const struct json *see = json_get(r->manifest, "see");
	const struct json *without = json_get(r->manifest, "without");

	for (const struct json *v = json_at(see, 0); v; v = json_next(v))
		r->see |= see_of(json_str(v, ""));
	for (const struct json *v = json_at(without, 0); v; v = json_next(v)) {
		const char *word = json_str(v, "");

		if (r->n_without == WITHOUT_MAX)
			return err_set(err, ERR_FORMAT, "%s: more than %d words in without", path,
				       WITHOUT_MAX);
		r->without[r->n_without] = arena_strdup(&r->mem, word);
		if (!r->without[r->n_without++])
			return err_set(err, ERR_NOMEM, "%s: no memory", path);
		r->see &= ~see_of(word);
		if (!strcmp(word, "audio"))
			r->see &= ~(unsigned)SEE_SPEECH;
	}
	qsort(r->without, (size_t)r->n_without, sizeof(*r->without), by_text);
	return 0;
}

static void read_stages(struct result *r)
{
	const struct json *stages = json_get(r->manifest, "stages");

	for (const struct json *v = json_at(stages, 0); v && r->n_stage < STAGE_MAX;
	     v = json_next(v)) {
		if (json_type(v) != JSON_OBJECT)
			continue;
		r->stage[r->n_stage++] = (struct stage_times){
			.name = json_key(v),
			.n = (int64_t)json_num(json_get(v, "n"), 0),
			.total_s = json_num(json_get(v, "total_s"), NAN),
			.mean_ms = json_num(json_get(v, "mean_ms"), NAN),
			.p50_ms = json_num(json_get(v, "p50_ms"), NAN),
			.p90_ms = json_num(json_get(v, "p90_ms"), NAN),
			.p99_ms = json_num(json_get(v, "p99_ms"), NAN),
		};
	}
}

static int read_manifest(struct result *r, const char *dir, const char *path, struct err *err)
{
	const struct json *m, *corpus;
	const char *class;
	int64_t seed;

	m = r->manifest = json_read_file(path, MAX_JSON, err);
	corpus = json_get(m, "corpus");
	if (!m || check_schema(m, path, 1, err) || need_text(r, m, "id", path, &r->id, err) ||
	    need_text(r, m, "status", path, &r->status, err) ||
	    need_text(r, m, "system", path, &r->system, err) ||
	    need_text(r, m, "model", path, &r->model, err) ||
	    need_text(r, m, "selection", path, &r->selection, err) ||
	    need_text(r, corpus, "name", path, &r->corpus, err) ||
	    need_text(r, corpus, "kind", path, &r->kind, err) ||
	    need_text(r, corpus, "labels_name", path, &r->labels_name, err) ||
	    json_int(json_get(m, "seed"), 0, (int64_t)1 << 53, path, &seed, err) ||
	    read_labels(r, corpus, path, err) || read_sight(r, path, err))
		return err->code;
	r->seed = (uint64_t)seed;
	r->title = json_str(json_get(m, "title"), r->system);
	r->started = json_str(json_get(m, "started"), "");
	r->root = json_str(json_get(corpus, "root"), "");
	r->policy = json_str(json_get(corpus, "policy"), "");
	r->corpus_hash = json_str(json_get(corpus, "hash"), "");
	class = json_str(json_get(m, "result_class"), "full");
	r->limited = strcmp(class, "full") != 0;
	r->why_limited = json_str(json_get(m, "why_limited"), "");
	r->asks = json_get(m, "asked") != NULL;
	r->complete = !strcmp(r->status, "complete");
	if (strcmp(r->kind, "calibrated") && strcmp(r->kind, "real"))
		return err_set(err, ERR_FORMAT,
			       "%s: corpus.kind is '%s', not 'calibrated' or 'real'", path,
			       r->kind);
	if (!str_is_name(r->corpus))
		return err_set(err, ERR_FORMAT, "%s: corpus.name '%s' is no name", path, r->corpus);
	if (strcmp(path_base(dir), r->id))
		return err_set(err, ERR_DATA, "%s: id '%s' is not the name of its folder", path,
			       r->id);
	r->has_ceiling = json_get(m, "ceiling") != NULL;
	r->ceiling.process = json_num(json_get(json_get(m, "ceiling"), "weighted_f1"), NAN);
	r->ceiling.test = json_num(json_get(json_get(m, "ceiling"), "test_weighted_f1"), NAN);
	read_stages(r);
	return result_read_traits(r, path, err);
}

struct reading {
	struct result *r;
	const char *path;
};

static int label_index(const struct result *r, const char *word)
{
	for (int i = 0; word && i < r->k; i++)
		if (!strcmp(r->label[i], word))
			return i;
	return -1;
}

static int status_index(const char *name)
{
	for (int i = 0; name && i < ANSWER_STATUS_COUNT; i++)
		if (!strcmp(answer_status_name[i], name))
			return i;
	return -1;
}

/* Beliefs of an answered utterance with a score for every label; read_metrics() decides
 * whether they are probabilities. */
static int add_beliefs(struct result *r, const struct json *scores, int gold, struct err *err)
{
	float score[LABEL_MAX];
	double prob[LABEL_MAX];
	int i = 0;

	if (json_size(scores) != r->k)
		return 0;
	for (const struct json *v = json_at(scores, 0); v; v = json_next(v))
		score[i++] = (float)json_num(v, (double)NAN);
	return probabilities(score, r->k, prob) ? calibration_add(&r->beliefs, prob, gold, err) : 0;
}

static int add_prediction(void *ctx, const struct json *v, long line, struct err *err)
{
	const struct reading *in = ctx;
	struct result *r = in->r;
	const char *label = json_str(json_get(v, "label"), NULL);
	int status = status_index(json_str(json_get(v, "status"), NULL));
	struct prediction p = { .gold = label_index(r, json_str(json_get(v, "gold"), NULL)),
				.label = label_index(r, label),
				.strict = label_index(r, json_str(json_get(v, "strict"), NULL)),
				.attempts = (int)json_num(json_get(v, "attempts"), 0),
				.ms = json_num(json_get(v, "prompt_ms"), NAN) +
				      json_num(json_get(v, "model_ms"), NAN) };

	if (check_schema(v, in->path, line, err) ||
	    json_int(json_get(v, "turn"), 0, INT32_MAX, "turn", &p.turn, err) ||
	    need_text(r, v, "id", in->path, &p.id, err) ||
	    need_text(r, v, "dialogue", in->path, &p.dialogue, err) ||
	    take_text(r, v, "speaker", in->path, &p.speaker, err) ||
	    take_text(r, v, "text", in->path, &p.text, err))
		return err_wrap(err, "line %ld of %s", line, in->path);
	if (p.gold < 0)
		return err_set(err, ERR_DATA, "%s:%ld: gold '%s' is not in the label set", in->path,
			       line, json_str(json_get(v, "gold"), "(none)"));
	if (status < 0)
		return err_set(err, ERR_DATA, "%s:%ld: unknown status", in->path, line);
	p.status = (enum answer_status)status;
	if ((p.status == ANSWER_OK) != (p.label >= 0))
		return err_set(err, ERR_DATA, "%s:%ld: status %s with label '%s'", in->path, line,
			       answer_status_name[p.status], label ? label : "(none)");
	if (p.status == ANSWER_EXCLUDED)
		return 0; /* not part of the denominator */
	if (p.status != ANSWER_OK && take_text(r, v, "cause", in->path, &p.cause, err))
		return err->code;
	if (!GROW_ARRAY(r->pred, r->cap, (size_t)r->n + 1))
		return err_set(err, ERR_NOMEM, "%s: no memory", in->path);
	r->pred[r->n++] = p;
	if (p.status == ANSWER_OK)
		return add_beliefs(r, json_get(v, "scores"), p.gold, err);
	return 0;
}

static int add_epoch(void *ctx, const struct json *v, long line, struct err *err)
{
	const struct reading *in = ctx;
	struct result *r = in->r;
	struct epoch_line e = { .loss = json_num(json_get(v, "loss"), NAN),
				.dev = json_num(json_get(v, "dev_weighted_f1"), NAN),
				.seconds = json_num(json_get(v, "seconds"), NAN),
				.best = json_bool(json_get(v, "best"), false) };
	int64_t number, of;

	if (check_schema(v, in->path, line, err) ||
	    need_text(r, v, "stage", in->path, &e.stage, err) ||
	    json_int(json_get(v, "epoch"), 0, 1000000, "epoch", &number, err) ||
	    json_int(json_get(v, "of"), 0, 1000000, "of", &of, err))
		return err_wrap(err, "line %ld of %s", line, in->path);
	e.epoch = (int)number;
	e.of = (int)of;
	if (!GROW_ARRAY(r->epoch, r->cap_epoch, (size_t)r->n_epoch + 1))
		return err_set(err, ERR_NOMEM, "%s: no memory", in->path);
	r->epoch[r->n_epoch++] = e;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct prediction *x = a, *y = b;
	int d = strcmp(x->dialogue, y->dialogue);

	if (!d)
		d = (x->turn > y->turn) - (x->turn < y->turn);
	return d ? d : strcmp(x->id, y->id);
}

static int number_dialogues(struct result *r, const char *path, struct err *err)
{
	struct confusion strict = { .k = r->k };

	qsort(r->pred, (size_t)r->n, sizeof(*r->pred), by_place);
	for (int i = 0; i < r->n; i++) {
		struct prediction *p = &r->pred[i];

		if (i && !by_place(p - 1, p))
			return err_set(err, ERR_DATA, "%s: %s of dialogue %s appears twice", path,
				       p->id, p->dialogue);
		r->groups += !i || strcmp(p[-1].dialogue, p->dialogue) != 0;
		p->group = r->groups - 1;
		confusion_add(&r->confusion, p->gold, p->label);
		confusion_add(&strict, p->gold, p->strict);
	}
	scores_compute(&r->confusion, &r->scores);
	scores_compute(&strict, &r->strict);
	return 0;
}

/* Scores are probabilities where metrics.json has a calibration error; it must be theirs. */
static int check_beliefs(struct result *r, const char *path, struct err *err)
{
	double found = json_num(json_get(r->metrics, "ece"), NAN);
	double want = calibration_ece(&r->beliefs);

	if (isnan(found))
		r->beliefs = (struct calibration){ .k = r->k };
	else if (!(fabs(found - want) <= 1e-6)) /* scores are floats here */
		return err_set(err, ERR_DATA,
			       "%s: ece is %.12g, but predictions.jsonl gives %.12g; score the run "
			       "again",
			       path, found, want);
	return 0;
}

/* The scores on disk must be those of the predictions on disk. */
static int check_metrics(const struct result *r, const char *path, struct err *err)
{
	const struct {
		const char *key;
		double value;
	} want[] = { { "n", (double)r->scores.n },
		     { "answered", (double)r->scores.answered },
		     { "accuracy", r->scores.accuracy },
		     { "macro_f1", r->scores.macro_f1 },
		     { "weighted_f1", r->scores.weighted_f1 } };

	if (check_schema(r->metrics, path, 1, err))
		return err->code;
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		double found = json_num(json_get(r->metrics, want[i].key), NAN);

		if (!(fabs(found - want[i].value) <= 1e-9))
			return err_set(err, ERR_DATA,
				       "%s: %s is %.12g, but predictions.jsonl gives %.12g; score "
				       "the run again",
				       path, want[i].key, found, want[i].value);
	}
	return 0;
}

/* Reads one of the files beside the manifest with `step`. */
static int with_file(struct result *r, const char *dir, const char *name,
		     int (*step)(struct result *r, const char *dir, const char *path,
				 struct err *err),
		     struct err *err)
{
	char *path = path_join(dir, name);

	if (!path)
		return err_set(err, ERR_NOMEM, "%s: no memory", dir);
	step(r, dir, path, err);
	free(path);
	return err->code;
}

static int read_predictions(struct result *r, const char *dir, const char *path, struct err *err)
{
	struct reading in = { r, path };
	bool torn;

	(void)dir;
	r->confusion.k = r->beliefs.k = r->k;
	if (json_lines(path, MAX_LINES, &torn, add_prediction, &in, err))
		return err->code;
	if (torn)
		return err_set(err, ERR_FORMAT, "%s: the last line is cut short", path);
	if (!r->n)
		return err_set(err, ERR_DATA, "%s: no predictions", path);
	return number_dialogues(r, path, err);
}

static int read_metrics(struct result *r, const char *dir, const char *path, struct err *err)
{
	(void)dir;
	r->metrics = json_read_file(path, MAX_JSON, err);
	if (!r->metrics || check_metrics(r, path, err))
		return err->code;
	return check_beliefs(r, path, err);
}

/* Systems without training have no log. */
static int read_log(struct result *r, const char *dir, const char *path, struct err *err)
{
	struct reading in = { r, path };
	bool torn;

	(void)dir;
	return io_is_file(path) ? json_lines(path, MAX_LINES, &torn, add_epoch, &in, err) : 0;
}

int result_load(struct result *r, const char *dir, struct err *err)
{
	*r = (struct result){ 0 };
	if (with_file(r, dir, "manifest.json", read_manifest, err) || !r->complete)
		return err->code;
	if (with_file(r, dir, "predictions.jsonl", read_predictions, err) ||
	    with_file(r, dir, "metrics.json", read_metrics, err))
		return err->code;
	return with_file(r, dir, "log.jsonl", read_log, err);
}

void result_free(struct result *r)
{
	json_free(r->manifest);
	json_free(r->metrics);
	free(r->pred);
	free(r->epoch);
	free(r->trait);
	arena_free(&r->mem);
	*r = (struct result){ 0 };
}

int results_problem(struct result_list *l, const struct log *log, struct err *err, const char *fmt,
		    ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_error(log, "%s", text);
	if (!GROW_ARRAY(l->problem, l->cap_problem, (size_t)l->n_problem + 1) ||
	    !(l->problem[l->n_problem] = str_dup(text)))
		return err_set(err, ERR_NOMEM, "no memory");
	l->n_problem++;
	return 0;
}

static int load_one(struct result_list *l, const char *dir, const struct log *log, struct err *err)
{
	struct err why = { 0 };

	if (!GROW_ARRAY(l->run, l->cap, (size_t)l->n + 1))
		return err_set(err, ERR_NOMEM, "no memory");
	if (!result_load(&l->run[l->n], dir, &why)) {
		l->n++;
		return 0;
	}
	result_free(&l->run[l->n]);
	if (why.code == ERR_NOMEM)
		return err_set(err, ERR_NOMEM, "%s", why.msg);
	return results_problem(l, log, err, "left out: %s", why.msg);
}

int results_load(struct result_list *l, const char *runs_dir, const struct log *log,
		 struct err *err)
{
	struct io_list names;

	*l = (struct result_list){ 0 };
	if (io_list_dir(runs_dir, &names, err))
		return err->code;
	for (size_t i = 0; i < names.n && !err->code; i++) {
		char *dir = path_join(runs_dir, names.name[i]);

		if (!dir)
			err_set(err, ERR_NOMEM, "no memory");
		else if (names.name[i][0] != '.' && io_is_dir(dir))
			load_one(l, dir, log, err);
		free(dir);
	}
	io_list_free(&names);
	return err->code;
}

void results_free(struct result_list *l)
{
	for (int i = 0; i < l->n; i++)
		result_free(&l->run[i]);
	for (int i = 0; i < l->n_problem; i++)
		free(l->problem[i]);
	free(l->run);
	free(l->problem);
	*l = (struct result_list){ 0 };
}

int result_tally(const struct result *r, struct tally *t, struct err *err)
{
	if (tally_init(t, r->k, r->groups, err))
		return err->code;
	for (int i = 0; i < r->n; i++)
		tally_add(t, r->pred[i].group, r->pred[i].gold, r->pred[i].label);
	return 0;
}

int results_same_samples(const struct result *a, const struct result *b, struct err *err)
{
	if (a->n != b->n)
		return err_set(err, ERR_DATA, "%s has %d samples, %s has %d: not comparable", a->id,
			       a->n, b->id, b->n);
	for (int i = 0; i < a->n; i++)
		if (by_place(&a->pred[i], &b->pred[i]) || a->pred[i].gold != b->pred[i].gold)
			return err_set(err, ERR_DATA,
				       "%s and %s differ in samples or true labels from %s on: not "
				       "comparable",
				       a->id, b->id, a->pred[i].id);
	return 0;
}
