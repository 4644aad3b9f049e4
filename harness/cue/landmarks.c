/* SPDX-License-Identifier: Apache-2.0
 * The evaluator: each level looks at pixels that lie relative to the shape so far, its trees
 * choose leaves by pairs of them, the leaves move the shape.
 */
#include "harness/cue/landmarks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cue/landmarks_parts.h"

/* A turn and a change of size: x' = c x - s y, y' = s x + c y. */
struct turn {
	float c, s;
};

static void centre(const float *shape, double *x, double *y)
{
	*x = *y = 0;
	for (int i = 0; i < LANDMARKS; i++) {
		*x += shape[2 * i];
		*y += shape[2 * i + 1];
	}
	*x /= LANDMARKS;
	*y /= LANDMARKS;
}

/* What takes `from` to `to` best, in the least squares of their distances from their centres. */
static struct turn turn_between(const float *from, const float *to)
{
	double ax, ay, bx, by, same = 0, cross = 0, norm = 0;

	centre(from, &ax, &ay);
	centre(to, &bx, &by);
	for (int i = 0; i < LANDMARKS; i++) {
		const double px = from[2 * i] - ax, py = from[2 * i + 1] - ay;
		const double qx = to[2 * i] - bx, qy = to[2 * i + 1] - by;

		same += px * qx + py * qy;
		cross += px * qy - py * qx;
		norm += px * px + py * py;
	}
	return (struct turn){ (float)(same / norm), (float)(cross / norm) };
}

static float luma_near(const struct landmark_picture *p, double x, double y)
{
	const double cx = floor(x + 0.5), cy = floor(y + 0.5);

	if (!(cx >= 0 && cy >= 0 && cx < p->width && cy < p->height))
		return 0;
	return p->luma[(size_t)cy * (size_t)p->stride + (size_t)cx];
}

static void look(const struct landmark_model *m, const struct landmark_level *level,
		 const struct landmark_picture *p, const struct landmark_square *square,
		 const float *shape, float *seen)
{
	const struct turn t = turn_between(m->mean, shape);
	const double side = square->side, x0 = square->x - side / 2, y0 = square->y - side / 2;

	for (size_t i = 0; i < level->pixels; i++) {
		const struct landmark_pixel *at = &m->pixel[level->pixel + i];
		const float x = t.c * at->dx - t.s * at->dy + shape[2 * at->point];
		const float y = t.s * at->dx + t.c * at->dy + shape[2 * at->point + 1];

		seen[i] = luma_near(p, x0 + x * side, y0 + y * side);
	}
}

/* The leaf of a full tree, laid out level by level. */
static size_t leaf_of(const struct landmark_split *split, size_t splits, const float *seen)
{
	size_t i = 0;

	while (i < splits)
		i = 2 * i + (seen[split[i].a] - seen[split[i].b] > split[i].by ? 1 : 2);
	return i - splits;
}

/* Moves the shape by a leaf of each tree of the level.  The leaves fill tens of megabytes: they are
 * asked for some trees before they are needed. */
static void move_shape(const struct landmark_model *m, size_t level, const float *seen,
		       float *shape)
{
	enum { AHEAD = 16, LINE = 64 / sizeof(float) };
	const float *by[AHEAD];

	for (size_t i = 0; i < m->trees + AHEAD; i++) {
		const size_t t = level * m->trees + i;
		const float **slot = &by[i % AHEAD];

		if (i >= AHEAD)
			for (int k = 0; k < LANDMARK_VALUES; k++)
				shape[k] += (*slot)[k];
		if (i >= m->trees)
			continue;
		*slot = m->leaf +
			(t * m->leaves + leaf_of(m->split + t * m->splits, m->splits, seen)) *
				(size_t)LANDMARK_VALUES;
		for (int k = 0; k < LANDMARK_VALUES; k += LINE)
			__builtin_prefetch(*slot + k);
	}
}

void landmarks_fit(const struct landmark_model *m, const struct landmark_picture *p,
		   const struct landmark_square *square, struct landmark_point out[LANDMARKS])
{
	float shape[LANDMARK_VALUES], seen[LANDMARK_PIXELS_MAX];

	memcpy(shape, m->mean, sizeof(shape));
	for (size_t l = 0; l < m->levels; l++) {
		look(m, &m->level[l], p, square, shape, seen);
		move_shape(m, l, seen, shape);
	}
	for (int i = 0; i < LANDMARKS; i++)
		out[i] = (struct landmark_point){
			square->x + (shape[2 * i] - 0.5F) * square->side,
			square->y + (shape[2 * i + 1] - 0.5F) * square->side,
		};
}

static void shape_of(const struct landmark_point at[LANDMARKS], float *shape)
{
	for (int i = 0; i < LANDMARKS; i++) {
		shape[2 * i] = at[i].x;
		shape[2 * i + 1] = at[i].y;
	}
}

struct landmark_square landmarks_square(const struct landmark_model *m,
					const struct landmark_point at[LANDMARKS])
{
	float shape[LANDMARK_VALUES];
	double mx, my, x, y;
	struct turn t;
	float side;

	shape_of(at, shape);
	t = turn_between(m->mean, shape);
	side = hypotf(t.c, t.s);
	centre(m->mean, &mx, &my);
	centre(shape, &x, &y);
	mx -= 0.5;
	my -= 0.5;
	return (struct landmark_square){
		.x = (float)(x - t.c * mx + t.s * my),
		.y = (float)(y - t.s * mx - t.c * my),
		.side = side,
	};
}

double landmarks_oddity(const struct landmark_model *m, const struct landmark_point at[LANDMARKS])
{
	float shape[LANDMARK_VALUES];
	double mx, my, x, y, sum = 0;
	struct turn t;

	shape_of(at, shape);
	t = turn_between(m->mean, shape);
	centre(m->mean, &mx, &my);
	centre(shape, &x, &y);
	for (int i = 0; i < LANDMARKS; i++) {
		const double px = m->mean[2 * i] - mx, py = m->mean[2 * i + 1] - my;
		const double dx = shape[2 * i] - x - (t.c * px - t.s * py);
		const double dy = shape[2 * i + 1] - y - (t.s * px + t.c * py);

		sum += dx * dx + dy * dy;
	}
	return sqrt(sum / LANDMARKS) / hypot(t.c, t.s);
}

size_t landmarks_size(const struct landmark_model *m)
{
	const size_t trees = m->levels * m->trees;

	return sizeof(*m) + m->levels * sizeof(*m->level) + m->pixels * sizeof(*m->pixel) +
	       trees * m->splits * sizeof(*m->split) +
	       trees * m->leaves * LANDMARK_VALUES * sizeof(*m->leaf);
}

void landmarks_free(struct landmark_model *m)
{
	if (!m)
		return;
	free(m->level);
	free(m->pixel);
	free(m->split);
	free(m->leaf);
	free(m);
}
