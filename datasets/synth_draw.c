/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synth_draw.h"

#include <math.h>
#include <string.h>

/* Fills columns [x0, x1) of one row of one plane; x from the window's left edge. */
static void span(const struct brush *b, int plane, int y, double x0, double x1)
{
	int half = plane > 0, left = b->left >> half, width = b->width >> half;
	/* a sample belongs to the shape when its centre does */
	int from = (int)ceil(fmax(x0, 0) - 0.5), to = (int)ceil(fmin(x1, width) - 0.5);

	if (to > from)
		memset(b->picture->plane[plane] + (long)y * b->picture->stride[plane] + left + from,
		       b->colour[plane], (size_t)(to - from));
}

static void rows(const struct brush *b, int plane, double top, double bottom, int *y0, int *y1)
{
	int height = (b->picture->height + (plane > 0)) >> (plane > 0);

	*y0 = (int)ceil(fmax(top, 0) - 0.5);
	*y1 = (int)ceil(fmin(bottom, height) - 0.5);
}

static void ellipse_plane(const struct brush *b, int plane, double cx, double cy, double ru,
			  double rv)
{
	/* implicit form a dx^2 + 2 h dx dy + c dy^2 <= 1 of the rotated ellipse */
	double iu = 1 / (ru * ru), iv = 1 / (rv * rv);
	double a = b->cos * b->cos * iu + b->sin * b->sin * iv;
	double h = b->cos * b->sin * (iu - iv);
	double c = b->sin * b->sin * iu + b->cos * b->cos * iv;
	double reach = sqrt(a / (a * c - h * h));
	int y0, y1;

	rows(b, plane, cy - reach, cy + reach, &y0, &y1);
	for (int y = y0; y < y1; y++) {
		double dy = y + 0.5 - cy, disc = h * h * dy * dy - a * (c * dy * dy - 1), r;

		if (disc <= 0)
			continue;
		r = sqrt(disc) / a;
		span(b, plane, y, cx - h * dy / a - r, cx - h * dy / a + r);
	}
}

static void place(const struct brush *b, double u, double v, double *x, double *y)
{
	*x = b->x + b->scale * (u * b->cos - v * b->sin);
	*y = b->y + b->scale * (u * b->sin + v * b->cos);
}

void draw_ellipse(const struct brush *b, double u, double v, double ru, double rv)
{
	double x, y;

	place(b, u, v, &x, &y);
	ru *= b->scale;
	rv *= b->scale;
	ellipse_plane(b, 0, x, y, ru, rv);
	for (int plane = 1; plane < 3; plane++)
		ellipse_plane(b, plane, x / 2, y / 2, ru / 2, rv / 2);
}

static void polygon_plane(const struct brush *b, int plane, const double (*p)[2], int n)
{
	double top = INFINITY, bottom = -INFINITY, unit = plane ? 0.5 : 1;
	int y0, y1;

	for (int i = 0; i < n; i++) {
		top = fmin(top, p[i][1] * unit);
		bottom = fmax(bottom, p[i][1] * unit);
	}
	rows(b, plane, top, bottom, &y0, &y1);
	for (int y = y0; y < y1; y++) {
		double at = (y + 0.5) / unit, lo = INFINITY, hi = -INFINITY;

		for (int i = 0; i < n; i++) {
			const double *q = p[i], *r = p[(i + 1) % n];
			double x;

			if ((q[1] <= at) == (r[1] <= at))
				continue;
			x = q[0] + (at - q[1]) / (r[1] - q[1]) * (r[0] - q[0]);
			lo = fmin(lo, x);
			hi = fmax(hi, x);
		}
		if (hi > lo)
			span(b, plane, y, lo * unit, hi * unit);
	}
}

void draw_polygon(const struct brush *b, const double (*point)[2], int n)
{
	double p[8][2];

	for (int i = 0; i < n; i++)
		place(b, point[i][0], point[i][1], &p[i][0], &p[i][1]);
	for (int plane = 0; plane < 3; plane++)
		polygon_plane(b, plane, (const double(*)[2])p, n);
}

void draw_line(const struct brush *b, double u0, double v0, double u1, double v1, double width)
{
	double du = u1 - u0, dv = v1 - v0, len = hypot(du, dv);
	double nu = len > 0 ? -dv / len * width / 2 : 0, nv = len > 0 ? du / len * width / 2 : 0;
	const double p[4][2] = { { u0 + nu, v0 + nv },
				 { u1 + nu, v1 + nv },
				 { u1 - nu, v1 - nv },
				 { u0 - nu, v0 - nv } };

	draw_polygon(b, p, 4);
}
