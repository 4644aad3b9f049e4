/* SPDX-License-Identifier: Apache-2.0
 * Differences of small grey pictures.
 */
#include "harness/cue/motion.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

/* Cells a side at most, and the change of a cell's mean luma that counts as motion. */
enum { CELLS_MAX = 128, MOVING = 14 };

int motion_init(struct motion_meter *m, int width, int height, struct err *err)
{
	const int side = width > height ? width : height;

	if (side > MOTION_SIDE_MAX)
		return err_set(err, ERR_ARG, "motion meter for %d x %d; %d a side at most", width,
			       height, MOTION_SIDE_MAX);
	*m = (struct motion_meter){ .step = (side + CELLS_MAX - 1) / CELLS_MAX };
	m->w = width / m->step;
	m->h = height / m->step;
	if (!NEW_ARRAY(m->now, (size_t)m->w * (size_t)m->h) ||
	    !NEW_ARRAY(m->before, (size_t)m->w * (size_t)m->h)) {
		motion_free(m);
		return err_set(err, ERR_NOMEM, "motion meter for %d x %d", width, height);
	}
	return 0;
}

void motion_free(struct motion_meter *m)
{
	free(m->now);
	free(m->before);
	*m = (struct motion_meter){ 0 };
}

void motion_reset(struct motion_meter *m)
{
	m->any = false;
}

/* Rows are added up first: that loop is one for vectors. */
static void shrink(const struct motion_meter *m, const struct picture *p)
{
	const int s = m->step, area = s * s, width = m->w * s;
	uint16_t column[MOTION_SIDE_MAX];

	for (int y = 0; y < m->h; y++) {
		const uint8_t *row = p->plane[0] + (size_t)y * s * p->stride[0];

		memset(column, 0, sizeof(*column) * (size_t)width);
		for (int j = 0; j < s; j++, row += p->stride[0])
			for (int x = 0; x < width; x++)
				column[x] = (uint16_t)(column[x] + row[x]);
		for (int x = 0; x < m->w; x++) {
			int sum = 0;

			for (int i = 0; i < s; i++)
				sum += column[x * s + i];
			m->now[y * m->w + x] = (uint8_t)(sum / area);
		}
	}
}

/* Which of n cells have their middle from lo to below hi. */
static void cells_between(double lo, double hi, int step, int n, bool *in)
{
	for (int i = 0; i < n; i++)
		in[i] = (i + 0.5) * step >= lo && (i + 0.5) * step < hi;
}

/* Counts one changing cell in the grid. */
static void add_to_grid(const struct box *area, double x, double y, double weight, float *grid)
{
	const int gx = (int)floor((x - area->x0) / (area->x1 - area->x0) * MOTION_GRID);
	const int gy = (int)floor((y - area->y0) / (area->y1 - area->y0) * MOTION_GRID);

	if (gx >= 0 && gx < MOTION_GRID && gy >= 0 && gy < MOTION_GRID)
		grid[gy * MOTION_GRID + gx] += (float)weight;
}

void motion_measure(struct motion_meter *m, const struct picture *p, const struct box *head,
		    const struct box *area, bool only_there, struct motion *out)
{
	const double s = m->step;
	const double cell =
		s * s * MOTION_GRID * MOTION_GRID / ((area->x1 - area->x0) * (area->y1 - area->y0));
	bool head_x[CELLS_MAX] = { 0 }, head_y[CELLS_MAX] = { 0 };
	bool area_x[CELLS_MAX], area_y[CELLS_MAX];
	long change = 0, moving = 0, seen = 0;
	double rows = 0;
	uint8_t *swap;

	*out = (struct motion){ .valid = m->any };
	shrink(m, p);
	if (head) {
		cells_between(head->x0, head->x1, m->step, m->w, head_x);
		cells_between(head->y0, head->y1, m->step, m->h, head_y);
	}
	cells_between(area->x0, area->x1, m->step, m->w, area_x);
	cells_between(area->y0, area->y1, m->step, m->h, area_y);
	for (int y = 0; m->any && y < m->h; y++)
		for (int x = 0; x < m->w; x++) {
			const int d = abs(m->now[y * m->w + x] - m->before[y * m->w + x]);
			const double px = (x + 0.5) * s, py = (y + 0.5) * s;

			change += d;
			if ((head_x[x] && head_y[y]) || (only_there && !(area_x[x] && area_y[y])))
				continue;
			seen++;
			if (d < MOVING)
				continue;
			moving++;
			rows += py;
			add_to_grid(area, px, py, cell, out->grid);
		}
	out->change = (double)change / (m->w * m->h);
	out->share = seen ? (double)moving / (double)seen : 0;
	out->height = moving ? rows / (double)moving : 0;
	swap = m->now;
	m->now = m->before;
	m->before = swap;
	m->any = true;
}
