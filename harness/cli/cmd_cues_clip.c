/* SPDX-License-Identifier: Apache-2.0
 * merc cues --show and --video: one clip, measured and put into words.
 */
#include "harness/cli/cmd_cues.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/mem.h"
#include "harness/cli/load.h"
#include "harness/cue/action_units.h"
#include "harness/cue/behaviour_words.h"
#include "harness/report/clip_plot.h"
#include "harness/run/measure.h"

/* Quantiles as JSON: --words, or those of the corpus that is named; NULL: neither, or err. */
static char *find_words(struct cli *c, struct err *err)
{
	const char *path = opt_str(&c->opts, "words");
	struct corpus corpus = { 0 };
	struct bank bank = { 0 };
	struct gold gold = { 0 };
	char *words = NULL;
	size_t len;

	if (*path) {
		io_read_file(path, WORDS_LIMIT, &words, &len, err);
		return words;
	}
	if (!*opt_str(&c->opts, "corpus"))
		return NULL;
	if (!load_corpus(c, &corpus, &gold, err) &&
	    !load_bank(c, &corpus, &gold, true, NULL, &bank, err) && !(words = str_dup(bank.words)))
		err_set(err, ERR_NOMEM, "words: no memory");
	bank_free(&bank);
	corpus_free(&corpus);
	gold_free(&gold);
	return words;
}

static void keep_line(struct clip_lines *l, struct strbuf *text, struct err *err)
{
	if (text->oom)
		err_set(err, ERR_NOMEM, "words: no memory");
	else if (l->n < LINES_MAX && str_copy(l->line[l->n], LINE_SIZE, strbuf_str(text)))
		l->n++;
	strbuf_reset(text);
}

/* "No thresholds for lean, tilt." where measured cues have none. */
static void missing_line(const struct quantizer *q, const struct cue_set *set, int group,
			 const struct cue_spec *spec, int cues, struct strbuf *text)
{
	int n = 0;

	for (int i = 0; i < cues; i++)
		if (set->ok[i] && !(q->zero_missing && set->v[i] == 0) &&
		    quantizer_class(q, set, i, group) < 0)
			strbuf_addf(text, "%s%s", n++ ? ", " : "No thresholds for ", spec[i].name);
	if (n)
		strbuf_addc(text, '.');
}

/* False where a part was measured and only its thresholds are missing: the line of those
 * says so, and not that there is too little data. */
static bool can_be_said(const struct closeup_words *w, const struct cue_set *set, int part)
{
	bool measured = false, said = false;

	for (int i = 0; i < BEHAVIOUR_CUE_COUNT; i++) {
		if ((int)behaviour_cue_part[i] != part || !set->ok[i])
			continue;
		measured = true;
		said |= quantizer_class(&w->behaviour, set, i, w->group) >= 0;
	}
	return said || !measured;
}

static void sentences(const struct closeup *clip, const struct closeup_words *w,
		      struct clip_lines *l, struct err *err)
{
	const struct measured *m = &clip->m;
	struct strbuf text = { 0 };

	speech_describe(&w->speech, &m->speech, w->group, &text);
	keep_line(l, &text, err);
	if (clip->audio.n) {
		speech_impression(&w->speech, &m->speech, w->group, &text);
		keep_line(l, &text, err);
	}
	for (int p = 0; p < BEHAVIOUR_PARTS; p++) {
		if (!can_be_said(w, &m->behaviour, p))
			continue;
		behaviour_describe(&w->behaviour, &m->behaviour, w->group, p, &text);
		keep_line(l, &text, err);
	}
	missing_line(&w->speech, &m->speech, w->group, speech_cue_spec, SPEECH_CUE_COUNT, &text);
	if (text.len)
		keep_line(l, &text, err);
	missing_line(&w->behaviour, &m->behaviour, w->group, behaviour_cue_spec,
		     BEHAVIOUR_CUE_COUNT, &text);
	if (text.len)
		keep_line(l, &text, err);
	strbuf_free(&text);
}

/* The file's name without folder and suffix; false: it has none that fits. */
static bool stem(const char *path, char *out, size_t size)
{
	const char *base = path_base(path), *dot = strrchr(base, '.');
	const int n = dot && dot > base ? (int)(dot - base) : (int)strlen(base);

	return n > 0 && str_format(out, size, "%.*s", n, base);
}

static void unit_sentence(const char *path, const char *clip, struct clip_lines *l, struct err *err)
{
	struct strbuf text = { 0 };
	struct action_units units;
	char id[256];

	if (!stem(clip, id, sizeof(id))) {
		err_set(err, ERR_ARG, "%s: no name to look for in %s", clip, path);
		return;
	}
	if (action_units_read(&units, path, id, err))
		return;
	action_units_describe(&units, &text);
	if (isfinite(units.peak_s))
		strbuf_addf(&text, " (Action units at %.2f s.)", units.peak_s);
	keep_line(l, &text, err);
	strbuf_free(&text);
}

static void make_lines(struct cli *c, const struct closeup *clip, const char *file,
		       struct clip_lines *l, struct err *err)
{
	const char *units = opt_str(&c->opts, "action-units"), *path = opt_str(&c->opts, "words");
	char *words = find_words(c, err);
	struct closeup_words w = { 0 };

	if (words && !closeup_words_parse(&w, words, *path ? path : opt_str(&c->opts, "corpus"),
					  opt_str(&c->opts, "speaker"), err))
		sentences(clip, &w, l, err);
	else if (!err->code)
		snprintf(l->line[l->n++], LINE_SIZE,
			 "No sentences: thresholds come with --words FILE or from the train split "
			 "of --corpus NAME --root DIR.");
	if (*units && !err->code)
		unit_sentence(units, file, l, err);
	closeup_words_free(&w);
	free(words);
}

/* ---- --show ---- */

static void print_table(const char *title, const struct cue_spec *spec, int n,
			const struct cue_set *set)
{
	printf("\n%s\n", title);
	for (int i = 0; i < n; i++) {
		if (set->ok[i])
			printf("  %-20s %10.3f %-12s", spec[i].name, set->v[i], spec[i].unit);
		else
			printf("  %-20s %10s %-12s", spec[i].name, "-", "");
		printf(" %s\n", spec[i].doc);
	}
}

static void print_clip(const struct closeup *clip, const struct clip_lines *lines,
		       const struct media_ref *ref)
{
	const struct utterance u = { .audio = *ref, .video = *ref };
	const struct media_info *info = &clip->info;
	char status[STATUS_SIZE];

	measured_status(&clip->m, &u, status);
	printf("%s: %s; %s", ref->path, status, info->container);
	if (info->has_video)
		printf(", %s %dx%d at %.5g a second", info->video_codec, info->width, info->height,
		       info->fps);
	if (info->has_audio)
		printf(", %s %d Hz x %d", info->audio_codec, info->rate, info->channels);
	if (info->seconds > 0)
		printf(", %.3f s", info->seconds);
	printf("\n%d pictures of %dx%d measured, a face in %d\n", clip->pictures, clip->width,
	       clip->height, clip->faces);
	print_table("Speech", speech_cue_spec, SPEECH_CUE_COUNT, &clip->m.speech);
	print_table("Behaviour", behaviour_cue_spec, BEHAVIOUR_CUE_COUNT, &clip->m.behaviour);
	printf("\nWords\n");
	for (int i = 0; i < lines->n; i++)
		printf("  %s\n", lines->line[i]);
}

static double last_moment(const struct closeup *clip)
{
	const double heard = clip->audio.n ? (double)clip->audio.n / clip->audio.rate : 0;
	const double seen = clip->n_sight ? clip->sight[clip->n_sight - 1].time_s : 0;

	return fmax(0.1, fmax(heard, seen));
}

static void draw_curves(const struct closeup *clip, const struct clip_lines *lines,
			const char *title, const char *dir, const char *slug, bool *missing,
			struct err *err)
{
	struct clip_curves k = {
		.title = title,
		.seconds = last_moment(clip),
		.pcm = clip->audio.pcm,
		.n_pcm = clip->audio.n,
		.rate = clip->audio.rate,
		.pitch = { clip->pitch.grid.n, clip->pitch.grid.first, clip->pitch.grid.step },
		.loud = { clip->loud.grid.n, clip->loud.grid.first, clip->loud.grid.step },
		.hz = clip->pitch.hz,
		.db = clip->loud.db,
		.n_sight = (int)clip->n_sight,
		.n_line = lines->n,
	};
	const char *line[LINES_MAX];
	struct clip_sight *sight;

	if (!NEW_ARRAY(sight, clip->n_sight)) {
		err_set(err, ERR_NOMEM, "%s: no memory", title);
		return;
	}
	for (int i = 0; i < k.n_sight; i++) {
		const struct behaviour_sight *s = &clip->sight[i];

		sight[i] = (struct clip_sight){
			.t = s->time_s,
			.cut = s->cut,
			.measured = s->measured,
			.x = s->face ? 100 * s->x / clip->width : NAN,
			.y = s->face ? 100 - 100 * s->y / clip->height : NAN,
			.height = s->face ? 100 * s->height / clip->height : NAN,
			.mouth = s->mouth,
			.motion = s->motion,
		};
	}
	for (int i = 0; i < lines->n; i++)
		line[i] = lines->line[i];
	k.sight = sight;
	k.line = line;
	clip_plot(&k, dir, slug, missing, err);
	free(sight);
}

/* The picture's folder and name without suffix, from --output. */
static char *picture_place(const char *output, const char *clip, char slug[96], struct err *err)
{
	const char *base = path_base(output);
	char name[88];
	char *dir;

	if (!strcmp(output, "-")) {
		if (!stem(clip, name, sizeof(name)) || !str_format(slug, 96, "%s-cues", name))
			err_set(err, ERR_ARG, "%s: name the picture with --output", clip);
		return err->code ? NULL : str_dup(".");
	}
	if ((!str_ends(base, ".png") && !str_ends(base, ".svg")) || !stem(base, slug, 88)) {
		err_set(err, ERR_ARG, "--output %s: a picture is a .png or .svg", output);
		return NULL;
	}
	dir = base > output ? str_dup(output) : str_dup(".");
	if (dir && base > output)
		dir[base - output > 1 ? base - output - 1 : 1] = '\0';
	return dir;
}

static void cues_show(struct cli *c, const struct closeup *clip, const struct clip_lines *lines,
		      const struct media_ref *ref, struct err *err)
{
	char slug[96];
	char *dir = picture_place(opt_str(&c->opts, "output"), ref->path, slug, err);
	bool missing = false;

	if (!dir)
		err_set(err, ERR_NOMEM, "%s: no memory", ref->path);
	if (!err->code)
		print_clip(clip, lines, ref);
	if (!err->code && !io_mkdirs(dir, err))
		draw_curves(clip, lines, path_base(ref->path), dir, slug, &missing, err);
	if (!err->code)
		log_info(&c->log,
			 missing ? "no gnuplot: only %s/%s.gp and .dat are written"
				 : "%s/%s.png, .svg",
			 dir, slug);
	free(dir);
}

/* ---- both ---- */

static int find_clip(struct cli *c, struct media_ref *ref, struct err *err)
{
	const char *show = opt_str(&c->opts, "show"), *half = opt_str(&c->opts, "half");
	const double from = opt_num(&c->opts, "from"), to = opt_num(&c->opts, "to");

	if (*show && c->n_operand)
		return err_set(err, ERR_ARG, "two clips: --show %s and %s", show, c->operand[0]);
	if (!*show && !c->n_operand)
		return err_set(err, ERR_ARG, "--video: name the clip too");
	if (to > 0 && to <= from)
		return err_set(err, ERR_ARG, "--to %g is not behind --from %g", to, from);
	*ref = (struct media_ref){
		.path = *show ? show : c->operand[0],
		.start_ms = llround(1e3 * from),
		.end_ms = to > 0 ? llround(1e3 * to) : -1,
		.crop = !strcmp(half, "left")	 ? CROP_LEFT
			: !strcmp(half, "right") ? CROP_RIGHT
						 : CROP_NONE,
	};
	return 0;
}

void cues_of_clip(struct cli *c, struct err *err)
{
	const char *video = opt_str(&c->opts, "video");
	struct clip_lines lines = { 0 };
	struct closeup clip = { 0 };
	struct media_ref ref;

	if (!find_clip(c, &ref, err) && !closeup_take(&clip, &ref, err))
		make_lines(c, &clip, ref.path, &lines, err);
	if (!err->code && *opt_str(&c->opts, "show"))
		cues_show(c, &clip, &lines, &ref, err);
	if (!err->code && *video)
		cues_video(c, &clip, &lines, &ref, video, err);
	closeup_free(&clip);
}
