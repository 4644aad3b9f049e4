/* SPDX-License-Identifier: Apache-2.0
 * Which kernels this processor runs.
 */
#include "harness/num/kernel.h"

#include <string.h>

#if defined(__x86_64__)
static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	       __builtin_cpu_supports("f16c");
}

static bool has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl");
}
#endif

const struct kernels *kernels_best(void)
{
#if defined(__x86_64__)
	if (has_avx512())
		return &kernels_avx512;
	if (has_avx2())
		return &kernels_avx2;
#endif
	return &kernels_base;
}

const struct kernels *kernels_named(const char *name)
{
	if (!strcmp(name, kernels_base.name))
		return &kernels_base;
#if defined(__x86_64__)
	if (!strcmp(name, kernels_avx2.name) && has_avx2())
		return &kernels_avx2;
	if (!strcmp(name, kernels_avx512.name) && has_avx512())
		return &kernels_avx512;
#endif
	return NULL;
}

size_t kernels_packed(const struct kernels *kern, int k, int n)
{
	size_t strip = (size_t)kern->strip;

	return (size_t)k * (((size_t)n + strip - 1) / strip * strip);
}
