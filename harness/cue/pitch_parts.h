/* SPDX-License-Identifier: Apache-2.0
 * What the files of the pitch tracker share.
 */
#ifndef HARNESS_CUE_PITCH_PARTS_H
#define HARNESS_CUE_PITCH_PARTS_H

#include "harness/cue/pitch.h"

/* Makes room for the frames of a sound; none of them is listened to or wanted. */
int pitch_prepare(struct pitch_meter *m, const struct sound *s, struct err *err);
/* Finds the candidates of the frames that are wanted and have none yet. */
void pitch_listen(struct pitch_meter *m, const struct sound *s);

/* The cheapest path through all frames, all of them listened to; hz (grid.n). */
void pitch_path(struct pitch_meter *m, float *hz);
/* Whether that path is voiced at a frame, as far as the frames up to `reach` from it, all
 * of them listened to, say: 1 or 0 whatever lies beyond, -1 where that can matter. */
int pitch_path_voiced(const struct pitch_meter *m, int frame, int reach);

#endif
