/* SPDX-License-Identifier: Apache-2.0
 * Best reachable scores of a calibrated corpus: what its calibration.json says for
 * exactly what a system sees.
 */
#ifndef HARNESS_METRICS_CEILING_H
#define HARNESS_METRICS_CEILING_H

#include "harness/base/err.h"
#include "harness/base/json.h"

#define CEILING_FILE "calibration.json" /* in the root of a calibrated corpus */

/* Weighted F1 as a fraction; NaN: not known. */
struct ceiling {
	double process; /* of the process that wrote the corpus */
	double test;	/* of the oracle on this very test split */
};

/* Reads the file of a corpus; *out NULL when it is not there.  json_free() it. */
int ceiling_read(const char *root, struct json **out, struct err *err);
/* see: bits of enum see.  calibration may be NULL: both are NaN. */
struct ceiling ceiling_find(const struct json *calibration, unsigned see);

#endif
