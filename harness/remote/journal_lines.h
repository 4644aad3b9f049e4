/* SPDX-License-Identifier: Apache-2.0
 * The lines of a journal: one reply each, with the key it is kept under.
 */
#ifndef HARNESS_REMOTE_JOURNAL_LINES_H
#define HARNESS_REMOTE_JOURNAL_LINES_H

#include "harness/base/json.h"
#include "harness/core/ask.h"

#define JOURNAL_FILE "journal.jsonl"

/* Calls take for each whole line of the file from byte `from` on, with its key (64 digits), its
 * place and its length without the line feed; *end is behind the last of them.  A broken line is
 * ERR_FORMAT.  The file is read in pieces. */
int journal_lines(int fd, const char *path, int64_t from,
		  int (*take)(void *ctx, const struct json *line, const char *key, int64_t offset,
			      int64_t length, struct err *err),
		  void *ctx, int64_t *end, struct err *err);

/* The reply of the line at that place, in mem; ERR_FORMAT if its key is another. */
int journal_line(int fd, const char *path, int64_t offset, int64_t length,
		 const char key[ASK_SHA_HEX], struct arena *mem, struct reply *out,
		 struct err *err);

#endif
