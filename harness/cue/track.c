/* SPDX-License-Identifier: Apache-2.0
 * Tracks: the cascades look at one picture in SCAN_EVERY; between, the face's own luma is
 * looked for around its last place (normalised correlation).
 *
 * The cascades were chosen by trial on eight clips of MELD, 247 pictures looked at one by one:
 * frontalface_alt2 and frontalface_default find somebody in 187 (at least three votes),
 * frontalface_alt in 179; alt2 is the smaller of the first two.  With profileface and its mirror,
 * for faces turned to a partner, it is 200.
 */
#include "harness/cue/track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"
#include "harness/cue/face_look.h"

enum {
	SCAN_EVERY = 4,	   /* pictures */
	SCAN_SETTLED = 8,  /* while everybody in view is looked at closely */
	SCAN_SOON = 2,	   /* early in a shot, and while nobody is in view */
	LOOK = 20,	   /* samples a side of what is followed */
	REACH = 7,	   /* samples it is looked for around its place, each way */
	FORGET_AFTER = 16, /* pictures that the cascades have not confirmed it */
	HITS_MAX = 16,
};
static const float least_votes = 2;
static const float smallest = 1 / 9.0F, tiny = 1 / 11.0F; /* side, picture heights */
static const double least_likeness = 0.6;

struct track {
	int id; /* 0: free */
	bool visible;
	int unconfirmed;
	struct face_place at;
	float look[LOOK * LOOK]; /* luma of the square, mean 0, length 1 */
	bool before;
	float patch[FACE_PATCH_H][FACE_PATCH_W];
};

struct face_tracker {
	const struct face_models *models;
	struct cascade_scan *scan;
	struct face_look *look;
	struct face_finder measure; /* the upright crop */
	int next_id, since_scan;
	int scans, in_vain; /* scans of this shot; of them, since somebody was in view */
	int width, height;
	struct track track[FACES_MAX];
	struct tracked_face out[FACES_MAX];
};

static const struct {
	const char *file;
	bool mirrored;
} model[FACE_CASCADES] = {
	{ "haarcascade_frontalface_alt2.xml", false },
	{ "haarcascade_profileface.xml", false },
	{ "haarcascade_profileface.xml", true },
};

int face_models_load(struct face_models *m, const char *cascades, const char *landmarks,
		     struct err *err)
{
	*m = (struct face_models){ 0 };
	for (int i = 0; i < FACE_CASCADES && !err->code; i++) {
		char *path = path_join(cascades, model[i].file);

		if (!path)
			err_set(err, ERR_NOMEM, "face models: no memory");
		else
			m->cascade[i] = cascade_load(path, model[i].mirrored, err);
		free(path);
	}
	if (!err->code)
		m->landmarks = landmarks_load(landmarks, err);
	if (err->code == ERR_MISSING)
		err_wrap(err, "faces are found and read with files of the packages opencv-data and "
			      "libdlib-data");
	if (err->code)
		face_models_free(m);
	return err->code;
}

void face_models_identity(const struct face_models *m, char out[HASH_HEX])
{
	char file[FACE_CASCADES + 1][HASH_HEX];

	for (int i = 0; i < FACE_CASCADES; i++)
		memcpy(file[i], cascade_hash(m->cascade[i]), HASH_HEX);
	memcpy(file[FACE_CASCADES], landmarks_hash(m->landmarks), HASH_HEX);
	hash_hex(file, sizeof(file), out);
}

void face_models_free(struct face_models *m)
{
	for (int i = 0; i < FACE_CASCADES; i++)
		cascade_free(m->cascade[i]);
	landmarks_free(m->landmarks);
	*m = (struct face_models){ 0 };
}

struct face_tracker *face_tracker_new(const struct face_models *models, int width, int height,
				      struct err *err)
{
	struct face_tracker *t;

	if (!NEW_ARRAY(t, 1)) {
		err_set(err, ERR_NOMEM, "face tracker");
		return NULL;
	}
	t->models = models;
	t->width = width;
	t->height = height;
	t->scan = cascade_scan_new(width, height, err);
	t->look = face_look_new(models->cascade[0], models->landmarks, err);
	if (!t->scan || !t->look || face_finder_init(&t->measure, width, height, err)) {
		face_tracker_free(t);
		return NULL;
	}
	face_tracker_reset(t);
	return t;
}

void face_tracker_free(struct face_tracker *t)
{
	if (!t)
		return;
	cascade_scan_free(t->scan);
	face_look_free(t->look);
	face_finder_free(&t->measure);
	free(t);
}

void face_tracker_cut(struct face_tracker *t)
{
	for (int i = 0; i < FACES_MAX; i++)
		t->track[i].id = 0;
	t->since_scan = SCAN_EVERY;
	t->scans = t->in_vain = 0;
}

void face_tracker_reset(struct face_tracker *t)
{
	face_tracker_cut(t);
	t->next_id = 1;
}

/* ---- following ---- */

/* The luma of a square as LOOK x LOOK samples of mean 0 and length 1; false: flat. */
static bool cut_look(const struct face_tracker *t, double x, double y, double side, float *out)
{
	int w, h, shrink;
	const uint8_t *luma = cascade_scan_luma(t->scan, &w, &h, &shrink);
	const double unit = side / LOOK / shrink;
	double sum = 0, square = 0;

	for (int j = 0; j < LOOK; j++)
		for (int i = 0; i < LOOK; i++) {
			const double px = x / shrink + (i + 0.5 - LOOK / 2) * unit - 0.5;
			const double py = y / shrink + (j + 0.5 - LOOK / 2) * unit - 0.5;
			const double cx = fmax(0, fmin(w - 1.001, px));
			const double cy = fmax(0, fmin(h - 1.001, py));
			const int ix = (int)cx, iy = (int)cy;
			const uint8_t *a = luma + iy * w + ix, *b = a + w;
			const double fx = cx - ix, fy = cy - iy;
			const double v = (1 - fy) * ((1 - fx) * a[0] + fx * a[1]) +
					 fy * ((1 - fx) * b[0] + fx * b[1]);

			out[j * LOOK + i] = (float)v;
			sum += v;
			square += v * v;
		}
	sum /= LOOK * LOOK;
	square -= sum * sum * LOOK * LOOK;
	if (square < LOOK * LOOK)
		return false;
	for (int i = 0; i < LOOK * LOOK; i++)
		out[i] = (float)((out[i] - sum) / sqrt(square));
	return true;
}

static double likeness(const struct face_tracker *t, const struct track *k, double x, double y)
{
	float look[LOOK * LOOK];
	double sum = 0;

	if (!cut_look(t, x, y, k->at.side, look))
		return -1;
	for (int i = 0; i < LOOK * LOOK; i++)
		sum += look[i] * k->look[i];
	return sum;
}

/* Moves a track to where the picture is most like it: steps downhill on a grid that gets
 * finer, from the last place.  False: nothing there is like it. */
static bool follow(const struct face_tracker *t, struct track *k)
{
	const double unit = k->at.side / LOOK;
	double best = likeness(t, k, k->at.x, k->at.y);

	for (double step = 3; step > 0.2; step /= 2)
		for (int moved = 1, n = 0; moved && n < REACH; n++) {
			static const int way[4][2] = { { 1, 0 }, { -1, 0 }, { 0, 1 }, { 0, -1 } };

			moved = 0;
			for (int d = 0; d < 4; d++) {
				const double x = k->at.x + way[d][0] * step * unit;
				const double y = k->at.y + way[d][1] * step * unit;
				const double v = likeness(t, k, x, y);

				if (v > best) {
					best = v;
					k->at.x = x;
					k->at.y = y;
					moved = 1;
				}
			}
		}
	return best > least_likeness;
}

static bool in_view(const struct face_tracker *t, const struct track *k)
{
	return k->at.x > 0 && k->at.y > 0 && k->at.x < t->width && k->at.y < t->height;
}

static void follow_all(struct face_tracker *t)
{
	for (int i = 0; i < FACES_MAX; i++) {
		struct track *k = &t->track[i];

		if (!k->id)
			continue;
		if (k->visible)
			k->visible = follow(t, k) && in_view(t, k);
		if (++k->unconfirmed > FORGET_AFTER)
			k->id = 0;
	}
}

/* ---- finding ---- */

/* The track that a hit belongs to, or NULL.  One that was lost may have moved. */
static struct track *track_of(struct face_tracker *t, const struct hit *h)
{
	struct track *best = NULL;
	double nearest = 1;

	for (int i = 0; i < FACES_MAX; i++) {
		struct track *k = &t->track[i];
		const double reach = k->visible ? 0.45 : 2;
		double d;

		if (!k->id || fabs(log2(h->side / k->at.side)) > 0.8)
			continue;
		d = hypot(h->x - k->at.x, h->y - k->at.y) / (reach * k->at.side);
		if (d < nearest) {
			nearest = d;
			best = k;
		}
	}
	return best;
}

/* A place for a new face: a free one, or that of the smallest that is lost. */
static struct track *free_track(struct face_tracker *t)
{
	struct track *lost = NULL;

	for (int i = 0; i < FACES_MAX; i++) {
		struct track *k = &t->track[i];

		if (!k->id)
			return k;
		if (!k->visible && (!lost || k->at.side < lost->at.side))
			lost = k;
	}
	return lost;
}

/* What a cascade says of place and size is coarse: the track goes a part of the way, so
 * that its jitter does not look like a nod; all of it where the two disagree. */
static void confirm(struct track *k, const struct hit *h)
{
	const bool jump = !k->visible || hypot(h->x - k->at.x, h->y - k->at.y) > 0.2 * k->at.side;
	const double part = jump ? 1 : 0.3;

	k->at.x += part * (h->x - k->at.x);
	k->at.y += part * (h->y - k->at.y);
	k->at.side *= pow(h->side / k->at.side, jump ? 0.6 : 0.25);
	if (!k->at.settled)
		k->at.tilt = 0; /* cascades find heads that are about upright */
	k->visible = true;
	k->unconfirmed = 0;
}

static bool anybody(const struct face_tracker *t)
{
	for (int i = 0; i < FACES_MAX; i++)
		if (t->track[i].id && t->track[i].visible)
			return true;
	return false;
}

static int scan_after(const struct face_tracker *t)
{
	if (t->scans < 2)
		return SCAN_SOON;
	if (!anybody(t)) /* the longer in vain, the more rarely */
		return t->in_vain < 6 ? SCAN_SOON : t->in_vain < 12 ? SCAN_EVERY : SCAN_SETTLED;
	for (int i = 0; i < FACES_MAX; i++)
		if (t->track[i].id && t->track[i].visible && !t->track[i].at.settled)
			return SCAN_EVERY;
	return SCAN_SETTLED;
}

/* Runs the cascades; after the first look at a shot the sides take turns: half the time.
 * Where nobody is found smaller faces are looked for. */
static int scan(struct face_tracker *t, struct hit *hit)
{
	const float w = (float)t->width, h = (float)t->height;
	const struct scan_area near = { 0, 0, w, h, smallest * h, 0.9F * h };
	const struct scan_area far = { 0, 0, w, h, tiny * h, 1.4F * smallest * h };
	struct cascade *const *all = t->models->cascade;
	const struct cascade *c[FACE_CASCADES] = { all[0], all[1], all[2] };
	int n, models = FACE_CASCADES;

	if (t->scans++) {
		c[1] = all[1 + t->scans % 2];
		models = 2;
	}
	n = cascade_find(t->scan, c, models, &near, least_votes, hit, HITS_MAX);
	if (!n && !anybody(t)) {
		c[1] = all[1];
		n = cascade_find(t->scan, c, FACE_CASCADES, &far, least_votes, hit, HITS_MAX);
	}
	return n;
}

static void find_all(struct face_tracker *t)
{
	struct hit hit[HITS_MAX];
	const int n = scan(t, hit);

	t->in_vain = n || anybody(t) ? 0 : t->in_vain + 1;
	for (int i = 0; i < n; i++) {
		struct track *k = track_of(t, &hit[i]);

		if (k) {
			if (k->unconfirmed || !k->visible)
				confirm(k, &hit[i]);
			continue;
		}
		k = free_track(t);
		if (k)
			*k = (struct track){
				.id = t->next_id++,
				.visible = true,
				.at = { .x = hit[i].x, .y = hit[i].y, .side = hit[i].side }
			};
	}
}

/* ---- looking at ---- */

/* Mean change of a part of the upright crop between two pictures. */
static double change(const struct track *k, const struct face_finder *f, int u, int v0, int v1)
{
	double sum = 0;

	for (int v = v0; v <= v1; v++)
		for (int i = -u; i <= u; i++)
			sum += fabsf(f->patch[v + FACE_PATCH_H / 2][i + FACE_PATCH_W / 2] -
				     k->patch[v + FACE_PATCH_H / 2][i + FACE_PATCH_W / 2]);
	return sum / ((2 * u + 1) * (v1 - v0 + 1));
}

static void look_at(struct face_tracker *t, struct track *k, const struct picture *p,
		    struct tracked_face *out)
{
	out->id = k->id;
	if (face_look_at(t->look, p, &k->at, &out->face))
		k->unconfirmed = 0;
	face_crop_at(&t->measure, p, &out->face);
	out->mouth_moves = 0;
	if (k->before)
		out->mouth_moves = fmax(0, change(k, &t->measure, 7, 7, 17) -
						   change(k, &t->measure, 11, -13, 0));
	memcpy(k->patch, t->measure.patch, sizeof(k->patch));
	memcpy(out->patch, t->measure.patch, sizeof(out->patch));
	k->before = true;
}

int face_tracker_picture(struct face_tracker *t, const struct picture *p,
			 const struct tracked_face **out)
{
	int n = 0;

	cascade_scan_picture(t->scan, p);
	follow_all(t);
	if (++t->since_scan >= scan_after(t)) {
		find_all(t);
		t->since_scan = 0;
	}
	for (int i = 0; i < FACES_MAX; i++) {
		struct track *k = &t->track[i];

		if (!k->id || !k->visible)
			continue;
		look_at(t, k, p, &t->out[n]);
		k->visible = cut_look(t, k->at.x, k->at.y, k->at.side, k->look);
		n += k->visible;
	}
	*out = t->out;
	return n;
}

bool picture_is_drawn(const struct picture *p, bool *blank)
{
	enum { CELL = 4, NEARLY = 2 /* levels: what a lossy codec leaves of a plain area */ };
	long plain = 0, nearly = 0, cells = 0, sum = 0, square = 0;
	double deviation;

	for (int y = 0; y + CELL <= p->height; y += CELL)
		for (int x = 0; x + CELL <= p->width; x += CELL) {
			const uint8_t *a = p->plane[0] + (size_t)y * p->stride[0] + x;
			int lo = 255, hi = 0;

			for (int j = 0; j < CELL; j++, a += p->stride[0])
				for (int i = 0; i < CELL; i++) {
					lo = a[i] < lo ? a[i] : lo;
					hi = a[i] > hi ? a[i] : hi;
				}
			plain += hi == lo;
			nearly += hi - lo <= NEARLY;
			cells++;
			sum += hi;
			square += hi * hi;
		}
	deviation =
		sqrt(fmax(0, (double)square / (double)cells -
				     (double)sum / (double)cells * ((double)sum / (double)cells)));
	*blank = deviation < 8;
	/* drawn clips: 23 % plain and 66 % nearly so at least; eight of MELD: at most 17 and 50 %
	 */
	return 5 * plain > cells && 100 * nearly > 58 * cells;
}
