/* SPDX-License-Identifier: Apache-2.0
 * The one object that knows the version: the Makefile compiles it with a header made by
 * scripts/version.sh, so that a new commit compiles nothing else.
 */
#include "harness/base/version.h"

const struct version *version_get(void)
{
	static const struct version version = {
		.number = MERC_VERSION,
		.commit = MERC_COMMIT,
		.measuring = MERC_MEASURING,
		.attaching = MERC_ATTACHING,
		.compiler = MERC_COMPILER,
		.mode = MERC_MODE,
		.flags = MERC_FLAGS,
	};

	return &version;
}
