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

enum { MAX_RAW = 4096, ROWS = SCAN_HEIGHT + 1, LANES = 8 };

/* The same instructions on wider registers where there are any: same results. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CLONED __attribute__((target_clones("avx2", "default")))
#else
#define CLONED
#endif

static const float grow = 1.2F;	      /* from one size to the next */
static const float flat_below = 10;   /* deviation of luma under which nothing is looked for */
static const float same_share = 0.3F; /* hits whose centres lie nearer, in sides, are one */

struct cascade_scan {
	int width, height, shrink;		 /* of the luma taken in */
	uint8_t luma[SCAN_WIDTH * SCAN_HEIGHT];	 /* (height, width) */
	uint8_t half[SCAN_WIDTH * SCAN_HEIGHT];	 /* octaves below, one after the other */
	uint8_t level[SCAN_WIDTH * SCAN_HEIGHT]; /* the level looked at */
	uint32_t sum[CASCADE_STRIDE * ROWS], square[CASCADE_STRIDE * ROWS];
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

void cascade_scan_picture(struct cascade_scan *s, const struct picture *p)
{
	const int k = s->shrink, area = k * k;

	for (int y = 0; y < s->height; y++) {
		const uint8_t *row = p->plane[0] + (size_t)y * k * p->stride[0];
		uint8_t *to = s->luma + y * s->width;
		int sum[SCAN_WIDTH] = { 0 };

		for (int j = 0; j < k; j++, row += p->stride[0])
			for (int x = 0; x < s->width; x++)
				for (int i = 0; i < k; i++)
					sum[x] += row[x * k + i];
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

		for (int x = 0; x < lw; x++) {
			const int i = at[x], t = share[x];
			const int top = a[i] * (128 - t) + a[i + 1] * t;
			const int low = b[i] * (128 - t) + b[i + 1] * t;

			to[x] = (uint8_t)((top * (128 - sv) + low * sv + 8192) >> 14);
		}
	}
}

/* Sums wrap; the difference over a window is small enough to come out right. */
static void integrate(struct cascade_scan *s, int w, int h)
{
	memset(s->sum, 0, sizeof(*s->sum) * CASCADE_STRIDE);
	memset(s->square, 0, sizeof(*s->square) * CASCADE_STRIDE);
	for (int y = 0; y < h; y++) {
		const uint8_t *from = s->level + y * w;
		uint32_t *sum = s->sum + (y + 1) * CASCADE_STRIDE, row = 0, row_square = 0;
		uint32_t *square = s->square + (y + 1) * CASCADE_STRIDE;

		sum[0] = square[0] = 0;
		for (int x = 0; x < w; x++) {
			const int at = cascade_at(x + 1, 0);

			row += from[x];
			row_square += (uint32_t)from[x] * from[x];
			sum[at] = sum[at - CASCADE_STRIDE] + row;
			square[at] = square[at - CASCADE_STRIDE] + row_square;
		}
	}
}

/* LANES windows side by side, two pixels apart. */
typedef int32_t lanes_i __attribute__((vector_size(4 * LANES)));
typedef float lanes_f __attribute__((vector_size(4 * LANES)));
typedef double lanes_d __attribute__((vector_size(8 * LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE lanes_i load(const uint32_t *p)
{
	lanes_i v;

	memcpy(&v, p, sizeof(v));
	return v;
}

INLINE lanes_i over(const uint32_t *at, const int32_t *corner)
{
	return load(at + corner[0]) - load(at + corner[1]) - load(at + corner[2]) +
	       load(at + corner[3]);
}

INLINE lanes_f choose(lanes_i mask, lanes_f a)
{
	return (lanes_f)((lanes_i)a & mask);
}

/* Deviation of the windows' luma times their area, without the outermost pixels, which
 * is how the shipped thresholds are scaled; 0 where it is flat. */
INLINE lanes_f window_norms(const struct cascade_scan *s, const struct cascade *c, int at)
{
	const int w = c->width - 1, h = c->height - 1;
	const int32_t corner[4] = { cascade_at(1, 1), cascade_at(w, 1), cascade_at(1, h),
				    cascade_at(w, h) };
	const lanes_i sum = over(s->sum + at, corner), square = over(s->square + at, corner);
	const double area = (double)(w - 1) * (h - 1);
	const lanes_d mean = __builtin_convertvector(sum, lanes_d);
	const lanes_d norm = area * __builtin_convertvector(square, lanes_d) - mean * mean;
	lanes_f out = { 0 };

	for (int i = 0; i < LANES; i++)
		out[i] = norm[i] > area * area * flat_below * flat_below ? (float)sqrt(norm[i]) : 0;
	return out;
}

INLINE lanes_i is_below(const struct cascade_node *n, const uint32_t *at, lanes_f norm)
{
	lanes_f v = n->weight[0] * __builtin_convertvector(over(at, n->corner[0]), lanes_f) +
		    n->weight[1] * __builtin_convertvector(over(at, n->corner[1]), lanes_f);

	if (n->weight[2] != 0)
		v += n->weight[2] * __builtin_convertvector(over(at, n->corner[2]), lanes_f);
	return v < n->threshold * norm;
}

/* The leaf that each lane ends in. */
INLINE lanes_f climb(const struct cascade *c, const struct cascade_tree *t, const uint32_t *at,
		     lanes_f norm)
{
	const float *leaf = c->leaf + t->leaf;
	lanes_i reached[CASCADE_TREE_MAX];
	lanes_f sum = { 0 };

	reached[0] = (lanes_i){ 0 } - 1;
	for (int i = 1; i < t->nodes; i++)
		reached[i] = (lanes_i){ 0 };
	for (int i = 0; i < t->nodes; i++) {
		const struct cascade_node *n = &c->node[t->node + i];
		const lanes_i below = is_below(n, at, norm);
		const lanes_i way[2] = { reached[i] & below, reached[i] & ~below };

		for (int k = 0; k < 2; k++)
			if (n->child[k] > 0)
				reached[n->child[k]] |= way[k];
			else
				sum += choose(way[k], leaf[~n->child[k]] + (lanes_f){ 0 });
	}
	return sum;
}

INLINE bool none(lanes_i mask)
{
	uint64_t part[sizeof(mask) / 8], any = 0;

	memcpy(part, &mask, sizeof(mask));
	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		any |= part[i];
	return !any;
}

/* Which of the lanes pass every stage. */
INLINE lanes_i survivors(const struct cascade *c, const uint32_t *at, lanes_f norm)
{
	lanes_i alive = norm > 0;

	for (size_t k = 0; k < c->stages && !none(alive); k++) {
		const struct cascade_stage *stage = &c->stage[k];
		lanes_f sum = { 0 };

		for (int t = 0; t < stage->trees; t++)
			sum += climb(c, &c->tree[stage->tree + t], at, norm);
		alive &= sum >= stage->threshold;
	}
	return alive;
}

static void add_hit(struct cascade_scan *s, float x, float y, float side)
{
	if (s->n < MAX_RAW)
		s->raw[s->n++] = (struct hit){ x, y, side, 1 };
}

/* Looks through one level of lw x lh; scale: pixels of the picture a pixel of it. */
CLONED static void scan_level(struct cascade_scan *s, const struct cascade *c,
			      const struct scan_area *area, float scale, int lw, int lh)
{
	const float half_w = 0.5F * (float)c->width, half_h = 0.5F * (float)c->height;
	const int x0 = (int)fmaxf(0, area->x0 / scale - half_w) & ~1;
	const int y0 = (int)fmaxf(0, area->y0 / scale - half_h);
	const int x1 = (int)fminf((float)(lw - c->width), area->x1 / scale - half_w);
	const int y1 = (int)fminf((float)(lh - c->height), area->y1 / scale - half_h);

	for (int y = y0; y <= y1; y += 2)
		for (int x = x0; x <= x1; x += 2 * LANES) {
			const int at = cascade_at(x, y);
			const lanes_i alive = survivors(c, s->sum + at, window_norms(s, c, at));

			if (none(alive))
				continue;
			for (int i = 0; i < LANES && x + 2 * i <= x1; i++)
				if (alive[i])
					add_hit(s, ((float)(x + 2 * i) + half_w) * scale,
						((float)y + half_h) * scale,
						(float)c->width * scale);
		}
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
