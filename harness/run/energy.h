/* SPDX-License-Identifier: Apache-2.0
 * What the processor packages consume, where the machine tells it: the RAPL counters that
 * Linux shows under /sys/class/powercap.  Everything on the machine counts, not one process.
 */
#ifndef HARNESS_RUN_ENERGY_H
#define HARNESS_RUN_ENERGY_H

#include <stdint.h>

#define ENERGY_ROOT	"/sys/class/powercap"
#define ENERGY_PACKAGES 16

struct energy {
	char path[ENERGY_PACKAGES][256];			 /* energy_uj of each package */
	uint64_t begin[ENERGY_PACKAGES], range[ENERGY_PACKAGES]; /* microjoules */
	int n;
	char note[400]; /* why nothing can be said, or whose energy it is */
};

/* Reads the counters intel-rapl:N of root; n is 0 and note says why where there are none. */
void energy_start(struct energy *e, const char *root);
/* Joules since energy_start(), seconds earlier; NaN, and note says why, where it cannot be told:
 * not readable, or so long ago that a counter may have wrapped around more than once. */
double energy_stop(struct energy *e, double seconds);

#endif
