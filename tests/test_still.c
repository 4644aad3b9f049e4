/* SPDX-License-Identifier: Apache-2.0
 * Pictures as JPEG and sound as WAV, by themselves: extremes, any size, any order.
 */
#include "tests/wish.h"

#include "harness/base/hash.h"
#include "harness/media/still.h"

static void test_wav_extremes(void **state)
{
	static const float in[] = { 0, 1, -1, 0.5F, 2, -2, NAN, INFINITY, -INFINITY, 1e-6F };
	static const int16_t out[] = {
		0, 32767, -32768, 16384, 32767, -32768, 0, 32767, -32768, 0
	};
	uint8_t file[128];
	const struct ask_part p = { .type = ASK_WAV,
				    .data = (const char *)file,
				    .size = wav_size(ARRAY_LEN(in)) };

	(void)state;
	wav_write(in, ARRAY_LEN(in), 16000, file);
	check_wav(&p, ARRAY_LEN(in));
	for (int i = 0; i < (int)ARRAY_LEN(in); i++)
		CHECK(sample(&p, i) == out[i]);
}

/* Any size, sizes in any order, and nothing of one picture in the next. */
static void test_still_sizes(void **state)
{
	static const int size[][2] = { { 16, 16 }, { 1, 1 }, { 17, 5 }, { 16, 16 }, { 300, 2 } };
	static uint8_t plane[300 * 300];
	struct err err = { 0 };
	struct still *s = still_new(ASK_JPEG_QUANTISER, &err);
	const uint8_t *jpeg;
	char first[HASH_HEX], hash[HASH_HEX];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(plane); i++)
		plane[i] = (uint8_t)(i * i % 251);
	for (size_t i = 0; i < ARRAY_LEN(size); i++) {
		const struct picture p = { .width = size[i][0],
					   .height = size[i][1],
					   .plane = { plane, plane, plane },
					   .stride = { 300, 300, 300 } };
		AVFrame *f;

		still_jpeg(s, &p, "x", &jpeg, &n, &err);
		CHECK_OK(&err);
		f = decode_jpeg(&(struct ask_part){ ASK_JPEG, (const char *)jpeg, n, 0 });
		CHECK(f->width == p.width && f->height == p.height);
		av_frame_free(&f);
		hash_hex(jpeg, n, i ? hash : first);
		CHECK(i != 3 || !strcmp(first, hash));
	}
	still_jpeg(s, &(struct picture){ .width = 8193, .height = 8 }, "x", &jpeg, &n, &err);
	CHECK_ERR(&err, ERR_ARG, "x: ");
	still_free(s);
	still_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wav_extremes),
		cmocka_unit_test(test_still_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
