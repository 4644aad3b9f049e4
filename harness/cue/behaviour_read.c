/* SPDX-License-Identifier: Apache-2.0
 * The cues and feature frames of a clip, from the records of its pictures.
 */
#include <assert.h>
#include <math.h>

#include "harness/base/mem.h"
#include "harness/cue/behaviour_parts.h"
#include "harness/cue/face_points.h"

static_assert((int)MOTION_GRID == (int)BODY_GRID, "the motion grid is the body's");

const struct cue_spec behaviour_cue_spec[BEHAVIOUR_CUE_COUNT] = {
	[CUE_BROW] = { "brow_height", "% face", "height of the brows against calm" },
	[CUE_EYES] = { "eye_opening", "octaves", "opening of the eyes against calm" },
	[CUE_CORNERS] = { "mouth_corners", "% face",
			  "corners of the mouth over its middle, against calm" },
	[CUE_JAW] = { "mouth_opening", "% face", "mean opening of the mouth against calm" },
	[CUE_MOUTH_RHYTHM] = { "mouth_rhythm", "% face",
			       "standard deviation of the mouth's opening" },
	[CUE_GESTURE] = { "gesture_energy", "% picture",
			  "share of the picture outside the head that changes from picture to "
			  "picture (of real footage: around the speaker)" },
	[CUE_BURSTS] = { "gesture_bursts", "1/s", "onsets of such motion" },
	[CUE_MOTION_HEIGHT] = { "motion_height", "% face",
				"centre of such motion over the face's, as far as the shoulders "
				"follow it" },
	[CUE_MOTION_DIRECTION] = { "motion_direction", "% face/s",
				   "how fast that centre rises (falls: negative)" },
	[CUE_HANDS] = { "hand_height", "% face",
			"height of the hands against calm, less four fifths of the face's rise" },
	[CUE_NOD] = { "nod", "% face", "vertical oscillation of the head, standard deviation" },
	[CUE_SHAKE] = { "shake", "% face", "horizontal oscillation of the head" },
	[CUE_LEAN] = { "lean", "octaves", "face scale against calm, towards the camera +" },
	[CUE_RISE] = { "rise", "% picture", "height of the face against calm" },
	[CUE_TILT] = { "tilt", "degrees", "roll of the head against calm, to the right +" },
};

const enum behaviour_part behaviour_cue_part[BEHAVIOUR_CUE_COUNT] = {
	[CUE_BROW] = BEHAVIOUR_FACE,
	[CUE_EYES] = BEHAVIOUR_FACE,
	[CUE_CORNERS] = BEHAVIOUR_FACE,
	[CUE_JAW] = BEHAVIOUR_FACE,
	[CUE_MOUTH_RHYTHM] = BEHAVIOUR_FACE,
	[CUE_GESTURE] = BEHAVIOUR_BODY,
	[CUE_BURSTS] = BEHAVIOUR_BODY,
	[CUE_MOTION_HEIGHT] = BEHAVIOUR_BODY,
	[CUE_MOTION_DIRECTION] = BEHAVIOUR_BODY,
	[CUE_HANDS] = BEHAVIOUR_BODY,
	[CUE_NOD] = BEHAVIOUR_BODY,
	[CUE_SHAKE] = BEHAVIOUR_BODY,
	[CUE_LEAN] = BEHAVIOUR_POSTURE,
	[CUE_RISE] = BEHAVIOUR_POSTURE,
	[CUE_TILT] = BEHAVIOUR_POSTURE,
};

const int behaviour_cols[BEHAVIOUR_PARTS] = { FACE_COLS, BODY_COLS, POSTURE_COLS };

/* Size of each cue that counts as one in the feature frames. */
static const double typical[BEHAVIOUR_CUE_COUNT] = {
	[CUE_BROW] = 6,	   [CUE_EYES] = 0.8,  [CUE_CORNERS] = 5,	 [CUE_JAW] = 7,
	[CUE_GESTURE] = 2, [CUE_HANDS] = 100, [CUE_MOTION_HEIGHT] = 100, [CUE_NOD] = 6,
	[CUE_SHAKE] = 6,   [CUE_LEAN] = 0.2,  [CUE_RISE] = 10,		 [CUE_TILT] = 15,
};
static const double crop_typical = 40, grid_typical = 0.05;

static const double oscillation_s = 0.5; /* what moves slower than this is no nod */

/* The pictures that count: [0, calm) calm, [from, n) expression; all of one shot. */
struct span {
	const struct record *r;
	int n, calm, from;
	int few;      /* a part must be seen in one of so many pictures */
	double quiet; /* real faces are calm where the mouth is no more open; NaN: in [0, calm) */
	double anchor_h; /* calm face height, 0 without a face that shows brows and mouth */
	double anchor_y; /* calm row of its centre */
};

/* A quantity of one picture; false: not measured there. */
typedef bool reader(const struct record *r, double *v);

#define FACE_READER(name, flag, expr)                                                              \
	static bool name(const struct record *r, double *v)                                        \
	{                                                                                          \
		*v = (expr);                                                                       \
		return r->face.flag;                                                               \
	}
FACE_READER(read_brow, measured, r->face.brow)
FACE_READER(read_eyes, measured, r->face.eyes)
FACE_READER(read_corners, measured, r->face.corners)
FACE_READER(read_mouth, measured, r->face.mouth)
FACE_READER(read_height, found, log2(r->face.height))
FACE_READER(read_x, found, r->face.x)
FACE_READER(read_y, found, r->face.y)
FACE_READER(read_tilt, found, r->face.tilt)
FACE_READER(read_hands, hands, r->face.hand_y - BEHAVIOUR_FOLLOW * r->face.y)
#undef FACE_READER

static bool read_motion(const struct record *r, double *v)
{
	*v = r->motion.share;
	return r->motion.valid;
}

static bool read_motion_y(const struct record *r, double *v)
{
	*v = r->motion.height - BEHAVIOUR_FOLLOW * r->face.y;
	return r->face.found && r->motion.valid && r->motion.share > 0.002;
}

/* Mean of a quantity over pictures [from, to); false when too few have it. */
static bool mean_over(const struct span *s, reader *read, int from, int to, double *out)
{
	double sum = 0, v;
	int n = 0;

	for (int i = from; i < to; i++)
		if (read(&s->r[i], &v)) {
			sum += v;
			n++;
		}
	*out = n ? sum / n : 0;
	return n > 0 && s->few * n >= to - from;
}

/* Mean of what brows, eyes or mouth do when calm; of real faces no other than at rest (NULL:
 * whatever it is). */
static bool calm_face(const struct span *s, reader *read, const struct face_rest *rest, double *out)
{
	double sum = 0, v;
	int n = 0;

	if (isnan(s->quiet))
		return mean_over(s, read, 0, s->calm, out);
	for (int i = 0; i < s->n; i++)
		if (s->r[i].face.measured && s->r[i].face.mouth <= s->quiet && read(&s->r[i], &v)) {
			sum += v;
			n++;
		}
	*out = n ? sum / n : 0;
	if (rest)
		*out = fmax(rest->low, fmin(rest->high, *out));
	return n > 0;
}

/* Mean over [from, to) minus the face's calm mean. */
static bool face_against_calm(const struct span *s, reader *read, const struct face_rest *rest,
			      int from, int to, double *out)
{
	double calm, now;
	const bool ok = calm_face(s, read, rest, &calm) && mean_over(s, read, from, to, &now);

	*out = ok ? now - calm : 0;
	return ok;
}

/* The same against the mean of the calm start. */
static bool against_calm(const struct span *s, reader *read, int from, int to, double *out)
{
	double calm, now;
	const bool ok = mean_over(s, read, 0, s->calm, &calm) && mean_over(s, read, from, to, &now);

	*out = ok ? now - calm : 0;
	return ok;
}

/* Standard deviation over [from, to) of a quantity minus its own mean over
 * oscillation_s around; in units of the calm face height, percent. */
static bool oscillation(const struct span *s, reader *read, int from, int to, double *out)
{
	double sum = 0, v, w;
	int n = 0;

	for (int i = from; i < to; i++) {
		const double reach = oscillation_s / 2 + 1e-6;
		double local = 0;
		int k = 0, first = i;

		if (!read(&s->r[i], &v))
			continue;
		while (first > s->from && s->r[i].t - s->r[first - 1].t <= reach)
			first--;
		for (int j = first; j < s->n && s->r[j].t - s->r[i].t <= reach; j++)
			if (read(&s->r[j], &w)) {
				local += w;
				k++;
			}
		sum += (v - local / k) * (v - local / k);
		n++;
	}
	*out = n ? 100 * sqrt(sum / n) / s->anchor_h : 0;
	return n >= 3 && s->few * n >= to - from;
}

static bool spread(const struct span *s, reader *read, double *out)
{
	double sum = 0, sq = 0, v;
	int n = 0;

	for (int i = s->from; i < s->n; i++)
		if (read(&s->r[i], &v)) {
			sum += v;
			sq += v * v;
			n++;
		}
	*out = n > 1 ? sqrt(fmax(0, (sq - sum * sum / n) / (n - 1))) : 0;
	return n > 2 && s->few * n >= s->n - s->from;
}

/* How often a second the motion rises from under its mean to a quarter over it. */
static bool bursts(const struct span *s, double *out)
{
	const double seconds = s->n > s->from ? s->r[s->n - 1].t - s->r[s->from].t : 0;
	double mean, v;
	bool high = false;
	int n = 0;

	if (!mean_over(s, read_motion, s->from, s->n, &mean) || seconds < 0.3)
		return false;
	mean = fmax(mean, 0.002);
	for (int i = s->from; i < s->n; i++) {
		if (!read_motion(&s->r[i], &v))
			continue;
		n += !high && v > 1.25 * mean;
		high = v > (high ? mean : 1.25 * mean);
	}
	*out = n / seconds;
	return true;
}

/* Slope over time of the height of what moves, pictures weighed by how much does. */
static bool direction(const struct span *s, double *out)
{
	double w = 0, t = 0, y = 0, tt = 0, ty = 0, v;
	int n = 0;

	for (int i = s->from; i < s->n; i++) {
		const double at = s->r[i].t - s->r[s->from].t, by = s->r[i].motion.share;

		if (!read_motion_y(&s->r[i], &v))
			continue;
		w += by;
		t += by * at;
		y += by * v;
		tt += by * at * at;
		ty += by * at * v;
		n++;
	}
	tt -= t * t / fmax(w, 1e-9);
	ty -= t * y / fmax(w, 1e-9);
	if (n < 4 || s->few * n < s->n - s->from || tt <= 1e-6 || s->anchor_h <= 0)
		return false;
	*out = -100 * ty / tt / s->anchor_h;
	return true;
}

/* The opening of the mouth that a third of the measured pictures do not exceed; NaN: none are. */
static double quiet_mouth(const struct record *r, int n)
{
	double low = -1, high = -1;
	int measured = 0;

	for (int i = 0; i < n; i++)
		if (r[i].face.measured) {
			measured++;
			high = fmax(high, r[i].face.mouth);
		}
	if (!measured)
		return NAN;
	for (int step = 0; step < 40; step++) {
		const double mid = (low + high) / 2;
		int under = 0;

		for (int i = 0; i < n; i++)
			under += r[i].face.measured && r[i].face.mouth <= mid;
		if (3 * under >= measured)
			high = mid;
		else
			low = mid;
	}
	return high;
}

/* The longest run of one shot in which faces were found (or the longest at all). */
static struct span longest_shot(const struct record *r, size_t n, bool real)
{
	struct span best = { .quiet = NAN, .few = real ? 8 : 3 };
	int best_score = -1, confirmed = 0;

	for (size_t i = 0; i < n;) {
		size_t end = i;
		int faces = 0;

		while (end < n && r[end].shot == r[i].shot)
			faces += r[end++].face.found;
		if (faces * 1000 + (int)(end - i) > best_score) {
			best_score = faces * 1000 + (int)(end - i);
			best.r = &r[i];
			best.n = (int)(end - i);
		}
		i = end;
	}
	if (!best.n)
		return best;
	while (best.calm < best.n && best.r[best.calm].t < best.r[0].t + BEHAVIOUR_CALM_S)
		best.calm++;
	best.from = best.calm;
	while (!real && best.from < best.n &&
	       best.r[best.from].t < best.r[0].t + BEHAVIOUR_SETTLED_S)
		best.from++;
	if (real)
		best.quiet = quiet_mouth(best.r, best.n);
	if (best.n - best.from < 3) /* a short clip: all that is not calm */
		best.from = best.calm;
	for (int i = 0; i < best.n; i++)
		confirmed += best.r[i].face.measured;
	/* skin without brows and mouth (an arm, a wall) is no face */
	if (mean_over(&best, read_height, 0, best.calm, &best.anchor_h) &&
	    best.few * confirmed >= best.n)
		best.anchor_h = exp2(best.anchor_h);
	else
		best.anchor_h = 0;
	mean_over(&best, read_y, 0, best.calm, &best.anchor_y);
	return best;
}

static void put(struct cue_set *out, enum behaviour_cue cue, bool ok, double v)
{
	out->ok[cue] = ok;
	out->v[cue] = ok ? v : 0;
}

/* Cues of the stretch [from, to) of a span; height: of the picture. */
static void stretch_cues(const struct span *s, int from, int to, int height, struct cue_set *out)
{
	const bool face = s->anchor_h > 0;
	double v, w;
	bool ok;

	*out = (struct cue_set){ 0 };
	ok = face_against_calm(s, read_brow, &face_rest_brow, from, to, &v);
	put(out, CUE_BROW, ok, v * BEHAVIOUR_PERCENT);
	ok = calm_face(s, read_eyes, NULL, &w) && mean_over(s, read_eyes, from, to, &v) && w > 2;
	put(out, CUE_EYES, ok, ok ? log2((v + 1) / (w + 1)) : 0);
	ok = face_against_calm(s, read_corners, &face_rest_corners, from, to, &v);
	put(out, CUE_CORNERS, ok, v * BEHAVIOUR_PERCENT);
	ok = face_against_calm(s, read_mouth, &face_rest_mouth, from, to, &v);
	put(out, CUE_JAW, ok, v * BEHAVIOUR_PERCENT);
	ok = mean_over(s, read_motion, from, to, &v);
	put(out, CUE_GESTURE, ok, 100 * v);
	ok = mean_over(s, read_motion_y, from, to, &v) && face;
	v -= (1 - BEHAVIOUR_FOLLOW) * s->anchor_y;
	put(out, CUE_MOTION_HEIGHT, ok, ok ? -100 * v / s->anchor_h : 0);
	ok = against_calm(s, read_hands, from, to, &v) && face;
	put(out, CUE_HANDS, ok, ok ? -100 * v / s->anchor_h : 0);
	ok = face && oscillation(s, read_y, from, to, &v);
	put(out, CUE_NOD, ok, v);
	ok = face && oscillation(s, read_x, from, to, &v);
	put(out, CUE_SHAKE, ok, v);
	ok = face && against_calm(s, read_height, from, to, &v);
	put(out, CUE_LEAN, ok, v);
	ok = face && against_calm(s, read_y, from, to, &v);
	put(out, CUE_RISE, ok, -100 * v / height);
	ok = face && against_calm(s, read_tilt, from, to, &v);
	put(out, CUE_TILT, ok, v);
}

/* ---- feature frames ---- */

static float feature(const struct cue_set *c, enum behaviour_cue cue)
{
	return c->ok[cue] ? (float)fmax(-4, fmin(4, c->v[cue] / typical[cue])) : 0;
}

/* Crops of real faces show the same places only where landmarks held them. */
static bool shown_crop(const struct span *s, int i)
{
	const struct face *f = &s->r[i].face;

	return isnan(s->quiet) ? f->found : f->measured;
}

static bool calm_crop(const struct span *s, int i)
{
	const struct face *f = &s->r[i].face;

	if (isnan(s->quiet))
		return i < s->calm && f->found;
	return f->measured && f->mouth <= s->quiet;
}

/* Mean crop over [from, to) minus the calm one. */
static bool crop_features(const struct span *s, int from, int to, float *out)
{
	int now = 0, calm = 0;

	if (s->anchor_h <= 0)
		return false;

	for (int i = from; i < to; i++)
		now += shown_crop(s, i);
	for (int i = 0; i < s->n; i++)
		calm += calm_crop(s, i);
	for (int k = 0; now && calm && k < FACE_CROP * FACE_CROP; k++) {
		double a = 0, b = 0;

		for (int i = from; i < to; i++)
			a += shown_crop(s, i) ? s->r[i].crop[k] : 0;
		for (int i = 0; i < s->n; i++)
			b += calm_crop(s, i) ? s->r[i].crop[k] : 0;
		out[k] = (float)((a / now - b / calm) / crop_typical);
	}
	return now && calm;
}

static void grid_features(const struct span *s, int from, int to, float *out)
{
	for (int k = 0; k < BODY_GRID * BODY_GRID; k++) {
		double sum = 0;

		for (int i = from; i < to; i++)
			sum += s->r[i].motion.grid[k];
		out[k] = (float)fmin(4, sum / (to - from) / grid_typical);
	}
}

/* First picture at or after t, at most n - 1. */
static int picture_at(const struct span *s, double t)
{
	int i = s->from;

	while (i < s->n - 1 && s->r[i].t < t)
		i++;
	return i;
}

static void feature_row(const struct span *s, int row, int height, struct behaviour_result *out)
{
	const double t0 = s->r[s->from].t, t1 = s->r[s->n - 1].t + 1e-3;
	const double len = (t1 - t0) / BEHAVIOUR_ROWS, mid = t0 + (row + 0.5) * len;
	/* body and posture look at no less than 0.5 s and 1 s: oscillations need the time */
	const double half[BEHAVIOUR_PARTS] = { len / 2, fmax(len / 2, 0.25), fmax(len / 2, 0.5) };
	static const enum behaviour_cue face[] = { CUE_BROW, CUE_EYES, CUE_CORNERS, CUE_JAW };
	static const enum behaviour_cue body[] = { CUE_GESTURE, CUE_MOTION_HEIGHT, CUE_HANDS,
						   CUE_NOD, CUE_SHAKE };
	static const enum behaviour_cue posture[] = { CUE_LEAN, CUE_RISE, CUE_TILT };
	static const struct {
		const enum behaviour_cue *cue;
		size_t n;
	} list[BEHAVIOUR_PARTS] = { { face, ARRAY_LEN(face) },
				    { body, ARRAY_LEN(body) },
				    { posture, ARRAY_LEN(posture) } };

	for (int part = 0; part < BEHAVIOUR_PARTS; part++) {
		float *f = out->feat[part] + row * behaviour_cols[part];
		const int from = picture_at(s, mid - half[part]);
		int to = picture_at(s, mid + half[part]) + 1;
		struct cue_set cues;

		if (part == BEHAVIOUR_FACE && to - 1 > from && row < BEHAVIOUR_ROWS - 1)
			to--; /* stretches of the face do not overlap */
		stretch_cues(s, from, to, height, &cues);
		for (size_t i = 0; i < list[part].n; i++) {
			f[i] = feature(&cues, list[part].cue[i]);
			out->feat_ok[part] |= cues.ok[list[part].cue[i]];
		}
		if (part == BEHAVIOUR_FACE)
			out->feat_ok[part] |= crop_features(s, from, to, f + list[part].n);
		if (part == BEHAVIOUR_BODY)
			grid_features(s, from, to, f + list[part].n);
	}
}

void behaviour_read(const struct record *r, size_t n, int height, bool real,
		    struct behaviour_result *out, size_t *from, size_t *to)
{
	const struct span s = longest_shot(r, n, real);
	double v;
	bool ok;

	*from = s.n ? (size_t)(s.r - r) : 0;
	*to = *from + (size_t)s.n;
	if (s.n <= s.from)
		return;
	stretch_cues(&s, s.from, s.n, height, &out->cues);
	ok = spread(&s, read_mouth, &v);
	put(&out->cues, CUE_MOUTH_RHYTHM, ok, v * BEHAVIOUR_PERCENT);
	ok = bursts(&s, &v);
	put(&out->cues, CUE_BURSTS, ok, v);
	ok = direction(&s, &v);
	put(&out->cues, CUE_MOTION_DIRECTION, ok, v);
	for (int row = 0; row < BEHAVIOUR_ROWS; row++)
		feature_row(&s, row, height, out);
}
