/* SPDX-License-Identifier: Apache-2.0
 * Files of trained models: a checked head (model, label set), then whatever the
 * model puts.  Writing goes to a temporary name that replaces the target when all is well.
 */
#ifndef MODELS_STORE_H
#define MODELS_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/base/err.h"
#include "harness/core/labels.h"

/* An open file.  The first failure stays in err; later calls do nothing, so that
 * one check at store_close() is enough for writers. */
struct store {
	FILE *f;
	char *path, *tmp; /* tmp: NULL when reading */
	struct err *err;
};

/* Opens for writing / reading and writes / checks the head.  On failure the
 * store is closed already.  err must outlive the store. */
int store_create(struct store *s, const char *path, const char *model,
		 const struct label_set *labels, struct err *err);
int store_open(struct store *s, const char *path, const char *model, const struct label_set *labels,
	       struct err *err);

int store_put(struct store *s, const void *p, size_t n, size_t size);
int store_get(struct store *s, void *p, size_t n, size_t size);
int store_put_int(struct store *s, int64_t v);
/* A number outside [min, max] is ERR_FORMAT naming `what`. */
int store_get_int(struct store *s, int64_t min, int64_t max, const char *what, int64_t *v);
/* Any bytes with their length. */
int store_put_bytes(struct store *s, const char *p, size_t len);
/* malloc'ed, NUL after the last byte; more than max bytes is ERR_FORMAT. */
int store_get_bytes(struct store *s, size_t max, char **p, size_t *len);

/* Writing: flushes and renames.  Reading: the file must end here.  Always
 * closes; returns the first failure. */
int store_close(struct store *s);

#endif
