/* SPDX-License-Identifier: Apache-2.0
 * What every test program shares, on top of cmocka: checks that print both
 * values, real data that may be absent, a scratch folder.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/err.h"
#include "harness/base/io.h"
#include "harness/base/str.h"

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			fail_msg("%s:%d: %s is false", __FILE__, __LINE__, #cond);                 \
	} while (0)

/* Fails on NaN too. */
#define CHECK_NEAR(a, b, tol)                                                                      \
	do {                                                                                       \
		const double a_ = (a), b_ = (b), tol_ = (tol);                                     \
		if (!(fabs(a_ - b_) <= tol_))                                                      \
			fail_msg("%s:%d: %s = %.12g, %s = %.12g, tolerance %g", __FILE__,          \
				 __LINE__, #a, a_, #b, b_, tol_);                                  \
	} while (0)

/* err must be clear; prints its message otherwise. */
#define CHECK_OK(e)                                                                                \
	do {                                                                                       \
		if ((e)->code)                                                                     \
			fail_msg("%s:%d: unexpected: %s", __FILE__, __LINE__, (e)->msg);           \
	} while (0)

/* err must hold this code and a message that contains the text; then clears it. */
#define CHECK_ERR(e, want, text)                                                                   \
	do {                                                                                       \
		if ((e)->code != (want) || !strstr((e)->msg, (text)))                              \
			fail_msg("%s:%d: wanted error %d with '%s', got %d: %s", __FILE__,         \
				 __LINE__, (want), (text), (e)->code, (e)->msg);                   \
		*(e) = (struct err){ 0 };                                                          \
	} while (0)

/* Path of a file or folder of the real data (MERC_DATA, default ../shared/data),
 * or NULL after printing why the test is skipped.  malloc'ed. */
static inline char *real_data(const char *name)
{
	const char *root = getenv("MERC_DATA");
	char *path = path_join(root && *root ? root : "../shared/data", name);

	if (path && (io_is_file(path) || io_is_dir(path)))
		return path;
	print_message("skipped: no real data (%s)\n", path ? path : name);
	free(path);
	return NULL;
}

/* A fresh folder; remove it with scratch_remove(). */
static inline char *scratch_make(void)
{
	char *dir = str_dup("/tmp/merc-test-XXXXXX");

	if (!dir || !mkdtemp(dir))
		fail_msg("cannot make a scratch folder");
	return dir;
}

static inline void scratch_remove(char *dir)
{
	struct err err = { 0 };

	if (io_remove_tree(dir, &err))
		print_message("%s\n", err.msg);
	free(dir);
}

#endif
