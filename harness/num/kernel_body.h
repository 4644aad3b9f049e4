/* SPDX-License-Identifier: Apache-2.0
 * The kernels in terms of a few vector operations.  Included once by each
 * kernel_*.c, which sets the instruction set and defines LANES (floats a
 * vector), ROWS (rows of a register tile), FMA(a, b, c), KERNEL_NAME, KERNEL_TABLE;
 * without them it is the portable set.
 */
#ifndef HARNESS_NUM_KERNEL_BODY_H
#define HARNESS_NUM_KERNEL_BODY_H

#include "harness/num/kernel_attn.h"
#include "harness/num/kernel_bf16.h"
#include "harness/num/kernel_gemm.h"
#include "harness/num/kernel_ints.h"

/* exp by range reduction to |r| <= ln 2 / 2 and a polynomial of degree 7;
 * arguments below -87 count as -87, above 88 as 88; NaN stays NaN. */
INLINE vf vexp(vf x)
{
	const vf magic = splat(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
	vf t, n, r, p;

	x = pick(x < splat(-87.0f), splat(-87.0f), x);
	x = pick(x > splat(88.0f), splat(88.0f), x);
	t = FMA(x, splat(1.44269504f), magic);
	n = t - magic;
	r = FMA(n, splat(-0.693359375f), x);
	r = FMA(n, splat(2.12194440e-4f), r);
	p = FMA(splat(1.9875691500e-4f), r, splat(1.3981999507e-3f));
	p = FMA(p, r, splat(8.3334519073e-3f));
	p = FMA(p, r, splat(4.1665795894e-2f));
	p = FMA(p, r, splat(1.6666665459e-1f));
	p = FMA(p, r, splat(5.0000001201e-1f));
	p = FMA(p, r * r, r + splat(1.0f));
	/* the integer sits in the low bits of t: move it into the exponent */
	return (vf)((vi)p + ((vi)t << 23));
}

INLINE vf vsigmoid(vf x)
{
	return splat(1.0f) / (splat(1.0f) + vexp(-x));
}

static void bf16_round(float *x, size_t n)
{
	for (size_t i = 0; i < n; i += LANES) {
		int w = left(i, n);

		store_n(x + i, to_near(load_n(x + i, w)), w);
	}
}

static float max_of(const float *x, int n)
{
	vf m = splat(x[0]);
	float best = x[0];
	int i = 0;

	for (; i + LANES <= n; i += LANES) {
		vf v = load(x + i);

		m = pick(v > m, v, m);
	}
	for (int l = 0; l < LANES; l++)
		best = m[l] > best ? m[l] : best;
	for (; i < n; i++)
		best = x[i] > best ? x[i] : best;
	return best;
}

static double sum_squares(const float *x, size_t n)
{
	double s = 0;

	for (size_t i = 0; i < n; i += 4096) {
		size_t end = n - i < 4096 ? n : i + 4096;
		vf part = { 0 };

		for (size_t j = i; j < end; j += LANES) {
			vf v = load_n(x + j, left(j, end));

			part = FMA(v, v, part);
		}
		s += (double)lane_sum(part);
	}
	return s;
}

static float dot(const float *a, const float *b, int n)
{
	vf s = { 0 };

	for (int i = 0; i < n; i += LANES) {
		int w = left((size_t)i, (size_t)n);

		s = FMA(load_n(a + i, w), load_n(b + i, w), s);
	}
	return lane_sum(s);
}

static float exp_sum(float *x, int n, float scale, float shift)
{
	vf s = { 0 };
	float rest = 0;
	int i = 0;

	for (; i + LANES <= n; i += LANES) {
		vf e = vexp(FMA(load(x + i), splat(scale), splat(-shift)));

		store(x + i, e);
		s += e;
	}
	if (i < n) {
		vf e = vexp(FMA(load_part(x + i, n - i), splat(scale), splat(-shift)));

		store_part(x + i, e, n - i);
		for (; i < n; i++)
			rest += x[i];
	}
	return lane_sum(s) + rest;
}

static void softmax_back(float *restrict dp, const float *restrict p, int n, float delta,
			 float scale)
{
	for (int i = 0; i < n; i++)
		dp[i] = p[i] * (dp[i] - delta) * scale;
}

static void scale_to(float *restrict y, const float *restrict x, float s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = x[i] * s;
}

static void axpy(float *restrict y, const float *restrict x, float s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += x[i] * s;
}

static void add_masked(float *restrict y, const float *restrict a, const float *restrict b,
		       const uint8_t *restrict mask, float s, size_t n)
{
	if (!mask) {
		for (size_t i = 0; i < n; i++)
			y[i] = a[i] + b[i] * s;
		return;
	}
	for (size_t i = 0; i < n; i++)
		y[i] = a[i] + b[i] * (s * (float)mask[i]);
}

/* dx may be dy */
static void masked(float *dx, const float *dy, const uint8_t *restrict mask, float s, bool add,
		   size_t n)
{
	if (!mask && !add) {
		for (size_t i = 0; i < n; i++)
			dx[i] = dy[i] * s;
	} else if (!mask) {
		for (size_t i = 0; i < n; i++)
			dx[i] += dy[i] * s;
	} else if (!add) {
		for (size_t i = 0; i < n; i++)
			dx[i] = dy[i] * (s * (float)mask[i]);
	} else {
		for (size_t i = 0; i < n; i++)
			dx[i] += dy[i] * (s * (float)mask[i]);
	}
}

static void rmsnorm(float *restrict y, float *restrict inv, const float *restrict x,
		    const float *restrict g, float eps, int n, int dim)
{
	for (int i = 0; i < n; i++, x += dim, y += dim) {
		float r = 1.0f / sqrtf(dot(x, x, dim) / (float)dim + eps);

		inv[i] = r;
		for (int j = 0; j < dim; j++)
			y[j] = x[j] * r * g[j];
	}
}

static void rmsnorm_back(float *restrict dx, float *restrict dg, const float *restrict dy,
			 const float *restrict x, const float *restrict g,
			 const float *restrict inv, bool add, int n, int dim)
{
	for (int i = 0; i < n; i++, x += dim, dx += dim, dy += dim) {
		vf acc = { 0 };
		float r = inv[i], c;

		for (int j = 0; j < dim; j += LANES) {
			int w = left((size_t)j, (size_t)dim);

			acc = FMA(load_n(dy + j, w) * load_n(g + j, w), load_n(x + j, w), acc);
		}
		c = lane_sum(acc) * r * r * r / (float)dim;
		if (add)
			for (int j = 0; j < dim; j++)
				dx[j] += dy[j] * g[j] * r - x[j] * c;
		else
			for (int j = 0; j < dim; j++)
				dx[j] = dy[j] * g[j] * r - x[j] * c;
		if (dg)
			for (int j = 0; j < dim; j++)
				dg[j] += dy[j] * x[j] * r;
	}
}

static void swiglu(float *y, const float *g, const float *u, size_t n)
{
	for (size_t i = 0; i < n; i += LANES) {
		int w = left(i, n);
		vf x = load_n(g + i, w);

		store_n(y + i, x * vsigmoid(x) * load_n(u + i, w), w);
	}
}

static void swiglu_back(float *dg, float *du, const float *dy, const float *g, const float *u,
			bool add_g, bool add_u, size_t n)
{
	for (size_t i = 0; i < n; i += LANES) {
		int w = left(i, n);
		vf x = load_n(g + i, w), d = load_n(dy + i, w), s = vsigmoid(x), t = x * s;
		vf a = d * load_n(u + i, w) * (s + t * (splat(1.0f) - s)), b = d * t;

		store_n(dg + i, add_g ? load_n(dg + i, w) + a : a, w);
		store_n(du + i, add_u ? load_n(du + i, w) + b : b, w);
	}
}

static void gelu(float *y, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i += LANES) {
		int w = left(i, n);
		vf v = load_n(x + i, w);
		vf z = splat(1.5957691216f) * v * FMA(splat(0.044715f), v * v, splat(1.0f));

		store_n(y + i, v * vsigmoid(z), w);
	}
}

static void gelu_back(float *dx, const float *dy, const float *x, bool add, size_t n)
{
	for (size_t i = 0; i < n; i += LANES) {
		int w = left(i, n);
		vf v = load_n(x + i, w), vv = v * v;
		vf z = splat(1.5957691216f) * v * FMA(splat(0.044715f), vv, splat(1.0f));
		vf dz = splat(1.5957691216f) * FMA(splat(0.134145f), vv, splat(1.0f));
		vf s = vsigmoid(z);
		vf d = load_n(dy + i, w) * FMA(v * s * (splat(1.0f) - s), dz, s);

		store_n(dx + i, add ? load_n(dx + i, w) + d : d, w);
	}
}

static void rope(float *restrict x, const float *restrict cs, int heads, int half, bool pairs,
		 float sign)
{
	const float *restrict sn = cs + half;

	for (int h = 0; h < heads; h++, x += 2 * half) {
		float *restrict y = x + half;

		for (int j = 0; pairs && j < half; j++) {
			float a = x[2 * j], b = x[2 * j + 1], s = sign * sn[j];

			x[2 * j] = a * cs[j] - b * s;
			x[2 * j + 1] = a * s + b * cs[j];
		}
		for (int j = 0; !pairs && j < half; j++) {
			float a = x[j], b = y[j], s = sign * sn[j];

			x[j] = a * cs[j] - b * s;
			y[j] = a * s + b * cs[j];
		}
	}
}

static void adamw(float *restrict w, const float *restrict g, float *restrict m, float *restrict v,
		  const struct adamw_step *s, size_t n)
{
	const float b1 = s->beta1, b2 = s->beta2, lr = s->lr, eps = s->eps;
	const float keep = 1.0f - s->decay, f1 = s->fix1, f2 = s->fix2, gs = s->scale;

	for (size_t i = 0; i < n; i++) {
		float x = g[i] * gs, a, b;

		a = b1 * m[i] + (1.0f - b1) * x;
		b = b2 * v[i] + (1.0f - b2) * x * x;
		m[i] = a;
		v[i] = b;
		w[i] = w[i] * keep - lr * (a * f1) / (sqrtf(b * f2) + eps);
	}
}

static const struct weight_kernels weight_table = {
	.quads = HAVE_QUADS,
	.bf16 = HAVE_BF16,
	.fast = INTS_FAST,
	.decode = decode,
	.dots = dots,
	.quantise = quantise,
	.int_dots = int_dots,
	.words = words,
	.word_tiles = word_tiles,
	.word_panel = word_panel,
#if HAVE_BF16
	.bf16_pack = bf16_pack,
	.bf16_pack_rows = bf16_pack_rows,
	.bf16_rows = bf16_rows,
	.bf16_panel = bf16_panel,
	.bf16_words = bf16_words,
	.bf16_dots = bf16_dots,
#endif
};

const struct kernels KERNEL_TABLE = {
	.name = KERNEL_NAME,
	.strip = STRIP,
	.rows = ROWS,
	.pack = pack,
	.gemm = gemm,
	.pack_rows = pack_rows,
	.panel = panel,
	.weight = &weight_table,
	.bf16_round = bf16_round,
	.max = max_of,
	.sum_squares = sum_squares,
	.dot = dot,
	.key_scores = key_scores,
	.value_sum = value_sum,
	.exp_sum = exp_sum,
	.softmax_back = softmax_back,
	.scale = scale_to,
	.axpy = axpy,
	.add_masked = add_masked,
	.masked = masked,
	.rmsnorm = rmsnorm,
	.rmsnorm_back = rmsnorm_back,
	.swiglu = swiglu,
	.swiglu_back = swiglu_back,
	.gelu = gelu,
	.gelu_back = gelu_back,
	.rope = rope,
	.adamw = adamw,
};

#endif
