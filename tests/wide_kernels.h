/* SPDX-License-Identifier: Apache-2.0
 * The layouts of the widest kernel set (strips of 32, tiles of 12 rows, words of four
 * bytes and of two bf16) with the instructions it would use written out in portable code, so
 * that every machine judges them.  Defines kernels_wide; for one file of a program.
 */
#ifndef TESTS_WIDE_KERNELS_H
#define TESTS_WIDE_KERNELS_H

#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC push_options
#pragma GCC optimize("O1") /* long vectors in short registers: fast to compile is enough */
#define KERNEL_TABLE kernels_wide
#define KERNEL_NAME  "wide"
#define LANES	     16
#define ROWS	     12
#define FMA(a, b, c) ((a) * (b) + (c))
#define HAVE_QUADS   1
#define HAVE_BF16    1
#define INTS_FAST    1
#include "harness/num/kernel.h"
extern const struct kernels kernels_wide;
#include "harness/num/kernel_body.h"
#pragma GCC pop_options

static const char *const kernel_sets[] = { "base",	 "avx2",       "avx512",
					   "avx512vnni", "avx512bf16", "wide" };

/* NULL where the set cannot run here, or MERC_KERNELS names another one: an emulator has no
 * time for the sets that the machine itself runs. */
static inline const struct kernels *kernel_set(const char *name)
{
	const char *only = getenv("MERC_KERNELS");

	if (only && *only && strcmp(name, only))
		return NULL;
	return strcmp(name, kernels_wide.name) ? kernels_named(name) : &kernels_wide;
}

#endif
