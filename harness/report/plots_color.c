/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/plots.h"

#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"

/* Okabe and Ito, "Color Universal Design": eight colours that people with protan, deutan and
 * tritan sight tell apart; their yellow, which cannot be seen on white, is left out, and grey is
 * darker than usual so that lightness parts it from the purple.  Vermilion is kept for what is
 * true, so systems do without it.  tests/test_colors.c holds all pairs to a distance. */
static const struct {
	const char *name, *color;
} fixed_color[] = { { "bemerc", "#0072B2" },
		    { "llmerc", "#E69F00" },
		    { "speechcue", "#009E73" },
		    { "bow", "#CC79A7" },
		    { "majority", "#5C5C5C" } };

/* Systems without a colour of their own take these in order of appearance, and then those of
 * systems that are not there. */
static const char *const spare_color[] = { "#56B4E9", "#884422", "#8833DD" };

#define FIXED_COUNT ARRAY_LEN(fixed_color)
#define SPARE_COUNT ARRAY_LEN(spare_color)

/* The same emotion has the same colour in every corpus. */
static const struct {
	const char *name, *color;
} label_color[] = {
	{ "neutral", "#5C5C5C" },    { "joy", "#E69F00" },	  { "happy", "#E69F00" },
	{ "happiness", "#E69F00" },  { "sadness", "#0072B2" },	  { "sad", "#0072B2" },
	{ "anger", "#D55E00" },	     { "angry", "#D55E00" },	  { "surprise", "#56B4E9" },
	{ "fear", "#CC79A7" },	     { "disgust", "#009E73" },	  { "excited", "#44CC88" },
	{ "excitement", "#44CC88" }, { "frustrated", "#8833DD" }, { "frustration", "#8833DD" },
	{ "negative", "#D55E00" },   { "positive", "#0072B2" },
};

/* Is name the system, or one of its rows with other options, "bow (lr=0.1)"? */
static bool is_of(const char *name, const char *system)
{
	const size_t n = strlen(system);

	return str_starts(name, system) && (!name[n] || str_starts(name + n, " ("));
}

/* Of rows with other options the first has the system's own colour. */
static const char *color_known(const struct summary *s, const char *name)
{
	const char *color = NULL, *system = NULL;

	for (size_t i = 0; i < ARRAY_LEN(fixed_color) && !color; i++)
		if (is_of(name, fixed_color[i].name)) {
			system = fixed_color[i].name;
			color = fixed_color[i].color;
		}
	for (int i = 0; color && strcmp(name, system) && i < s->n_rows; i++)
		if (is_of(s->row[i].system, system))
			return strcmp(s->row[i].system, name) ? NULL : color;
	return color;
}

static bool has_system(const struct summary *s, const char *system)
{
	for (int i = 0; i < s->n_rows; i++)
		if (is_of(s->row[i].system, system))
			return true;
	return false;
}

/* Systems without a colour of their own that come before this one. */
static size_t others_before(const struct summary *s, const char *system)
{
	size_t before = 0;

	for (int i = 0; i < s->n_rows && strcmp(s->row[i].system, system); i++) {
		bool again = color_known(s, s->row[i].system) != NULL;

		for (int j = 0; j < i; j++)
			again |= !strcmp(s->row[j].system, s->row[i].system);
		before += !again;
	}
	return before;
}

/* Spare colours and those of systems that are not there. */
static int free_colors(const struct summary *s, const char *color[SPARE_COUNT + FIXED_COUNT])
{
	int n = 0;

	for (size_t i = 0; i < SPARE_COUNT; i++)
		color[n++] = spare_color[i];
	for (size_t i = 0; i < FIXED_COUNT; i++)
		if (!has_system(s, fixed_color[i].name))
			color[n++] = fixed_color[i].color;
	return n;
}

const char *plots_color(const struct summary *s, const char *system)
{
	const char *known = color_known(s, system), *color[SPARE_COUNT + FIXED_COUNT];
	const int n = free_colors(s, color);

	return known ? known : color[others_before(s, system) % (size_t)n];
}

int plots_round(const struct summary *s, const char *system)
{
	const char *color[SPARE_COUNT + FIXED_COUNT];
	const int n = free_colors(s, color);

	return color_known(s, system) ? 0 : (int)(others_before(s, system) / (size_t)n);
}

const char *plots_label_color(const char *label, int index)
{
	for (size_t i = 0; i < ARRAY_LEN(label_color); i++)
		if (!strcmp(label_color[i].name, label))
			return label_color[i].color;
	return label_color[(size_t)index % ARRAY_LEN(label_color)].color;
}
