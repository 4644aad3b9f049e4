/* SPDX-License-Identifier: Apache-2.0
 * What the targets share.
 */
#define _GNU_SOURCE /* memfd_create, memmem */

#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "models/backbone/session.h"

#define CUT "\n%%%%\n"

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

/* The length of the first piece. */
static size_t piece(const uint8_t *data, size_t size)
{
	const uint8_t *at = size ? memmem(data, size, CUT, sizeof(CUT) - 1) : NULL;

	return at ? (size_t)(at - data) : size;
}

int fuzz_pieces(const uint8_t *data, size_t size)
{
	int n = 1;

	for (size_t len = piece(data, size); len < size; len = piece(data, size), n++) {
		data += len + sizeof(CUT) - 1;
		size -= len + sizeof(CUT) - 1;
	}
	return n;
}

/* Where the JSON object at p ends; 0 when it does not. */
static size_t object_end(const uint8_t *p, size_t n)
{
	size_t depth = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '"')
			for (i++; i < n && p[i] != '"'; i++)
				i += p[i] == '\\';
		else if (p[i] == '{')
			depth++;
		else if (p[i] == '}' && --depth == 0)
			return i + 1;
	}
	return 0;
}

void fuzz_mend(uint8_t *data, size_t size)
{
	for (size_t len = piece(data, size);; len = piece(data, size)) {
		uint64_t n = len > 10 && data[8] == '{' ? object_end(data + 8, len - 8) : 0;

		while (n && n % 8 && n < len - 8 && data[8 + n] == ' ')
			n++;
		if (n)
			memcpy(data, &n, sizeof(n));
		if (len == size)
			return;
		data += len + sizeof(CUT) - 1;
		size -= len + sizeof(CUT) - 1;
	}
}

static void path_of(const struct fuzz_folder *f, int i, char *path, size_t room)
{
	snprintf(path, room, "%s/%s", f->path, f->name[i]);
}

void fuzz_folder_open(struct fuzz_folder *f, const char *const *name, const uint8_t *data,
		      size_t size)
{
	bool more = true;

	*f = (struct fuzz_folder){ "/dev/shm/merc-fuzz-XXXXXX", name, 0 };
	FUZZ_CHECK(mkdtemp(f->path) != NULL);
	while (more && name[f->n]) {
		size_t len = name[f->n + 1] ? piece(data, size) : size;
		char path[100];
		FILE *to;

		path_of(f, f->n++, path, sizeof(path));
		to = fopen(path, "wb");
		FUZZ_CHECK(to && (!len || fwrite(data, len, 1, to) == 1) && !fclose(to));
		more = len < size;
		if (more) {
			data += len + sizeof(CUT) - 1;
			size -= len + sizeof(CUT) - 1;
		}
	}
}

void fuzz_folder_close(struct fuzz_folder *f)
{
	char path[100];

	for (int i = 0; i < f->n; i++) {
		path_of(f, i, path, sizeof(path));
		unlink(path);
	}
	rmdir(f->path);
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

/* Any weights may come: what is computed may be no number, but the way there must be safe. */
static void read_tokens(const struct llama *l)
{
	const struct decoder_config cfg = { .base = l };
	const int token[] = { 0, l->cfg.vocab - 1, l->cfg.vocab / 2 };
	float *out = malloc(sizeof(*out) * (size_t)l->cfg.vocab);
	struct err err = { 0 };
	struct decoder *d = decoder_new(&cfg, 1, &err);
	struct session *s = d ? session_new(d, 3, &err) : NULL;

	FUZZ_CHECK(out != NULL);
	if (s)
		session_feed(s, token, 3, out, &err);
	fuzz_outcome(!err.code, &err);
	session_free(s);
	decoder_free(d);
	free(out);
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
	read_tokens(l);
	FUZZ_CHECK(l->parameters > 0 && l->bytes > 0 && l->types && l->format);
}
