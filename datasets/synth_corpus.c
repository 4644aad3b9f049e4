/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synth_corpus.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/thread.h"

void synth_stream(struct rng *rng, uint64_t seed, enum synth_stream purpose, int index)
{
	rng_seed(rng, seed, (uint64_t)purpose << 32 | (uint32_t)index);
}

static int make_folder(const char *out, struct err *err)
{
	struct io_list list = { 0 };

	if (io_mkdirs(out, err) || io_list_dir(out, &list, err))
		return err_wrap(err, "calibrated corpus");
	if (list.n)
		err_set(err, ERR_ARG, "%s: not empty; give a new folder, or remove this one first",
			out);
	io_list_free(&list);
	return err->code;
}

static void draw_scene(struct synth_corpus *c, int i)
{
	struct synth_scene *s = &c->scene[i];
	struct rng process, words, times;

	synth_stream(&process, c->seed, STREAM_PROCESS, i);
	synth_stream(&words, c->seed, STREAM_WORDS, i);
	synth_stream(&times, c->seed, STREAM_TIMES, i);
	synth_draw(&c->process, c->mean, &process, &s->drawn);
	for (int t = 0; t < s->drawn.n; t++) {
		synth_text(c->process.labels, s->drawn.turn[t].symbol[CH_TEXT], &words,
			   s->line[t].text);
		/* whole milliseconds; the length says nothing about the emotion */
		s->line[t].seconds = 1.8 + (double)rng_below(&times, 801) / 1000;
	}
}

int synth_corpus_begin(struct synth_corpus *c, const char *layout, const char *out,
		       const struct opt_values *opts, int threads, const struct log *log,
		       struct err *err)
{
	*c = (struct synth_corpus){
		.out = out,
		.layout = layout,
		.seed = (uint64_t)opt_int(opts, "seed"),
		.mean = (int)opt_int(opts, "utterances"),
		.sample = (int)opt_int(opts, "sample"),
		.fps = (int)opt_int(opts, "fps"),
		.quality = (int)opt_int(opts, "quality"),
		.n = (int)opt_int(opts, "dialogues"),
		.threads = threads,
		.log = log,
	};
	if (!strcmp(layout, "meld"))
		synth_process_meld(&c->process);
	else
		synth_process_iemocap(&c->process);
	if (make_folder(out, err))
		return err->code;
	if (!NEW_ARRAY(c->scene, (size_t)c->n))
		return err_set(err, ERR_NOMEM, "calibrated corpus: no memory for %d dialogues",
			       c->n);
	for (int i = 0; i < c->n; i++)
		draw_scene(c, i);
	return 0;
}

void synth_corpus_free(struct synth_corpus *c)
{
	free(c->scene);
	free(c->person);
	*c = (struct synth_corpus){ 0 };
}

void synth_person_draw(struct synth_person *p, bool woman, double pitch_hz, struct rng *rng)
{
	static const int cloth[][3] = { { 70, 150, 110 }, { 62, 118, 108 }, { 78, 140, 140 },
					{ 58, 160, 122 }, { 84, 108, 112 }, { 66, 134, 104 } };
	const int *c = cloth[rng_below(rng, ARRAY_LEN(cloth))];

	*p = (struct synth_person){
		.pitch_hz = pitch_hz,
		.gain_db = rng_uniform(rng) - 0.5,
		.tract = (woman ? 1.12 : 0.97) + 0.04 * rng_uniform(rng),
		.skin = { 155 + (int)rng_below(rng, 31), 106 + (int)rng_below(rng, 8),
			  149 + (int)rng_below(rng, 8) },
		.cloth = { c[0], c[1], c[2] },
		.hair = 28 + (int)rng_below(rng, 18),
	};
}

void synth_act_plan(const struct synth_corpus *c, const struct synth_scene *s, int turn,
		    struct rng *rng, struct synth_act *act)
{
	const int *symbol = s->drawn.turn[turn].symbol;
	const struct label_set *labels = c->process.labels;

	synth_voice_plan(labels, symbol[CH_AUDIO], &c->person[s->line[turn].person],
			 s->line[turn].seconds, rng, &act->voice);
	synth_pose_plan(labels, symbol[CH_FACE], symbol[CH_BODY], symbol[CH_POSTURE], rng,
			&act->pose);
}

struct rendering {
	struct synth_corpus *corpus;
	int (*make)(const struct synth_corpus *c, int scene, struct err *err);
	struct err *err; /* (n) */
	atomic_int done, failed;
	struct progress progress;
};

static void render_one(void *ctx, int i, int worker)
{
	struct rendering *r = ctx;

	if (atomic_load(&r->failed))
		return;
	if (r->make(r->corpus, i, &r->err[i]))
		atomic_store(&r->failed, 1);
	atomic_fetch_add(&r->done, 1);
	if (!worker)
		progress_update(&r->progress, atomic_load(&r->done), 0, NULL);
}

int synth_corpus_render(struct synth_corpus *c,
			int (*make)(const struct synth_corpus *c, int scene, struct err *err),
			struct err *err)
{
	struct rendering r = { .corpus = c, .make = make };

	if (!NEW_ARRAY(r.err, (size_t)c->n))
		return err_set(err, ERR_NOMEM, "calibrated corpus: no memory");
	progress_start(&r.progress, c->log, "writing clips", c->n);
	parallel_for(c->n, c->threads, render_one, &r);
	progress_end(&r.progress, NULL);
	for (int i = 0; i < c->n; i++)
		if (r.err[i].code)
			err_set(err, r.err[i].code, "%s", r.err[i].msg);
	free(r.err);
	return err->code;
}

int synth_corpus_write(const struct synth_corpus *c, const char *name, const struct strbuf *text,
		       struct err *err)
{
	char *path = path_join(c->out, name), *slash;

	if (!path || text->oom) {
		free(path);
		return err_set(err, ERR_NOMEM, "%s/%s: no memory", c->out, name);
	}
	slash = strrchr(path, '/');
	*slash = '\0';
	if (!io_mkdirs(path, err)) {
		*slash = '/';
		io_write_atomic(path, text->s ? text->s : "", text->len, err);
	}
	free(path);
	return err->code;
}

static void write_truth(const struct synth_corpus *c, struct strbuf *out)
{
	for (int i = 0; i < c->n; i++) {
		const struct synth_scene *s = &c->scene[i];

		for (int t = 0; t < s->drawn.n; t++) {
			const struct synth_turn *u = &s->drawn.turn[t];
			struct json_writer w;

			json_begin(&w, out, 0);
			json_open_object(&w, NULL);
			json_put_int(&w, "schema_version", 1);
			json_put_str(&w, "split", split_name[s->split]);
			json_put_str(&w, "dialogue", s->id);
			json_put_str(&w, "id", s->line[t].id);
			json_put_str(&w, "emotion", c->process.labels->word[u->emotion]);
			json_put_bool(&w, "withheld", u->hidden);
			for (int ch = 0; ch < CH_COUNT; ch++)
				json_put_str(&w, synth_channel_name[ch],
					     c->process.labels->word[u->symbol[ch]]);
			json_close_object(&w);
			strbuf_addc(out, '\n');
		}
	}
}

static int write_calibration(const struct synth_corpus *c, const struct synth_ceiling *ceiling,
			     struct err *err)
{
	struct strbuf out = { 0 };
	struct json_writer w;

	json_begin(&w, &out, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "layout", c->layout);
	json_put_int(&w, "seed", (int64_t)c->seed);
	json_put_int(&w, "dialogues", c->n);
	json_put_int(&w, "utterances_a_dialogue", c->mean);
	json_put_int(&w, "simulated_dialogues", c->sample);
	json_put_str(&w, "media", media_versions());
	synth_ceiling_write(&c->process, ceiling, &w);
	json_close_object(&w);
	strbuf_addc(&out, '\n');
	synth_corpus_write(c, "calibration.json", &out, err);
	strbuf_free(&out);
	return err->code;
}

int synth_corpus_finish(struct synth_corpus *c, struct err *err)
{
	struct synth_ceiling ceiling[SYNTH_CEILINGS];
	const struct synth_dialogue **test = NULL;
	struct strbuf truth = { 0 };
	int n = 0;

	write_truth(c, &truth);
	if (synth_corpus_write(c, "truth.jsonl", &truth, err))
		goto out;
	log_info(c->log, "computing the ceilings of every subset of the channels");
	if (!NEW_ARRAY(test, (size_t)c->n)) {
		err_set(err, ERR_NOMEM, "calibrated corpus: no memory");
		goto out;
	}
	for (int i = 0; i < c->n; i++)
		if (c->scene[i].split == SPLIT_TEST)
			test[n++] = &c->scene[i].drawn;
	if (synth_ceilings(&c->process, c->mean, c->sample, c->seed, c->threads, ceiling, err))
		goto out;
	for (int i = 0; i < SYNTH_CEILINGS; i++)
		synth_ceiling_test(&c->process, test, n, &ceiling[i]);
	write_calibration(c, ceiling, err);
out:
	free(test);
	strbuf_free(&truth);
	return err->code;
}
