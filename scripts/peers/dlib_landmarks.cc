/* SPDX-License-Identifier: Apache-2.0
 * dlib's own answers on the picture that tests/test_landmarks.c draws; they are
 * tests/golden/faces/landmarks.txt.  Needs libdlib-dev and g++:
 *
 *	g++ -O2 scripts/peers/dlib_landmarks.cc -ldlib -lblas -llapack -o dlib_landmarks
 *	./dlib_landmarks MODEL > tests/golden/faces/landmarks.txt
 */
#include <dlib/image_processing.h>

#include <cstdio>

int main(int argc, char **argv)
{
	const int wide = 240, high = 200;
	dlib::array2d<unsigned char> picture(high, wide);
	dlib::shape_predictor model;

	if (argc != 2)
		return 2;
	dlib::deserialize(argv[1]) >> model;
	for (int y = 0; y < high; y++)
		for (int x = 0; x < wide; x++) {
			const int v = (x * x * 3 + y * y * 5 + x * y * 2) / 64 % 256;
			const int u = (x * 7 + y * 13) / 3 % 256;

			picture[y][x] = (v < 128 ? v : 255 - v) + (u < 128 ? u : 255 - u) / 2;
		}
	for (int i = 0; i < 12; i++) { /* some reach over the picture's edge */
		const int side = 40 + 11 * i, left = i * 37 % 150 - 10, top = i * 53 % 110 - 10;
		const dlib::rectangle r(left, top, left + side, top + side);
		const auto found = model(picture, r);

		std::printf("%d %d %d %d", left, top, left + side, top + side);
		for (unsigned long k = 0; k < found.num_parts(); k++)
			std::printf(" %ld %ld", found.part(k).x(), found.part(k).y());
		std::printf("\n");
	}
}
