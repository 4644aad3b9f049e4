/* SPDX-License-Identifier: Apache-2.0
 * Facial action units (FACS) that another program measured: read from its files, put into the
 * phrases in which published behaviour files name them.
 */
#ifndef HARNESS_CUE_ACTION_UNITS_H
#define HARNESS_CUE_ACTION_UNITS_H

#include <stdbool.h>

#include "harness/base/csv.h"
#include "harness/base/err.h"
#include "harness/base/str.h"

/* The units that OpenFace measures. */
enum { ACTION_UNITS = 18, ACTION_UNIT_MAX_INTENSITY = 5 };
struct action_unit_spec {
	int number;	  /* of FACS */
	const char *name; /* as published files write it */
	const char *doc;  /* what is seen */
};
extern const struct action_unit_spec action_unit_spec[ACTION_UNITS];

/* Units at the peak of one clip: the picture in which the sum of the clip's most frequent
 * units (at most ACTION_UNITS_FREQUENT) is highest, the first of equals.  A unit is frequent by the
 * number of pictures in which it is there (AUxx_c; without that column, above
 * ACTION_UNIT_LEAST). */
enum { ACTION_UNITS_FREQUENT = 5 };
struct action_units {
	double v[ACTION_UNITS];	  /* intensity, 0..5; 0 where ok is false */
	bool ok[ACTION_UNITS];	  /* the file has its intensity */
	bool there[ACTION_UNITS]; /* the file says that it is there, or its intensity does */
	double peak_s;		  /* s from the start of the clip; NaN: the file does not say */
	int pictures, used;	  /* rows of the file; those of the face that were trusted */
	long line;		  /* of the peak, 0: not a table */
};

/* Reads the units of a clip from path:
 *   *.csv   a table of OpenFace, one clip: AUxx_r, AUxx_c; pictures with success 0 or
 *           confidence under ACTION_UNIT_CONFIDENCE do not count; of several faces (face_id)
 *           the one in most pictures does
 *   *.json  an array of {"video_id": …, "raw_AU_values_at_peak": {"AU01": …}, "peak_time": …},
 *           of which the entry whose video_id is `id`, with or without a suffix
 * A table without a trusted picture is no error: used is 0.  ERR_MISSING: no file, no such entry;
 * ERR_FORMAT: not such a file, values that are no intensities, with file and line or entry;
 * ERR_LIMIT: over 64 MB; ERR_ARG: another suffix. */
#define ACTION_UNIT_CONFIDENCE 0.8
int action_units_read(struct action_units *out, const char *path, const char *id, struct err *err);

/* Whether a table that was read is one of OpenFace's. */
bool action_units_are_in(const struct csv_table *t);
/* The units of such a table; errors as above. */
int action_units_of_table(struct action_units *out, const struct csv_table *t, struct err *err);

/* "slightly Cheek Raiser": the intensities of published files, barely (over
 * ACTION_UNIT_LEAST), slightly (from 0.2), moderately (1), strongly (2.5), very strongly (5).
 * No adverb where only the presence is known.  Writes one phrase a unit that is there, in
 * order of number; returns how many. */
#define ACTION_UNIT_LEAST 0.1
enum { ACTION_PHRASE_SIZE = 48 };
int action_units_phrases(const struct action_units *a,
			 char phrase[ACTION_UNITS][ACTION_PHRASE_SIZE]);
/* The face sentence of behaviour_describe_units(), appended to out; returns how many were said. */
int action_units_describe(const struct action_units *a, struct strbuf *out);

#endif
