/* SPDX-License-Identifier: Apache-2.0
 * Where brows, eyes, nose, lips and jaw are in a face: a cascade of regression trees
 * (Kazemi and Sullivan, 2014) as the package libdlib-data ships one, with the 68 points of
 * Multi-PIE.
 */
#ifndef HARNESS_CUE_LANDMARKS_H
#define HARNESS_CUE_LANDMARKS_H

#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"

enum { LANDMARKS = 68 };

/* Where the points of Multi-PIE begin, in the order of the file: the jaw from one ear to the other,
 * brows and eyes from the picture's left, the lips' outer line clockwise from the left corner,
 * their inner line the same way. */
enum landmark {
	LANDMARK_JAW = 0,	 /* 17 points, the chin is the ninth */
	LANDMARK_BROW_LEFT = 17, /* 5, from outside to the nose */
	LANDMARK_BROW_RIGHT = 22,
	LANDMARK_NOSE = 27,	/* 9: the bridge down to the tip, then under it */
	LANDMARK_EYE_LEFT = 36, /* 6: left corner, two above, right corner, two below */
	LANDMARK_EYE_RIGHT = 42,
	LANDMARK_LIPS_OUTER = 48, /* 12 */
	LANDMARK_LIPS_INNER = 60, /* 8 */
};

struct landmark_point {
	float x, y;
};

/* The square that the model starts from: pixels; the face from brows to chin fills it. */
struct landmark_square {
	float x, y, side; /* centre and side */
};

/* Read-only once loaded: threads may share it. */
struct landmark_model;

/* Reads a model file.  ERR_MISSING, ERR_IO, ERR_FORMAT (not such a file, cut short, values
 * that lead nowhere) with the file's name and the place, ERR_LIMIT (over 256 MB), ERR_NOMEM.  Free
 * with landmarks_free(). */
struct landmark_model *landmarks_load(const char *path, struct err *err);
/* The same from bytes in memory; name stands in messages. */
struct landmark_model *landmarks_parse(const unsigned char *data, size_t size, const char *name,
				       struct err *err);
/* Hash of the bytes that it was read from (harness/base/hash.h); valid as long as m. */
const char *landmarks_hash(const struct landmark_model *m);
/* Accepts NULL. */
void landmarks_free(struct landmark_model *m);
/* Bytes that the model holds. */
size_t landmarks_size(const struct landmark_model *m);

/* A grey picture: height rows of width bytes, stride apart. */
struct landmark_picture {
	const uint8_t *luma;
	int width, height, stride;
};
/* Fits the points to the face in the square; whether there is one it cannot tell.  Pixels
 * outside the picture count as black.  Places far outside it are possible. */
void landmarks_fit(const struct landmark_model *m, const struct landmark_picture *p,
		   const struct landmark_square *square, struct landmark_point out[LANDMARKS]);
/* The square in which the model's mean face would lie on these points (least squares of place
 * and size); a fit that starts from it does not depend on who found the face. */
struct landmark_square landmarks_square(const struct landmark_model *m,
					const struct landmark_point at[LANDMARKS]);
/* How far the points lie from the mean face, moved, turned and sized to fit them: root mean
 * square, in parts of the square's side.  Faces are below 0.07 or so; a wrong fit can
 * be as well. */
double landmarks_oddity(const struct landmark_model *m, const struct landmark_point at[LANDMARKS]);

#endif
