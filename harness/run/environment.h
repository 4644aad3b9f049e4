/* SPDX-License-Identifier: Apache-2.0
 * What a result was made with, for its manifest: program, compiler, libraries,
 * kernels, processor, memory, and settings of the environment that change speed.
 */
#ifndef HARNESS_RUN_ENVIRONMENT_H
#define HARNESS_RUN_ENVIRONMENT_H

#include <stdbool.h>

#include "harness/base/json.h"
#include "harness/base/log.h"

/* Writes "environment": {…} into the open object. */
void environment_write(struct json_writer *w, int threads);
/* Says on the log what in the environment forces slow kernels (OPENBLAS_CORETYPE …). */
void environment_warn(const struct log *log);
/* Peak resident memory of this process, MB, since the last reset. */
double environment_peak_mb(void);
/* Begins the peak anew; false: this system does not let us, and the peak stays that of the
 * whole process. */
bool environment_reset_peak(void);
/* Now as "2026-01-31T12:00:00Z"; SOURCE_DATE_EPOCH replaces the clock. */
void environment_time(char out[32]);

#endif
