/* SPDX-License-Identifier: Apache-2.0
 * The evaluator of cascades against a plain one: random cascades whose windows, rectangles and
 * trees are of every size, over random pictures; the windows that pass are the same.
 */
#include "tests/test.h"

#include <math.h>

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/cue/cascade_parts.h"

enum { STAGES = 14, TREES = 3, NODES = 3, W = 150, H = 100 };

/* What the XML says; node 0 of a tree leads to node 1, that to node 2. */
struct plain_node {
	int rect[3][4], rects;
	double weight[3], threshold;
};
struct plain {
	int width, height, nodes[STAGES][TREES];
	struct plain_node node[STAGES][TREES][NODES];
	double leaf[STAGES][TREES][NODES + 1], threshold[STAGES];
};

static int between(struct rng *rng, int lo, int hi)
{
	return lo + (int)rng_below(rng, (uint32_t)(hi - lo + 1));
}

/* A rectangle and one or two parts of it, weighted so that an even picture gives 0. */
static void make_node(struct plain *p, struct plain_node *n, struct rng *rng)
{
	int *whole = n->rect[0];

	whole[2] = between(rng, 2, p->width / 2) * 2;
	whole[3] = between(rng, 1, p->height);
	whole[0] = between(rng, 0, p->width - whole[2]);
	whole[1] = between(rng, 0, p->height - whole[3]);
	n->rects = between(rng, 1, 3);
	n->weight[0] = -1;
	for (int k = 1; k < n->rects; k++) {
		memcpy(n->rect[k], whole, sizeof(n->rect[k]));
		n->rect[k][2] /= 2;
		n->rect[k][0] += (k - 1) * whole[2] / 2;
		n->weight[k] = n->rects == 2 ? 2 : between(rng, 0, 2);
	}
	n->threshold = (between(rng, 0, 200) - 100) / 1000.0;
}

static void make(struct plain *p, int width, int height, struct rng *rng)
{
	p->width = width;
	p->height = height;
	for (int s = 0; s < STAGES; s++) {
		p->threshold[s] = -0.3 * TREES;
		for (int t = 0; t < TREES; t++) {
			p->nodes[s][t] = between(rng, 1, NODES);
			for (int i = 0; i < p->nodes[s][t]; i++)
				make_node(p, &p->node[s][t][i], rng);
			for (int i = 0; i <= NODES; i++)
				p->leaf[s][t][i] = between(rng, -8, 8) / 8.0;
		}
	}
}

/* The first answer of node i is leaf i, the second the next node, of the last its other leaf. */
static void add_tree(struct strbuf *b, const struct plain *p, int s, int t, int *feature)
{
	const int n = p->nodes[s][t];

	strbuf_add(b, "<_><internalNodes>");
	for (int i = 0; i < n; i++)
		strbuf_addf(b, "%d %d %d %.9g ", -i, i + 1 < n ? i + 1 : -n, (*feature)++,
			    p->node[s][t][i].threshold);
	strbuf_add(b, "</internalNodes><leafValues>");
	for (int i = 0; i <= n; i++)
		strbuf_addf(b, "%.9g ", p->leaf[s][t][i]);
	strbuf_add(b, "</leafValues></_>");
}

static void add_feature(struct strbuf *b, const struct plain_node *n)
{
	strbuf_add(b, "<_><rects>");
	for (int k = 0; k < n->rects; k++)
		strbuf_addf(b, "<_>%d %d %d %d %g</_>", n->rect[k][0], n->rect[k][1], n->rect[k][2],
			    n->rect[k][3], n->weight[k]);
	strbuf_add(b, "</rects><tilted>0</tilted></_>");
}

static struct cascade *build(const struct plain *p)
{
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct cascade *c;
	int feature = 0;

	strbuf_addf(&b,
		    "<s><cascade><featureType>HAAR</featureType><height>%d</height>"
		    "<width>%d</width><stages>",
		    p->height, p->width);
	for (int s = 0; s < STAGES; s++) {
		strbuf_addf(&b, "<_><stageThreshold>%.9g</stageThreshold><weakClassifiers>",
			    p->threshold[s]);
		for (int t = 0; t < TREES; t++)
			add_tree(&b, p, s, t, &feature);
		strbuf_add(&b, "</weakClassifiers></_>");
	}
	strbuf_add(&b, "</stages><features>");
	for (int s = 0; s < STAGES; s++)
		for (int t = 0; t < TREES; t++)
			for (int i = 0; i < p->nodes[s][t]; i++)
				add_feature(&b, &p->node[s][t][i]);
	strbuf_add(&b, "</features></cascade></s>");
	c = cascade_parse(strbuf_str(&b), b.len, "random.xml", false, &err);
	CHECK_OK(&err);
	strbuf_free(&b);
	return c;
}

static double luma_of(const uint8_t *luma, int x, int y, const int *rect, bool squared)
{
	double sum = 0;

	for (int j = 0; j < rect[3]; j++)
		for (int i = 0; i < rect[2]; i++) {
			const double v = luma[(y + rect[1] + j) * W + x + rect[0] + i];

			sum += squared ? v * v : v;
		}
	return sum;
}

static float climb(const struct plain *p, int s, int t, const uint8_t *luma, int x, int y,
		   float norm)
{
	const int n = p->nodes[s][t];

	for (int i = 0; i < n; i++) {
		const struct plain_node *q = &p->node[s][t][i];
		double v = 0;

		for (int k = 0; k < q->rects; k++)
			v += q->weight[k] * luma_of(luma, x, y, q->rect[k], false);
		if ((float)v < (float)q->threshold * norm)
			return (float)p->leaf[s][t][i];
	}
	return (float)p->leaf[s][t][n];
}

static bool passes(const struct plain *p, const uint8_t *luma, int x, int y)
{
	const int inner[4] = { 1, 1, p->width - 2, p->height - 2 };
	const double area = inner[2] * inner[3], sum = luma_of(luma, x, y, inner, false);
	const double norm = area * luma_of(luma, x, y, inner, true) - sum * sum;

	if (norm <= 100 * area * area)
		return false;
	for (int s = 0; s < STAGES; s++) {
		float all = 0;

		for (int t = 0; t < TREES; t++)
			all += climb(p, s, t, luma, x, y, (float)sqrt(norm));
		if (all < (float)(p->threshold[s] - 1e-5))
			return false;
	}
	return true;
}

static void integrate(const uint8_t *luma, struct cascade_sums *to)
{
	memset(to, 0, sizeof(*to));
	for (int y = 1; y <= H; y++)
		for (int x = 1; x <= W; x++) {
			const int whole[4] = { 0, 0, x, y };

			to->sum[cascade_at(x, y)] =
				(uint16_t)(uint32_t)luma_of(luma, 0, 0, whole, false);
			to->square[cascade_at(x, y)] = (uint32_t)luma_of(luma, 0, 0, whole, true);
		}
}

static void test_same_windows(void **state)
{
	static const int size[][2] = { { 20, 20 }, { 24, 11 }, { 9, 40 }, { 64, 50 }, { 128, 90 } };
	static struct cascade_sums sums;
	static struct cascade_run run;
	static uint8_t luma[W * H];
	static struct plain p;
	struct rng rng;
	int seen = 0, all = 0;

	(void)state;
	rng_seed(&rng, 7, 0);
	for (int i = 0; i < W * H; i++)
		luma[i] = (uint8_t)(i % W < 90 ? 128 + 90 * sin(i % W / 7.0 + i / W / 5.0) +
							 between(&rng, -30, 30)
					       : 100 + i % 3); /* flat at the right */
	integrate(luma, &sums);
	for (int round = 0; round < 3 * (int)ARRAY_LEN(size); round++) {
		struct cascade_box box = { .x0 = 2 * (round % 2), .y0 = round % 3 };
		struct cascade *c;
		int n, k = 0;

		make(&p, size[round / 3][0], size[round / 3][1], &rng);
		c = build(&p);
		box.x1 = W - p.width - round % 2;
		box.y1 = H - p.height;
		n = cascade_windows(c, &sums, &box, &run);
		for (int y = box.y0; y <= box.y1; y += 2)
			for (int x = box.x0; x <= box.x1; x += 2, all++) {
				if (!passes(&p, luma, x, y))
					continue;
				CHECK(k < n && run.window[k].x == x && run.window[k].y == y);
				k++;
			}
		CHECK(k == n);
		seen += n;
		cascade_free(c);
	}
	print_message("%d of %d windows pass\n", seen, all);
	CHECK(seen > 100 && seen < all / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_same_windows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
