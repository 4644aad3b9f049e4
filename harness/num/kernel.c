/* SPDX-License-Identifier: Apache-2.0
 * Which kernels this processor runs.
 */
#include "harness/num/kernel.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/mem.h"

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

static bool has_vnni(void)
{
	return has_avx512() && __builtin_cpu_supports("avx512vnni");
}

static bool has_bf16(void)
{
	return has_vnni() && __builtin_cpu_supports("avx512bf16");
}
#endif

static bool always(void)
{
	return true;
}

/* Widest first. */
static const struct {
	const struct kernels *kern;
	bool (*runs)(void);
} sets[] = {
#if defined(__x86_64__)
	{ &kernels_avx512bf16, has_bf16 }, { &kernels_avx512vnni, has_vnni },
	{ &kernels_avx512, has_avx512 },   { &kernels_avx2, has_avx2 },
#endif
	{ &kernels_base, always },
};

const struct kernels *kernels_best(void)
{
	size_t i = 0;

	while (!sets[i].runs())
		i++;
	return sets[i].kern;
}

const struct kernels *kernels_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (!strcmp(name, sets[i].kern->name))
			return sets[i].runs() ? sets[i].kern : NULL;
	return NULL;
}

const struct kernels *kernels_choose(const char *name, struct err *err)
{
	const struct kernels *kern = strcmp(name, "auto") ? kernels_named(name) : kernels_best();
	char have[128] = "";

	for (size_t i = 0; !kern && i < ARRAY_LEN(sets); i++)
		if (sets[i].runs())
			snprintf(have + strlen(have), sizeof(have) - strlen(have), " %s",
				 sets[i].kern->name);
	if (!kern)
		err_set(err, ERR_ARG, "kernels %s: not on this processor; it runs%s", name, have);
	return kern;
}

size_t kernels_packed(const struct kernels *kern, int k, int n)
{
	size_t strip = (size_t)kern->strip;

	return (size_t)k * (((size_t)n + strip - 1) / strip * strip);
}
