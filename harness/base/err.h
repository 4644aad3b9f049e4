/* SPDX-License-Identifier: Apache-2.0
 * One failure vocabulary: the callee fills a struct err, the caller decides.
 * Functions that can fail return 0 or the (negative) code recorded in err.
 */
#ifndef HARNESS_BASE_ERR_H
#define HARNESS_BASE_ERR_H

#define ERR_LIST(X)                                                                                \
	X(NOMEM, -1, "out of memory")                                                              \
	X(IO, -2, "input/output error")                                                            \
	X(FORMAT, -3, "file does not have the expected format")                                    \
	X(ARG, -4, "bad argument")                                                                 \
	X(MISSING, -5, "not found")                                                                \
	X(DATA, -6, "data unusable")                                                               \
	X(BACKEND, -7, "back-end failed")                                                          \
	X(INCOMPLETE, -8, "incomplete")                                                            \
	X(INTERRUPTED, -9, "interrupted")                                                          \
	X(INTERNAL, -10, "internal error")                                                         \
	X(LIMIT, -11, "a stated limit was exceeded")

enum err_code {
	ERR_NONE = 0,
#define X(id, val, text) ERR_##id = val,
	ERR_LIST(X)
#undef X
};

struct err {
	int code; /* 0 until the first err_set() */
	char msg[1024];
};

/* Records the first failure; later calls keep it.  Returns the recorded code.
 * A message names the file (and line) and says what to do about it.  It may quote what stands in
 * somebody's file: whatever a terminal would obey is taken out (utf8_tame()). */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Prefixes the message with what the caller was doing.  Returns err->code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A static English phrase for the code. */
const char *err_text(int code);

/* The exit status a program ends with after this failure:
 * 2 usage, 3 incomplete, 4 bad data, 5 back-end, 6 output or internal. */
int err_exit_status(int code);

#endif
