/* SPDX-License-Identifier: Apache-2.0
 * A cascade of OpenCV: read as it is and mirrored, and what opens is run over a picture.
 */
#include "tests/fuzz/fuzz.h"

#include "harness/cue/cascade.h"

enum { W = 96, H = 72, HITS = 16 };

/* Dark and bright patches of every size, so that windows are not flat. */
static void draw(uint8_t *luma)
{
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++)
			luma[y * W + x] = (uint8_t)((x ^ y) * 5 + (x * y) / 9);
}

static void run(const struct cascade *c)
{
	uint8_t luma[W * H];
	const struct picture p = {
		.width = W, .height = H, .plane = { luma, luma, luma }, .stride = { W, W, W }
	};
	const struct scan_area all = { 0, 0, W, H, 8, 2 * W };
	struct hit hit[HITS];
	struct err err = { 0 };
	struct cascade_scan *s = cascade_scan_new(W, H, &err);
	int n;

	FUZZ_CHECK(s != NULL);
	draw(luma);
	cascade_scan_picture(s, &p);
	n = cascade_find(s, &c, 1, &all, 1, hit, HITS);
	FUZZ_CHECK(n >= 0 && n <= HITS);
	for (int i = 0; i < n; i++)
		FUZZ_CHECK(hit[i].side > 0 && hit[i].votes >= 1);
	cascade_scan_free(s);
}

int fuzz_cascade(const uint8_t *data, size_t size)
{
	for (int mirrored = 0; mirrored < 2; mirrored++) {
		struct err err = { 0 };
		struct cascade *c =
			cascade_parse((const char *)data, size, "some.xml", mirrored, &err);

		fuzz_outcome(c != NULL, &err);
		if (c)
			run(c);
		cascade_free(c);
	}
	return 0;
}
