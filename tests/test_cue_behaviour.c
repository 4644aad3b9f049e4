/* SPDX-License-Identifier: Apache-2.0
 * Behaviour cues follow what a small drawn figure does, one axis at a time;
 * words and action-unit phrases; broken input; real clips where they are.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/cue/behaviour.h"
#include "harness/cue/behaviour_words.h"
#include "harness/media/media.h"

enum { W = 176, H = 144, FPS = 12 };
static const double pi = 3.14159265358979323846;

/* ---- a drawn figure ---- */

enum axis { BROW, EYES, CORNERS, JAW, ENERGY, ARMS, NOD, SHAKE, LEAN, RISE, TILT, AXES };

struct canvas {
	uint8_t y[W * H], u[W * H / 4], v[W * H / 4];
	struct picture p;
	double x0, y0, scale, c, s; /* placement of what is drawn */
};

static void canvas_init(struct canvas *k)
{
	k->p = (struct picture){ .width = W,
				 .height = H,
				 .plane = { k->y, k->u, k->v },
				 .stride = { W, W / 2, W / 2 } };
}

static void place(struct canvas *k, double x, double y, double scale, double degrees)
{
	k->x0 = x;
	k->y0 = y;
	k->scale = scale;
	k->c = cos(degrees * pi / 180);
	k->s = sin(degrees * pi / 180);
}

static void blend(uint8_t *px, int colour, double share)
{
	*px = (uint8_t)lrint(*px + share * (colour - *px));
}

/* An ellipse (or box) at (u, v) with half-axes (a, b), soft at the edge. */
static void shape(struct canvas *k, bool box, double u, double v, double a, double b, int yy,
		  int cb, int cr)
{
	const double px = k->x0 + k->scale * (u * k->c - v * k->s);
	const double py = k->y0 + k->scale * (u * k->s + v * k->c);
	const double reach = k->scale * (a + b) + 2;

	for (int y = (int)fmax(0, py - reach); y < H && y < py + reach; y++)
		for (int x = (int)fmax(0, px - reach); x < W && x < px + reach; x++) {
			const double dx = (x - px) / k->scale, dy = (y - py) / k->scale;
			const double du = fabs(dx * k->c + dy * k->s);
			const double dv = fabs(dy * k->c - dx * k->s);
			const double r = hypot(du / a, dv / b);
			const double edge = box ? fmin(a - du, b - dv) : (1 - r) * fmin(a, b);
			const double share = fmax(0, fmin(1, 0.5 + edge * k->scale));

			if (share <= 0)
				continue;
			blend(&k->y[y * W + x], yy, share);
			if (x % 2 == 0 && y % 2 == 0) {
				blend(&k->u[y / 2 * (W / 2) + x / 2], cb, share);
				blend(&k->v[y / 2 * (W / 2) + x / 2], cr, share);
			}
		}
}

static void draw_head(struct canvas *k, const double *a, double voice)
{
	const double open = fmax(0.8, 2.6 * (1 + 0.6 * a[EYES]));
	const double lip = 1 + 2.5 * fmin(1, 0.5 * voice + 0.45 * a[JAW]);

	shape(k, false, 0, -9, 18, 19, 45, 126, 130);
	shape(k, false, 0, 0, 17, 22, 170, 110, 153);
	for (int side = -1; side <= 1; side += 2) {
		shape(k, false, side * 7, -3.5, 4.4, open, 225, 128, 128);
		shape(k, false, side * 7, -3.5, 1.8, fmin(2.2, open), 25, 128, 128);
		shape(k, true, side * 7, -11 - 3 * a[BROW], 4.5, 1.1, 40, 124, 132);
		for (int i = 0; i < 3; i++)
			shape(k, true, side * (1.2 + 2.4 * i), 11 + a[CORNERS] * (1.4 - 1.3 * i),
			      1.3, lip * (1 - 0.25 * i), 48, 124, 140);
	}
}

/* The figure at time t of a clip whose expression holds the axes a. */
static void draw_figure(struct canvas *k, const double *axes, double t)
{
	const double x = fmin(1, fmax(0, (t - 0.35) / 0.28)), show = x * x * (3 - 2 * x);
	double a[AXES], wave = 2 * pi * 1.8 * t;

	memset(k->y, 145, sizeof(k->y));
	memset(k->u, 130, sizeof(k->u));
	memset(k->v, 120, sizeof(k->v));
	for (int i = 0; i < AXES; i++)
		a[i] = show * axes[i];
	place(k, 88, 84 - 11 * a[RISE], 1 + 0.05 * a[LEAN], 0);
	shape(k, true, 0, 42, 30, 40, 70, 150, 108);
	shape(k, true, 0, -4, 6, 14, 165, 110, 153); /* a bare neck */
	for (int side = -1; side <= 1; side += 2) {
		const double hx = side * (37 + 14 * a[ARMS]) + a[ENERGY] * 8 * sin(wave + side);
		const double hy = 46 - 44 * a[ARMS] + a[ENERGY] * 9 * cos(wave);

		shape(k, true, (side * 27 + hx) / 2, (8 + hy) / 2, 6, 12, 60, 150, 108);
		shape(k, false, hx, hy, 4.6, 4.6, 165, 110, 153);
	}
	place(k, 88 + 5 * a[SHAKE] * sin(2 * pi * 2.7 * t),
	      52 - 14 * a[RISE] + 4 * a[NOD] * sin(2 * pi * 2.3 * t + 1),
	      1 + (a[LEAN] > 0 ? 0.15 : 0.12) * a[LEAN], 15 * a[TILT]);
	draw_head(k, a, t < 0.3 ? 0 : fmax(0, sin(2 * pi * 4.3 * t)));
	k->p.time_s = t;
}

static struct behaviour_result measure_clip(struct behaviour *b, const double *axes, double seconds)
{
	static struct canvas k;
	struct behaviour_result out;
	struct err err = { 0 };

	canvas_init(&k);
	for (int i = 0; i < seconds * FPS; i++) {
		draw_figure(&k, axes, (double)i / FPS);
		behaviour_picture(b, &k.p, &err);
		CHECK_OK(&err);
	}
	behaviour_finish(b, &out, &err);
	CHECK_OK(&err);
	return out;
}

static struct behaviour *meter(void)
{
	struct err err = { 0 };
	struct behaviour *b = behaviour_new(NULL, &err);

	CHECK_OK(&err);
	return b;
}

/* ---- cues follow the axes ---- */

static double correlation(const double *x, const double *y, int n)
{
	double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

	for (int i = 0; i < n; i++) {
		mx += x[i] / n;
		my += y[i] / n;
	}
	for (int i = 0; i < n; i++) {
		xx += (x[i] - mx) * (x[i] - mx);
		yy += (y[i] - my) * (y[i] - my);
		xy += (x[i] - mx) * (y[i] - my);
	}
	return xy / sqrt(xx * yy);
}

static const struct {
	enum axis axis;
	enum behaviour_cue cue;
	double lo; /* lowest value of the axis; the highest is 1 */
} pairs[] = {
	{ BROW, CUE_BROW, -1 }, { EYES, CUE_EYES, -1 },	    { CORNERS, CUE_CORNERS, -1 },
	{ JAW, CUE_JAW, 0 },	{ ENERGY, CUE_GESTURE, 0 }, { ARMS, CUE_HANDS, 0 },
	{ NOD, CUE_NOD, 0 },	{ SHAKE, CUE_SHAKE, 0 },    { LEAN, CUE_LEAN, -1 },
	{ RISE, CUE_RISE, -1 }, { TILT, CUE_TILT, -1 },
};

static double draw_axis(struct rng *rng, int axis)
{
	const bool one_sided = axis == JAW || (axis >= ENERGY && axis <= SHAKE);

	return one_sided ? rng_uniform(rng) : 2 * rng_uniform(rng) - 1;
}

static void test_axes(void **state)
{
	struct behaviour *b = meter();
	struct rng rng;

	(void)state;
	rng_seed(&rng, 11, 0);
	for (size_t k = 0; k < ARRAY_LEN(pairs); k++) {
		enum { STEPS = 9 };
		double x[STEPS], y[STEPS], r;

		for (int i = 0; i < STEPS; i++) {
			struct behaviour_result res;
			double a[AXES];

			for (int j = 0; j < AXES; j++) /* everything else does what it likes */
				a[j] = draw_axis(&rng, j);
			a[pairs[k].axis] = x[i] = pairs[k].lo + (1 - pairs[k].lo) * i / (STEPS - 1);
			res = measure_clip(b, a, 2);
			CHECK(res.cues.ok[pairs[k].cue]);
			CHECK(res.faces == res.pictures && res.pictures == 24);
			y[i] = res.cues.v[pairs[k].cue];
		}
		r = correlation(x, y, STEPS);
		if (!(r > 0.95))
			fail_msg("%s follows its axis with r = %.3f only",
				 behaviour_cue_spec[pairs[k].cue].name, r);
	}
	behaviour_free(b);
}

static void test_natural_units(void **state)
{
	struct behaviour *b = meter();
	const double tilted[AXES] = { [TILT] = 1, [RISE] = 0.5, [LEAN] = 1 };
	const struct behaviour_result r = measure_clip(b, tilted, 2);

	(void)state;
	CHECK_NEAR(r.cues.v[CUE_TILT], 15, 2.5);
	CHECK_NEAR(r.cues.v[CUE_RISE], 100 * 7.0 / H, 1.2);
	CHECK_NEAR(r.cues.v[CUE_LEAN], log2(1.15), 0.05);
	CHECK(r.feat_ok[BEHAVIOUR_FACE] && r.feat_ok[BEHAVIOUR_BODY] &&
	      r.feat_ok[BEHAVIOUR_POSTURE]);
	behaviour_free(b);
}

static void test_parts_apart(void **state)
{
	/* nodding and shaking must not show in the posture, leaning and rising not in the body */
	const double still[AXES] = { 0 }, nods[AXES] = { [NOD] = 1, [SHAKE] = 1, [ENERGY] = 1 };
	const double leans[AXES] = { [LEAN] = 1, [RISE] = 1, [TILT] = 1 };
	struct behaviour *b = meter();
	const struct behaviour_result s = measure_clip(b, still, 2), n = measure_clip(b, nods, 2);
	const struct behaviour_result l = measure_clip(b, leans, 2);

	(void)state;
	for (int i = 0; i < BEHAVIOUR_ROWS * POSTURE_COLS; i++)
		CHECK_NEAR(n.feat[BEHAVIOUR_POSTURE][i], s.feat[BEHAVIOUR_POSTURE][i], 0.2);
	for (int i = 0; i < BEHAVIOUR_ROWS * BODY_COLS; i++)
		CHECK_NEAR(l.feat[BEHAVIOUR_BODY][i], s.feat[BEHAVIOUR_BODY][i], 0.3);
	CHECK_NEAR(n.cues.v[CUE_RISE], s.cues.v[CUE_RISE], 0.8);
	CHECK_NEAR(l.cues.v[CUE_HANDS], s.cues.v[CUE_HANDS], 20);
	CHECK(n.cues.v[CUE_NOD] > s.cues.v[CUE_NOD] + 4);
	behaviour_free(b);
}

/* A dark block beside a still figure goes up, or down, at so many pixels a second. */
static double block_direction(struct behaviour *b, double speed)
{
	static struct canvas k;
	const double still[AXES] = { 0 };
	struct behaviour_result r;
	struct err err = { 0 };

	canvas_init(&k);
	for (int i = 0; i < 2 * FPS; i++) {
		const double t = (double)i / FPS;

		draw_figure(&k, still, 0);
		place(&k, 24, 90 - speed * (t - 1), 1, 0);
		shape(&k, true, 0, 0, 10, 6, 40, 128, 128);
		k.p.time_s = t;
		behaviour_picture(b, &k.p, &err);
		CHECK_OK(&err);
	}
	behaviour_finish(b, &r, &err);
	CHECK_OK(&err);
	CHECK(r.cues.ok[CUE_MOTION_DIRECTION]);
	return r.cues.v[CUE_MOTION_DIRECTION];
}

static void test_direction(void **state)
{
	struct behaviour *b = meter();

	(void)state;
	for (int speed = -30; speed <= 30; speed += 20) /* a face of 44 pixels */
		CHECK_NEAR(block_direction(b, speed), 100 * speed / 44.0, 8);
	behaviour_free(b);
}

static void test_repeats(void **state)
{
	const double a[AXES] = { 1, -1, 0.5, 0.3, 1, 0.5, 1, 0, 1, -1, 0.5 };
	struct behaviour *b = meter(), *c = meter();
	const struct behaviour_result one = measure_clip(b, a, 1.5);
	const double other[AXES] = { [BROW] = -1 };
	const struct behaviour_result between = measure_clip(b, other, 1.5);
	const struct behaviour_result again = measure_clip(b, a, 1.5),
				      fresh = measure_clip(c, a, 1.5);

	(void)state;
	CHECK(between.cues.v[CUE_BROW] < 0);
	for (int i = 0; i < BEHAVIOUR_CUE_COUNT; i++) {
		CHECK(one.cues.v[i] == again.cues.v[i] && one.cues.ok[i] == again.cues.ok[i]);
		CHECK(one.cues.v[i] == fresh.cues.v[i]);
	}
	CHECK(!memcmp(one.feat, again.feat, sizeof(one.feat)));
	CHECK(!memcmp(one.feat, fresh.feat, sizeof(one.feat)));
	behaviour_free(b);
	behaviour_free(c);
}

/* ---- what cannot be measured ---- */

static void test_no_face(void **state)
{
	static struct canvas k;
	struct behaviour *b = meter();
	struct behaviour_result r;
	struct err err = { 0 };

	(void)state;
	canvas_init(&k);
	for (int i = 0; i < 20; i++) {
		memset(k.y, 145, sizeof(k.y));
		memset(k.u, 130, sizeof(k.u));
		memset(k.v, 120, sizeof(k.v));
		place(&k, 40 + 2 * i, 90, 1, 0);
		shape(&k, true, 0, 0, 12, 12, 60, 150, 108);
		k.p.time_s = i / 12.0;
		behaviour_picture(b, &k.p, &err);
	}
	behaviour_finish(b, &r, &err);
	CHECK_OK(&err);
	CHECK(r.faces == 0 && r.pictures == 20);
	for (int i = 0; i < BEHAVIOUR_CUE_COUNT; i++)
		if (behaviour_cue_part[i] != BEHAVIOUR_BODY)
			CHECK(!r.cues.ok[i]);
	CHECK(r.cues.ok[CUE_GESTURE] && r.cues.v[CUE_GESTURE] > 0);
	CHECK(!r.cues.ok[CUE_NOD] && !r.cues.ok[CUE_HANDS]);
	CHECK(!r.feat_ok[BEHAVIOUR_FACE] && !r.feat_ok[BEHAVIOUR_POSTURE]);

	behaviour_finish(b, &r, &err); /* nothing at all */
	CHECK_OK(&err);
	CHECK(r.pictures == 0 && !r.cues.ok[CUE_GESTURE] && !r.feat_ok[BEHAVIOUR_BODY]);
	behaviour_free(b);
	behaviour_free(NULL);
}

static void test_refused(void **state)
{
	static struct canvas k;
	struct behaviour *b = meter();
	struct behaviour_result r;
	struct picture small;
	struct err err = { 0 };

	(void)state;
	canvas_init(&k);
	small = k.p;
	small.width = 16;
	behaviour_picture(b, &small, &err);
	CHECK_ERR(&err, ERR_ARG, "16 x 144");
	k.p.time_s = 1;
	behaviour_picture(b, &k.p, &err);
	CHECK_OK(&err);
	small.width = 100;
	small.time_s = 2;
	behaviour_picture(b, &small, &err);
	CHECK_ERR(&err, ERR_DATA, "from 176 x 144 to 100 x 144");
	k.p.time_s = 0.5;
	behaviour_picture(b, &k.p, &err);
	CHECK_ERR(&err, ERR_DATA, "0.5 s after one at 1 s");
	behaviour_finish(b, &r, &err);
	behaviour_picture(b, &small, &err); /* another clip may have another size */
	CHECK_OK(&err);
	behaviour_finish(b, &r, &err);
	CHECK(r.pictures == 1);
	behaviour_free(b);
}

static void test_noise(void **state)
{
	/* random pictures of odd sizes: finite or invalid, never a crash */
	static uint8_t data[3 * 333 * 333];
	static const int size[][2] = { { 33, 47 }, { 176, 32 }, { 333, 331 } };
	struct behaviour *b = meter();
	struct err err = { 0 };
	struct rng rng;

	(void)state;
	rng_seed(&rng, 5, 0);
	for (size_t k = 0; k < ARRAY_LEN(size); k++) {
		const int w = size[k][0], h = size[k][1];
		struct picture p = { .width = w,
				     .height = h,
				     .plane = { data, data + 333 * 333, data + 2 * 333 * 333 },
				     .stride = { w, (w + 1) / 2, (w + 1) / 2 } };
		struct behaviour_result r;

		for (int i = 0; i < 12; i++) {
			for (size_t j = 0; j < sizeof(data); j++)
				data[j] = (uint8_t)(i % 3 ? rng_below(&rng, 60) + 100
							  : rng_below(&rng, 256));
			p.time_s = i / 12.0;
			behaviour_picture(b, &p, &err);
			CHECK_OK(&err);
		}
		behaviour_finish(b, &r, &err);
		CHECK_OK(&err);
		for (int c = 0; c < BEHAVIOUR_CUE_COUNT; c++)
			CHECK(isfinite(r.cues.v[c]));
		for (int part = 0; part < BEHAVIOUR_PARTS; part++)
			for (int j = 0; j < BEHAVIOUR_ROWS * behaviour_cols[part]; j++)
				CHECK(isfinite(r.feat[part][j]));
	}
	behaviour_free(b);
}

static void test_cut(void **state)
{
	/* after a camera cut the new shot has its own calm level */
	static struct canvas k;
	const double first[AXES] = { [RISE] = -1 }, second[AXES] = { [RISE] = 1 };
	struct behaviour *b = meter();
	struct behaviour_result r;
	struct err err = { 0 };

	(void)state;
	canvas_init(&k);
	for (int i = 0; i < 8; i++) {
		draw_figure(&k, first, i / 12.0);
		for (int j = 0; j < W * H; j++)
			k.y[j] = (uint8_t)(k.y[j] / 2 + 16);
		behaviour_picture(b, &k.p, &err);
	}
	for (int i = 0; i < 18; i++) {
		draw_figure(&k, second, i / 12.0);
		k.p.time_s += 8 / 12.0;
		behaviour_picture(b, &k.p, &err);
	}
	behaviour_finish(b, &r, &err);
	CHECK_OK(&err);
	CHECK_NEAR(r.cues.v[CUE_RISE], 100 * 14.0 / H, 1.5);
	behaviour_free(b);
}

/* ---- words ---- */

static void test_sentences(void **state)
{
	struct cue_set set[101] = { 0 }, none = { 0 };
	struct quantizer_data d = {
		.spec = behaviour_cue_spec, .cues = BEHAVIOUR_CUE_COUNT, .set = set, .n = 101
	};
	struct strbuf out = { 0 };
	struct quantizer q;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i <= 100; i++)
		for (int c = 0; c < BEHAVIOUR_CUE_COUNT; c++) {
			set[i].v[c] = i - 50 + c;
			set[i].ok[c] = true;
		}
	quantizer_fit(&q, &d, 5, &err);
	CHECK_OK(&err);
	none.ok[CUE_BROW] = none.ok[CUE_JAW] = none.ok[CUE_RISE] = true;
	none.v[CUE_BROW] = 49; /* a zero is a value here */
	none.v[CUE_JAW] = 0;
	none.v[CUE_RISE] = -30;
	behaviour_describe(&q, &set[50], 0, BEHAVIOUR_FACE, &out);
	strbuf_addc(&out, '|');
	behaviour_describe(&q, &set[95], 0, BEHAVIOUR_BODY, &out);
	strbuf_addc(&out, '|');
	behaviour_describe(&q, &set[5], 0, BEHAVIOUR_POSTURE, &out);
	strbuf_addc(&out, '|');
	behaviour_describe(&q, &none, 0, BEHAVIOUR_FACE, &out);
	strbuf_addc(&out, '|');
	behaviour_describe(&q, &none, 0, BEHAVIOUR_BODY, &out);
	assert_string_equal(
		strbuf_str(&out),
		"Target face: brows moderate, eyes moderate, corners moderate, jaw moderate.|"
		"Target body: gestures very high, hands very high, nodding very high, shaking very "
		"high.|Target posture: lean very low, height very low, tilt very low.|"
		"Target face: brows very high, jaw moderate.|"
		"Insufficient data to describe the body.");
	quantizer_free(&q);
	strbuf_free(&out);
}

static void test_snap(void **state)
{
	/* 60 values near 0, 40 near 10: plain q75 cuts the upper level in two */
	struct cue_set set[100] = { 0 };
	struct quantizer_data d = { .spec = behaviour_cue_spec, .cues = 1, .set = set, .n = 100 };
	struct quantizer q;
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		set[i].v[0] = i < 60 ? i * 0.01 : 10 + i * 0.01;
		set[i].ok[0] = true;
	}
	quantizer_fit(&q, &d, 3, &err);
	CHECK(q.cut[1] > 10);
	quantizer_free(&q);
	d.snap = 0.2;
	quantizer_fit(&q, &d, 3, &err);
	CHECK_NEAR(q.cut[1], (0.59 + 10.6) / 2, 1e-9);
	CHECK(q.cut[0] < 1); /* no gap there: the plain quantile */
	quantizer_free(&q);
}

static void test_units(void **state)
{
	static const char *const list[] = { "slightly Cheek Raiser",	"barely Chin Raiser",
					    "moderately Brow Lowerer",	"strongly Jaw Drop",
					    "very strongly Lips Part",	"slightly Blink",
					    "moderately Third Eyelid",	"Nose Wrinkler",
					    "moderately Lip stretcher", "moderately Dimpler" };
	static const char *const quiet[] = { "barely Jaw Drop", "strongly Blink" };
	struct strbuf out = { 0 };

	(void)state;
	CHECK(behaviour_describe_units(list, ARRAY_LEN(list), &out) == 5);
	strbuf_addc(&out, '|');
	CHECK(behaviour_describe_units(list, 1, &out) == 1);
	strbuf_addc(&out, '|');
	CHECK(behaviour_describe_units(quiet, 2, &out) == 0);
	assert_string_equal(strbuf_str(&out),
			    "Target face: lips very strongly parted, jaw strongly dropped, brows "
			    "lowered, nose wrinkled, lips stretched.|"
			    "Target face: cheeks slightly raised.|"
			    "Insufficient data to describe the face.");
	strbuf_free(&out);
}

/* ---- real clips ---- */

static int take(void *ctx, const struct picture *p, struct err *err)
{
	return behaviour_picture(ctx, p, err);
}

static void test_real_clips(void **state)
{
	char *dir = real_data("meld/clips/output_repeated_splits_test");
	struct behaviour *b = meter();
	struct io_list list = { 0 };
	struct err err = { 0 };

	(void)state;
	if (!dir) {
		behaviour_free(b);
		skip();
	}
	io_list_dir(dir, &list, &err);
	CHECK_OK(&err);
	for (size_t i = 0; i < list.n; i++) {
		struct media_request rq = { .end_ms = -1,
					    .frames = true,
					    .max_height = 144,
					    .fps = FPS,
					    .on_picture = take,
					    .ctx = b };
		char *path = path_join(dir, list.name[i]);
		struct behaviour_result r;
		unsigned status;

		if (!str_ends(path, ".mp4")) {
			free(path);
			continue;
		}
		media_read(path, &rq, NULL, &status, &err);
		CHECK_OK(&err);
		behaviour_finish(b, &r, &err);
		CHECK_OK(&err);
		print_message("%s: %d of %d pictures with a face\n", list.name[i], r.faces,
			      r.pictures);
		CHECK(r.pictures > 5);
		for (int c = 0; c < BEHAVIOUR_CUE_COUNT; c++) {
			CHECK(isfinite(r.cues.v[c]));
			if (r.cues.ok[CUE_TILT])
				CHECK(fabs(r.cues.v[CUE_TILT]) < 90);
			if (r.cues.ok[CUE_RISE])
				CHECK(fabs(r.cues.v[CUE_RISE]) < 100);
		}
		free(path);
	}
	io_list_free(&list);
	behaviour_free(b);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_axes),	    cmocka_unit_test(test_natural_units),
		cmocka_unit_test(test_parts_apart), cmocka_unit_test(test_direction),
		cmocka_unit_test(test_repeats),	    cmocka_unit_test(test_no_face),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_noise),
		cmocka_unit_test(test_cut),	    cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_snap),	    cmocka_unit_test(test_units),
		cmocka_unit_test(test_real_clips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
