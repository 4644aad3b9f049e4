/* SPDX-License-Identifier: Apache-2.0
 * The search: a pyramid of the picture, integral images of each level, windows that
 * fall through the stages; hits of neighbouring windows and sizes are merged.
 */
#include "harness/cue/cascade.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/cue/cascade_parts.h"

enum { MAX_RAW = 4096 };

static const float grow = 1.2F;	      /* from one size to the next */
static const float same_share = 0.3F; /* hits whose centres lie nearer, in sides, are one */

struct cascade_scan {
	int width, height, shrink;		 /* of the luma taken in */
	uint8_t luma[SCAN_WIDTH * SCAN_HEIGHT];	 /* (height, width) */
	uint8_t half[SCAN_WIDTH * SCAN_HEIGHT];	 /* octaves below, one after the other */
	uint8_t level[SCAN_WIDTH * SCAN_HEIGHT]; /* the level looked at */
	struct cascade_sums sums;
	struct cascade_run run;
	struct hit raw[MAX_RAW];
	int n;
};

struct cascade_scan *cascade_scan_new(int width, int height, struct err *err)
{
	struct cascade_scan *s;
	int shrink = 1;

	if (!NEW_ARRAY(s, 1)) {
		err_set(err, ERR_NOMEM, "search for faces in %d x %d", width, height);
		return NULL;
	}
	while (width / shrink > SCAN_WIDTH || height / shrink > SCAN_HEIGHT)
		shrink++;
	s->shrink = shrink;
	s->width = width / shrink;
	s->height = height / shrink;
	return s;
}

void cascade_scan_free(struct cascade_scan *s)
{
	free(s);
}

/* sum[x] += the k pixels of the row from x * k on; written out where compilers vectorise. */
static void add_row(const uint8_t *row, int width, int k, int *sum)
{
	if (k == 1)
		for (int x = 0; x < width; x++)
			sum[x] += row[x];
	else if (k == 2)
		for (int x = 0; x < width; x++)
			sum[x] += row[2 * x] + row[2 * x + 1];
	else
		for (int x = 0; x < width; x++)
			for (int i = 0; i < k; i++)
				sum[x] += row[x * k + i];
}

void cascade_scan_picture(struct cascade_scan *s, const struct picture *p)
{
	const int k = s->shrink, area = k * k;

	for (int y = 0; y < s->height; y++) {
		const uint8_t *row = p->plane[0] + (size_t)y * k * p->stride[0];
		uint8_t *to = s->luma + y * s->width;
		int sum[SCAN_WIDTH] = { 0 };

		for (int j = 0; j < k; j++, row += p->stride[0])
			add_row(row, s->width, k, sum);
		if (k <= 2) /* no division */
			for (int x = 0; x < s->width; x++)
				to[x] = (uint8_t)((sum[x] + area / 2) >> (2 * k - 2));
		else
			for (int x = 0; x < s->width; x++)
				to[x] = (uint8_t)((sum[x] + area / 2) / area);
	}
}

const uint8_t *cascade_scan_luma(const struct cascade_scan *s, int *width, int *height, int *shrink)
{
	*width = s->width;
	*height = s->height;
	*shrink = s->shrink;
	return s->luma;
}

static void halve(const uint8_t *from, int w, int h, uint8_t *to)
{
	for (int y = 0; y + 1 < h; y += 2) {
		const uint8_t *a = from + y * w, *b = a + w;

		for (int x = 0; x + 1 < w; x += 2)
			*to++ = (uint8_t)((a[x] + a[x + 1] + b[x] + b[x + 1] + 2) / 4);
	}
}

/* Where pixel i of the smaller side lies on the larger one of n pixels. */
static float between(float i, float scale, int n)
{
	return fmaxf(0, fminf((i + 0.5F) * scale - 0.5F, (float)n - 1.01F));
}

/* level = from (w, h) smaller by scale, at most 2, between the pixels. */
static void resample(struct cascade_scan *s, const uint8_t *from, int w, int h, float scale, int lw,
		     int lh)
{
	int at[SCAN_WIDTH], share[SCAN_WIDTH];
	uint16_t mixed[SCAN_WIDTH]; /* a row between two of from */

	for (int x = 0; x < lw; x++) {
		const float u = between((float)x, scale, w);

		at[x] = (int)u;
		share[x] = (int)((u - (float)at[x]) * 128);
	}
	for (int y = 0; y < lh; y++) {
		const float v = between((float)y, scale, h);
		const int iv = (int)v, sv = (int)((v - (float)iv) * 128);
		const uint8_t *a = from + iv * w, *b = a + w;
		uint8_t *to = s->level + y * lw;

		for (int x = 0; x < w; x++)
			mixed[x] = (uint16_t)(a[x] * (128 - sv) + b[x] * sv);
		for (int x = 0; x < lw; x++) {
			const int i = at[x], t = share[x];

			to[x] = (uint8_t)((mixed[i] * (128 - t) + mixed[i + 1] * t + 8192) >> 14);
		}
	}
}

/* Sums wrap; the difference over a window is small enough to come out right. */
static void integrate(struct cascade_scan *s, int w, int h)
{
	memset(s->sums.sum, 0, sizeof(*s->sums.sum) * CASCADE_STRIDE);
	memset(s->sums.square, 0, sizeof(*s->sums.square) * CASCADE_STRIDE);
	for (int y = 0; y < h; y++) {
		const uint8_t *from = s->level + y * w;
		uint16_t *sum = s->sums.sum + (y + 1) * CASCADE_STRIDE;
		uint32_t *square = s->sums.square + (y + 1) * CASCADE_STRIDE;
		uint32_t row = 0, row_square = 0;

		sum[0] = square[0] = 0;
		for (int x = 0; x < w; x++) {
			const int at = cascade_at(x + 1, 0);

			row += from[x];
			row_square += (uint32_t)from[x] * from[x];
			sum[at] = (uint16_t)(sum[at - CASCADE_STRIDE] + row);
			square[at] = square[at - CASCADE_STRIDE] + row_square;
		}
	}
}

static void add_hit(struct cascade_scan *s, float x, float y, float side)
{
	if (s->n < MAX_RAW)
		s->raw[s->n++] = (struct hit){ x, y, side, 1 };
}

/* Looks through one level of lw x lh; scale: pixels of the picture a pixel of it. */
static void scan_level(struct cascade_scan *s, const struct cascade *c,
		       const struct scan_area *area, float scale, int lw, int lh)
{
	const float half_w = 0.5F * (float)c->width, half_h = 0.5F * (float)c->height;
	const struct cascade_box box = {
		.x0 = (int)fmaxf(0, area->x0 / scale - half_w) & ~1,
		.y0 = (int)fmaxf(0, area->y0 / scale - half_h),
		.x1 = (int)fminf((float)(lw - c->width), area->x1 / scale - half_w),
		.y1 = (int)fminf((float)(lh - c->height), area->y1 / scale - half_h),
	};
	const int n = cascade_windows(c, &s->sums, &box, &s->run);

	for (int i = 0; i < n; i++)
		add_hit(s, ((float)s->run.window[i].x + half_w) * scale,
			((float)s->run.window[i].y + half_h) * scale, (float)c->width * scale);
}

/* Every hit joins the first group it is near to; a group is the mean of its hits. */
static int merge(struct cascade_scan *s, float least_votes, struct hit *out, int max)
{
	int groups = 0, n = 0;

	for (int i = 0; i < s->n; i++) {
		const struct hit h = s->raw[i];
		struct hit *g = s->raw;

		while (g < s->raw + groups && !(fabsf(g->x - h.x) < same_share * g->side &&
						fabsf(g->y - h.y) < same_share * g->side &&
						fabsf(log2f(g->side / h.side)) < 0.6F))
			g++;
		if (g == s->raw + groups) {
			groups++;
			*g = h;
			continue;
		}
		g->votes++;
		g->x += (h.x - g->x) / g->votes;
		g->y += (h.y - g->y) / g->votes;
		g->side += (h.side - g->side) / g->votes;
	}
	for (int i = 0; i < groups; i++) {
		const struct hit h = s->raw[i];
		int at = n;

		if (h.votes < least_votes)
			continue;
		while (at > 0 && out[at - 1].votes < h.votes)
			at--;
		if (at == max)
			continue;
		n = n < max ? n + 1 : max;
		memmove(out + at + 1, out + at, (size_t)(n - 1 - at) * sizeof(*out));
		out[at] = h;
	}
	return n;
}

int cascade_find(struct cascade_scan *s, const struct cascade *const *c, int n,
		 const struct scan_area *area, float least_votes, struct hit *out, int max)
{
	const float unit = (float)c[0]->width * (float)s->shrink;
	const uint8_t *from = s->luma;
	uint8_t *next = s->half;
	int w = s->width, h = s->height;
	float octave = 1, finest = fmaxf((float)w / SCAN_WIDTH, (float)h / SCAN_HEIGHT);

	s->n = 0;
	for (float scale = fmaxf(finest, area->min_side / unit); scale * unit <= area->max_side;
	     scale *= grow) {
		int lw, lh;

		for (; scale >= 2 * octave; octave *= 2) {
			halve(from, w, h, next);
			from = next;
			w /= 2;
			h /= 2;
			next += w * h;
		}
		lw = (int)((float)w * octave / scale);
		lh = (int)((float)h * octave / scale);
		if (lw < c[0]->width || lh < c[0]->height)
			break;
		resample(s, from, w, h, scale / octave, lw, lh);
		integrate(s, lw, lh);
		for (int i = 0; i < n; i++)
			scan_level(s, c[i], area, scale * (float)s->shrink, lw, lh);
	}
	return merge(s, least_votes, out, max);
}
