/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/shard.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"

/* A variable's whole number in 0..max. */
static int number(const char *name, int64_t max, int64_t *out, struct err *err)
{
	return parse_i64(getenv(name), 0, max, name, out, err);
}

static bool all_set(const char *const *name, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *v = getenv(name[i]);

		if (!v || !*v)
			return false;
	}
	return true;
}

static int set(struct shard *s, int64_t i, int64_t n, const char *source, struct err *err)
{
	if (n < 1 || i >= n)
		return err_set(err, ERR_ARG, "%s: shard %lld of %lld does not exist", source,
			       (long long)i, (long long)n);
	*s = (struct shard){ .i = (int)i, .n = (int)n, .source = source };
	return 0;
}

/* Tasks of an array count from MIN in steps of STEP. */
static int from_array(struct shard *s, const char *const *name, struct err *err)
{
	int64_t id, min, step, count;

	if (number(name[0], INT32_MAX, &id, err) || number(name[1], INT32_MAX, &min, err) ||
	    number(name[2], INT32_MAX, &step, err) || number(name[3], SHARDS_MAX, &count, err))
		return err->code;
	if (step < 1 || id < min || (id - min) % step || (id - min) / step >= count)
		return err_set(err, ERR_ARG,
			       "%s: task %lld is not one of %lld from %lld in steps of %lld (a "
			       "regular array is needed: --array=0-31)",
			       name[0], (long long)id, (long long)count, (long long)min,
			       (long long)step);
	return set(s, (id - min) / step, count, name[0], err);
}

static int from_environment(struct shard *s, struct err *err)
{
	static const char *const array[] = { "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN",
					     "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT" };
	static const char *const ranks[][2] = {
		{ "SLURM_PROCID", "SLURM_NTASKS" },
		{ "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE" },
		{ "PMI_RANK", "PMI_SIZE" },
	};
	int64_t i, n;

	if (all_set(array, ARRAY_LEN(array)))
		return from_array(s, array, err);
	for (size_t k = 0; k < ARRAY_LEN(ranks); k++)
		if (all_set(ranks[k], 2)) {
			if (!number(ranks[k][0], SHARDS_MAX, &i, err) &&
			    !number(ranks[k][1], SHARDS_MAX, &n, err))
				set(s, i, n, ranks[k][0], err);
			return err->code;
		}
	return err_set(err, ERR_ARG,
		       "--shard auto: no variables of Slurm (array or tasks), Open MPI or PMI are "
		       "set; name the shard: --shard 0/4");
}

int shard_parse(struct shard *s, const char *text, struct err *err)
{
	const char *slash = strchr(text, '/');
	char index[16];
	int64_t i, n;

	*s = (struct shard){ .n = 1, .source = "" };
	if (!*text)
		return 0;
	if (!strcmp(text, "auto"))
		return from_environment(s, err);
	if (!slash || !str_format(index, sizeof(index), "%.*s", (int)(slash - text), text) ||
	    parse_i64(index, 0, SHARDS_MAX, "--shard", &i, err) ||
	    parse_i64(slash + 1, 1, SHARDS_MAX, "--shard", &n, err)) {
		*err = (struct err){ 0 };
		return err_set(err, ERR_ARG, "--shard: '%s' is neither i/n (i from 0) nor auto",
			       text);
	}
	return set(s, i, n, "--shard", err);
}
