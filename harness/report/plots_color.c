/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/plots.h"

#include <string.h>

#include "harness/base/mem.h"

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

/* Systems without a colour of their own take these in order of appearance. */
static const char *const spare_color[] = { "#56B4E9", "#884422", "#8833DD" };

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

static const char *color_known(const char *system)
{
	for (size_t i = 0; i < ARRAY_LEN(fixed_color); i++)
		if (!strcmp(fixed_color[i].name, system))
			return fixed_color[i].color;
	return NULL;
}

const char *plots_color(const struct summary *s, const char *system)
{
	const char *known = color_known(system);
	size_t before = 0;

	for (int i = 0; !known && i < s->n_rows && strcmp(s->row[i].system, system); i++) {
		bool again = color_known(s->row[i].system) != NULL;

		for (int j = 0; j < i; j++)
			again |= !strcmp(s->row[j].system, s->row[i].system);
		before += !again;
	}
	return known ? known : spare_color[before % ARRAY_LEN(spare_color)];
}

const char *plots_label_color(const char *label, int index)
{
	for (size_t i = 0; i < ARRAY_LEN(label_color); i++)
		if (!strcmp(label_color[i].name, label))
			return label_color[i].color;
	return label_color[(size_t)index % ARRAY_LEN(label_color)].color;
}
