/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cue/face_look.h"

#include <math.h>
#include <stdlib.h>

#include "harness/base/mem.h"
#include "harness/cue/face_points.h"

static const double pi = 3.14159265358979323846;

enum { CROP = 64, SQUARE = 36 /* the side in the crop */, HITS = 8, SETTLE = 3 };
static const float least_votes = 2;
/* The landmarks' square in a cascade's, by sides: smaller, and lower. */
static const double square_by_side = 0.8, square_down = 0.06;
/* It is believed where it is near the cascade's: in sides, and in octaves. */
static const double near_by = 0.2, near_octaves = 0.45;

struct face_look {
	const struct cascade *front;
	const struct landmark_model *landmarks;
	struct cascade_scan *scan;
	uint8_t crop[CROP * CROP];
};

struct face_look *face_look_new(const struct cascade *front, const struct landmark_model *landmarks,
				struct err *err)
{
	struct face_look *l;

	if (!NEW_ARRAY(l, 1)) {
		err_set(err, ERR_NOMEM, "a closer look at faces");
		return NULL;
	}
	l->front = front;
	l->landmarks = landmarks;
	l->scan = cascade_scan_new(CROP, CROP, err);
	if (!l->scan) {
		free(l);
		return NULL;
	}
	return l;
}

void face_look_free(struct face_look *l)
{
	if (!l)
		return;
	cascade_scan_free(l->scan);
	free(l);
}

/* From the crop's samples, counted from its middle, to the picture. */
struct frame {
	double x, y, c, s;
};

static struct frame frame_of(const struct face_place *at)
{
	const double unit = at->side / SQUARE, turn = at->tilt * pi / 180;

	return (struct frame){ at->x, at->y, unit * cos(turn), unit * sin(turn) };
}

/* Mean of k x k pixels around each sample; the picture's edge goes on outside. */
static void cut(struct face_look *l, const struct picture *p, const struct frame *f)
{
	const int k = (int)fmax(1, fmin(8, lround(hypot(f->c, f->s))));

	for (int j = 0; j < CROP; j++)
		for (int i = 0; i < CROP; i++) {
			const double u = i + 0.5 - CROP / 2, v = j + 0.5 - CROP / 2;
			const int x0 = (int)lround(f->x + f->c * u - f->s * v - (k - 1) / 2.0);
			const int y0 = (int)lround(f->y + f->s * u + f->c * v - (k - 1) / 2.0);
			int sum = 0;

			for (int y = y0; y < y0 + k; y++)
				for (int x = x0; x < x0 + k; x++) {
					const int cx = x < 0 ? 0 : x < p->width ? x : p->width - 1;
					const int cy = y < 0	       ? 0
						       : y < p->height ? y
								       : p->height - 1;

					sum += p->plane[0][(size_t)cy * (size_t)p->stride[0] +
							   (size_t)cx];
				}
			l->crop[j * CROP + i] = (uint8_t)(sum / (k * k));
		}
}

/* The cascade's square around the crop's middle, in samples from it; false: none. */
static bool ask_cascade(struct face_look *l, struct hit *best)
{
	const float mid = CROP / 2, reach = SQUARE / 4;
	const struct scan_area area = { mid - reach, mid - reach,    mid + reach,
					mid + reach, SQUARE / 1.45F, SQUARE * 1.45F };
	const struct picture crop = { .width = CROP,
				      .height = CROP,
				      .plane = { l->crop, l->crop, l->crop },
				      .stride = { CROP, CROP, CROP } };
	struct hit hit[HITS];

	cascade_scan_picture(l->scan, &crop);
	if (!cascade_find(l->scan, &l->front, 1, &area, least_votes, hit, HITS))
		return false;
	*best = hit[0]; /* most votes first */
	best->x -= mid;
	best->y -= mid;
	return true;
}

static bool near(const struct landmark_square *a, const struct landmark_square *b)
{
	return hypotf(a->x - b->x, a->y - b->y) < near_by * b->side / square_by_side &&
	       fabsf(log2f(a->side / b->side)) < near_octaves;
}

static struct landmark_square square_at(const struct frame *f, double x, double y, double side)
{
	const double down = y + square_down * side;

	return (struct landmark_square){
		.x = (float)(f->x + f->c * x - f->s * down),
		.y = (float)(f->y + f->s * x + f->c * down),
		.side = (float)(square_by_side * side * hypot(f->c, f->s)),
	};
}

/* Fits the landmarks from where they were, or from the cascade's square. */
static struct landmark_square fit(const struct face_look *l, const struct picture *p,
				  const struct landmark_square *asked,
				  const struct landmark_square *before, bool settled,
				  struct landmark_point *points)
{
	const struct landmark_picture grey = { p->plane[0], p->width, p->height, p->stride[0] };
	const bool go_on = settled && near(before, asked);
	struct landmark_square s = go_on ? *before : *asked;

	for (int i = 0; i < (go_on ? 1 : SETTLE); i++) {
		landmarks_fit(l->landmarks, &grey, &s, points);
		s = landmarks_square(l->landmarks, points);
	}
	return s;
}

bool face_look_at(struct face_look *l, const struct picture *p, struct face_place *at,
		  struct face *out)
{
	const struct frame f = frame_of(at);
	const struct landmark_square before = square_at(&f, 0, 0, SQUARE);
	struct landmark_square asked, s;
	struct landmark_point points[LANDMARKS];
	double side, turn;
	struct hit hit;

	*out = (struct face){ .found = true,
			      .x = at->x,
			      .y = at->y,
			      .height = FACE_BY_SQUARE * square_by_side * at->side,
			      .tilt = at->tilt };
	cut(l, p, &f);
	if (!ask_cascade(l, &hit)) {
		at->settled = false;
		return false;
	}
	asked = square_at(&f, hit.x, hit.y, hit.side);
	s = fit(l, p, &asked, &before, at->settled, points);
	at->settled = near(&s, &asked) && face_from_points(l->landmarks, points, &s, out);
	if (!at->settled)
		return false;
	side = s.side / square_by_side;
	turn = out->tilt * pi / 180;
	*at = (struct face_place){ .x = s.x + square_down * side * sin(turn),
				   .y = s.y - square_down * side * cos(turn),
				   .side = side,
				   .tilt = out->tilt,
				   .settled = true };
	return true;
}
