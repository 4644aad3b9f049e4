/* SPDX-License-Identifier: Apache-2.0
 * Cascades are read, refused and run as their file says; the speaker is the one whose mouth
 * moves with the voice; on real clips the chosen box is on a face (boxes made by hand).
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/cue/action_units.h"
#include "harness/cue/behaviour.h"
#include "harness/cue/cascade.h"
#include "harness/cue/speaker.h"
#include "harness/cue/track.h"
#include "harness/media/media.h"

/* ---- reading ---- */

/* One stage, one tree: is the left half of a 12 x 12 window darker than the right one? */
#define HEAD                                                                                       \
	"<?xml version=\"1.0\"?><opencv_storage><cascade><featureType>HAAR</featureType>"          \
	"<height>12</height><width>12</width><stages><_><stageThreshold>0.5</stageThreshold>"      \
	"<weakClassifiers><_>"
#define TREE  "<internalNodes>0 -1 0 -0.5</internalNodes><leafValues>1 0</leafValues>"
#define MID   "</_></weakClassifiers></_></stages><features><_><rects>"
#define RECTS "<_>0 0 12 12 -1.</_><_>6 0 6 12 2.</_>"
#define TAIL  "</rects><tilted>0</tilted></_></features></cascade></opencv_storage>"
static const char edge_xml[] = HEAD TREE MID RECTS TAIL;

static struct cascade *parse(const char *xml, bool mirrored, struct err *err)
{
	return cascade_parse(xml, strlen(xml), "some.xml", mirrored, err);
}

static void test_refused(void **state)
{
	static const struct {
		const char *xml, *what;
	} bad[] = {
		{ "", "some.xml:1: no element found" },
		{ "<a><b></a>", "some.xml:1: mismatched tag" },
		{ "<opencv_storage><cascade/></opencv_storage>", "not a cascade of Haar" },
		{ "<s><cascade><featureType>LBP</featureType></cascade></s>", "not HAAR" },
		{ "<s><cascade><width>4</width></cascade></s>", "8 to 128" },
		{ "<s><cascade><width>wide</width></cascade></s>", "not a number" },
		{ HEAD "<internalNodes>0 0 0</internalNodes>" MID RECTS TAIL, "no nodes" },
		{ HEAD "<internalNodes>1 0 0 0</internalNodes>" MID RECTS TAIL, "leads nowhere" },
		{ HEAD "<internalNodes>0 -1 0 0</internalNodes><leafValues>1</leafValues>" MID RECTS
			  TAIL,
		  "leaf is missing" },
		{ HEAD
		  "<internalNodes>0 -1 3 0</internalNodes><leafValues>1 0</leafValues>" MID RECTS
			  TAIL,
		  "feature 3 of 1" },
		{ HEAD TREE MID "<_>0 0 13 12 -1</_>" TAIL, "inside the window" },
		{ HEAD TREE MID "<_>0 0 2 2</_>" TAIL, "inside the window" },
		{ HEAD TREE MID RECTS
		  "</rects><tilted>1</tilted></_></features></cascade></opencv_storage>",
		  "tilted" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };

		assert_null(parse(bad[i].xml, false, &err));
		assert_non_null(strstr(err.msg, "some.xml"));
		CHECK_ERR(&err, ERR_FORMAT, bad[i].what);
	}
}

static void test_mutations(void **state)
{
	char xml[sizeof(edge_xml)];
	struct rng rng;

	(void)state;
	rng_seed(&rng, 3, 0);
	for (int i = 0; i < 3000; i++) {
		struct err err = { 0 };
		struct cascade *c;

		memcpy(xml, edge_xml, sizeof(xml));
		for (int k = 0; k < 1 + i % 3; k++)
			xml[rng_below(&rng, sizeof(xml) - 1)] = (char)(32 + rng_below(&rng, 95));
		c = cascade_parse(
			xml, rng_below(&rng, 4) ? sizeof(xml) - 1 : rng_below(&rng, sizeof(xml)),
			"some.xml", false, &err);
		CHECK((c != NULL) == (err.code == 0));
		cascade_free(c);
	}
}

/* ---- running ---- */

enum { W = 160, H = 96 };

/* A dark and a bright half with the border at x; bright_right or the other way. */
static void draw_edge(uint8_t *luma, int x, bool bright_right)
{
	for (int i = 0; i < W * H; i++)
		luma[i] = (i % W >= x) == bright_right ? 180 : 60;
}

static int find(const struct cascade *c, uint8_t *luma, struct hit *hit)
{
	const struct picture p = {
		.width = W, .height = H, .plane = { luma, luma, luma }, .stride = { W, W, W }
	};
	const struct scan_area all = { 0, 0, W, H, 12, 40 };
	struct err err = { 0 };
	struct cascade_scan *s = cascade_scan_new(W, H, &err);
	int n;

	CHECK_OK(&err);
	cascade_scan_picture(s, &p);
	n = cascade_find(s, &c, 1, &all, 1, hit, 64);
	cascade_scan_free(s);
	return n;
}

static void test_finds(void **state)
{
	static uint8_t luma[W * H];
	struct hit hit[64];
	struct err err = { 0 };

	(void)state;
	for (int mirrored = 0; mirrored < 2; mirrored++) {
		struct cascade *c = parse(edge_xml, mirrored, &err);

		CHECK_OK(&err);
		for (int x = 50; x < 60; x++) {
			/* the tree's first leaf: a sum under the threshold, the right side darker
			 */
			draw_edge(luma, x, mirrored);
			CHECK(find(c, luma, hit) > 0);
			for (int i = 0; i < find(c, luma, hit); i++)
				CHECK_NEAR(hit[i].x, x, 0.42 * hit[i].side);
			draw_edge(luma, x, !mirrored);
			CHECK(find(c, luma, hit) == 0);
		}
		memset(luma, 90, sizeof(luma));
		CHECK(find(c, luma, hit) == 0);
		cascade_free(c);
	}
}

/* ---- choosing ---- */

static void test_speaker(void **state)
{
	enum { N = 24 };
	struct company c[N] = { { 0 } };
	float pcm[2 * 16000] = { 0 };
	struct voice v = { 0 };
	struct err err = { 0 };

	(void)state;
	for (int i = 16000; i < 2 * 16000; i++)
		pcm[i] = i % 2 ? 0.3F : -0.3F;
	voice_measure(&v, pcm, 2 * 16000, 16000, &err);
	CHECK_OK(&err);
	for (int i = 0; i < N; i++) {
		const bool late = i >= N / 2; /* the voice is heard in the second half */

		c[i].t = i / 12.0;
		c[i].n = 2;
		c[i].face[0] = (struct onlooker){ 7, { .x = 100, .height = 50 }, late ? 0.1 : 5 };
		c[i].face[1] = (struct onlooker){ 9, { .x = 220, .height = 50 }, late ? 5 : 0.1 };
	}
	CHECK(speaker_of(c, N, &v, 320) == 9);
	CHECK(speaker_of(c, N / 2, &v, 320) == 7); /* nothing but silence: who moves */
	voice_free(&v);
	for (int i = 0; i < N; i++)
		c[i].face[0].mouth_moves = c[i].face[1].mouth_moves = 1;
	c[0].face[0].face.height = 90;
	CHECK(speaker_of(c, 1, &v, 320) == 7);	   /* the larger */
	CHECK(speaker_of(c + 1, 1, &v, 440) == 9); /* the one in the middle */
	c[0].n = 0;
	CHECK(speaker_of(c, 1, &v, 320) == 0);
}

static void test_drawn(void **state)
{
	static uint8_t luma[W * H];
	const struct picture p = {
		.width = W, .height = H, .plane = { luma, luma, luma }, .stride = { W, W, W }
	};
	struct rng rng;
	bool blank;

	(void)state;
	rng_seed(&rng, 8, 0);
	draw_edge(luma, 70, true);
	CHECK(picture_is_drawn(&p, &blank) && !blank);
	for (int i = 0; i < W * H; i++)
		luma[i] = (uint8_t)(luma[i] + rng_below(&rng, 4));
	CHECK(!picture_is_drawn(&p, &blank) && !blank);
	memset(luma, 16, sizeof(luma));
	picture_is_drawn(&p, &blank);
	CHECK(blank);
}

/* ---- real clips ---- */

struct boxes {
	struct behaviour_sight sight[256];
	int n;
};

static void keep(void *ctx, const struct behaviour_sight *s)
{
	struct boxes *b = ctx;

	if (b->n < 256)
		b->sight[b->n++] = *s;
}

static int take(void *ctx, const struct picture *p, struct err *err)
{
	return behaviour_picture(ctx, p, err);
}

static void watch_clip(struct behaviour *b, const char *dir, const char *clip,
		       struct behaviour_result *r)
{
	char name[64], *path;
	struct media_request rq = { .end_ms = -1,
				    .rate = 16000,
				    .frames = true,
				    .max_height = 360,
				    .fps = 12,
				    .on_picture = take,
				    .ctx = b };
	struct media_audio audio;
	struct err err = { 0 };
	unsigned status;

	snprintf(name, sizeof(name), "%s.mp4", clip);
	path = path_join(dir, name);
	assert_non_null(path);
	media_read(path, &rq, &audio, &status, &err);
	behaviour_hear(b, audio.pcm, audio.n, audio.rate, &err);
	behaviour_finish(b, r, &err);
	CHECK_OK(&err);
	media_audio_free(&audio);
	free(path);
}

/* On a face: the centres within four tenths of its height, the heights alike. */
static bool on_face(const struct behaviour_sight *s, double x, double y, double height)
{
	return s->face && hypot(s->x - x, s->y - y) < 0.4 * height &&
	       fabs(log2(s->height / height)) < 0.7;
}

static void test_boxes(void **state)
{
	char *dir = real_data("meld/clips/output_repeated_splits_test");
	char clip[64] = "", name[64];
	int picture, last = -1, pictures = 0, good = 0;
	double x, y, height;
	struct face_models models;
	struct behaviour *b;
	struct boxes *boxes = mem_calloc(1, sizeof(*boxes));
	struct behaviour_result *r = mem_calloc(1, sizeof(*r));
	struct err err = { 0 };
	bool hit = false;
	FILE *f;

	(void)state;
	assert_non_null(boxes);
	assert_non_null(r);
	if (!dir) {
		free(boxes);
		free(r);
		skip();
	}
	face_models_load(&models, FACE_CASCADES_DIR, FACE_LANDMARKS, &err);
	CHECK_OK(&err);
	b = behaviour_new(&models, &err);
	behaviour_watch(b, keep, boxes);
	f = fopen("tests/golden/faces/meld.csv", "r");
	assert_non_null(f);
	CHECK(fscanf(f, "%*[^\n]") == 0);
	while (fscanf(f, " %63[^,],%d,%lf,%lf,%lf", name, &picture, &x, &y, &height) == 5) {
		if (strcmp(name, clip) != 0) {
			boxes->n = 0;
			last = -1;
			strcpy(clip, name);
			watch_clip(b, dir, clip, r);
		}
		if (picture != last) {
			good += hit;
			pictures++;
			hit = false;
			last = picture;
		}
		CHECK(picture < boxes->n);
		hit |= on_face(&boxes->sight[picture], x, y, height);
	}
	good += hit;
	fclose(f);
	print_message("the chosen box is on a face in %d of %d pictures\n", good, pictures);
	CHECK(pictures == 27 && 10 * good >= 9 * pictures);
	behaviour_free(b);
	face_models_free(&models);
	free(boxes);
	free(r);
	free(dir);
}

/* Ranks from 1, ties share theirs. */
static void rank(const double *v, int n, double *out)
{
	for (int i = 0; i < n; i++) {
		out[i] = 0.5;
		for (int k = 0; k < n; k++)
			out[i] += v[k] < v[i] ? 1 : v[k] == v[i] ? 0.5 : 0;
	}
}

static double rank_correlation(const double *a, const double *b, int n)
{
	double ra[16], rb[16], mean = (n + 1) / 2.0, ab = 0, aa = 0, bb = 0;

	rank(a, n, ra);
	rank(b, n, rb);
	for (int i = 0; i < n; i++) {
		ab += (ra[i] - mean) * (rb[i] - mean);
		aa += (ra[i] - mean) * (ra[i] - mean);
		bb += (rb[i] - mean) * (rb[i] - mean);
	}
	return ab / sqrt(aa * bb);
}

static double unit(const struct action_units *a, int number)
{
	for (int i = 0; i < ACTION_UNITS; i++)
		if (action_unit_spec[i].number == number)
			return a->v[i];
	return 0;
}

/* The cues of the clips beside the action units that OpenFace recorded at one picture of each.
 * Nobody smiles in the seven (two units of about a half, one of a face 35 pixels high), so that of
 * the corners only what pulls them down can be judged. */
static void test_units(void **state)
{
	static const char *const clip[] = { "dia111_utt9",  "dia169_utt6", "dia240_utt9",
					    "dia279_utt14", "dia29_utt4",  "dia42_utt1",
					    "dia77_utt3" };
	enum { CLIPS = ARRAY_LEN(clip) };
	char *dir = real_data("meld/clips/output_repeated_splits_test");
	char *units = real_data("meld/behaviour/test_behaviour_descriptions.json");
	double jaw[CLIPS], open[CLIPS], corners[CLIPS], smile[CLIPS], down[CLIPS];
	double brow[CLIPS], raised[CLIPS];
	struct behaviour_result *r = mem_calloc(1, sizeof(*r));
	struct face_models models;
	struct behaviour *b;
	struct err err = { 0 };

	(void)state;
	assert_non_null(r);
	if (!dir || !units) {
		free(r);
		free(dir);
		free(units);
		skip();
	}
	face_models_load(&models, FACE_CASCADES_DIR, FACE_LANDMARKS, &err);
	CHECK_OK(&err);
	b = behaviour_new(&models, &err);
	for (int i = 0; i < CLIPS; i++) {
		struct action_units a;

		action_units_read(&a, units, clip[i], &err);
		CHECK_OK(&err);
		watch_clip(b, dir, clip[i], r);
		CHECK(r->cues.ok[CUE_JAW] && r->cues.ok[CUE_CORNERS] && r->cues.ok[CUE_BROW]);
		CHECK(r->feat_ok[BEHAVIOUR_FACE]);
		jaw[i] = r->cues.v[CUE_JAW];
		corners[i] = r->cues.v[CUE_CORNERS];
		brow[i] = r->cues.v[CUE_BROW];
		open[i] = unit(&a, 25) + unit(&a, 26);
		smile[i] = unit(&a, 12);
		down[i] = -unit(&a, 15);
		raised[i] = unit(&a, 1) + unit(&a, 2) - unit(&a, 4);
		/* Lips Part or Jaw Drop: the mouth opens */
		CHECK(jaw[i] > (open[i] > 0.2 ? 0.3 : 0));
	}
	print_message(
		"rank correlation with the recorded units, %d clips: opening with 25 + 26 %.2f, "
		"corners with -15 %.2f, with 12 %.2f, brows with 1 + 2 - 4 %.2f\n",
		CLIPS, rank_correlation(jaw, open, CLIPS), rank_correlation(corners, down, CLIPS),
		rank_correlation(corners, smile, CLIPS), rank_correlation(brow, raised, CLIPS));
	CHECK(rank_correlation(jaw, open, CLIPS) > 0.7);
	behaviour_free(b);
	face_models_free(&models);
	free(r);
	free(dir);
	free(units);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_finds),	cmocka_unit_test(test_speaker),
		cmocka_unit_test(test_drawn),	cmocka_unit_test(test_boxes),
		cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
