/* SPDX-License-Identifier: Apache-2.0
 * The colours of the pictures, seen by eyes of four kinds: every two of them are far enough
 * apart, and each is seen on a light and on a dark page.
 */
#include "tests/test.h"

#include "harness/base/mem.h"
#include "harness/core/labels.h"
#include "harness/report/plots.h"

#define APART 15 /* in CIE76; 2.3 is just noticed side by side */

/* Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB. */
static const double sight[][3][3] = {
	{ { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },
	{ { .152286, 1.052583, -.204868 },
	  { .114503, .786281, .099216 },
	  { -.003882, -.048116, 1.051998 } },
	{ { .367322, .860646, -.227968 },
	  { .280085, .672501, .047413 },
	  { -.011820, .042940, .968881 } },
	{ { 1.255528, -.076749, -.178779 },
	  { -.078411, .930809, .147602 },
	  { .004733, .691367, .303900 } },
};
static const char *const sight_name[] = { "common", "protan", "deutan", "tritan" };

static void linear_rgb(const char *color, double rgb[3])
{
	long number = strtol(color + 1, NULL, 16);

	for (int i = 0; i < 3; i++) {
		double c = (double)(number >> (16 - 8 * i) & 255) / 255;

		rgb[i] = c <= .04045 ? c / 12.92 : pow((c + .055) / 1.055, 2.4);
	}
}

static double luminance(const char *color)
{
	double c[3];

	linear_rgb(color, c);
	return .2126 * c[0] + .7152 * c[1] + .0722 * c[2];
}

static double lab_part(double t)
{
	return t > .008856 ? cbrt(t) : 7.787 * t + 16 / 116.;
}

static void lab_of(const char *color, const double m[3][3], double lab[3])
{
	double c[3], s[3], x, y, z;

	linear_rgb(color, c);
	for (int i = 0; i < 3; i++)
		s[i] = fmin(1, fmax(0, m[i][0] * c[0] + m[i][1] * c[1] + m[i][2] * c[2]));
	x = lab_part((.4124 * s[0] + .3576 * s[1] + .1805 * s[2]) / .9505);
	y = lab_part(.2126 * s[0] + .7152 * s[1] + .0722 * s[2]);
	z = lab_part((.0193 * s[0] + .1192 * s[1] + .9505 * s[2]) / 1.089);
	lab[0] = 116 * y - 16;
	lab[1] = 500 * (x - y);
	lab[2] = 200 * (y - z);
}

static void check_apart(const char *const *color, int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			for (size_t k = 0; k < ARRAY_LEN(sight); k++) {
				double a[3], b[3], d;

				lab_of(color[i], sight[k], a);
				lab_of(color[j], sight[k], b);
				d = sqrt((a[0] - b[0]) * (a[0] - b[0]) +
					 (a[1] - b[1]) * (a[1] - b[1]) +
					 (a[2] - b[2]) * (a[2] - b[2]));
				if (!(d >= APART))
					fail_msg("%s and %s: %.1f apart to %s eyes", color[i],
						 color[j], d, sight_name[k]);
			}
}

static void check_seen(const char *const *color, int n)
{
	for (int i = 0; i < n; i++) {
		CHECK(1.05 / (luminance(color[i]) + .05) >= 2);
		CHECK((luminance(color[i]) + .05) / (luminance("#14171b") + .05) >= 2);
	}
}

static void test_systems(void **state)
{
	struct row row[] = { { .system = "bemerc" },  { .system = "llmerc" },
			     { .system = "zebra" },   { .system = "speechcue" },
			     { .system = "bow" },     { .system = "zebra" },
			     { .system = "another" }, { .system = "majority" },
			     { .system = "third" } };
	const struct summary s = { .row = row, .n_rows = ARRAY_LEN(row) };
	const char *color[ARRAY_LEN(row)];
	int n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(row); i++)
		if (i != 5)
			color[n++] = plots_color(&s, row[i].system);
	CHECK(!strcmp(plots_color(&s, row[5].system), plots_color(&s, "zebra")));
	color[n++] = "#D55E00"; /* true drops and ceilings */
	check_apart(color, n);
	check_seen(color, n);
}

static void test_labels(void **state)
{
	static const struct label_set *const set[] = { &labels_meld7, &labels_meld3,
						       &labels_iemocap6, &labels_iemocap4 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		const char *color[LABEL_MAX];

		for (int k = 0; k < set[i]->n; k++)
			color[k] = plots_label_color(set[i]->word[k], k);
		check_apart(color, set[i]->n);
		check_seen(color, set[i]->n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_systems),
		cmocka_unit_test(test_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
