/* SPDX-License-Identifier: Apache-2.0
 * A profile as a table.
 */
#ifndef HARNESS_CLI_CMD_PROFILE_H
#define HARNESS_CLI_CMD_PROFILE_H

#include "harness/run/profile_suite.h"

/* Appends one row a scenario and a point of the grid; format: text, csv or md.  Beside csv the
 * verdicts with their causes follow, a line each. */
int profile_text(const struct profile *p, const struct profile_model *m, const char *format,
		 struct strbuf *out, struct err *err);

#endif
