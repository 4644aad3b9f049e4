/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cue/face_points.h"

#include <math.h>

static const double pi = 3.14159265358979323846;
static const double unit = 44; /* struct face counts in parts of the face height */
/* Of the mean face, in sides of its square: its middle above the square's, eyes to the lower
 * end of the nose. */
static const double face_up = 0.09, nose_low = 0.32;
static const double odd = 0.085; /* more is no face */

const struct face_rest face_rest_mouth = { 0, 1.2 };
const struct face_rest face_rest_corners = { -1.2, 0.4 };
const struct face_rest face_rest_brow = { 3.4, 5.0 };

/* The points upright, in units of struct face, relative to the middle between the eyes. */
struct upright {
	double x[LANDMARKS], y[LANDMARKS]; /* right and down */
};

static void mean_of(const struct landmark_point *at, int from, int n, double *x, double *y)
{
	*x = *y = 0;
	for (int i = from; i < from + n; i++) {
		*x += at[i].x / n;
		*y += at[i].y / n;
	}
}

/* Turns the line of the eyes level and sets the height of the nose; the line's angle, degrees. */
static double stand(const struct landmark_point *at, double height, struct upright *u)
{
	double lx, ly, rx, ry, angle, c, s, nose;

	mean_of(at, LANDMARK_EYE_LEFT, 6, &lx, &ly);
	mean_of(at, LANDMARK_EYE_RIGHT, 6, &rx, &ry);
	angle = atan2(ry - ly, rx - lx);
	c = cos(angle) * unit / height;
	s = sin(angle) * unit / height;
	for (int i = 0; i < LANDMARKS; i++) {
		const double x = at[i].x - (lx + rx) / 2, y = at[i].y - (ly + ry) / 2;

		u->x[i] = c * x + s * y;
		u->y[i] = c * y - s * x;
	}
	nose = u->y[LANDMARK_NOSE + 6] / (nose_low / FACE_BY_SQUARE * unit);
	nose = fmax(0.7, fmin(1.4, nose));
	for (int i = 0; i < LANDMARKS; i++)
		u->y[i] /= nose;
	return angle * 180 / pi;
}

/* Area of the polygon of an eye. */
static double eye_area(const struct upright *u, int from)
{
	double sum = 0;

	for (int i = 0; i < 6; i++) {
		const int a = from + i, b = from + (i + 1) % 6;

		sum += u->x[a] * u->y[b] - u->x[b] * u->y[a];
	}
	return fabs(sum) / 2;
}

static double mean_y(const struct upright *u, int from, int n)
{
	double sum = 0;

	for (int i = from; i < from + n; i++)
		sum += u->y[i];
	return sum / n;
}

bool face_from_points(const struct landmark_model *m, const struct landmark_point at[LANDMARKS],
		      const struct landmark_square *square, struct face *out)
{
	const int outer = LANDMARK_LIPS_OUTER, inner = LANDMARK_LIPS_INNER;
	struct upright u;
	double gap = 0;

	*out = (struct face){ .found = true, .height = FACE_BY_SQUARE * square->side };
	out->tilt = stand(at, out->height, &u);
	out->x = square->x + face_up * square->side * sin(out->tilt * pi / 180);
	out->y = square->y - face_up * square->side * cos(out->tilt * pi / 180);
	out->measured = landmarks_oddity(m, at) < odd;
	for (int i = 1; i <= 3; i++)
		gap += (u.y[inner + 8 - i] - u.y[inner + i]) / 3;
	out->mouth = fmax(0, gap);
	out->corners = (u.y[outer + 3] + u.y[inner + 2]) / 2 - (u.y[outer] + u.y[outer + 6]) / 2;
	out->brow = -mean_y(&u, LANDMARK_BROW_LEFT, 10);
	out->eyes = eye_area(&u, LANDMARK_EYE_LEFT) + eye_area(&u, LANDMARK_EYE_RIGHT);
	return out->measured;
}
