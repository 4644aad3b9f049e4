/* SPDX-License-Identifier: Apache-2.0
 * The metrics beside scikit-learn, scipy and exact fractions (tests/peer_scores.py) on random
 * cases with missing classes, ties, single classes, answers that are missing: 1e-12.
 * CASES=N: so many of labels, a quarter of that of each other kind.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/base/rng.h"
#include "harness/metrics/calibration.h"
#include "harness/metrics/compare.h"
#include "harness/metrics/continuous.h"
#include "harness/metrics/multilabel.h"
#include "harness/metrics/scores.h"

#ifdef __SANITIZE_ADDRESS__
#define CASES 200
#else
#define CASES 10000
#endif
#define PEER   "/usr/bin/python3"
#define MOST   60 /* samples of a case */
#define VALUES 128
#define NEAR   1e-12

/* One case: the line the peer reads, and our values. */
struct peer_case {
	struct strbuf *line;
	double ours[VALUES];
	int n;
};

static void give(struct peer_case *c, double value)
{
	CHECK(c->n < VALUES);
	c->ours[c->n++] = value;
}

static void put_labels(struct peer_case *c, const int *x, int n)
{
	for (int i = 0; i < n; i++)
		strbuf_addf(c->line, " %d", x[i]);
}

static void put_numbers(struct peer_case *c, const double *x, int n)
{
	for (int i = 0; i < n; i++)
		strbuf_addf(c->line, " %.17g", x[i]);
}

static int below(struct rng *r, int n)
{
	return (int)rng_below(r, (uint64_t)n);
}

/* Odd shapes on purpose: few labels of many, constant answers, no answers. */
static void labels_case(struct rng *r, struct peer_case *c)
{
	int k = 2 + below(r, 6), n = 1 + below(r, MOST), gold[MOST], answer[MOST];
	int golds = 1 + below(r, k), answers = 1 + below(r, k), none = below(r, 3);
	struct confusion m = { .k = k }, all = { .k = k };
	struct err err = { 0 };
	struct scores s;

	for (int i = 0; i < n; i++) {
		gold[i] = below(r, golds);
		answer[i] = rng_uniform(r) < .4 ? gold[i] : below(r, answers);
		if (none == 1 && rng_uniform(r) < .2)
			answer[i] = -1;
		confusion_add(&m, gold[i], answer[i]);
	}
	CHECK(!confusion_add_all(&all, gold, answer, (size_t)n, &err));
	CHECK(!memcmp(&m, &all, sizeof(m)));
	strbuf_addf(c->line, "labels %d %d", k, n);
	put_labels(c, gold, n);
	put_labels(c, answer, n);
	scores_compute(&m, &s);
	give(c, s.accuracy);
	give(c, s.uar);
	give(c, s.macro_f1);
	give(c, s.micro_f1);
	give(c, s.weighted_f1);
	give(c, s.kappa);
	give(c, s.mcc);
	for (int i = 0; i < k; i++)
		give(c, s.cls[i].precision);
	for (int i = 0; i < k; i++)
		give(c, s.cls[i].recall);
	for (int i = 0; i < k; i++)
		give(c, s.cls[i].f1);
	for (int i = 0; i < k; i++)
		give(c, (double)s.cls[i].support);
	for (int i = 0; i < k * k; i++)
		give(c, (double)m.count[i / k][i % k]);
}

/* Small whole weights give ties, zeros and certainties; others give ordinary rows. */
static void probs_case(struct rng *r, struct peer_case *c)
{
	int k = 2 + below(r, 6), n = 1 + below(r, 20), gold[MOST];
	bool coarse = below(r, 2);
	double p[MOST * 8];
	struct calibration cal = { .k = k };
	struct err err = { 0 };

	for (int i = 0; i < n; i++) {
		double sum = 0, *row = p + i * k;

		gold[i] = below(r, k);
		for (int j = 0; j < k; j++) {
			row[j] = coarse ? below(r, 4) : rng_uniform(r);
			row[j] += j == gold[i];
			sum += row[j];
		}
		for (int j = 0; j < k; j++)
			row[j] /= sum;
		CHECK(!calibration_add(&cal, row, gold[i], &err));
	}
	strbuf_addf(c->line, "probs %d %d", k, n);
	put_labels(c, gold, n);
	put_numbers(c, p, n * k);
	give(c, calibration_ece(&cal));
	give(c, calibration_brier(&cal));
	give(c, calibration_nll(&cal));
}

/* Steps of a half (ties), anything, or one value throughout. */
static void numbers_case(struct rng *r, struct peer_case *c)
{
	int n = 1 + below(r, MOST), shape[2] = { below(r, 5), below(r, 5) };
	double x[2][MOST], level = below(r, 3);
	struct continuous m = { 0 };

	for (int side = 0; side < 2; side++)
		for (int i = 0; i < n; i++)
			x[side][i] = shape[side] == 0  ? level
				     : shape[side] < 3 ? 1 + below(r, 9) * .5
						       : rng_normal(r) + (side ? .5 * x[0][i] : 0);
	for (int i = 0; i < n; i++)
		continuous_add(&m, x[0][i], x[1][i]);
	strbuf_addf(c->line, "numbers %d", n);
	put_numbers(c, x[0], n);
	put_numbers(c, x[1], n);
	give(c, continuous_ccc(&m));
	give(c, continuous_pearson(&m));
	give(c, continuous_mae(&m));
	give(c, continuous_rmse(&m));
}

static void sets_case(struct rng *r, struct peer_case *c)
{
	int k = 2 + below(r, 6), n = 1 + below(r, 30), gold[MOST], answer[MOST];
	unsigned allowed = 1 + (unsigned)below(r, (1 << k) - 1);
	double rate = rng_uniform(r);
	struct multilabel m = { .k = k };
	struct multilabel_scores s;

	for (int i = 0; i < n; i++) {
		gold[i] = (int)((unsigned)below(r, 1 << k) & allowed);
		answer[i] = rng_uniform(r) < rate ? gold[i] : below(r, 1 << k);
		if (below(r, 5) == 0)
			answer[i] = gold[i] = 0;
		multilabel_add(&m, (uint32_t)gold[i], (uint32_t)answer[i]);
	}
	strbuf_addf(c->line, "sets %d %d", k, n);
	put_labels(c, gold, n);
	put_labels(c, answer, n);
	multilabel_compute(&m, &s);
	give(c, s.micro_f1);
	give(c, s.macro_f1);
	give(c, s.weighted_f1);
	give(c, s.jaccard);
	give(c, s.exact_match);
	for (int i = 0; i < k; i++)
		give(c, s.f1[i]);
}

static void ranks_case(struct rng *r, struct peer_case *c)
{
	int n = 1 + below(r, 25), m = 1 + below(r, 25), values = 1 + below(r, 30);
	bool ties = below(r, 2);
	double x[MOST], u, p;
	struct err err = { 0 };

	for (int i = 0; i < n + m; i++)
		x[i] = ties ? below(r, values) : rng_normal(r) + (i < n ? 0 : .5);
	CHECK(!mann_whitney(x, n, x + n, m, &u, &p, &err));
	strbuf_addf(c->line, "ranks %d %d", n, m);
	put_numbers(c, x, n + m);
	give(c, u);
	give(c, p);
}

static void signs_case(struct rng *r, struct peer_case *c)
{
	int most = 1 << below(r, 13), b = below(r, most), d = below(r, most);

	if (below(r, 3) == 0)
		d = b + below(r, 1 + (int)sqrt(b)); /* not far apart: p is no dust */
	strbuf_addf(c->line, "signs %d %d", b, d);
	give(c, mcnemar_exact(b, d));
	give(c, mcnemar_exact(d, b));
}

static void holm_case(struct rng *r, struct peer_case *c)
{
	int m = 1 + below(r, 20);
	double p[20], out[20];
	struct err err = { 0 };

	for (int i = 0; i < m; i++)
		p[i] = below(r, 2) ? below(r, 20) / 100. : pow(rng_uniform(r), 3);
	CHECK(!holm_adjust(p, out, m, &err));
	strbuf_addf(c->line, "holm %d", m);
	put_numbers(c, p, m);
	for (int i = 0; i < m; i++)
		give(c, out[i]);
}

static const struct {
	const char *name;
	void (*make)(struct rng *r, struct peer_case *c);
} kind[] = {
	{ "labels", labels_case }, { "probs", probs_case }, { "numbers", numbers_case },
	{ "sets", sets_case },	   { "ranks", ranks_case }, { "signs", signs_case },
	{ "holm", holm_case },
};

static int cases_of(size_t k, int cases)
{
	return k ? (cases + 3) / 4 : cases;
}

static struct peer_case *make_cases(int cases, struct strbuf *text)
{
	struct peer_case *all, *one;

	CHECK(NEW_ARRAY(all, (size_t)cases * ARRAY_LEN(kind)));
	one = all;
	for (size_t k = 0; k < ARRAY_LEN(kind); k++)
		for (int i = 0; i < cases_of(k, cases); i++, one++) {
			struct rng r;

			rng_seed(&r, 7 + k, (uint64_t)i);
			one->line = text;
			kind[k].make(&r, one);
			strbuf_addc(text, '\n');
		}
	CHECK(!text->oom);
	return all;
}

/* Values of one case that differ; *worst: the largest difference seen. */
static int compare_case(FILE *f, const struct peer_case *c, const char *name, int number,
			double *worst)
{
	int bad = 0;

	for (int i = 0; i < c->n; i++) {
		double theirs, off;

		CHECK(fscanf(f, "%lf", &theirs) == 1);
		if (isnan(c->ours[i]) && isnan(theirs))
			continue;
		off = fabs(c->ours[i] - theirs);
		*worst = fmax(*worst, isnan(off) ? INFINITY : off);
		if (off <= NEAR)
			continue;
		bad++;
		print_error("%s %d, value %d: %.17g, peer %.17g\n", name, number, i, c->ours[i],
			    theirs);
	}
	return bad;
}

static void test_against_peers(void **state)
{
	const char *asked = getenv("CASES");
	const int cases = asked && atoi(asked) > 0 ? atoi(asked) : CASES;
	char *dir = scratch_make(), command[600];
	struct strbuf text = { 0 };
	struct err err = { 0 };
	struct peer_case *all, *c;
	FILE *f;
	int bad = 0;

	(void)state;
	if (system(PEER " -c 'import sklearn, scipy' 2>/dev/null")) {
		print_message("skipped: " PEER " has no sklearn or no scipy\n");
		scratch_remove(dir);
		skip();
	}
	c = all = make_cases(cases, &text);
	CHECK(str_format(command, sizeof(command), "%s/cases", dir));
	io_write_atomic(command, text.s, text.len, &err);
	CHECK_OK(&err);
	CHECK(str_format(command, sizeof(command),
			 "OPENBLAS_NUM_THREADS=1 " PEER " -B tests/peer_scores.py <%s/cases", dir));
	f = popen(command, "r");
	CHECK(f);
	for (size_t k = 0; k < ARRAY_LEN(kind); k++) {
		const int n = cases_of(k, cases);
		double worst = 0;

		for (int i = 0; i < n; i++)
			bad += compare_case(f, c++, kind[k].name, i, &worst);
		print_message("%d cases of %s: farthest %.1e\n", n, kind[k].name, worst);
	}
	CHECK(pclose(f) == 0);
	CHECK(bad == 0);
	free(all);
	strbuf_free(&text);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
