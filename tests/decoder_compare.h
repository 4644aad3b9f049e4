/* SPDX-License-Identifier: Apache-2.0
 * A decoder held against its twin: scores, loss, gradients.
 */
#ifndef TESTS_DECODER_COMPARE_H
#define TESTS_DECODER_COMPARE_H

#include "tests/test.h"

#include "harness/base/io.h"
#include "tests/decoder_twin.h"
#include "tests/dialogue.h"

#include "harness/base/mem.h"

/* Zeroed, or the test fails. */
static inline void *room(size_t n, size_t size)
{
	void *p = mem_calloc(n, size);

	if (!p)
		fail_msg("no memory");
	return p;
}

static inline struct decoder *fresh(const struct decoder_config *c, uint64_t seed)
{
	struct err err = { 0 };
	struct decoder *d = decoder_new(c, seed, &err);

	CHECK_OK(&err);
	return d;
}

/* Every parameter moves away from its special initial value (ones, zeros); wide nets less. */
static inline void shake(struct decoder *d, struct rng *r)
{
	const double spread = d->cfg.base ? 0.04 : 0.15;

	for (size_t i = 0; i < d->ps.n; i++)
		for (size_t j = 0; j < tensor_size(&d->ps.p[i].t); j++)
			d->ps.p[i].t.data[j] += (float)(spread * rng_normal(r));
}

/* Loss, scores and a gradient along two random directions, against the twin. */
static inline void compare(const struct decoder_config *c, struct made *m, uint64_t seed)
{
	struct decoder *d = fresh(c, seed);
	int n = m->p.word ? m->p.n_word : d->cfg.vocab;
	struct err err = { 0 };
	struct rng r;
	double loss, *logp;
	float *out, *dir;

	rng_seed(&r, seed, 77);
	shake(d, &r);
	logp = room((size_t)(m->p.n_at * n), sizeof(*logp));
	out = room((size_t)(m->p.n_at * n), sizeof(*out));
	dir = room(d->ps.size, sizeof(*dir));
	decoder_score(d, &m->p, out, &err);
	decoder_train(d, &m->p, NULL, &loss, &err);
	CHECK_OK(&err);
	CHECK_NEAR(loss, twin_loss(&(struct twin){ .d = d, .p = &m->p }, logp),
		   2e-6 * fabs(loss) * d->cfg.layers);
	for (int i = 0; i < m->p.n_at * n; i++)
		CHECK_NEAR((double)out[i], logp[i], 2e-5);
	for (int turn = 0; turn < 2; turn++) {
		struct twin up = { .d = d, .p = &m->p, .dir = dir, .eps = 1e-4 }, down = up;
		double dot = 0, size = 0, diff;

		down.eps = -up.eps;
		memset(dir, 0, d->ps.size * sizeof(*dir));
		for (size_t i = 0; i < d->ps.n; i++)
			for (size_t j = 0; j < tensor_size(&d->ps.p[i].t); j++) {
				struct param *p = &d->ps.p[i];
				double x = rng_normal(&r);

				if (!p->train)
					continue;
				dir[p->t.data - d->ps.data + (ptrdiff_t)j] = (float)x;
				dot += (double)(float)x * (double)p->t.grad[j];
				size += fabs((double)p->t.grad[j]);
			}
		diff = (twin_loss(&up, NULL) - twin_loss(&down, NULL)) / (2 * up.eps);
		CHECK_NEAR(dot, diff, 1e-5 * size + 1e-6 * fabs(diff));
	}
	free(logp);
	free(out);
	free(dir);
	decoder_free(d);
}

/* Checkpoints. */
static inline void write_to(const struct decoder *d, const char *path)
{
	struct err err = { 0 };
	FILE *f = fopen(path, "wb");

	CHECK(f);
	decoder_write(d, f, path, &err);
	io_close(f, path, &err);
	CHECK_OK(&err);
}

static inline void read_from(struct decoder *d, const char *path, struct err *err)
{
	FILE *f = fopen(path, "rb");

	CHECK(f);
	decoder_read(d, f, path, err);
	fclose(f);
}

#endif
