/* SPDX-License-Identifier: Apache-2.0
 * Boosted cascades of Haar features as the package opencv-data ships them: read
 * from XML, checked, and run over the luma of a picture at every place and size.
 */
#ifndef HARNESS_CUE_CASCADE_H
#define HARNESS_CUE_CASCADE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/err.h"
#include "harness/base/picture.h"

/* Where a cascade said yes: a square, pixels of the picture scanned. */
struct hit {
	float x, y, side; /* centre and side */
	float votes;	  /* windows that agree */
};

/* A cascade is read-only once loaded: threads may share it. */
struct cascade;

/* Reads one XML file: features HAAR (upright), trees of any depth.  mirrored: the cascade of
 * the mirrored thing.  ERR_MISSING, ERR_IO, ERR_LIMIT (over 16 MB), ERR_FORMAT with the
 * file's name, the line and what is wrong, ERR_NOMEM.  Free with cascade_free(). */
struct cascade *cascade_load(const char *path, bool mirrored, struct err *err);
/* The same from bytes in memory; name stands in messages. */
struct cascade *cascade_parse(const char *data, size_t len, const char *name, bool mirrored,
			      struct err *err);
/* Hash of the bytes that it was read from (harness/base/hash.h); valid as long as c. */
const char *cascade_hash(const struct cascade *c);
void cascade_free(struct cascade *c);

/* Scratch of a scan, for pictures of one size; owned by one thread. */
struct cascade_scan;
struct cascade_scan *cascade_scan_new(int width, int height, struct err *err);
void cascade_scan_free(struct cascade_scan *s);

/* Takes a picture in: its luma, shrunk by a whole number to at most SCAN_WIDTH x SCAN_HEIGHT. */
enum { SCAN_WIDTH = 400, SCAN_HEIGHT = 240 };
void cascade_scan_picture(struct cascade_scan *s, const struct picture *p);
/* The taken picture: rows of *width bytes, one byte stands for *shrink pixels a side. */
const uint8_t *cascade_scan_luma(const struct cascade_scan *s, int *width, int *height,
				 int *shrink);

/* Squares to look at: sides from min_side to max_side, centres in the box; pixels of the
 * picture. */
struct scan_area {
	float x0, y0, x1, y1, min_side, max_side;
};
/* Runs the n cascades over the picture taken in; hits that overlap are merged, those with
 * fewer than least_votes dropped.  Writes at most max hits, most votes first; returns how many. */
int cascade_find(struct cascade_scan *s, const struct cascade *const *c, int n,
		 const struct scan_area *area, float least_votes, struct hit *out, int max);

#endif
