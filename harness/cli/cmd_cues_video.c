/* SPDX-License-Identifier: Apache-2.0
 * merc cues --video: the clip again, the face's box and what is measured at each moment drawn
 * into it, its sound and the words under it.
 */
#include "harness/cli/cmd_cues.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/base/mem.h"
#include "harness/cli/draw.h"
#include "harness/run/measure.h"

enum {
	HEIGHT_MAX = 1080,
	HEIGHT_LEAST = 360, /* smaller pictures are shown larger, for the letters */
	RATE = 48000,	    /* of the sound */
	FPS_MAX = 60,
	FPS_UNKNOWN = 25,
	QUALITY = 20,
	WAVE_ROWS = 40, /* height of the sound's picture, times the scale */
};

/* What the callback of the reading needs. */
struct film {
	const struct closeup *clip;
	const struct clip_lines *lines;
	const char *path;
	struct media_spec spec;
	struct media_writer *writer; /* NULL before the first picture */
	struct picture canvas;	     /* planes: one block, owned */
	int width, height;	     /* of the clip's own pictures, shown zoom times as large */
	int zoom, scale;	     /* scale: of the letters */
	float peak;		     /* of the sound, drawn in full height */
	int hand;		     /* column where the sound's hand stands */
	int next;		     /* number of the next picture */
};

static int canvas_make(struct film *f, int width, int height, struct err *err)
{
	struct picture *p = &f->canvas;
	const size_t luma = (size_t)width * (size_t)height;
	uint8_t *block = mem_calloc(luma + luma / 2, 1);

	if (!block)
		return err_set(err, ERR_NOMEM, "%s: no memory", f->path);
	*p = (struct picture){ .width = width,
			       .height = height,
			       .plane = { block, block + luma, block + luma + luma / 4 },
			       .stride = { width, width / 2, width / 2 } };
	return 0;
}

/* Draws the words at row y, broken at blanks; p NULL: only counts.  Returns the rows of text. */
static int put_words(const struct film *f, const struct picture *p, int width, int y)
{
	const int letters = width / (DRAW_W * f->scale) - 2;
	int rows = 0;

	for (int i = 0; i < f->lines->n && letters > 8; i++) {
		const char *s = f->lines->line[i];

		while (*s) {
			char part[LINE_SIZE];
			int n = (int)strlen(s);

			if (n > letters) {
				n = letters;
				while (n > 1 && s[n] != ' ')
					n--;
				n = n > 1 ? n : letters;
			}
			if (p && str_format(part, sizeof(part), "%.*s", n, s))
				draw_text(p, DRAW_W * f->scale, y + rows * DRAW_H * f->scale,
					  f->scale, part, draw_white);
			rows++;
			s += n;
			while (*s == ' ')
				s++;
		}
	}
	return rows;
}

/* Columns [x0, x1) of the sound of the whole clip, each a stretch of it. */
static void put_wave(const struct film *f, int x0, int x1)
{
	const struct media_audio *a = &f->clip->audio;
	const struct picture *p = &f->canvas;
	const int half = WAVE_ROWS * f->scale / 2, mid = f->height + half;

	draw_fill(p, x0, f->height, x1, f->height + 2 * half, draw_black);
	for (int x = x0; x < x1 && x < p->width && a->n; x++) {
		const int from = (int)((long long)a->n * x / p->width);
		const int to = (int)((long long)a->n * (x + 1) / p->width);
		int reach = 0;

		for (int i = from; i < to; i++)
			reach = (int)fmaxf((float)reach, fabsf(a->pcm[i]) / f->peak * (float)half);
		draw_fill(p, x, mid - reach, x + 1, mid + 1 + reach, draw_blue);
	}
}

/* Writer and canvas, when the size is known; what stays the same is drawn once. */
static int begin(struct film *f, const struct picture *p, struct err *err)
{
	int width, rows, height;

	f->zoom = p->height < HEIGHT_LEAST ? (HEIGHT_LEAST + p->height - 1) / p->height : 1;
	f->width = p->width;
	width = (p->width & ~1) * f->zoom;
	f->height = (p->height & ~1) * f->zoom;
	f->scale = f->height < 720 ? 1 : f->height / 360;
	rows = put_words(f, NULL, width, 0) + 1;
	height = f->height + (WAVE_ROWS + rows * DRAW_H) * f->scale;
	height += height & 1;
	f->spec.width = width;
	f->spec.height = height;
	f->writer = media_writer_open(f->path, &f->spec, err);
	if (!f->writer || canvas_make(f, width, height, err))
		return err->code;
	draw_fill(&f->canvas, 0, 0, width, height, draw_black);
	f->peak = 1e-3F;
	for (int i = 0; i < f->clip->audio.n; i++)
		f->peak = fmaxf(f->peak, fabsf(f->clip->audio.pcm[i]));
	put_wave(f, 0, width);
	put_words(f, &f->canvas, width, f->height + (WAVE_ROWS + DRAW_H / 2) * f->scale);
	return 0;
}

static double between(double a, double b, double share)
{
	return a + share * (b - a);
}

/* What was seen at a time, on the way between two pictures; false: nothing near it. */
static bool sight_at(const struct closeup *c, double t, struct behaviour_sight *out)
{
	const double reach = 1.5 / MEASURE_FPS;
	size_t i = 0;

	while (i < c->n_sight && c->sight[i].time_s <= t)
		i++;
	if (!c->n_sight || (!i && c->sight[0].time_s > t + reach))
		return false;
	*out = c->sight[i ? i - 1 : 0];
	if (i && i < c->n_sight && out->face && c->sight[i].face && !c->sight[i].cut) {
		const struct behaviour_sight *b = &c->sight[i];
		const double share = (t - out->time_s) / fmax(1e-9, b->time_s - out->time_s);

		out->x = between(out->x, b->x, share);
		out->y = between(out->y, b->y, share);
		out->height = between(out->height, b->height, share);
	}
	return t - out->time_s <= reach;
}

static void put_value(struct strbuf *s, const char *name, double v, const char *unit)
{
	if (isfinite(v))
		strbuf_addf(s, "  %s %.0f %s", name, v, unit);
	else
		strbuf_addf(s, "  %s -", name);
}

static void put_moment(struct film *f, double t)
{
	const struct closeup *c = f->clip;
	const struct picture *p = &f->canvas;
	const double k = (double)f->height / fmax(1, c->height);
	const int s = f->scale;
	const int loud =
		c->loud.grid.n ? (int)lround((t - c->loud.grid.first) / c->loud.grid.step) : -1;
	const double hz = c->pitch.grid.n ? pitch_at(&c->pitch, t) : 0;
	struct behaviour_sight now = { .mouth = NAN, .motion = NAN };
	const bool seen = sight_at(c, t, &now);
	struct strbuf text = { 0 };

	if (seen && now.face)
		draw_frame(p, (int)(k * (now.x - 0.4 * now.height)),
			   (int)(k * (now.y - now.height / 2)),
			   (int)(k * (now.x + 0.4 * now.height)),
			   (int)(k * (now.y + now.height / 2)), 2 * s,
			   now.measured ? draw_green : draw_grey);
	strbuf_addf(&text, "%.2f s", t);
	put_value(&text, "pitch", hz > 0 ? hz : NAN, "Hz");
	put_value(&text, "sound", loud >= 0 && loud < c->loud.grid.n ? c->loud.db[loud] : NAN,
		  "dB");
	put_value(&text, "mouth", seen ? now.mouth : NAN, "%");
	put_value(&text, "motion", seen ? now.motion : NAN, "%");
	draw_fill(p, 0, 0, (int)(text.len + 2) * DRAW_W * s, (DRAW_H + 4) * s, draw_black);
	draw_text(p, DRAW_W * s, 3 * s, s, strbuf_str(&text),
		  seen && now.face ? draw_green : draw_white);
	strbuf_free(&text);
	put_wave(f, f->hand, f->hand + s);
	f->hand = (int)(t / fmax(0.1, (double)c->audio.n / MEASURE_RATE) * p->width);
	draw_fill(p, f->hand, f->height, f->hand + s, f->height + WAVE_ROWS * s, draw_orange);
}

static void copy_picture(const struct film *f, const struct picture *p)
{
	for (int i = 0; i < 3; i++) {
		const int width = i ? f->canvas.width / 2 : f->canvas.width;
		const int height = i ? f->height / 2 : f->height;

		for (int y = 0; y < height; y++) {
			uint8_t *to = f->canvas.plane[i] + (ptrdiff_t)y * f->canvas.stride[i];
			const uint8_t *from = p->plane[i] + (ptrdiff_t)(y / f->zoom) * p->stride[i];

			for (int x = 0; x < width; x++)
				to[x] = from[x / f->zoom];
		}
	}
}

/* Picture n is shown from n / fps on: where the clip has none, the one before stays. */
static int on_picture(void *ctx, const struct picture *p, struct err *err)
{
	struct film *f = ctx;
	const double t = fmax(0, p->time_s);
	const int place = (int)fmin(t * f->spec.fps + 1e-3, MEASURE_MAX_SECONDS * FPS_MAX);
	const bool first = !f->writer;

	if (first && begin(f, p, err))
		return err->code;
	if (p->width != f->width || (p->height & ~1) * f->zoom != f->height)
		return err_set(err, ERR_DATA, "%s: pictures change their size", f->path);
	while (!first && f->next < place) {
		if (media_write_picture(f->writer, &f->canvas, err))
			return err->code;
		f->next++;
	}
	if (f->next > place)
		return 0;
	copy_picture(f, p);
	put_moment(f, t);
	do {
		if (media_write_picture(f->writer, &f->canvas, err))
			return err->code;
	} while (f->next++ < place);
	return 0;
}

/* Writing over the clip that is being read would destroy it. */
static int check_place(const char *in, const char *out, struct err *err)
{
	struct stat a, b;

	if (!stat(in, &a) && !stat(out, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		err_set(err, ERR_ARG, "--video %s: that is the clip itself", out);
	return err->code;
}

void cues_video(struct cli *c, const struct closeup *clip, const struct clip_lines *lines,
		const struct media_ref *ref, const char *out, struct err *err)
{
	const int fps = isfinite(clip->info.fps) ? (int)fmin(FPS_MAX, rint(clip->info.fps)) : 0;
	struct film f = { .clip = clip, .lines = lines, .path = out };
	struct media_request rq = measure_request(ref, clip->audio.n > 0, true);
	struct media_audio sound = { 0 };
	unsigned status;

	f.spec = (struct media_spec){ .fps = fps > 0 ? fps : FPS_UNKNOWN,
				      .quality = QUALITY,
				      .rate = clip->audio.n ? RATE : 0 };
	rq.rate = f.spec.rate;
	rq.max_height = HEIGHT_MAX;
	rq.fps = f.spec.fps;
	rq.on_picture = on_picture;
	rq.ctx = &f;
	if (!clip->pictures)
		err_set(err, ERR_DATA, "%s: no pictures to draw into", ref->path);
	if (!err->code && !check_place(ref->path, out, err))
		media_read(ref->path, &rq, &sound, &status, err);
	if (!err->code && sound.n)
		media_write_audio(f.writer, sound.pcm, sound.n, err);
	media_writer_close(&f.writer, err);
	if (!err->code)
		log_info(&c->log, "%s: %d pictures", out, f.next);
	media_audio_free(&sound);
	free(f.canvas.plane[0]);
}
