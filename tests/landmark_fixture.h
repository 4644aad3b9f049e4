/* SPDX-License-Identifier: Apache-2.0
 * A landmark model made for tests, as the bytes of its file.
 */
#ifndef TESTS_LANDMARK_FIXTURE_H
#define TESTS_LANDMARK_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "harness/cue/landmarks.h"

struct landmark_bytes {
	uint8_t data[8192];
	size_t n;
};

static inline void landmark_int(struct landmark_bytes *b, int64_t v)
{
	uint64_t u = (uint64_t)(v < 0 ? -v : v);
	const size_t head = b->n++;
	size_t bytes = 0;

	do {
		b->data[b->n++] = (uint8_t)u;
		u >>= 8;
		bytes++;
	} while (u);
	b->data[head] = (uint8_t)(bytes | (v < 0 ? 0x80 : 0));
}

/* v / 2^power */
static inline void landmark_float(struct landmark_bytes *b, int64_t v, int power)
{
	landmark_int(b, v);
	landmark_int(b, -power);
}

static inline void landmark_column(struct landmark_bytes *b, int even, int odd, int power)
{
	landmark_int(b, -2 * LANDMARKS);
	landmark_int(b, -1);
	for (int i = 0; i < LANDMARKS; i++) {
		landmark_float(b, even, power);
		landmark_float(b, odd, power);
	}
}

/* Two levels of one tree each, one split: is the pixel a quarter of the square to the left of the
 * first point brighter by more than 10 than the one a quarter to the right?  If so everything
 * moves by 1/8 to the left, otherwise by 1/8 to the right and 1/16 down.  The mean face: points
 * (i mod 8 / 8, i / 8 / 8). */
static inline void landmark_fixture(struct landmark_bytes *b)
{
	b->n = 0;
	landmark_int(b, 1);
	landmark_int(b, -2 * LANDMARKS);
	landmark_int(b, -1);
	for (int i = 0; i < LANDMARKS; i++) {
		landmark_float(b, i % 8, 3);
		landmark_float(b, i / 8, 3);
	}
	landmark_int(b, 2);
	for (int level = 0; level < 2; level++) {
		landmark_int(b, 1);
		landmark_int(b, 1); /* splits */
		landmark_int(b, 0);
		landmark_int(b, 1);
		landmark_float(b, 10, 0);
		landmark_int(b, 2); /* leaves */
		landmark_column(b, -2, 0, 4);
		landmark_column(b, 2, 1, 4);
	}
	landmark_int(b, 2);
	for (int level = 0; level < 2; level++) {
		landmark_int(b, 2);
		landmark_int(b, 0);
		landmark_int(b, 0);
	}
	landmark_int(b, 2);
	for (int level = 0; level < 2; level++) {
		landmark_int(b, 2);
		for (int side = -1; side <= 1; side += 2) {
			landmark_float(b, side, 2);
			landmark_float(b, 0, 0);
		}
	}
}

#endif
