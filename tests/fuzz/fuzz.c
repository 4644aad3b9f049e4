/* SPDX-License-Identifier: Apache-2.0
 * What the targets share.
 */
#define _GNU_SOURCE /* memfd_create */

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "models/backbone/llama.h"

void fuzz_check(bool ok, const char *file, int line, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s:%d: %s is false\n", file, line, what);
	abort();
}

void fuzz_file_open(struct fuzz_file *f, const uint8_t *data, size_t size)
{
	f->fd = memfd_create("fuzz", MFD_CLOEXEC);
	FUZZ_CHECK(f->fd >= 0 && (!size || write(f->fd, data, size) == (ssize_t)size));
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->fd);
}

void fuzz_file_close(struct fuzz_file *f)
{
	close(f->fd);
}

void fuzz_outcome(bool opened, const struct err *err)
{
	FUZZ_CHECK(opened == !err->code);
	FUZZ_CHECK(opened || (err->code < 0 && err->msg[0]));
}

void fuzz_touch(const void *p, size_t n)
{
	volatile unsigned char sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (unsigned char)(sum + ((const unsigned char *)p)[i]);
}

static void look_at(const struct weight *w)
{
	size_t row = weight_row_bytes(w->type, w->cols);
	float *v = malloc(sizeof(*v) * (size_t)w->cols);

	FUZZ_CHECK(v != NULL);
	for (int i = 0; i < w->rows; i++) {
		weight_decode(w->type, (const unsigned char *)w->data + (size_t)i * row, v,
			      (size_t)w->cols);
		fuzz_touch(v, sizeof(*v) * (size_t)w->cols);
	}
	free(v);
}

void fuzz_look(const struct llama *l)
{
	const struct llama_config *c = &l->cfg;
	double *freq = malloc(sizeof(*freq) * (size_t)c->head_dim);

	FUZZ_CHECK(freq != NULL);
	llama_frequencies(l, freq);
	free(freq);
	look_at(&l->embed);
	look_at(&l->head);
	fuzz_touch(l->norm, sizeof(float) * (size_t)c->dim);
	for (int i = 0; i < c->layers; i++) {
		fuzz_touch(l->layer[i].norm1, sizeof(float) * (size_t)c->dim);
		fuzz_touch(l->layer[i].norm2, sizeof(float) * (size_t)c->dim);
		for (int k = 0; k < LLAMA_LINEARS; k++) {
			look_at(&l->layer[i].lin[k]);
			if (l->layer[i].bias[k])
				fuzz_touch(l->layer[i].bias[k],
					   sizeof(float) * (size_t)l->layer[i].lin[k].rows);
		}
	}
	FUZZ_CHECK(l->parameters > 0 && l->bytes > 0 && l->types && l->format);
}
