/* SPDX-License-Identifier: Apache-2.0
 * Periodicity of speech after Boersma (1993), "Accurate short-term analysis of
 * the fundamental frequency and the harmonics-to-noise ratio of a sampled sound":
 * autocorrelation divided by the window's own, candidates, cheapest path.
 */
#ifndef HARNESS_CUE_PITCH_H
#define HARNESS_CUE_PITCH_H

#include "harness/base/err.h"
#include "harness/cue/fft.h"
#include "harness/cue/sinc.h"
#include "harness/cue/sound.h"

/* Frames whose windows all lie inside the sound, centred in it. */
struct frame_grid {
	int n;
	double first, step; /* s: centre of frame 0, distance */
};
/* n = 0 when the sound is shorter than the window. */
struct frame_grid frame_grid_fit(double seconds, double window, double step);

enum { PITCH_MAX_CANDIDATES = 15 };

struct pitch_config {
	double floor, ceiling; /* Hz */
	double step;	       /* s */
	int candidates;	       /* a frame, the unvoiced one included */
	double silence, voicing, octave, jump, voiced_unvoiced; /* thresholds and costs */
};
extern const struct pitch_config pitch_standard; /* 75..600 Hz, steps of 10 ms */

struct pitch_track {
	struct frame_grid grid;
	float *hz; /* (grid.n) 0: unvoiced; owned */
	size_t cap_hz;
};
/* The zeroed track is empty. */
void pitch_free(struct pitch_track *track);
/* Hz at a time by linear interpolation between voiced frames; 0: unvoiced there. */
double pitch_at(const struct pitch_track *track, double seconds);

/* What a frame may be. */
struct pitch_candidate {
	float hz;     /* 0: unvoiced, the first of every frame; else below the ceiling */
	float octave; /* log2(hz) */
	float score;  /* strength, less what low and quiet cost */
};

/* Tables of one configuration at one rate, and work memory of the sound at hand; one thread at a
 * time. */
struct pitch_meter {
	struct pitch_config cfg;
	double jump, turn; /* costs of an octave and of a change of voicing from frame to frame */
	const struct sinc_table *sinc;
	int rate, window, half_period, min_lag, max_lag, last_lag;
	struct fft fft;
	float *hann, *inv_acf; /* (window), (last_lag + 1): 1 / the window's autocorrelation */
	float *a, *b;	       /* (fft.n) the two frames in work */
	float *r; /* (SINC_TABLE_DEPTH + last_lag + 1) normalised; lag 0 at SINC_TABLE_DEPTH */
	int *lag; /* (max_lag) maxima of r */
	double *place, *height; /* (max_lag) theirs */
	/* of the sound at hand, by frame */
	struct frame_grid grid;
	struct pitch_candidate *cand; /* (frames, cfg.candidates) */
	int *count;		      /* (frames) candidates; 0: not yet listened to */
	unsigned char *wanted;	      /* (frames) */
	unsigned char *from;	      /* (frames, cfg.candidates) the best way to each */
	size_t cap_cand, cap_count, cap_wanted, cap_from;
};

/* *m is overwritten; sinc must outlive it.  Destroy with pitch_meter_free(), also after a
 * failure. */
int pitch_meter_init(struct pitch_meter *m, const struct pitch_config *cfg, int rate,
		     const struct sinc_table *sinc, struct err *err);
void pitch_meter_free(struct pitch_meter *m); /* accepts the zeroed struct */

/* The track of a sound at the meter's rate; out (zeroed or a track) is overwritten, its memory
 * kept.  A sound shorter than three periods of the floor gives no frames. */
int pitch_track(struct pitch_meter *m, const struct sound *s, struct pitch_track *out,
		struct err *err);
/* voiced[i]: whether pitch_at(seconds[i]) of the track is above 0 (1 or 0).  Listens only to the
 * frames that decide this, which as a rule are those at these times. */
int pitch_voiced(struct pitch_meter *m, const struct sound *s, const double *seconds, int n,
		 signed char *voiced, struct err *err);

#endif
