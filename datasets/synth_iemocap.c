/* SPDX-License-Identifier: Apache-2.0
 * A calibrated corpus in IEMOCAP's layout: five sessions of two actors, one avi with
 * both of them (who the dialogue is named after, F or M, in the left half) and one wav a dialogue,
 * turns by time, EmoEvaluation and transcriptions as text.
 */
#include "datasets/synth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/synth_corpus.h"
#include "harness/base/io.h"

#define SESSIONS 5
#define NAMES	 240

/* clang-format off */
const struct opt_spec synth_iemocap_opts[] = {
	{ .name = "dialogues", .type = OPT_INT, .fallback = "150", .min = 5, .max = NAMES,
	  .help = "dialogues in all; a fifth of them is session 5, the test split" },
	{ .name = "utterances", .type = OPT_INT, .fallback = "24", .min = 2, .max = 48,
	  .help = "mean number of utterances a dialogue" },
	{ .name = "quality", .type = OPT_INT, .fallback = "6", .min = 1, .max = 31,
	  .help = "MPEG-4 quantiser" },
	SYNTH_SHARED_OPTS,
	OPT_END,
};

/* The names every published split uses; dialogues of these names are dev. */
static const char *const dev_name[] = {
	"Ses01M_impro01", "Ses01M_script03_1", "Ses02F_impro02", "Ses02F_impro07",
	"Ses02M_script01_2", "Ses03F_impro01", "Ses03M_impro02", "Ses03M_impro08a",
	"Ses03M_script02_2", "Ses03M_script03_2", "Ses04F_impro07", "Ses04F_script02_1",
};
static const char *const scenario[] = {
	"impro01", "impro02", "impro03", "impro04", "impro05", "impro06", "impro07", "impro08",
	"script01_1", "script01_2", "script01_3", "script02_1", "script02_2", "script03_1", "script03_2",
	/* beyond the release, for larger corpora */
	"impro09", "impro10", "impro11", "impro12", "script04_1", "script04_2", "script05_1",
	"script05_2", "script06_1",
};

/* Code in EmoEvaluation, word of the annotators, and valence, activation, dominance. */
static const struct rating {
	const char *label, *code, *category;
	double vad[3];
} ratings[] = {
	{ "happy", "hap", "Happiness", { 4.0, 3.0, 3.0 } },
	{ "sad", "sad", "Sadness", { 2.0, 2.0, 2.5 } },
	{ "neutral", "neu", "Neutral", { 3.0, 2.5, 3.0 } },
	{ "angry", "ang", "Anger", { 2.0, 3.5, 4.0 } },
	{ "excited", "exc", "Excited", { 4.0, 4.0, 3.5 } },
	{ "frustrated", "fru", "Frustration", { 2.5, 3.0, 3.5 } },
};
/* clang-format on */

static bool is_dev(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(dev_name); i++)
		if (!strcmp(name, dev_name[i]))
			return true;
	return false;
}

/* The i-th name of a session (from 0): F and M of a scenario in turn; session from 1. */
static int name_dialogue(int session, int i, char *out, size_t size, struct err *err)
{
	char lead = i % 2 ? 'M' : 'F';

	if (!str_format(out, size, "Ses%02d%c_%s", session, lead, scenario[i / 2]))
		return err_set(err, ERR_INTERNAL, "dialogue name too long");
	/* one of session 3 carries a letter, and the published split names it so */
	if (!strcmp(out, "Ses03M_impro08") && !str_copy(out, size, "Ses03M_impro08a"))
		return err_set(err, ERR_INTERNAL, "dialogue name too long");
	return 0;
}

/* The next unused name of a split: train goes round the sessions, so that every prefix has all. */
static int take_name(enum split split, int *cursor, char *out, size_t size, struct err *err)
{
	int per = 2 * (int)ARRAY_LEN(scenario);

	for (; *cursor < NAMES; ++*cursor) {
		int session = split == SPLIT_TEST ? SESSIONS : 1 + *cursor % (SESSIONS - 1);
		int i = split == SPLIT_TEST ? *cursor : *cursor / (SESSIONS - 1);

		if (i >= per)
			break;
		if (name_dialogue(session, i, out, size, err))
			return err->code;
		if (split != SPLIT_TEST && is_dev(out) != (split == SPLIT_DEV))
			continue;
		++*cursor;
		return 0;
	}
	return err_set(err, ERR_INTERNAL, "no more dialogue names");
}

static int draw_people(struct synth_corpus *c, struct err *err)
{
	struct rng rng;

	c->n_person = 2 * SESSIONS;
	if (!NEW_ARRAY(c->person, (size_t)c->n_person))
		return err_set(err, ERR_NOMEM, "calibrated corpus: no memory");
	for (int i = 0; i < c->n_person; i++) {
		double mean = i % 2 ? 118 : 205;

		synth_stream(&rng, c->seed, STREAM_PEOPLE, i);
		synth_person_draw(&c->person[i], i % 2 == 0,
				  mean * (0.96 + 0.08 * rng_uniform(&rng)), &rng);
	}
	return 0;
}

/* Turns by time: the others may begin up to 0.1 s before a turn ends, the same speaker not
 * before the face is calm again. */
static int place_turns(struct synth_scene *s, int session, struct rng *rng, struct err *err)
{
	int count[2] = { 0, 0 };
	double at = 1.0 + (double)rng_below(rng, 500) / 1000;

	for (int t = 0; t < s->drawn.n; t++) {
		struct synth_line *l = &s->line[t];
		int who = s->drawn.turn[t].speaker; /* 0: F, 1: M */
		double gap = (double)rng_below(rng, 500) / 1000 - 0.1;

		if (t && s->drawn.turn[t - 1].speaker == who)
			gap += 0.5;
		l->start_s = t ? at + gap : at;
		at = l->start_s + l->seconds;
		l->person = 2 * (session - 1) + who;
		if (!str_format(l->id, sizeof(l->id), "%s_%c%03d", s->id, who ? 'M' : 'F',
				count[who]++))
			return err_set(err, ERR_INTERNAL, "utterance id too long");
	}
	return 0;
}

static int place_scenes(struct synth_corpus *c, struct err *err)
{
	int n_dev = (int)fmin((double)ARRAY_LEN(dev_name), fmax(1, floor(c->n * 0.08 + 0.5)));
	int n_test = (int)fmax(1, floor(c->n * 0.2));
	int cursor[SPLIT_COUNT] = { 0 };

	for (int i = 0; i < c->n; i++) {
		struct synth_scene *s = &c->scene[i];
		struct rng rng;

		s->split = i < c->n - n_dev - n_test ? SPLIT_TRAIN
			   : i < c->n - n_test	     ? SPLIT_DEV
						     : SPLIT_TEST;
		synth_stream(&rng, c->seed, STREAM_PEOPLE, c->n_person + i);
		if (take_name(s->split, &cursor[s->split], s->id, sizeof(s->id), err) ||
		    place_turns(s, s->id[4] - '0', &rng, err))
			return err->code;
	}
	return 0;
}

static double rate(double level, struct rng *rng)
{
	double x = level + ((double)rng_below(rng, 3) - 1) / 2;

	return x < 1 ? 1 : x > 5 ? 5 : x;
}

static void add_annotators(struct strbuf *b, const struct rating *r, bool withheld, struct rng *rng)
{
	static const char *const who[] = { "E2", "E3", "E4" };

	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		/* withheld: three opinions, so no majority */
		size_t k = withheld ? ((size_t)(r - ratings) + i + 1) % ARRAY_LEN(ratings)
				    : (size_t)(r - ratings);

		strbuf_addf(b, "C-%s:\t%s;\t()\n", who[i], ratings[k].category);
	}
	for (size_t i = 0; i < 2; i++) {
		strbuf_addf(b, "A-%s:\tval %.0f; act %.0f; dom  %.0f;\t()\n", who[i + 1],
			    rate(r->vad[0], rng), rate(r->vad[1], rng), rate(r->vad[2], rng));
	}
	strbuf_add(b, "\n");
}

static int write_texts(const struct synth_corpus *c, const struct synth_scene *s, struct rng *rng,
		       struct err *err)
{
	struct strbuf eval = { 0 }, words = { 0 };
	char name[128];

	strbuf_add(&eval, "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n");
	for (int t = 0; t < s->drawn.n; t++) {
		const struct synth_turn *u = &s->drawn.turn[t];
		const struct synth_line *l = &s->line[t];
		const struct rating *r = &ratings[u->emotion];
		double end = l->start_s + l->seconds;

		strbuf_addf(&eval, "[%.4f - %.4f]\t%s\t%s\t[%.4f, %.4f, %.4f]\n", l->start_s, end,
			    l->id, u->hidden ? "xxx" : r->code, rate(r->vad[0], rng),
			    rate(r->vad[1], rng), rate(r->vad[2], rng));
		add_annotators(&eval, r, u->hidden, rng);
		strbuf_addf(&words, "%s [%08.4f-%08.4f]: %s\n", l->id, l->start_s, end, l->text);
	}
	if (!str_format(name, sizeof(name), "Session%c/dialog/EmoEvaluation/%s.txt", s->id[4],
			s->id) ||
	    synth_corpus_write(c, name, &eval, err) ||
	    !str_format(name, sizeof(name), "Session%c/dialog/transcriptions/%s.txt", s->id[4],
			s->id) ||
	    synth_corpus_write(c, name, &words, err))
		err_set(err, ERR_INTERNAL, "%s: name too long", s->id);
	strbuf_free(&eval);
	strbuf_free(&words);
	return err->code;
}

static int open_file(const struct synth_corpus *c, const struct synth_scene *s, const char *folder,
		     const char *ending, const struct media_spec *spec, struct media_writer **w,
		     struct err *err)
{
	char path[4096];

	*w = NULL;
	if (!str_format(path, sizeof(path), "%s/Session%c/dialog/%s", c->out, s->id[4], folder))
		return err_set(err, ERR_ARG, "%s: path too long", c->out);
	if (io_mkdirs(path, err))
		return err->code;
	if (!str_format(path, sizeof(path), "%s/Session%c/dialog/%s/%s%s", c->out, s->id[4], folder,
			s->id, ending))
		return err_set(err, ERR_ARG, "%s: path too long", c->out);
	*w = media_writer_open(path, spec, err);
	return err->code;
}

static int record(const struct synth_corpus *c, const struct synth_scene *s,
		  const struct synth_act *act, double seconds, struct rng *rng, struct err *err)
{
	const struct media_spec spec = { .rate = SYNTH_RATE };
	int n = (int)(seconds * SYNTH_RATE);
	struct media_writer *w = NULL;
	float *pcm, *work = NULL;

	if (!NEW_ARRAY(pcm, (size_t)n) || !NEW_ARRAY(work, 4 * SYNTH_RATE))
		err_set(err, ERR_NOMEM, "%s: no memory for %d samples", s->id, n);
	for (int t = 0; t < s->drawn.n && !err->code; t++)
		synth_voice_render(&act[t].voice, rng, pcm + (int)(s->line[t].start_s * SYNTH_RATE),
				   work, (int)(s->line[t].seconds * SYNTH_RATE));
	if (!err->code && !open_file(c, s, "wav", ".wav", &spec, &w, err))
		media_write_audio(w, pcm, n, err);
	media_writer_close(&w, err);
	free(pcm);
	free(work);
	return err->code;
}

/* What the actor does at time t: the turn in progress, or the last one fading away. */
static void draw_actor(const struct synth_corpus *c, const struct synth_scene *s,
		       const struct synth_act *act, int who, double t, struct picture *p)
{
	static const struct synth_pose calm = { 0 };
	const struct synth_pose *pose = &calm;
	double show = 0, since = 0, mouth = 0;

	for (int i = 0; i < s->drawn.n && s->line[i].start_s <= t; i++) {
		double over;

		if (s->drawn.turn[i].speaker != who)
			continue;
		pose = &act[i].pose;
		since = t - s->line[i].start_s;
		over = since - s->line[i].seconds;
		mouth = over < 0 ? synth_voice_open(&act[i].voice, since) : 0;
		show = over < 0 ? synth_pose_ramp(since)
				: 1 - synth_pose_ramp(FIGURE_CALM_S + over);
	}
	/* as in the release: Ses01M_…, the actor sits on the left */
	synth_figure_draw(p, (who ^ (s->id[5] == 'M')) * FIGURE_W,
			  &c->person[2 * (s->id[4] - '1') + who], pose, show, since, mouth);
}

static int film(const struct synth_corpus *c, const struct synth_scene *s,
		const struct synth_act *act, double seconds, struct rng *rng, struct err *err)
{
	const struct media_spec spec = {
		.width = 2 * FIGURE_W, .height = FIGURE_H, .fps = c->fps, .quality = c->quality
	};
	struct synth_canvas *canvas; /* the empty stage, and the picture */
	struct media_writer *w = NULL;

	if (!NEW_ARRAY(canvas, 2))
		return err_set(err, ERR_NOMEM, "%s: no memory for pictures", s->id);
	synth_canvas_init(&canvas[0], 2 * FIGURE_W);
	synth_canvas_init(&canvas[1], 2 * FIGURE_W);
	for (int who = 0; who < 2; who++)
		synth_wall_draw(&canvas[0].picture, who * FIGURE_W, 125 + (int)rng_below(rng, 40),
				rng);
	open_file(c, s, "avi/DivX", ".avi", &spec, &w, err);
	for (int i = 0; i < (int)(seconds * c->fps) && !err->code; i++) {
		double t = (double)i / c->fps;

		memcpy(canvas[1].data, canvas[0].data, sizeof(canvas[0].data));
		for (int who = 0; who < 2; who++)
			draw_actor(c, s, act, who, t, &canvas[1].picture);
		canvas[1].picture.time_s = t;
		media_write_picture(w, &canvas[1].picture, err);
	}
	media_writer_close(&w, err);
	free(canvas);
	return err->code;
}

static int make_scene(const struct synth_corpus *c, int scene, struct err *err)
{
	const struct synth_scene *s = &c->scene[scene];
	const struct synth_line *last = &s->line[s->drawn.n - 1];
	double seconds = last->start_s + last->seconds + 1;
	struct synth_act *act;
	struct rng rng;

	if (!NEW_ARRAY(act, (size_t)s->drawn.n))
		return err_set(err, ERR_NOMEM, "%s: no memory", s->id);
	synth_stream(&rng, c->seed, STREAM_LOOK, scene);
	for (int t = 0; t < s->drawn.n; t++)
		synth_act_plan(c, s, t, &rng, &act[t]);
	if (!write_texts(c, s, &rng, err) && !record(c, s, act, seconds, &rng, err))
		film(c, s, act, seconds, &rng, err);
	free(act);
	return err->code;
}

int synth_iemocap(const char *out, const struct opt_values *opts, int threads,
		  const struct log *log, struct err *err)
{
	struct synth_corpus c;

	if (!synth_corpus_begin(&c, "iemocap", out, opts, threads, log, err) &&
	    !draw_people(&c, err) && !place_scenes(&c, err) &&
	    !synth_corpus_render(&c, make_scene, err))
		synth_corpus_finish(&c, err);
	synth_corpus_free(&c);
	return err->code;
}
