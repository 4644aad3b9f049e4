/* SPDX-License-Identifier: Apache-2.0
 * A picture of one measured clip: sound, pitch, intensity, the face's track and motion over
 * time, and the words under them.
 */
#ifndef HARNESS_REPORT_CLIP_PLOT_H
#define HARNESS_REPORT_CLIP_PLOT_H

#include <stdbool.h>

#include "harness/base/err.h"

/* What was seen at one moment; NaN: not seen. */
struct clip_sight {
	double t;      /* s */
	bool cut;      /* another shot begins */
	bool measured; /* of the shot that the cues come from */
	double x, y,
		height; /* of the face, percent of the picture; x from the left, y from below */
	double mouth;	/* opening, percent of the face */
	double motion;	/* percent of the picture */
};

/* Values at first, first + step, … s. */
struct clip_frames {
	int n;
	double first, step;
};

/* All arrays are the caller's. */
struct clip_curves {
	const char *title;
	double seconds;
	const float *pcm; /* (n_pcm) full scale 1, mono */
	int n_pcm, rate;
	struct clip_frames pitch, loud;
	const float *hz;  /* (pitch.n) 0: unvoiced */
	const double *db; /* (loud.n) */
	const struct clip_sight *sight;
	int n_sight;
	const char *const *line; /* the words, a sentence each */
	int n_line;
};

/* Writes slug.dat and slug.gp into dir and has gnuplot draw slug.png and slug.svg.
 * *missing: there is no gnuplot, and only the two texts are there. */
int clip_plot(const struct clip_curves *c, const char *dir, const char *slug, bool *missing,
	      struct err *err);

#endif
