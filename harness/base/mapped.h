/* SPDX-License-Identifier: Apache-2.0
 * Files mapped into memory for reading: pages are loaded when touched and shared
 * between processes that map the same file.  A file must not be cut short while it is mapped
 * (replacing it by another under its name is fine).
 */
#ifndef HARNESS_BASE_MAPPED_H
#define HARNESS_BASE_MAPPED_H

#include <stddef.h>

#include "harness/base/err.h"

/* The zeroed struct is no file. */
struct mapped {
	const unsigned char *data; /* (size), NULL when size is 0 */
	size_t size;
};

/* ERR_MISSING, ERR_FORMAT (not a regular file), ERR_IO; the message names the file. */
int mapped_open(struct mapped *m, const char *path, struct err *err);
/* Accepts the zeroed struct and leaves it zeroed. */
void mapped_close(struct mapped *m);

#endif
