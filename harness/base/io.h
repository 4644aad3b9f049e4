/* SPDX-License-Identifier: Apache-2.0
 * Files: whole reads with a bound, atomic replacement, folders, sorted listings.
 * Short reads and full disks are errors that name the file.
 */
#ifndef HARNESS_BASE_IO_H
#define HARNESS_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/base/err.h"

/* Reads a regular file of at most max bytes into a malloc'ed block with a NUL
 * after the last byte.  *len excludes the NUL.  Caller frees *buf (NULL on
 * failure).  ERR_MISSING, ERR_LIMIT, ERR_FORMAT (a folder), ERR_IO, ERR_NOMEM. */
int io_read_file(const char *path, size_t max, char **buf, size_t *len, struct err *err);

/* fread of exactly n bytes, or ERR_FORMAT ("ends after …") / ERR_IO. */
int io_read_exact(FILE *f, void *buf, size_t n, const char *path, struct err *err);
/* fwrite of exactly n bytes, or ERR_IO. */
int io_write_exact(FILE *f, const void *buf, size_t n, const char *path, struct err *err);
/* Flushes and closes; a pending write error is ERR_IO.  Always closes f. */
int io_close(FILE *f, const char *path, struct err *err);

/* Replaces path: temporary file in the same folder, write, fsync, rename, fsync of the folder.  A
 * link is followed; a device or a pipe (/dev/null, /dev/stdout) is written to and stays. */
int io_write_atomic(const char *path, const void *data, size_t len, struct err *err);

/* mkdir -p. */
int io_mkdirs(const char *path, struct err *err);
/* rm -r; a missing path is not an error. */
int io_remove_tree(const char *path, struct err *err);
/* rename(2), then fsync of the target's folder. */
int io_rename(const char *from, const char *to, struct err *err);

bool io_is_file(const char *path);
bool io_is_dir(const char *path);

/* Names in a folder without "." and "..", sorted by byte order.  Free with io_list_free(). */
struct io_list {
	char **name;
	size_t n, cap;
};
int io_list_dir(const char *path, struct io_list *out, struct err *err);
void io_list_free(struct io_list *list);

#endif
