/* SPDX-License-Identifier: Apache-2.0
 * Loops that are compiled twice, the second time for processors with 256-bit vectors:
 *
 *	static inline ALWAYS_INLINE void loop(...) { ... }
 *	WIDE static void loop_wide(...) { loop(...); }
 *	... wide_here() ? loop_wide(...) : loop(...)
 *
 * Both give the same numbers to the last bit: the compiler neither reorders sums nor fuses
 * products into them.
 */
#ifndef HARNESS_CUE_WIDE_H
#define HARNESS_CUE_WIDE_H

#include <stdbool.h>

#define ALWAYS_INLINE __attribute__((always_inline))

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2")))
static inline bool wide_here(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define WIDE
static inline bool wide_here(void)
{
	return false;
}
#endif

#endif
