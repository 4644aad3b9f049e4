/* SPDX-License-Identifier: Apache-2.0
 * Windows through the stages of a cascade, CASCADE_LANES at a time.  Most fail early: the first
 * stages look at windows as they lie in the picture; then those that are left are packed side by
 * side, again and again, so that no lane works for a window that has failed.
 */
#include "harness/cue/cascade_parts.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "harness/base/mem.h"

/* The same instructions on wider registers where there are any: same results.  The thread sanitizer
 * instruments the function that chooses, which runs before the sanitizer is set up. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define CLONED __attribute__((target_clones("avx2", "default")))
#else
#define CLONED
#endif
#define INLINE static inline __attribute__((always_inline))

enum { LANES = CASCADE_LANES, BLOCK = 8 };

static const float flat_below = 10; /* deviation of luma under which nothing is looked for */
/* Stages before which the windows that are left are packed; afterwards few are left. */
static const size_t packed_before[] = { 4, 7, 10 };

/* LANES windows side by side, two pixels apart. */
typedef uint16_t lanes_s __attribute__((vector_size(2 * LANES)));
typedef int32_t lanes_i __attribute__((vector_size(4 * LANES)));
typedef float lanes_f __attribute__((vector_size(4 * LANES)));

INLINE lanes_i load_squares(const uint32_t *p)
{
	lanes_i v;

	memcpy(&v, p, sizeof(v));
	return v;
}

INLINE lanes_s load(const uint16_t *p)
{
	lanes_s v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Where values of LANES windows lie: in the picture, or packed. */
struct view {
	const uint16_t *at;
	bool packed;
};

/* Luma of a term, without its weight: less than 2^16. */
INLINE lanes_i over(struct view v, const struct cascade_term *t)
{
	const int32_t *corner = v.packed ? t->packed : t->corner;
	const lanes_s sum = load(v.at + corner[0]) - load(v.at + corner[1]) -
			    load(v.at + corner[2]) + load(v.at + corner[3]);

	return __builtin_convertvector(sum, lanes_i);
}

INLINE lanes_f choose(lanes_i mask, lanes_f a)
{
	return (lanes_f)((lanes_i)a & mask);
}

/* Deviation of the windows' luma times their area, without the outermost pixels, which
 * is how the shipped thresholds are scaled; 0 where it is flat. */
INLINE lanes_f window_norms(const struct cascade *c, const struct cascade_sums *s, int at)
{
	const int w = c->width - 1, h = c->height - 1;
	const uint32_t *from = s->square + at;
	const lanes_i square =
		load_squares(from + cascade_at(1, 1)) - load_squares(from + cascade_at(w, 1)) -
		load_squares(from + cascade_at(1, h)) + load_squares(from + cascade_at(w, h));
	const double area = (double)(w - 1) * (h - 1),
		     least = area * area * flat_below * flat_below;
	const struct view v = { s->sum + at, false };
	int32_t squares[LANES], sums[LANES];
	lanes_i sum = { 0 };
	double norm[LANES];
	float out[LANES];
	lanes_f norms;

	for (int i = 0; i < c->inner_terms; i++)
		sum += over(v, &c->term[i]);
	memcpy(squares, &square, sizeof(squares));
	memcpy(sums, &sum, sizeof(sums));
	for (int i = 0; i < LANES; i++)
		norm[i] = area * squares[i] - (double)sums[i] * sums[i];
	for (int i = 0; i < LANES; i++)
		norm[i] = norm[i] > least ? norm[i] : 0;
	for (int i = 0; i < LANES; i++)
		out[i] = (float)sqrt(norm[i]);
	memcpy(&norms, out, sizeof(norms));
	return norms;
}

INLINE lanes_f weighed(struct view view, const struct cascade_term *t)
{
	return t->weight * __builtin_convertvector(over(view, t), lanes_f);
}

INLINE lanes_i is_below(const struct cascade *c, const struct cascade_node *n, struct view view,
			lanes_f norm)
{
	lanes_f v = weighed(view, &n->two[0]) + weighed(view, &n->two[1]);

	for (int i = 0; i < n->terms; i++)
		v += weighed(view, &c->term[n->term + i]);
	return v < n->threshold * norm;
}

INLINE lanes_f pick(lanes_i mask, lanes_f a, lanes_f b)
{
	return (lanes_f)(((lanes_i)a & mask) | ((lanes_i)b & ~mask));
}

INLINE lanes_f all(float v)
{
	int32_t bits; /* sums of whole numbers and 0 are no operation at all */

	memcpy(&bits, &v, sizeof(bits));
	return (lanes_f)(bits + (lanes_i){ 0 });
}

/* The leaf that each lane ends in. */
INLINE lanes_f climb(const struct cascade *c, const struct cascade_tree *t, struct view view,
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
		const lanes_i below = is_below(c, n, view, norm);
		const lanes_i way[2] = { reached[i] & below, reached[i] & ~below };

		for (int k = 0; k < 2; k++)
			if (n->child[k] > 0)
				reached[n->child[k]] |= way[k];
			else
				sum += choose(way[k], all(leaf[~n->child[k]]));
	}
	return sum;
}

/* The same; the trees of most cascades ask once or twice. */
INLINE lanes_f answer(const struct cascade *c, const struct cascade_tree *t,
		      const struct cascade_node *n, struct view view, lanes_f norm)
{
	lanes_i first, second;

	if (t->nodes > 2)
		return climb(c, t, view, norm);
	first = is_below(c, n, view, norm);
	if (t->nodes == 1)
		return pick(first, all(t->answer[0][0]), all(t->answer[1][0]));
	second = is_below(c, n + 1, view, norm);
	return pick(first, pick(second, all(t->answer[0][0]), all(t->answer[0][1])),
		    pick(second, all(t->answer[1][0]), all(t->answer[1][1])));
}

INLINE bool none(lanes_i mask)
{
	uint64_t part[sizeof(mask) / 8], any = 0;

	memcpy(part, &mask, sizeof(mask));
	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		any |= part[i];
	return !any;
}

/* Which of the lanes pass the stages from first to before last. */
INLINE lanes_i survivors(const struct cascade *c, size_t first, size_t last, struct view view,
			 lanes_f norm, lanes_i alive)
{
	for (size_t k = first; k < last && !none(alive); k++) {
		const struct cascade_stage *stage = &c->stage[k];
		const struct cascade_tree *t = &c->tree[stage->tree], *end = t + stage->trees;
		const struct cascade_node *n = &c->node[t->node];
		lanes_f sum = { 0 };

		for (; t < end; n += t++->nodes)
			sum += answer(c, t, n, view, norm);
		alive &= sum >= stage->threshold;
	}
	return alive;
}

/* Windows of the box that pass the first stages; returns how many. */
CLONED static int enter(const struct cascade *c, size_t last, const struct cascade_sums *sums,
			const struct cascade_box *box, struct cascade_window *out)
{
	int n = 0;

	for (int y = box->y0; y <= box->y1; y += 2)
		for (int x = box->x0; x <= box->x1; x += 2 * LANES) {
			const int at = cascade_at(x, y);
			const lanes_f norm = window_norms(c, sums, at);
			const struct view view = { sums->sum + at, false };
			const lanes_i alive = survivors(c, 0, last, view, norm, norm > 0);

			if (none(alive))
				continue;
			for (int i = 0; i < LANES && x + 2 * i <= box->x1; i++)
				if (alive[i])
					out[n++] = (struct cascade_window){ (uint16_t)(x + 2 * i),
									    (uint16_t)y, norm[i] };
		}
	return n;
}

typedef uint16_t block_row __attribute__((vector_size(2 * BLOCK)));
#define PAIR(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

/* BLOCK columns of BLOCK windows: rows of from become columns of to. */
INLINE void turn_block(const uint16_t *const *from, int column, uint16_t *to)
{
	block_row a[BLOCK], b[BLOCK];

	for (int i = 0; i < BLOCK; i++)
		memcpy(&a[i], from[i] + column, sizeof(a[i]));
	for (int i = 0; i < BLOCK; i += 2) {
		b[i] = PAIR(a[i], a[i + 1], 0, 8, 1, 9, 2, 10, 3, 11);
		b[i + 1] = PAIR(a[i], a[i + 1], 4, 12, 5, 13, 6, 14, 7, 15);
	}
	for (int i = 0; i < BLOCK; i += 4)
		for (int k = 0; k < 2; k++) {
			a[i + 2 * k] = PAIR(b[i + k], b[i + k + 2], 0, 1, 8, 9, 2, 3, 10, 11);
			a[i + 2 * k + 1] = PAIR(b[i + k], b[i + k + 2], 4, 5, 12, 13, 6, 7, 14, 15);
		}
	for (int i = 0; i < 4; i++) {
		const block_row low = PAIR(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
		const block_row high = PAIR(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);

		memcpy(to + 2 * i * LANES, &low, sizeof(low));
		memcpy(to + (2 * i + 1) * LANES, &high, sizeof(high));
	}
}

/* Puts the values of LANES windows side by side: see cascade_packed_at(). */
INLINE void pack(const struct cascade *c, const struct cascade_sums *sums,
		 const struct cascade_window *w, uint16_t *to)
{
	const int columns[2] = { c->width / 2 + 1, (c->width + 1) / 2 };
	const uint16_t *from[LANES];

	for (int i = 0; i < LANES; i++)
		from[i] = sums->sum + cascade_at(w[i].x, w[i].y);
	for (int y = 0; y <= c->height; y++)
		for (int odd = 0; odd < 2; odd++) {
			/* what a block writes too much the next one writes anew */
			for (int x = 0; x < columns[odd]; x += BLOCK)
				for (int i = 0; i < LANES; i += BLOCK)
					turn_block(from + i, cascade_at(odd, y) + x,
						   to + x * LANES + i);
			to += columns[odd] * LANES;
		}
}

/* Which of the n windows pass the stages from first to before last; they move together. */
CLONED static int narrow(const struct cascade *c, size_t first, size_t last,
			 const struct cascade_sums *sums, struct cascade_run *r, int n)
{
	uint16_t *packed = r->packed + -(uintptr_t)r->packed / 2 % LANES;
	int left = 0;

	for (int at = 0; at < n; at += LANES) {
		struct cascade_window w[LANES];
		lanes_f norm = { 0 };
		lanes_i alive;

		for (int i = 0; i < LANES; i++) {
			w[i] = r->window[at + i < n ? at + i : at];
			norm[i] = at + i < n ? w[i].norm : 0;
		}
		pack(c, sums, w, packed);
		alive = survivors(c, first, last, (struct view){ packed, true }, norm, norm > 0);
		for (int i = 0; i < LANES; i++)
			if (alive[i])
				r->window[left++] = w[i];
	}
	return left;
}

int cascade_windows(const struct cascade *c, const struct cascade_sums *sums,
		    const struct cascade_box *box, struct cascade_run *r)
{
	size_t first = packed_before[0] < c->stages ? packed_before[0] : c->stages;
	int n = enter(c, first, sums, box, r->window);

	for (size_t i = 1; n && first < c->stages; i++) {
		size_t last = i < ARRAY_LEN(packed_before) ? packed_before[i] : c->stages;

		last = last < c->stages ? last : c->stages;
		n = narrow(c, first, last, sums, r, n);
		first = last;
	}
	return n;
}
