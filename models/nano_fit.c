/* SPDX-License-Identifier: Apache-2.0
 * The stages of training: behaviour alignment (write the teacher's sentences),
 * then MERC (say the label word).
 */
#include "models/nano.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"

#define PI 3.14159265358979323846

/* Streams of the run's seed; decoder_new() has its own. */
enum { STREAM_ORDER = 101, STREAM_DROPOUT = 102 };

/* A piece of a dialogue that is packed at once. */
struct job {
	int dialogue;
	struct nano_cut cut;
};

struct stage {
	struct nano *n;
	const struct samples *train;
	struct nano_turn **turn; /* by dialogue */
	const char *name;
	bool align;
	bool rehearses; /* goes on writing behaviour beside the labels, each text for one label */
	int epochs;
	double class_weight[LABEL_MAX];
	struct nano_pack pack;
	struct job *job;
	size_t n_job, cap_job;
	int *order;
	size_t cap_order;
	struct rng order_rng, dropout_rng;
	int epoch; /* from 0 */
	double loss, weight;
};

static bool is_example(const struct stage *s, int i, int t)
{
	if (!s->train->view[i].target[t])
		return false;
	return s->align ? s->turn[i][t].n_behaviour > 0 : s->train->label[i][t] >= 0;
}

static void weigh_classes(struct stage *s)
{
	const struct model_env *env = s->n->env;
	double count[LABEL_MAX] = { 0 }, n = 0;

	for (int i = 0; i < s->train->n; i++)
		for (int t = 0; t < s->train->view[i].n; t++)
			if (s->train->view[i].target[t] && s->train->label[i][t] >= 0) {
				count[s->train->label[i][t]]++;
				n++;
			}
	for (int j = 0; j < env->labels->n; j++)
		if (count[j] > 0)
			s->class_weight[j] =
				pow(n / (env->labels->n * count[j]), opt_num(env->opts, "balance"));
}

/* This epoch's packs: long dialogues are cut at other places each time. */
static int cut_jobs(struct stage *s, struct err *err)
{
	const int most = (int)opt_int(s->n->env->opts, "turns");

	s->n_job = 0;
	for (int i = 0; i < s->train->n; i++) {
		const struct view *v = &s->train->view[i];
		struct nano_cut cut = { .last = 0 };
		int size = v->n > most ? 1 + (int)rng_below(&s->order_rng, (uint64_t)most) : most;

		while (nano_next_cut(s->n, v, cut.last, size, &cut)) {
			if (!GROW_ARRAY(s->job, s->cap_job, s->n_job + 1))
				return err_set(err, ERR_NOMEM, "cutting dialogues: no memory");
			s->job[s->n_job++] = (struct job){ i, cut };
			size = most;
		}
	}
	if (!GROW_ARRAY(s->order, s->cap_order, s->n_job))
		return err_set(err, ERR_NOMEM, "cutting dialogues: no memory");
	for (size_t j = 0; j < s->n_job; j++)
		s->order[j] = (int)j;
	rng_shuffle(&s->order_rng, s->order, (int)s->n_job);
	return 0;
}

static void add_label_branch(struct stage *s, const struct nano_turn *turn, int t, int label,
			     bool words, const struct nano_plan *plan)
{
	const struct bpe_ids *word = &s->n->text.word[label];

	pack_branch(&s->pack, s->n, turn, t, plan);
	for (size_t k = 0; k < word->n; k++) {
		if (k)
			pack_tokens(&s->pack, &word->id[k - 1], 1);
		pack_ask(&s->pack, words ? label : word->id[k], s->class_weight[label]);
	}
	if (words || !s->n->text.tokenizer)
		return;
	/* who generates with these adapters elsewhere expects an end */
	pack_tokens(&s->pack, &word->id[word->n - 1], 1);
	pack_ask(&s->pack, s->n->text.end, s->class_weight[label]);
}

static void add_behaviour_branch(struct stage *s, const struct nano_turn *turn, int t,
				 const struct nano_plan *plan)
{
	const struct nano_turn *u = &turn[t];
	const int *id = u->id + u->n_text + u->n_speech;

	pack_branch(&s->pack, s->n, turn, t, plan);
	for (int k = 0; k <= u->n_behaviour; k++) {
		if (k)
			pack_tokens(&s->pack, &id[k - 1], 1);
		pack_ask(&s->pack, k < u->n_behaviour ? id[k] : s->n->text.end,
			 s->rehearses ? 1.0 / (u->n_behaviour + 1) : 1);
	}
}

/* One pack forward and backward; *answered counts its examples. */
static int train_job(struct stage *s, const struct job *job, int *answered, double *weight,
		     struct err *err)
{
	struct nano *n = s->n;
	const struct opt_values *o = n->env->opts;
	const struct nano_turn *turn = s->turn[job->dialogue];
	const int *label = s->train->label[job->dialogue];
	struct nano_plan plan = nano_plan(n, s->align ? NANO_BEHAVIOUR : NANO_LABEL);
	int word[LABEL_MAX];
	double loss = 0;
	bool words;

	plan.lm = opt_num(o, "lm");
	words = !s->align && n->text.single && plan.lm <= 0 &&
		!strcmp(opt_str(o, "answer"), "words");
	pack_trunk(&s->pack, n, turn, job->cut.from, job->cut.last, &plan);
	for (int t = job->cut.first; t < job->cut.last; t++) {
		if (!is_example(s, job->dialogue, t))
			continue;
		++*answered;
		if (s->align)
			add_behaviour_branch(s, turn, t, &plan);
		else
			add_label_branch(s, turn, t, label[t], words, &plan);
	}
	if (pack_finish(&s->pack, job->cut.window, err) || !s->pack.p.n_at)
		return err->code;
	for (int j = 0; j < n->env->labels->n && words; j++)
		word[j] = n->text.word[j].id[0];
	s->pack.p.word = words ? word : NULL;
	s->pack.p.n_word = words ? n->env->labels->n : 0;
	s->pack.p.smooth = s->align ? 0 : opt_num(o, "smooth");
	if (decoder_train(n->decoder, &s->pack.p, &s->dropout_rng, &loss, err))
		return err->code;
	for (int k = 0; k < s->pack.p.n_at; k++)
		*weight += s->pack.p.weight[k];
	s->loss += loss;
	return 0;
}

/* A student that reads its own sentences must not forget how to write them. */
static int rehearse_job(struct stage *s, const struct job *job, double *weight, struct err *err)
{
	int answered = 0;

	s->align = true;
	train_job(s, job, &answered, weight, err);
	s->align = false;
	return err->code;
}

/* Share of the highest learning rate after `done` (0..1) of the stage. */
static double schedule(const struct opt_values *o, double done)
{
	const double warmup = opt_num(o, "warmup");
	const char *kind = opt_str(o, "schedule");
	double rest;

	if (done < warmup)
		return done / warmup;
	rest = warmup < 1 ? (done - warmup) / (1 - warmup) : 0;
	if (!strcmp(kind, "linear"))
		return 1 - rest;
	return !strcmp(kind, "cosine") ? (1 + cos(PI * rest)) / 2 : 1;
}

static int train_epoch(struct stage *s, struct err *err)
{
	const struct opt_values *o = s->n->env->opts;
	const int batch = (int)opt_int(o, "batch");
	struct adamw adam = { .beta1 = 0.9,
			      .beta2 = 0.95,
			      .eps = 1e-8,
			      .weight_decay = opt_num(o, "weight_decay"),
			      .clip = opt_num(o, "clip") };
	double weight = 0;
	int answered = 0;

	s->loss = s->weight = 0;
	if (cut_jobs(s, err))
		return err->code;
	for (size_t j = 0; j < s->n_job; j++) {
		if (train_job(s, &s->job[s->order[j]], &answered, &weight, err))
			return err->code;
		if (s->rehearses && rehearse_job(s, &s->job[s->order[j]], &weight, err))
			return err->code;
		if (weight <= 0 || (answered < batch && j + 1 < s->n_job))
			continue;
		adam.lr = opt_num(o, "lr") *
			  schedule(o, (s->epoch + (double)(j + 1) / (double)s->n_job) / s->epochs);
		if (decoder_step(s->n->decoder, &adam, 1 / weight, err))
			return err->code;
		s->weight += weight;
		weight = 0;
		answered = 0;
	}
	return 0;
}

/* Trains the stage; in the stage with labels the best epoch is kept and restored. */
static int run_stage(struct stage *s, struct err *err)
{
	const struct model_env *env = s->n->env;
	bool kept = false;

	rng_seed(&s->order_rng, env->seed, STREAM_ORDER + 10 * s->align);
	rng_seed(&s->dropout_rng, env->seed, STREAM_DROPOUT + 10 * s->align);
	decoder_reset_optimizer(s->n->decoder);
	for (s->epoch = 0; s->epoch < s->epochs; s->epoch++) {
		struct epoch e = { .stage = s->name,
				   .number = s->epoch + 1,
				   .total = s->epochs,
				   .score_dev = !s->align };
		enum epoch_verdict verdict = EPOCH_BEST;
		double start = clock_s();

		if (train_epoch(s, err))
			return err->code;
		e.loss = s->weight > 0 ? s->loss / s->weight : 0;
		e.seconds = clock_s() - start;
		if (!isfinite(e.loss))
			return err_set(err, ERR_DATA, "%s: training diverged in epoch %d; lower lr",
				       s->n->recipe->name, e.number);
		if (env->epoch_end)
			verdict = env->epoch_end(env->epoch_ctx, &e);
		if (verdict == EPOCH_STOP)
			return err_set(err, ERR_INTERRUPTED, "%s: interrupted", s->n->recipe->name);
		if (verdict != EPOCH_BEST || s->align)
			continue;
		if (decoder_keep(s->n->decoder, err))
			return err->code;
		kept = true;
	}
	return kept ? decoder_restore(s->n->decoder, err) : 0;
}

static int encode_all(struct stage *s, struct arena *mem, struct err *err)
{
	s->turn = arena_array(mem, (size_t)s->train->n, sizeof(*s->turn));
	if (!s->turn)
		return err_set(err, ERR_NOMEM, "encoding the train split: no memory");
	for (int i = 0; i < s->train->n; i++) {
		s->turn[i] = nano_encode(s->n, &s->train->view[i], mem, err);
		if (!s->turn[i])
			return err->code;
	}
	return 0;
}

static bool has_behaviour(const struct stage *s)
{
	for (int i = 0; i < s->train->n; i++)
		for (int t = 0; t < s->train->view[i].n; t++)
			if (s->train->view[i].target[t] && s->turn[i][t].n_behaviour)
				return true;
	return false;
}

int nano_fit(void *nano, const struct samples *train, struct err *err)
{
	struct nano *n = nano;
	const struct opt_values *o = n->env->opts;
	struct stage s = { .n = n, .train = train };
	struct arena mem = { 0 };

	if (nano_prepare(n, train, err) || encode_all(&s, &mem, err))
		goto out;
	weigh_classes(&s);
	if (n->recipe->aligns && opt_int(o, "align_epochs") > 0) {
		s.align = true;
		s.name = "alignment";
		s.epochs = (int)opt_int(o, "align_epochs");
		if (!has_behaviour(&s))
			log_info(n->env->log, "%s: no behaviour in sight, no alignment stage",
				 n->recipe->name);
		else if (run_stage(&s, err))
			goto out;
	}
	s.align = false;
	s.name = "merc";
	s.rehearses = nano_is_student(n);
	s.epochs = (int)opt_int(o, "epochs");
	run_stage(&s, err);
out:
	pack_free(&s.pack);
	free(s.job);
	free(s.order);
	arena_free(&mem);
	return err->code;
}
