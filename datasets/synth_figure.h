/* SPDX-License-Identifier: Apache-2.0
 * The drawn speaker of a calibrated corpus.  A clip begins calm, moves into its
 * expression and keeps it; face (brows, eyes, corners of the mouth, jaw), body
 * (gestures, raised arms, nod, shake) and posture (lean, rise, tilt) each show
 * their own symbol.  The mouth moves with the voice.
 */
#ifndef DATASETS_SYNTH_FIGURE_H
#define DATASETS_SYNTH_FIGURE_H

#include "datasets/synth_look.h"
#include "datasets/synth_voice.h"
#include "harness/base/picture.h"

#define FIGURE_W      176
#define FIGURE_H      144
#define FIGURE_CALM_S 0.35 /* calm pose at the start of every clip … */
#define FIGURE_RAMP_S 0.30 /* … then this long into the expression */

/* Axes in -1..1 (with small noise) and the phases of the movements. */
struct synth_pose {
	double face[FACE_AXES], body[BODY_AXES], posture[POSTURE_AXES];
	double phase[4], nod_hz, shake_hz, wave_hz;
};
void synth_pose_plan(const struct label_set *labels, int face, int body, int posture,
		     struct rng *rng, struct synth_pose *pose);
/* 0 while calm, 1 in full expression, at t seconds of the clip. */
double synth_pose_ramp(double t);

/* Fills the half of a picture that begins at column x0 (even) with a plain wall. */
void synth_wall_draw(struct picture *p, int x0, int luma, struct rng *rng);
/* Draws the figure into that half.  show: 0 calm .. 1 the pose; t: seconds since the clip began;
 * mouth: 0..1 opening by the voice. */
void synth_figure_draw(struct picture *p, int x0, const struct synth_person *who,
		       const struct synth_pose *pose, double show, double t, double mouth);

/* A picture with its own memory; width FIGURE_W or twice that.  Never copy it by value. */
struct synth_canvas {
	struct picture picture;
	uint8_t data[2 * FIGURE_W * FIGURE_H * 3 / 2];
};
void synth_canvas_init(struct synth_canvas *c, int width);

#endif
