/* SPDX-License-Identifier: Apache-2.0
 * A landmark model; what opens is fitted to a small picture, from squares in and beside it.
 */
#include "tests/fuzz/fuzz.h"

#include "harness/cue/landmarks.h"

int fuzz_landmarks(const uint8_t *data, size_t size)
{
	static const struct landmark_square square[] = { { 8, 8, 12 }, { -40, 1e6F, 3e8F } };
	uint8_t luma[16 * 16];
	const struct landmark_picture p = { luma, 16, 16, 16 };
	struct landmark_point at[LANDMARKS];
	struct err err = { 0 };
	struct landmark_model *m = landmarks_parse(data, size, "model", &err);

	fuzz_outcome(m != NULL, &err);
	for (int i = 0; i < 256; i++)
		luma[i] = (uint8_t)(i * 37);
	for (int i = 0; m && i < 2; i++) {
		struct landmark_square s;

		landmarks_fit(m, &p, &square[i], at);
		fuzz_touch(at, sizeof(at));
		s = landmarks_square(m, at);
		fuzz_touch(&s, sizeof(s));
	}
	landmarks_free(m);
	return 0;
}
