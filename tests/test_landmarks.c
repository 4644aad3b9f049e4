/* SPDX-License-Identifier: Apache-2.0
 * Landmark models: read and refused; a small one against a fit by hand; the shipped one against
 * dlib's own answers (golden, see scripts/peers/dlib_landmarks.cc); what a face does.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/cue/face_points.h"
#include "harness/cue/landmarks.h"
#include "harness/cue/track.h"
#include "tests/landmark_fixture.h"

enum { W = 240, H = 200 };

/* The picture that the golden answers were made on, without any rounding of floats. */
static void draw(uint8_t *luma)
{
	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			const int v = (x * x * 3 + y * y * 5 + x * y * 2) / 64 % 256;
			const int u = (x * 7 + y * 13) / 3 % 256;

			luma[y * W + x] =
				(uint8_t)((v < 128 ? v : 255 - v) + (u < 128 ? u : 255 - u) / 2);
		}
}

static struct landmark_model *fixture(struct landmark_bytes *b)
{
	struct err err = { 0 };
	struct landmark_model *m;

	landmark_fixture(b);
	m = landmarks_parse(b->data, b->n, "model", &err);
	CHECK_OK(&err);
	return m;
}

/* ---- reading ---- */

static void test_refused(void **state)
{
	struct landmark_bytes b;
	struct err err = { 0 };

	(void)state;
	landmarks_free(fixture(&b));
	for (size_t n = 0; n < b.n; n++) {
		CHECK(!landmarks_parse(b.data, n, "some.dat", &err));
		CHECK(strstr(err.msg, "some.dat: at byte") && strstr(err.msg, "68 points"));
		CHECK_ERR(&err, ERR_FORMAT, "");
	}
	b.data[b.n++] = 0;
	CHECK(!landmarks_parse(b.data, b.n, "some.dat", &err));
	CHECK_ERR(&err, ERR_FORMAT, "behind the end");
	landmark_fixture(&b);
	b.data[1] = 2;
	CHECK(!landmarks_parse(b.data, b.n, "some.dat", &err));
	CHECK_ERR(&err, ERR_FORMAT, "version");
	landmark_fixture(&b);
	b.data[3] = 134; /* 67 points */
	CHECK(!landmarks_parse(b.data, b.n, "some.dat", &err));
	CHECK_ERR(&err, ERR_FORMAT, "another number of points");
	CHECK(!landmarks_load("no/such.dat", &err));
	CHECK_ERR(&err, ERR_MISSING, "no/such.dat");
}

static void test_mutations(void **state)
{
	struct landmark_bytes b;
	struct rng rng;
	int opened = 0;

	(void)state;
	rng_seed(&rng, 5, 0);
	for (int i = 0; i < 3000; i++) {
		struct err err = { 0 };
		struct landmark_model *m;

		landmark_fixture(&b);
		for (int k = 0; k < 1 + i % 3; k++)
			b.data[rng_below(&rng, b.n)] = (uint8_t)rng_below(&rng, 256);
		m = landmarks_parse(b.data, b.n, "some.dat", &err);
		CHECK((m != NULL) == (err.code == 0));
		opened += m != NULL;
		landmarks_free(m);
	}
	CHECK(opened > 100 && opened < 2900);
}

/* ---- fitting ---- */

/* The left half of the picture is bright up to x. */
static void test_by_hand(void **state)
{
	const struct landmark_square square = { 100, 100, 80 };
	uint8_t *luma = mem_calloc(W * H, 1);
	const struct landmark_picture p = { luma, W, H, W };
	struct landmark_bytes b;
	struct landmark_model *m = fixture(&b);
	struct landmark_point at[LANDMARKS];

	(void)state;
	assert_non_null(luma);
	/* The first point lies on the corner (60, 60), its pixels at 40 and 80: left; then on 50,
	 * its pixels on 30 and 70: left again where they straddle the border. */
	for (int border = 20; border < 100; border += 20) {
		const bool first = border > 40 && border <= 80;
		const double x1 = 60 + (first ? -10 : 10);
		const bool second = border > x1 - 20 && border <= x1 + 20;
		const double x = x1 + (second ? -10 : 10);
		const double y = 60 + (first ? 0 : 5) + (second ? 0 : 5);

		for (int i = 0; i < W * H; i++)
			luma[i] = i % W < border ? 90 : 70;
		landmarks_fit(m, &p, &square, at);
		for (int i = 0; i < LANDMARKS; i++) {
			CHECK_NEAR(at[i].x, x + i % 8 * 10, 1e-4);
			CHECK_NEAR(at[i].y, y + i / 8 * 10, 1e-4);
		}
	}
	landmarks_free(m);
	free(luma);
}

/* The square of points that were moved, turned and sized is moved and sized alike. */
static void test_square(void **state)
{
	struct landmark_point at[LANDMARKS];
	struct landmark_bytes b;
	struct landmark_model *m = fixture(&b);

	(void)state;
	for (int turn = -40; turn <= 40; turn += 20) {
		const double a = turn * 3.14159265358979 / 180, side = 50 + turn;
		struct landmark_square s;

		for (int i = 0; i < LANDMARKS; i++) {
			const double u = (i % 8 / 8.0 - 0.5) * side, v = (i / 8 / 8.0 - 0.5) * side;

			at[i].x = (float)(300 + cos(a) * u - sin(a) * v);
			at[i].y = (float)(200 + sin(a) * u + cos(a) * v);
		}
		s = landmarks_square(m, at);
		CHECK_NEAR(s.x, 300, 1e-3);
		CHECK_NEAR(s.y, 200, 1e-3);
		CHECK_NEAR(s.side, side, 1e-3);
		CHECK_NEAR(landmarks_oddity(m, at), 0, 1e-5);
		at[3].x += (float)(0.4 * side);
		CHECK_NEAR(landmarks_oddity(m, at), 0.4 / sqrt(LANDMARKS), 3e-3);
	}
	landmarks_free(m);
}

/* The shipped model on the drawn picture: each line holds a square (left, top, right, bottom) and
 * the points that dlib rounds to whole pixels. */
static void test_shipped(void **state)
{
	struct landmark_picture p = { NULL, W, H, W };
	uint8_t *luma = mem_calloc(W * H, 1);
	struct landmark_point at[LANDMARKS];
	struct landmark_model *m;
	struct err err = { 0 };
	int l, t, r, b, squares = 0;
	FILE *f;

	(void)state;
	assert_non_null(luma);
	draw(luma);
	p.luma = luma;
	m = landmarks_load(FACE_LANDMARKS, &err);
	CHECK_OK(&err);
	CHECK(landmarks_size(m) < 70 << 20);
	f = fopen("tests/golden/faces/landmarks.txt", "r");
	assert_non_null(f);
	while (fscanf(f, "%d %d %d %d", &l, &t, &r, &b) == 4) {
		const struct landmark_square s = { (float)(l + r) / 2, (float)(t + b) / 2,
						   (float)(r - l) };

		landmarks_fit(m, &p, &s, at);
		for (int i = 0; i < LANDMARKS; i++) {
			double x, y;

			CHECK(fscanf(f, "%lf %lf", &x, &y) == 2);
			CHECK_NEAR(at[i].x, x, 0.501);
			CHECK_NEAR(at[i].y, y, 0.501);
		}
		squares++;
	}
	CHECK(squares == 12);
	fclose(f);
	landmarks_free(m);
	free(luma);
}

/* ---- what a face does ---- */

struct pose {
	double x, y, side, turn; /* of the square; degrees */
};

/* About the mean face of the shipped model, in the unit square. */
static void mean_face(struct landmark_point *at)
{
	static const double mouth[20][2] = {
		{ .317, .751 }, { .384, .724 }, { .453, .710 }, { .5, .722 },	{ .547, .710 },
		{ .616, .724 }, { .683, .751 }, { .618, .817 }, { .552, .846 }, { .5, .852 },
		{ .448, .846 }, { .382, .817 }, { .345, .755 }, { .452, .750 }, { .5, .755 },
		{ .548, .750 }, { .655, .755 }, { .549, .786 }, { .5, .792 },	{ .451, .786 },
	};
	static const double eye[6][2] = { { .214, .316 }, { .265, .286 }, { .326, .287 },
					  { .379, .328 }, { .322, .338 }, { .261, .337 } };
	static const double brow[5][2] = {
		{ .119, .231 }, { .178, .178 }, { .26, .163 }, { .345, .175 }, { .425, .208 }
	};
	static const int mirror[6] = { 3, 2, 1, 0, 5, 4 };

	for (int i = 0; i < 17; i++) { /* jaw: half an ellipse */
		const double a = 3.14159265358979 * i / 16;

		at[i] = (struct landmark_point){ (float)(0.5 - 0.47 * cos(a)),
						 (float)(0.32 + 0.75 * sin(a)) };
	}
	for (int i = 0; i < 5; i++) {
		at[LANDMARK_BROW_LEFT + i] =
			(struct landmark_point){ (float)brow[i][0], (float)brow[i][1] };
		at[LANDMARK_BROW_RIGHT + i] = (struct landmark_point){ (float)(1 - brow[4 - i][0]),
								       (float)brow[4 - i][1] };
	}
	for (int i = 0; i < 9; i++)
		at[LANDMARK_NOSE + i] =
			i < 4 ? (struct landmark_point){ 0.5F, (float)(0.306 + 0.08 * i) }
			      : (struct landmark_point){ (float)(0.405 + 0.0475 * (i - 4)),
							 i == 6 ? 0.634F : 0.61F };
	for (int i = 0; i < 6; i++) {
		at[LANDMARK_EYE_LEFT + i] =
			(struct landmark_point){ (float)eye[i][0], (float)eye[i][1] };
		at[LANDMARK_EYE_RIGHT + i] =
			(struct landmark_point){ (float)(1 - eye[mirror[i]][0]),
						 (float)eye[mirror[i]][1] };
	}
	for (int i = 0; i < 20; i++)
		at[LANDMARK_LIPS_OUTER + i] =
			(struct landmark_point){ (float)mouth[i][0], (float)mouth[i][1] };
}

static void look(const struct landmark_model *m, const struct landmark_point *unit,
		 const struct pose *pose, struct face *out)
{
	const double a = pose->turn * 3.14159265358979 / 180;
	struct landmark_point at[LANDMARKS];
	struct landmark_square s;

	for (int i = 0; i < LANDMARKS; i++) {
		const double u = (unit[i].x - 0.5) * pose->side, v = (unit[i].y - 0.5) * pose->side;

		at[i].x = (float)(pose->x + cos(a) * u - sin(a) * v);
		at[i].y = (float)(pose->y + sin(a) * u + cos(a) * v);
	}
	s = landmarks_square(m, at);
	face_from_points(m, at, &s, out);
}

/* A face at rest reads as one in every pose; each part moves its own reading. */
static void test_parts(void **state)
{
	static const struct pose pose[] = { { 100, 80, 60, 0 },
					    { 300, 200, 150, 25 },
					    { 50, 50, 40, -30 } };
	struct landmark_point rest[LANDMARKS], moved[LANDMARKS];
	struct err err = { 0 };
	struct landmark_model *m = landmarks_load(FACE_LANDMARKS, &err);
	struct face calm, now;

	(void)state;
	CHECK_OK(&err);
	mean_face(rest);
	for (size_t i = 0; i < ARRAY_LEN(pose); i++) {
		look(m, rest, &pose[i], &calm);
		CHECK(calm.found && calm.measured);
		CHECK_NEAR(calm.tilt, pose[i].turn, 0.5);
		CHECK_NEAR(calm.height / pose[i].side, FACE_BY_SQUARE, 0.05);
		CHECK(calm.mouth <= face_rest_mouth.high + 0.1);
		CHECK(calm.corners > face_rest_corners.low &&
		      calm.corners < face_rest_corners.high);
		CHECK(calm.brow > face_rest_brow.low && calm.brow < face_rest_brow.high);
		memcpy(moved, rest, sizeof(rest)); /* the jaw drops by a tenth of the square */
		for (int k = 0; k < 3; k++)
			moved[LANDMARK_LIPS_INNER + 5 + k].y += 0.1F;
		look(m, moved, &pose[i], &now);
		CHECK_NEAR(now.mouth - calm.mouth, 0.1 * 44 / FACE_BY_SQUARE, 0.3);
		CHECK_NEAR(now.brow, calm.brow, 0.1);
		memcpy(moved, rest, sizeof(rest)); /* the corners are pulled up */
		moved[LANDMARK_LIPS_OUTER].y -= 0.05F;
		moved[LANDMARK_LIPS_OUTER + 6].y -= 0.05F;
		look(m, moved, &pose[i], &now);
		CHECK_NEAR(now.corners - calm.corners, 0.05 * 44 / FACE_BY_SQUARE, 0.2);
		memcpy(moved, rest, sizeof(rest)); /* the brows go up, the eyes shut */
		for (int k = 0; k < 10; k++)
			moved[LANDMARK_BROW_LEFT + k].y -= 0.06F;
		look(m, moved, &pose[i], &now);
		CHECK_NEAR(now.brow - calm.brow, 0.06 * 44 / FACE_BY_SQUARE, 0.3);
		memcpy(moved, rest, sizeof(rest));
		for (int k = 0; k < 12; k++)
			moved[LANDMARK_EYE_LEFT + k].y = 0.32F;
		look(m, moved, &pose[i], &now);
		CHECK(now.eyes < 0.1 && calm.eyes > 5);
	}
	for (int i = 0; i < LANDMARKS; i++) /* no face */
		moved[i] = (struct landmark_point){ rest[(i * 29) % LANDMARKS].x,
						    rest[(i * 29) % LANDMARKS].y };
	look(m, moved, &pose[0], &now);
	CHECK(!now.measured);
	landmarks_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_by_hand), cmocka_unit_test(test_square),
		cmocka_unit_test(test_shipped), cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
