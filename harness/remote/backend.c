/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/backend.h"

#include <string.h>

#include "harness/remote/exec.h"
#include "harness/remote/http.h"
#include "harness/remote/replay.h"

const struct backend_ops *backend_find(const char *spec, const char **rest)
{
	static const struct {
		const char *prefix;
		const struct backend_ops *ops;
	} row[] = { { "exec:", &backend_exec }, { "replay:", &backend_replay } };

	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		if (str_starts(spec, row[i].prefix)) {
			*rest = spec + strlen(row[i].prefix);
			return row[i].ops;
		}
	*rest = spec;
	return &backend_http;
}
