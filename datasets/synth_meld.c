/* SPDX-License-Identifier: Apache-2.0
 * A calibrated corpus in MELD's layout: three CSV files and one mp4 an utterance.
 */
#include "datasets/synth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/synth_corpus.h"
#include "harness/base/csv.h"
#include "harness/base/io.h"

/* clang-format off */
const struct opt_spec synth_meld_opts[] = {
	{ .name = "dialogues", .type = OPT_INT, .fallback = "430", .min = 3, .max = 20000,
	  .help = "dialogues in all, 70/10/20 % train, dev, test" },
	{ .name = "utterances", .type = OPT_INT, .fallback = "10", .min = 2, .max = 48,
	  .help = "mean number of utterances a dialogue" },
	{ .name = "quality", .type = OPT_INT, .fallback = "24", .min = 1, .max = 51,
	  .help = "H.264 constant rate factor" },
	SYNTH_SHARED_OPTS,
	OPT_END,
};

static const struct split_files {
	const char *csv, *clips;
} files[SPLIT_COUNT] = {
	[SPLIT_TRAIN] = { "train_sent_emo.csv", "train_splits" },
	[SPLIT_DEV] = { "dev_sent_emo.csv", "dev_splits_complete" },
	[SPLIT_TEST] = { "test_sent_emo.csv", "output_repeated_splits_test" },
};

/* The first six are the main characters; guests are pooled by the loader, so their pitches are close. */
#define MAIN 6
static const struct {
	const char *name;
	bool woman;
	double pitch_hz;
} cast[] = {
	{ "Nora", true, 205 },	{ "Ivy", true, 190 },	{ "Tess", true, 220 },
	{ "Carl", false, 122 }, { "Dean", false, 112 }, { "Hugo", false, 134 },
	{ "Waiter", false, 158 }, { "Dr. Lind", true, 166 }, { "Neighbour", true, 162 },
	{ "Cousin Otto", false, 160 },
};
/* clang-format on */
#define GUEST_SHARE 0.25 /* of third speakers */

static int draw_people(struct synth_corpus *c, struct err *err)
{
	struct rng rng;

	c->n_person = (int)ARRAY_LEN(cast);
	if (!NEW_ARRAY(c->person, ARRAY_LEN(cast)))
		return err_set(err, ERR_NOMEM, "calibrated corpus: no memory");
	for (int i = 0; i < c->n_person; i++) {
		synth_stream(&rng, c->seed, STREAM_PEOPLE, i);
		synth_person_draw(&c->person[i], cast[i].woman, cast[i].pitch_hz, &rng);
	}
	return 0;
}

static void choose_cast(const struct synth_scene *s, struct rng *rng, int who[SYNTH_SPEAKERS])
{
	int order[MAIN];

	for (int i = 0; i < MAIN; i++)
		order[i] = i;
	rng_shuffle(rng, order, MAIN);
	for (int i = 0; i < s->drawn.speakers; i++)
		who[i] = order[i];
	if (s->drawn.speakers == 3 && rng_uniform(rng) < GUEST_SHARE)
		who[2] = MAIN + (int)rng_below(rng, ARRAY_LEN(cast) - MAIN);
}

static int place_scenes(struct synth_corpus *c, struct err *err)
{
	int n_dev = (int)fmax(1, floor(c->n * 0.1 + 0.5));
	int n_test = (int)fmax(1, floor(c->n * 0.2 + 0.5)), first[SPLIT_COUNT];

	first[SPLIT_TRAIN] = 0;
	first[SPLIT_DEV] = c->n - n_dev - n_test;
	first[SPLIT_TEST] = c->n - n_test;
	for (int i = 0; i < c->n; i++) {
		struct synth_scene *s = &c->scene[i];
		int who[SYNTH_SPEAKERS] = { 0 }, number;
		double at = 0;
		struct rng rng;

		s->split = i >= first[SPLIT_TEST]  ? SPLIT_TEST
			   : i >= first[SPLIT_DEV] ? SPLIT_DEV
						   : SPLIT_TRAIN;
		number = i - first[s->split];
		synth_stream(&rng, c->seed, STREAM_PEOPLE, (int)ARRAY_LEN(cast) + i);
		choose_cast(s, &rng, who);
		if (!str_format(s->id, sizeof(s->id), "%d", number))
			return err_set(err, ERR_INTERNAL, "dialogue number %d", number);
		for (int t = 0; t < s->drawn.n; t++) {
			struct synth_line *l = &s->line[t];

			l->person = who[s->drawn.turn[t].speaker];
			l->start_s = at;
			at += l->seconds + 0.1 + (double)rng_below(&rng, 500) / 1000;
			if (!str_format(l->id, sizeof(l->id), "dia%d_utt%d", number, t))
				return err_set(err, ERR_INTERNAL, "dialogue number %d", number);
		}
	}
	return 0;
}

static void add_time(struct strbuf *b, double seconds)
{
	long ms = (long)floor(seconds * 1000 + 0.5);
	struct strbuf t = { 0 };

	strbuf_addf(&t, "%02ld:%02ld:%02ld,%03ld", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60,
		    ms % 1000);
	csv_add_field(b, strbuf_str(&t));
	b->oom |= t.oom;
	strbuf_free(&t);
}

static const char *sentiment(const char *emotion, struct rng *rng)
{
	if (!strcmp(emotion, "neutral"))
		return "neutral";
	if (!strcmp(emotion, "joy"))
		return "positive";
	if (!strcmp(emotion, "surprise") && rng_below(rng, 2))
		return "positive";
	return "negative";
}

static void add_rows(const struct synth_corpus *c, int scene, int *serial, struct strbuf *b)
{
	const struct synth_scene *s = &c->scene[scene];
	struct rng rng;
	double base;
	int season, episode;

	synth_stream(&rng, c->seed, STREAM_PEOPLE, (int)ARRAY_LEN(cast) + c->n + scene);
	season = 1 + (int)rng_below(&rng, 9);
	episode = 1 + (int)rng_below(&rng, 24);
	base = 30 + (double)rng_below(&rng, 1200000) / 1000;
	for (int t = 0; t < s->drawn.n; t++) {
		const struct synth_line *l = &s->line[t];
		const char *emotion = c->process.labels->word[s->drawn.turn[t].emotion];

		strbuf_addf(b, "%d,", ++*serial);
		csv_add_field(b, l->text);
		strbuf_addc(b, ',');
		csv_add_field(b, cast[l->person].name);
		strbuf_addf(b, ",%s,%s,%s,%d,%d,%d,", emotion, sentiment(emotion, &rng), s->id, t,
			    season, episode);
		add_time(b, base + l->start_s);
		strbuf_addc(b, ',');
		add_time(b, base + l->start_s + l->seconds);
		strbuf_add(b, "\r\n");
	}
}

static int write_tables(const struct synth_corpus *c, struct err *err)
{
	for (int split = 0; split < SPLIT_COUNT && !err->code; split++) {
		struct strbuf b = { 0 };
		char *clips = path_join(c->out, files[split].clips);
		int serial = 0;

		strbuf_add(&b,
			   "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,"
			   "Season,Episode,StartTime,EndTime\r\n");
		for (int i = 0; i < c->n; i++)
			if ((int)c->scene[i].split == split)
				add_rows(c, i, &serial, &b);
		if (!clips)
			err_set(err, ERR_NOMEM, "calibrated corpus: no memory");
		else if (!io_mkdirs(clips, err))
			synth_corpus_write(c, files[split].csv, &b, err);
		free(clips);
		strbuf_free(&b);
	}
	return err->code;
}

/* What one scene's clips are made in. */
struct studio {
	struct synth_canvas wall, canvas;
	float pcm[4 * SYNTH_RATE], work[4 * SYNTH_RATE];
};

static int film(const struct synth_corpus *c, const struct synth_person *who,
		const struct synth_act *act, struct studio *st, struct rng *rng,
		struct media_writer *w, struct err *err)
{
	int samples = (int)(act->voice.seconds * SYNTH_RATE);
	int pictures = (int)ceil(act->voice.seconds * c->fps);

	memset(st->pcm, 0, sizeof(st->pcm));
	synth_voice_render(&act->voice, rng, st->pcm, st->work, samples);
	if (media_write_audio(w, st->pcm, samples, err))
		return err->code;
	for (int i = 0; i < pictures; i++) {
		double t = (double)i / c->fps;

		memcpy(st->canvas.data, st->wall.data, sizeof(st->wall.data));
		synth_figure_draw(&st->canvas.picture, 0, who, &act->pose, synth_pose_ramp(t), t,
				  synth_voice_open(&act->voice, t));
		st->canvas.picture.time_s = t;
		if (media_write_picture(w, &st->canvas.picture, err))
			return err->code;
	}
	return 0;
}

static int write_clip(const struct synth_corpus *c, int scene, int turn, struct studio *st,
		      struct rng *rng, struct err *err)
{
	const struct synth_scene *s = &c->scene[scene];
	const struct media_spec spec = { .width = FIGURE_W,
					 .height = FIGURE_H,
					 .fps = c->fps,
					 .quality = c->quality,
					 .rate = SYNTH_RATE };
	struct media_writer *w = NULL;
	struct synth_act act;
	char path[4096];

	if (!str_format(path, sizeof(path), "%s/%s/%s.mp4", c->out, files[s->split].clips,
			s->line[turn].id))
		return err_set(err, ERR_ARG, "%s: path too long", c->out);
	synth_act_plan(c, s, turn, rng, &act);
	w = media_writer_open(path, &spec, err);
	if (w)
		film(c, &c->person[s->line[turn].person], &act, st, rng, w, err);
	media_writer_close(&w, err);
	return err->code;
}

static int make_scene(const struct synth_corpus *c, int scene, struct err *err)
{
	struct studio *st;
	struct rng rng;

	if (!NEW_ARRAY(st, 1))
		return err_set(err, ERR_NOMEM, "calibrated corpus: no memory for pictures");
	synth_stream(&rng, c->seed, STREAM_LOOK, scene);
	synth_canvas_init(&st->wall, FIGURE_W);
	synth_canvas_init(&st->canvas, FIGURE_W);
	synth_wall_draw(&st->wall.picture, 0, 125 + (int)rng_below(&rng, 40), &rng);
	for (int t = 0; t < c->scene[scene].drawn.n && !err->code; t++)
		write_clip(c, scene, t, st, &rng, err);
	free(st);
	return err->code;
}

int synth_meld(const char *out, const struct opt_values *opts, int threads, const struct log *log,
	       struct err *err)
{
	struct synth_corpus c;

	if (!synth_corpus_begin(&c, "meld", out, opts, threads, log, err) &&
	    !draw_people(&c, err) && !place_scenes(&c, err) && !write_tables(&c, err) &&
	    !synth_corpus_render(&c, make_scene, err))
		synth_corpus_finish(&c, err);
	synth_corpus_free(&c);
	return err->code;
}
