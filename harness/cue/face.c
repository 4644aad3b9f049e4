/* SPDX-License-Identifier: Apache-2.0
 * Skin by chroma (the box Cb 77..127, Cr 133..173 of Chai and Ngan, 1999, then
 * the clip's own skin), its components, the face-like one, its moments.
 */
#include "harness/cue/face.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

static const double pi = 3.14159265358979323846;

enum { MASK_MAX = 128 };			  /* mask cells a side */
static const double aspect = 22.0 / 17;		  /* height by width of a face */
static const double near_skin = 6, far_skin = 22; /* chroma distance: surely, not at all */

int face_finder_init(struct face_finder *f, int width, int height, struct err *err)
{
	const int cw = (width + 1) / 2, ch = (height + 1) / 2, side = cw > ch ? cw : ch;
	size_t cells;

	*f = (struct face_finder){ .width = width, .height = height };
	f->step = (side + MASK_MAX - 1) / MASK_MAX;
	f->mw = cw / f->step;
	f->mh = ch / f->step;
	cells = (size_t)f->mw * (size_t)f->mh;
	if (!NEW_ARRAY(f->skin, cells) || !NEW_ARRAY(f->label, cells) ||
	    !NEW_ARRAY(f->parent, cells + 1) || !NEW_ARRAY(f->soft, cells)) {
		face_finder_free(f);
		return err_set(err, ERR_NOMEM, "face finder for %d x %d", width, height);
	}
	return 0;
}

void face_finder_free(struct face_finder *f)
{
	free(f->skin);
	free(f->label);
	free(f->parent);
	free(f->soft);
	*f = (struct face_finder){ 0 };
}

void face_finder_reset(struct face_finder *f)
{
	f->tuned = false;
	f->last = (struct face){ 0 };
}

static double chroma_distance(const struct face_finder *f, int cb, int cr)
{
	return sqrt((cb - f->cb) * (cb - f->cb) + (cr - f->cr) * (cr - f->cr));
}

/* Marks skin cells; tuned: by the clip's own skin, otherwise by the box. */
static void mark_skin(struct face_finder *f, const struct picture *p, bool tuned)
{
	const double reach = 0.5 * (near_skin + far_skin);
	double from_cb[256], from_cr[256]; /* squares of the distances */

	for (int i = 0; i < 256; i++) {
		from_cb[i] = (i - f->cb) * (i - f->cb);
		from_cr[i] = (i - f->cr) * (i - f->cr);
	}
	for (int y = 0; y < f->mh; y++) {
		const uint8_t *u = p->plane[1] + (size_t)y * f->step * p->stride[1];
		const uint8_t *v = p->plane[2] + (size_t)y * f->step * p->stride[2];
		const uint8_t *l = p->plane[0] + (size_t)y * f->step * 2 * p->stride[0];

		for (int x = 0; x < f->mw; x++) {
			const int cb = u[x * f->step], cr = v[x * f->step];
			const int luma = l[x * f->step * 2];
			bool skin;

			if (tuned)
				skin = from_cb[cb] + from_cr[cr] < reach * reach;
			else
				skin = cb >= 77 && cb <= 127 && cr >= 133 && cr <= 173;
			f->skin[y * f->mw + x] = skin && luma > 50;
		}
	}
}

static int root_of(int *parent, int a)
{
	while (parent[a] != a) {
		parent[a] = parent[parent[a]];
		a = parent[a];
	}
	return a;
}

/* Labels 4-connected skin components by numbers from 1. */
static void label_components(struct face_finder *f)
{
	int n = 0;

	for (int y = 0; y < f->mh; y++)
		for (int x = 0; x < f->mw; x++) {
			const int at = y * f->mw + x;
			const int left = x ? f->label[at - 1] : 0;
			const int up = y ? f->label[at - f->mw] : 0;

			f->label[at] = 0;
			if (!f->skin[at])
				continue;
			if (!left && !up) {
				n++;
				f->parent[n] = n;
				f->label[at] = n;
			} else if (left && up) {
				const int a = root_of(f->parent, left), b = root_of(f->parent, up);

				f->parent[a > b ? a : b] = a > b ? b : a;
				f->label[at] = a > b ? b : a;
			} else {
				f->label[at] = left ? left : up;
			}
		}
	for (int i = 0; i < f->mw * f->mh; i++)
		if (f->label[i])
			f->label[i] = root_of(f->parent, f->label[i]);
}

struct blob {
	int label, area, x0, y0, x1, y1; /* cells, inclusive */
	double y, x;
};

enum { BLOB_MAX = 64 };

/* Collects the largest components (unordered); returns how many. */
static int collect_blobs(const struct face_finder *f, struct blob *out)
{
	int n = 0, last = 0;

	for (int y = 0; y < f->mh; y++)
		for (int x = 0; x < f->mw; x++) {
			const int label = f->label[y * f->mw + x];
			int k = last;

			if (!label)
				continue;
			if (k >= n || out[k].label != label)
				for (k = 0; k < n && out[k].label != label;)
					k++;
			if (k == n) {
				if (n == BLOB_MAX) /* give up the smallest so far */
					for (int i = k = 0; i < n; i++)
						k = out[i].area < out[k].area ? i : k;
				else
					n++;
				out[k] = (struct blob){ label, 0, x, y, x, y, 0, 0 };
			}
			last = k;
			out[k].area++;
			out[k].x += x;
			out[k].y += y;
			out[k].x0 = x < out[k].x0 ? x : out[k].x0;
			out[k].x1 = x > out[k].x1 ? x : out[k].x1;
			out[k].y1 = y;
		}
	for (int k = 0; k < n; k++) {
		out[k].x /= out[k].area;
		out[k].y /= out[k].area;
	}
	return n;
}

/* How much a component looks like the face; 0: not at all. */
static double face_score(const struct face_finder *f, const struct blob *b)
{
	const double w = b->x1 - b->x0 + 1, h = b->y1 - b->y0 + 1;
	const double cell = 2.0 * f->step;
	double score = b->area;

	if (b->area < 0.004 * f->mw * f->mh || b->area < 24 || w > 0.7 * f->mw || h / w < 0.7 ||
	    h / w > 2.6 || b->area < 0.4 * w * h)
		return 0;
	score *= 1.2 - b->y / f->mh; /* faces are in the upper part */
	if (f->last.found) {
		const double dx = (b->x * cell - f->last.x) / f->last.height;
		const double dy = (b->y * cell - f->last.y) / f->last.height;

		score *= exp(-2 * (dx * dx + dy * dy)) + 0.02;
	}
	return score;
}

/* Mean chroma of a component becomes the clip's skin. */
static void tune_skin(struct face_finder *f, const struct picture *p, const struct blob *b)
{
	double cb = 0, cr = 0;

	for (int y = b->y0; y <= b->y1; y++)
		for (int x = b->x0; x <= b->x1; x++)
			if (f->label[y * f->mw + x] == b->label) {
				const size_t row = (size_t)y * f->step;

				cb += p->plane[1][row * p->stride[1] + x * f->step];
				cr += p->plane[2][row * p->stride[2] + x * f->step];
			}
	f->cb = cb / b->area;
	f->cr = cr / b->area;
	f->tuned = true;
}

/* Membership of the component's surroundings, holes (eyes, mouth) filled row by row. */
static void fill_soft(struct face_finder *f, const struct picture *p, const struct blob *b, int y0,
		      int y1)
{
	for (int y = y0; y <= y1; y++) {
		const uint8_t *u = p->plane[1] + (size_t)y * f->step * p->stride[1];
		const uint8_t *v = p->plane[2] + (size_t)y * f->step * p->stride[2];
		float *soft = f->soft + y * f->mw;
		int first = f->mw, last = -1;

		for (int x = 0; x < f->mw; x++) {
			soft[x] = 0;
			if (f->label[y * f->mw + x] == b->label) {
				first = x < first ? x : first;
				last = x;
			}
		}
		for (int x = first - 1; x <= last + 1; x++) {
			double m;

			if (x < 0 || x >= f->mw)
				continue;
			m = (far_skin - chroma_distance(f, u[x * f->step], v[x * f->step])) /
			    (far_skin - near_skin);
			soft[x] = x > first && x < last ? 1 : (float)fmax(0, fmin(1, m));
		}
	}
}

struct moments {
	double m, x, y, xx, xy, yy; /* mass; means; central second moments; in cells */
};

/* Moments of the soft component in rows [y0, y1], inside `near` grown by a
 * little when it is given: a neck below or a hand beside the face drops out. */
static struct moments soft_moments(const struct face_finder *f, int y0, int y1,
				   const struct moments *near)
{
	const double grow = 1.05 * 1.05 * 4; /* an even ellipse ends at twice its deviation */
	struct moments s = { 0 };

	for (int y = y0; y <= y1; y++)
		for (int x = 0; x < f->mw; x++) {
			const double w = f->soft[y * f->mw + x];

			if (w <= 0)
				continue;
			if (near) {
				const double dx = x - near->x, dy = y - near->y;
				const double det = near->xx * near->yy - near->xy * near->xy;
				const double d = (near->yy * dx * dx - 2 * near->xy * dx * dy +
						  near->xx * dy * dy) /
						 det;

				if (!(d < grow))
					continue;
			}
			s.m += w;
			s.x += w * x;
			s.y += w * y;
			s.xx += w * x * x;
			s.xy += w * x * y;
			s.yy += w * y * y;
		}
	s.x /= s.m;
	s.y /= s.m;
	s.xx = s.xx / s.m - s.x * s.x;
	s.xy = s.xy / s.m - s.x * s.y;
	s.yy = s.yy / s.m - s.y * s.y;
	return s;
}

/* Place, size and tilt from the moments of the soft component.  Rows lower than
 * a face is high belong to the neck and are left out. */
static void measure_pose(struct face_finder *f, const struct picture *p, const struct blob *b,
			 struct face *out)
{
	const double cell = 2.0 * f->step;
	const int lowest = b->y0 + (int)(1.32 * (b->x1 - b->x0 + 1));
	const int y0 = b->y0 ? b->y0 - 1 : 0;
	int y1 = b->y1 < lowest ? b->y1 + 1 : lowest;
	struct moments s;

	y1 = y1 < f->mh ? y1 : f->mh - 1;
	fill_soft(f, p, b, y0, y1);
	s = soft_moments(f, y0, y1, NULL);
	for (int i = 0; i < 4; i++) {
		const struct moments next = soft_moments(f, y0, y1, &s);

		if (!(next.m > 0.5 * s.m && next.xx > 0 && next.yy > 0))
			break;
		s = next;
	}
	out->x = (s.x + 0.5) * cell - 0.5;
	out->y = (s.y + 0.5) * cell - 0.5;
	out->height = cell * sqrt(s.m * 4 / pi * aspect);
	out->tilt = 90 / pi * atan2(-2 * s.xy, s.yy - s.xx);
	out->found = true;
}

static float luma_at(const struct picture *p, double x, double y)
{
	const double right = p->width - 1.001, low = p->height - 1.001;
	const double cx = x < 0 ? 0 : x < right ? x : right; /* fmin() would be a call */
	const double cy = y < 0 ? 0 : y < low ? y : low;
	const int ix = (int)cx, iy = (int)cy;
	const uint8_t *a = p->plane[0] + (size_t)iy * p->stride[0] + ix, *b = a + p->stride[0];
	const double fx = cx - ix, fy = cy - iy;

	return (float)((1 - fy) * ((1 - fx) * a[0] + fx * a[1]) +
		       fy * ((1 - fx) * b[0] + fx * b[1]));
}

static void cut_patch(struct face_finder *f, const struct picture *p, const struct face *face)
{
	const double k = face->height / 44, c = cos(face->tilt * pi / 180);
	const double s = sin(face->tilt * pi / 180);

	for (int j = 0; j < FACE_PATCH_H; j++)
		for (int i = 0; i < FACE_PATCH_W; i++) {
			const double u = i - FACE_PATCH_W / 2, v = j - FACE_PATCH_H / 2;

			f->patch[j][i] = luma_at(p, face->x + k * (u * c - v * s),
						 face->y + k * (u * s + v * c));
		}
}

/* Median luma of the crop: skin. */
static double skin_luma(const struct face_finder *f)
{
	int count[256] = { 0 }, seen = 0, level = 0;

	for (int j = 0; j < FACE_PATCH_H; j++)
		for (int i = 6; i < FACE_PATCH_W - 6; i++)
			count[(int)f->patch[j][i]]++;
	while (level < 255 && 2 * (seen + count[level]) < FACE_PATCH_H * (FACE_PATCH_W - 12))
		seen += count[level++];
	return level;
}

/* Sum of what is darker than skin in one column u (from the middle) for v in [v0, v1], and
 * its centre. */
static double dark_column(const struct face_finder *f, double skin, int u, int v0, int v1,
			  double *centre)
{
	double sum = 0, moment = 0;

	for (int v = v0; v <= v1; v++) {
		const double d = skin - 12 - f->patch[v + FACE_PATCH_H / 2][u + FACE_PATCH_W / 2];

		if (d > 0) {
			sum += d;
			moment += d * v;
		}
	}
	*centre = sum > 0 ? moment / sum : 0;
	return sum;
}

/* Weighted centre and mass of several columns, both sides. */
static double dark_columns(const struct face_finder *f, double skin, const int *u, int n, int v0,
			   int v1, double *centre)
{
	double mass = 0, moment = 0;

	for (int i = 0; i < n; i++)
		for (int side = -1; side <= 1; side += 2) {
			double at;
			const double m = dark_column(f, skin, side * u[i], v0, v1, &at);

			mass += m;
			moment += m * at;
		}
	*centre = mass > 0 ? moment / mass : 0;
	return mass / (2 * n);
}

/* Corrects the tilt by the line through the pupils, found as what is dark in the
 * eyes' columns on either side; leaves it where the sides do not agree. */
static bool level_eyes(const struct face_finder *f, struct face *face)
{
	const double skin = skin_luma(f), span = 14; /* between the eyes, samples */
	double mass[2] = { 0 }, row[2] = { 0 }, turn;

	for (int side = 0; side < 2; side++) {
		for (int u = 6; u <= 8; u++) {
			double at;
			const double m = dark_column(f, skin, side ? u : -u, -8, 2, &at);

			mass[side] += m;
			row[side] += m * at;
		}
		if (mass[side] < 60)
			return false;
		row[side] /= mass[side];
	}
	turn = atan2(row[1] - row[0], span) * 180 / pi;
	if (mass[0] > 2 * mass[1] || mass[1] > 2 * mass[0] || fabs(turn) > 15)
		return false;
	face->tilt += turn;
	return fabs(turn) > 1;
}

/* Brows, eyes and mouth from the upright crop.  Brows are looked for beside the
 * pupils' columns, so that a wide eye does not count as a low brow. */
static void measure_features(const struct face_finder *f, struct face *out)
{
	static const int brow[] = { 3, 4, 10 }, middle[] = { 0, 1, 2 }, ends[] = { 5, 6, 7 };
	const double skin = skin_luma(f);
	double brow_v, mid_v, ends_v, white = 0, darkest = skin, lips;
	const double brow_mass = dark_columns(f, skin, brow, 3, -17, -4, &brow_v);

	lips = dark_columns(f, skin, middle, 3, 4, 18, &mid_v);
	out->measured =
		brow_mass > 12 && lips > 12 && dark_columns(f, skin, ends, 3, 4, 18, &ends_v) > 6;
	if (!out->measured)
		return;
	for (int v = -10; v <= 2; v++)
		for (int u = 2; u <= 12; u++)
			for (int side = -1; side <= 1; side += 2) {
				const double w = f->patch[v + FACE_PATCH_H / 2]
							 [side * u + FACE_PATCH_W / 2] -
						 skin - 8;

				white += w > 0 ? w : 0;
			}
	for (int v = 4; v <= 18; v++)
		darkest = fmin(darkest, f->patch[v + FACE_PATCH_H / 2][FACE_PATCH_W / 2]);
	out->brow = -brow_v;
	out->eyes = white / fmax(20, 235 - skin);
	out->corners = mid_v - ends_v;
	out->mouth = lips / fmax(40, skin - darkest);
}

/* Hands: skin components below the face's centre, much smaller than the face and
 * not right under the chin (a neck). */
static void measure_hands(const struct face_finder *f, const struct blob *blob, int n, int face,
			  struct face *out)
{
	double area = 0, moment = 0;

	for (int k = 0; k < n; k++) {
		const struct blob *b = &blob[k];

		const bool neck =
			fabs(b->x - blob[face].x) < 0.3 * (blob[face].y1 - blob[face].y0) &&
			b->y0 < blob[face].y1 + 0.2 * (blob[face].y1 - blob[face].y0);

		if (k == face || neck || b->area < 4 || b->area < 0.015 * blob[face].area ||
		    b->area > 0.34 * blob[face].area || b->y < blob[face].y)
			continue;
		area += b->area;
		moment += b->area * b->y;
	}
	out->hands = area > 0;
	out->hand_y = area > 0 ? (moment / area + 0.5) * 2 * f->step - 0.5 : 0;
}

/* Index of the most face-like component, or -1. */
static int pick_face(struct face_finder *f, const struct picture *p, bool tuned, struct blob *blob,
		     int *n)
{
	double best = 0;
	int at = -1;

	mark_skin(f, p, tuned);
	label_components(f);
	*n = collect_blobs(f, blob);
	for (int k = 0; k < *n; k++) {
		const double s = face_score(f, &blob[k]);

		if (s > best) {
			best = s;
			at = k;
		}
	}
	return at;
}

/* One point a sample would show the grain of a large face. */
void face_crop_at(struct face_finder *f, const struct picture *p, const struct face *face)
{
	const double k = face->height / 44, c = cos(face->tilt * pi / 180);
	const double s = sin(face->tilt * pi / 180);
	const int taps = (int)fmax(1, fmin(8, lround(k)));

	for (int j = 0; j < FACE_PATCH_H; j++)
		for (int i = 0; i < FACE_PATCH_W; i++) {
			float sum = 0;

			for (int t = 0; t < taps * taps; t++) {
				const double in = (t % taps + 0.5) / taps - 0.5;
				const double down = (t / taps + 0.5) / taps - 0.5;
				const double u = i + in - FACE_PATCH_W / 2;
				const double v = j + down - FACE_PATCH_H / 2;

				sum += luma_at(p, face->x + k * (u * c - v * s),
					       face->y + k * (u * s + v * c));
			}
			f->patch[j][i] = sum / (float)(taps * taps);
		}
}

void face_find(struct face_finder *f, const struct picture *p, struct face *out)
{
	struct blob blob[BLOB_MAX];
	int n, at = f->tuned ? pick_face(f, p, true, blob, &n) : -1;

	*out = (struct face){ 0 };
	if (at < 0) {
		at = pick_face(f, p, false, blob, &n);
		if (at >= 0) {
			tune_skin(f, p, &blob[at]);
			at = pick_face(f, p, true, blob, &n);
		}
	}
	if (at < 0) {
		f->last.found = false;
		return;
	}
	measure_pose(f, p, &blob[at], out);
	cut_patch(f, p, out);
	for (int i = 0; i < 2 && level_eyes(f, out); i++)
		cut_patch(f, p, out);
	measure_features(f, out);
	measure_hands(f, blob, n, at, out);
	f->last = *out;
}
