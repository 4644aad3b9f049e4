/* SPDX-License-Identifier: Apache-2.0
 * A landmark model from its file, the serialized shape predictor of dlib, version 1: the mean
 * shape, the levels' trees (splits, then leaves), the points that pixels hang on, their distances.
 *
 * An integer is one byte (low bits: how many bytes follow; high bit: negative) and these bytes,
 * lowest first; a number with a fraction is two integers, mantissa and power of two; a list is
 * its length and its items; a column of numbers is its height and width, both negative, and the
 * numbers.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mapped.h"
#include "harness/base/mem.h"
#include "harness/cue/landmarks_parts.h"

enum { FILE_MAX = 256 << 20, POWER_LOW = -150, POWER_HIGH = 40 };

struct reading {
	const unsigned char *data;
	size_t size, at;
	const char *name;
	struct err *err;
	struct landmark_model *m;
	double two[POWER_HIGH - POWER_LOW + 1]; /* its powers; ldexp() took half of the time */
};

static int refuse(struct reading *r, const char *what)
{
	return err_set(r->err, ERR_FORMAT,
		       "%s: at byte %zu: %s (expected a shape predictor of dlib with %d points)",
		       r->name, r->at, what, LANDMARKS);
}

/* 0 after a failure, which r->err tells. */
static int64_t integer(struct reading *r)
{
	uint64_t v = 0;
	size_t bytes;
	bool negative;

	if (r->err->code)
		return 0;
	if (r->at >= r->size) {
		refuse(r, "the file ends here");
		return 0;
	}
	bytes = r->data[r->at] & 0x0f;
	negative = r->data[r->at] & 0x80;
	if (!bytes || bytes > 8 || (r->data[r->at] & 0x70)) {
		refuse(r, "not an integer");
		return 0;
	}
	if (r->size - r->at <= bytes) {
		refuse(r, "the file ends in an integer");
		return 0;
	}
	for (size_t i = bytes; i > 0; i--)
		v = v << 8 | r->data[r->at + i];
	if (v > INT64_MAX) {
		refuse(r, "an integer that is too large");
		return 0;
	}
	r->at += 1 + bytes;
	return negative ? -(int64_t)v : (int64_t)v;
}

/* An integer from low to high. */
static size_t count(struct reading *r, size_t low, size_t high, const char *what)
{
	const int64_t v = integer(r);

	if (!r->err->code && (v < (int64_t)low || v > (int64_t)high))
		refuse(r, what);
	return r->err->code ? low : (size_t)v;
}

static float number(struct reading *r)
{
	const int64_t mantissa = integer(r), power = integer(r);

	if (r->err->code)
		return 0;
	if (mantissa > 1 << 24 || mantissa < -(1 << 24) || power < POWER_LOW ||
	    power > POWER_HIGH) {
		refuse(r, "not a number in single precision that is finite and of use here");
		return 0;
	}
	return (float)((double)mantissa * r->two[power - POWER_LOW]);
}

static void column(struct reading *r, float *out)
{
	const int64_t high = integer(r), wide = integer(r);

	if (!r->err->code && (high != -LANDMARK_VALUES || wide != -1))
		refuse(r, "a shape with another number of points");
	for (int i = 0; i < LANDMARK_VALUES && !r->err->code; i++)
		out[i] = number(r);
}

static void read_tree(struct reading *r, size_t level, size_t tree)
{
	struct landmark_model *m = r->m;
	const size_t at = level * m->trees + tree;
	struct landmark_split *split = m->split + at * m->splits;
	float *leaf = m->leaf + at * m->leaves * LANDMARK_VALUES;

	count(r, m->splits, m->splits, "a tree of another size");
	for (size_t i = 0; i < m->splits && !r->err->code; i++) {
		split[i].a = (uint16_t)count(r, 0, LANDMARK_PIXELS_MAX - 1, "a pixel's number");
		split[i].b = (uint16_t)count(r, 0, LANDMARK_PIXELS_MAX - 1, "a pixel's number");
		split[i].by = number(r);
	}
	count(r, m->leaves, m->leaves, "a tree with other leaves");
	for (size_t i = 0; i < m->leaves && !r->err->code; i++)
		column(r, leaf + i * LANDMARK_VALUES);
}

/* The first tree says how large all of them are; it is read again with the others. */
static int make_room(struct reading *r)
{
	struct landmark_model *m = r->m;
	struct reading ahead = *r;
	size_t trees;

	m->trees = count(&ahead, 1, LANDMARK_TREES_MAX, "so many trees a level");
	m->splits = count(&ahead, 1, (1 << LANDMARK_DEPTH_MAX) - 1, "so many splits a tree");
	m->leaves = m->splits + 1;
	if (r->err->code)
		return r->err->code;
	if (m->leaves & m->splits)
		return refuse(&ahead, "a tree that is not full");
	/* a tree of n leaves has at least 3 bytes a split and 2 a value */
	trees = m->levels * m->trees;
	if (trees > (r->size - r->at) / (m->leaves * LANDMARK_VALUES * 2))
		return refuse(r, "more trees than the file has room for");
	if (!NEW_ARRAY(m->split, trees * m->splits) ||
	    !NEW_ARRAY(m->leaf, trees * m->leaves * LANDMARK_VALUES))
		return err_set(r->err, ERR_NOMEM, "%s: no memory", r->name);
	mem_large_pages(m->leaf, trees * m->leaves * LANDMARK_VALUES * sizeof(*m->leaf));
	return 0;
}

static void read_forests(struct reading *r)
{
	struct landmark_model *m = r->m;

	m->levels = count(r, 1, LANDMARK_LEVELS_MAX, "so many levels");
	if (r->err->code)
		return;
	if (!NEW_ARRAY(m->level, m->levels)) {
		err_set(r->err, ERR_NOMEM, "%s: no memory", r->name);
		return;
	}
	if (make_room(r))
		return;
	for (size_t l = 0; l < m->levels && !r->err->code; l++) {
		count(r, m->trees, m->trees, "a level with another number of trees");
		for (size_t t = 0; t < m->trees && !r->err->code; t++)
			read_tree(r, l, t);
	}
}

static void read_pixels(struct reading *r)
{
	struct landmark_model *m = r->m;

	count(r, m->levels, m->levels, "pixels of another number of levels");
	for (size_t l = 0; l < m->levels && !r->err->code; l++) {
		struct landmark_level *level = &m->level[l];

		level->pixel = m->pixels;
		level->pixels = count(r, 1, LANDMARK_PIXELS_MAX, "so many pixels a level");
		if (!GROW_ARRAY(m->pixel, m->cap_pixels, m->pixels + level->pixels)) {
			err_set(r->err, ERR_NOMEM, "%s: no memory", r->name);
			return;
		}
		for (size_t i = 0; i < level->pixels && !r->err->code; i++)
			m->pixel[m->pixels++] = (struct landmark_pixel){
				.point = (int32_t)count(r, 0, LANDMARKS - 1, "no such point"),
			};
	}
	count(r, m->levels, m->levels, "distances of another number of levels");
	for (size_t l = 0; l < m->levels && !r->err->code; l++) {
		const struct landmark_level *level = &m->level[l];

		count(r, level->pixels, level->pixels, "distances of another number of pixels");
		for (size_t i = 0; i < level->pixels && !r->err->code; i++) {
			m->pixel[level->pixel + i].dx = number(r);
			m->pixel[level->pixel + i].dy = number(r);
		}
	}
}

static void check_splits(struct reading *r)
{
	const struct landmark_model *m = r->m;

	for (size_t i = 0; i < m->levels * m->trees * m->splits; i++) {
		const size_t pixels = m->level[i / (m->trees * m->splits)].pixels;

		if (m->split[i].a >= pixels || m->split[i].b >= pixels) {
			refuse(r, "a tree asks for a pixel that its level does not look at");
			return;
		}
	}
}

static void check_mean(struct reading *r)
{
	const float *v = r->m->mean;
	bool spread = false;

	for (int i = 0; i < LANDMARK_VALUES; i++) {
		spread |= v[i] != v[i % 2];
		if (!(fabsf(v[i]) < 16))
			refuse(r, "a mean face that lies far from its square");
	}
	if (!spread)
		refuse(r, "a mean face whose points are one");
}

struct landmark_model *landmarks_parse(const unsigned char *data, size_t size, const char *name,
				       struct err *err)
{
	struct reading r = { .data = data, .size = size, .name = name, .err = err };

	if (!NEW_ARRAY(r.m, 1)) {
		err_set(err, ERR_NOMEM, "%s: no memory", name);
		return NULL;
	}
	for (int i = POWER_LOW; i <= POWER_HIGH; i++)
		r.two[i - POWER_LOW] = ldexp(1, i);
	count(&r, 1, 1, "another version than 1");
	column(&r, r.m->mean);
	if (!err->code)
		check_mean(&r);
	if (!err->code)
		read_forests(&r);
	if (!err->code)
		read_pixels(&r);
	if (!err->code)
		check_splits(&r);
	if (!err->code && r.at != size)
		refuse(&r, "bytes behind the end");
	if (err->code) {
		landmarks_free(r.m);
		return NULL;
	}
	hash_hex(data, size, r.m->hash);
	return r.m;
}

const char *landmarks_hash(const struct landmark_model *m)
{
	return m->hash;
}

struct landmark_model *landmarks_load(const char *path, struct err *err)
{
	struct landmark_model *m = NULL;
	struct mapped file = { 0 };

	if (mapped_open(&file, path, err))
		return NULL;
	if (file.size > FILE_MAX)
		err_set(err, ERR_LIMIT, "%s: larger than %d MB", path, FILE_MAX >> 20);
	else
		m = landmarks_parse(file.data, file.size, path, err);
	mapped_close(&file);
	return m;
}
