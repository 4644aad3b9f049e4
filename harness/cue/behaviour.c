/* SPDX-License-Identifier: Apache-2.0
 * The meter: one record a picture while they come in; at the end it is decided whose
 * face each shot shows, and the records are read.
 */
#include "harness/cue/behaviour_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/face.h"
#include "harness/cue/motion.h"
#include "harness/cue/speaker.h"

static const double cut_change = 24; /* mean luma difference at a camera cut */

/* What the pictures of a clip are; known from the first that shows anything. */
enum footage { FOOTAGE_UNKNOWN, FOOTAGE_DRAWN, FOOTAGE_REAL };

struct behaviour {
	int width, height;		  /* 0 before the first picture */
	const struct face_models *models; /* NULL: every clip is taken as drawn */
	enum footage footage;
	struct face_tracker *tracker;
	struct voice voice;
	struct company *company;			  /* (n) while the footage is real */
	float (*crops)[FACES_MAX][FACE_CROP * FACE_CROP]; /* (n) */
	size_t cap_company, cap_crops;
	struct face_finder face;
	struct motion_meter motion;
	double calm_height, calm_y; /* of the shot's first face; height 0: none yet */
	struct record *rec;
	size_t n, cap;
	void (*show)(void *ctx, const struct behaviour_sight *sight);
	void *show_ctx;
};

struct behaviour *behaviour_new(const struct face_models *models, struct err *err)
{
	struct behaviour *b;

	if (!NEW_ARRAY(b, 1))
		err_set(err, ERR_NOMEM, "behaviour meter");
	else
		b->models = models;
	return b;
}

void behaviour_free(struct behaviour *b)
{
	if (!b)
		return;
	face_finder_free(&b->face);
	face_tracker_free(b->tracker);
	voice_free(&b->voice);
	motion_free(&b->motion);
	free(b->company);
	free(b->crops);
	free(b->rec);
	free(b);
}

static int begin(struct behaviour *b, const struct picture *p, struct err *err)
{
	if (p->width < 32 || p->height < 32 || p->width > 4096 || p->height > 4096)
		return err_set(err, ERR_ARG, "behaviour: picture of %d x %d; 32..4096 a side",
			       p->width, p->height);
	if (p->width == b->width && p->height == b->height)
		return 0;
	if (b->n)
		return err_set(err, ERR_DATA, "behaviour: pictures change from %d x %d to %d x %d",
			       b->width, b->height, p->width, p->height);
	face_finder_free(&b->face);
	face_tracker_free(b->tracker);
	b->tracker = NULL;
	motion_free(&b->motion);
	b->width = b->height = 0;
	if (face_finder_init(&b->face, p->width, p->height, err) ||
	    motion_init(&b->motion, p->width, p->height, err))
		return err->code;
	b->width = p->width;
	b->height = p->height;
	return 0;
}

/* Means of luma of the middle of the upright crop, FACE_CROP x FACE_CROP: brows to
 * mouth, no hair or background, which would show how the head is held. */
static void shrink_crop(const float *patch, float *crop)
{
	enum { CELL_W = 3, CELL_H = 4 };
	const int x0 = (FACE_PATCH_W - FACE_CROP * CELL_W) / 2;
	const int y0 = (FACE_PATCH_H - FACE_CROP * CELL_H) / 2;

	for (int k = 0; k < FACE_CROP * FACE_CROP; k++) {
		float sum = 0;

		for (int j = 0; j < CELL_H; j++)
			for (int i = 0; i < CELL_W; i++)
				sum += patch[(y0 + k / FACE_CROP * CELL_H + j) * FACE_PATCH_W + x0 +
					     k % FACE_CROP * CELL_W + i];
		crop[k] = sum / (CELL_W * CELL_H);
	}
}

/* The head with its hair, in this picture and the one before. */
static struct box head_box(const struct face *a, const struct face *b)
{
	struct box box = { INFINITY, INFINITY, -INFINITY, -INFINITY };

	for (int i = 0; i < 2; i++) {
		const struct face *f = i ? b : a;

		if (!f->found)
			continue;
		box.x0 = fmin(box.x0, f->x - 0.62 * f->height);
		box.x1 = fmax(box.x1, f->x + 0.62 * f->height);
		box.y0 = fmin(box.y0, f->y - 0.85 * f->height);
		box.y1 = fmax(box.y1, f->y + 0.68 * f->height);
	}
	return box;
}

/* Keeps every face of a picture of real footage; that of the record is for now the one that
 * speaks by what was seen of the shot so far. */
static int gather(struct behaviour *b, const struct picture *p, struct record *r, struct err *err)
{
	const struct tracked_face *seen;
	struct company *c;

	if (!GROW_ARRAY(b->company, b->cap_company, b->n + 1) ||
	    !GROW_ARRAY(b->crops, b->cap_crops, b->n + 1))
		return err_set(err, ERR_NOMEM, "behaviour: %zu pictures", b->n + 1);
	c = &b->company[b->n];
	*c = (struct company){ .t = r->t, .n = face_tracker_picture(b->tracker, p, &seen) };
	for (int i = 0; i < c->n; i++) {
		c->face[i] = (struct onlooker){ seen[i].id, seen[i].face, seen[i].mouth_moves };
		shrink_crop(&seen[i].patch[0][0], b->crops[b->n][i]);
	}
	return 0;
}

/* The record's face becomes the one with this number. */
static void take_face(const struct behaviour *b, size_t at, int id)
{
	const struct company *c = &b->company[at];
	struct record *r = &b->rec[at];

	r->face = (struct face){ 0 };
	for (int i = 0; i < c->n; i++)
		if (c->face[i].id == id) {
			r->face = c->face[i].face;
			memcpy(r->crop, b->crops[at][i], sizeof(r->crop));
		}
}

/* The first picture of the record's shot. */
static size_t shot_start(const struct behaviour *b, size_t at)
{
	while (at > 0 && b->rec[at - 1].shot == b->rec[at].shot)
		at--;
	return at;
}

static int find_face(struct behaviour *b, const struct picture *p, struct record *r,
		     struct err *err)
{
	size_t from;

	if (b->footage != FOOTAGE_REAL) {
		face_find(&b->face, p, &r->face);
		if (r->face.found)
			shrink_crop(&b->face.patch[0][0], r->crop);
		return 0;
	}
	if (gather(b, p, r, err))
		return err->code;
	from = shot_start(b, b->n);
	take_face(b, b->n,
		  speaker_of(b->company + from, (int)(b->n + 1 - from), &b->voice, b->width));
	return 0;
}

static int measure(struct behaviour *b, const struct picture *p, struct record *r,
		   const struct face *before, struct err *err)
{
	struct box head, area = { 0, 0, b->width, b->height };

	if (find_face(b, p, r, err))
		return err->code;
	if (r->face.found) {
		const double x = r->face.x;
		double h, y;

		if (b->calm_height <= 0) {
			b->calm_height = r->face.height;
			b->calm_y = r->face.y;
		}
		/* the grid goes with the shoulders and keeps its calm size: it shows the body,
		 * not the posture */
		h = b->calm_height;
		y = b->calm_y + BEHAVIOUR_FOLLOW * (r->face.y - b->calm_y);
		area = (struct box){ x - 2 * h, y - 0.8 * h, x + 2 * h, y + 3.3 * h };
	}
	head = head_box(&r->face, before);
	/* real pictures show others who move as well */
	motion_measure(&b->motion, p, head.x1 > head.x0 ? &head : NULL, &area,
		       b->footage == FOOTAGE_REAL, &r->motion);
	return 0;
}

/* Colour finds a drawn figure and loses itself in real rooms; the cascades find real faces
 * and cost time.  Which of them looks at a clip its first picture decides that shows anything. */
static int choose_finder(struct behaviour *b, const struct picture *p, struct err *err)
{
	bool blank = false;
	const bool drawn = !b->models || picture_is_drawn(p, &blank);

	if (drawn || blank) {
		b->footage = drawn ? FOOTAGE_DRAWN : FOOTAGE_UNKNOWN;
		return 0;
	}
	b->footage = FOOTAGE_REAL;
	if (b->tracker)
		face_tracker_reset(b->tracker);
	else
		b->tracker = face_tracker_new(b->models, b->width, b->height, err);
	if (!GROW_ARRAY(b->company, b->cap_company, b->n + 1) ||
	    !GROW_ARRAY(b->crops, b->cap_crops, b->n + 1))
		return err_set(err, ERR_NOMEM, "behaviour: %zu pictures", b->n + 1);
	for (size_t i = 0; i < b->n; i++) /* blank ones */
		b->company[i] = (struct company){ .t = b->rec[i].t };
	return err->code;
}

int behaviour_picture(struct behaviour *b, const struct picture *p, struct err *err)
{
	const struct face nobody = { 0 }, *before = &nobody;
	struct record *r;

	if (begin(b, p, err))
		return err->code;
	if (!isfinite(p->time_s) || (b->n && p->time_s < b->rec[b->n - 1].t))
		return err_set(err, ERR_DATA, "behaviour: picture at %g s after one at %g s",
			       p->time_s, b->n ? b->rec[b->n - 1].t : 0.0);
	if (!GROW_ARRAY(b->rec, b->cap, b->n + 1))
		return err_set(err, ERR_NOMEM, "behaviour: %zu pictures", b->n + 1);
	if (b->footage == FOOTAGE_UNKNOWN && choose_finder(b, p, err))
		return err->code;
	r = &b->rec[b->n];
	*r = (struct record){ .t = p->time_s, .shot = b->n ? b->rec[b->n - 1].shot : 0 };
	if (b->n)
		before = &b->rec[b->n - 1].face;
	if (measure(b, p, r, before, err))
		return err->code;
	if (r->motion.change > cut_change) { /* a new shot: look again from nothing */
		r->shot++;
		face_finder_reset(&b->face);
		if (b->tracker)
			face_tracker_cut(b->tracker);
		b->calm_height = 0;
		if (measure(b, p, r, &nobody, err))
			return err->code;
		r->motion = (struct motion){ 0 };
	}
	b->n++;
	return 0;
}

void behaviour_watch(struct behaviour *b,
		     void (*show)(void *ctx, const struct behaviour_sight *sight), void *ctx)
{
	b->show = show;
	b->show_ctx = ctx;
}

static void show_records(const struct behaviour *b, size_t from, size_t to)
{
	for (size_t i = 0; b->show && i < b->n; i++) {
		const struct record *r = &b->rec[i];
		const struct face *f = &r->face;

		b->show(b->show_ctx,
			&(struct behaviour_sight){
				.time_s = r->t,
				.cut = i && r->shot != b->rec[i - 1].shot,
				.measured = i >= from && i < to,
				.face = f->found,
				.x = f->x,
				.y = f->y,
				.height = f->height,
				.tilt = f->tilt,
				.mouth = f->found && f->measured ? f->mouth * BEHAVIOUR_PERCENT
								 : NAN,
				.motion = r->motion.valid ? 100 * r->motion.share : NAN,
			});
	}
}

int behaviour_hear(struct behaviour *b, const float *pcm, int n, int rate, struct err *err)
{
	return voice_measure(&b->voice, pcm, n, rate, err);
}

/* With the whole of each shot seen and heard: whose face it is. */
static void choose_speakers(struct behaviour *b)
{
	size_t end;

	for (size_t i = 0; b->footage == FOOTAGE_REAL && i < b->n; i = end) {
		int id;

		for (end = i + 1; end < b->n && b->rec[end].shot == b->rec[i].shot;)
			end++;
		id = speaker_of(b->company + i, (int)(end - i), &b->voice, b->width);
		for (size_t k = i; k < end; k++)
			take_face(b, k, id);
	}
}

int behaviour_finish(struct behaviour *b, struct behaviour_result *out, struct err *err)
{
	size_t from, to;

	choose_speakers(b);
	*out = (struct behaviour_result){ .pictures = (int)b->n };
	for (size_t i = 0; i < b->n; i++)
		out->faces += b->rec[i].face.found;
	behaviour_read(b->rec, b->n, b->height, b->footage == FOOTAGE_REAL, out, &from, &to);
	show_records(b, from, to);
	b->n = 0;
	b->calm_height = 0;
	b->footage = FOOTAGE_UNKNOWN;
	voice_free(&b->voice);
	if (b->width) {
		face_finder_reset(&b->face);
		motion_reset(&b->motion);
	}
	return err->code;
}
