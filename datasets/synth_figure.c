/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synth_figure.h"

#include <math.h>
#include <string.h>

#include "datasets/synth_draw.h"

#define TWO_PI 6.283185307179586

/* where things are on a calm figure, in pixels; the face around its own centre */
#define HEAD_X	   88.0
#define HEAD_Y	   52.0
#define HEAD_RX	   17.0
#define HEAD_RY	   22.0
#define SHOULDER_Y 84.0
#define SHOULDER_X 27.0

static double noisy(int level, struct rng *rng)
{
	return level + 0.08 * fmax(-2, fmin(2, rng_normal(rng)));
}

void synth_pose_plan(const struct label_set *labels, int face, int body, int posture,
		     struct rng *rng, struct synth_pose *pose)
{
	for (int i = 0; i < FACE_AXES; i++)
		pose->face[i] = noisy(synth_look_find(labels, face)->face[i], rng);
	for (int i = 0; i < BODY_AXES; i++)
		pose->body[i] = fmax(0, noisy(synth_look_find(labels, body)->body[i], rng));
	for (int i = 0; i < POSTURE_AXES; i++)
		pose->posture[i] = noisy(synth_look_find(labels, posture)->posture[i], rng);
	for (int i = 0; i < 4; i++)
		pose->phase[i] = rng_uniform(rng);
	pose->nod_hz = 2.2 + 0.2 * rng_uniform(rng);
	pose->shake_hz = 2.6 + 0.2 * rng_uniform(rng);
	pose->wave_hz = 1.7 + 0.3 * rng_uniform(rng);
}

double synth_pose_ramp(double t)
{
	double x = (t - FIGURE_CALM_S) / FIGURE_RAMP_S;

	if (x <= 0)
		return 0;
	return x >= 1 ? 1 : x * x * (3 - 2 * x);
}

void synth_canvas_init(struct synth_canvas *c, int width)
{
	size_t luma = (size_t)width * FIGURE_H;

	c->picture = (struct picture){
		.width = width,
		.height = FIGURE_H,
		.plane = { c->data, c->data + luma, c->data + luma + luma / 4 },
		.stride = { width, width / 2, width / 2 },
	};
}

void synth_wall_draw(struct picture *p, int x0, int luma, struct rng *rng)
{
	for (int y = 0; y < FIGURE_H; y += 4)
		for (int x = 0; x < FIGURE_W; x += 4) {
			int tone = luma + (int)rng_below(rng, 5) - 2 + (y < FIGURE_H / 2 ? 2 : 0);

			for (int i = 0; i < 4; i++)
				memset(p->plane[0] + (y + i) * p->stride[0] + x0 + x, tone, 4);
		}
	for (int y = 0; y < FIGURE_H / 2; y++) {
		memset(p->plane[1] + y * p->stride[1] + x0 / 2, 130, FIGURE_W / 2);
		memset(p->plane[2] + y * p->stride[2] + x0 / 2, 120, FIGURE_W / 2);
	}
}

static void set_colour(struct brush *b, int y, int cb, int cr)
{
	b->colour[0] = y;
	b->colour[1] = cb;
	b->colour[2] = cr;
}

static void draw_eye(struct brush *b, double u, double brow, double eyes)
{
	double open = 2.5 * (1 + (eyes > 0 ? 0.60 : 0.62) * eyes), v = -3.5;
	double at = v - 7.8 - 3.4 * brow;

	set_colour(b, 225, 128, 128);
	draw_ellipse(b, u, v, 4.4, open);
	set_colour(b, 25, 128, 128);
	draw_ellipse(b, u, v, 1.9, fmin(2.2, open));
	set_colour(b, 40, 124, 132);
	draw_line(b, u - 4.6, at, u + 4.6, at, 2.2);
}

/* A band of eight pieces along a parabola whose mean height does not depend on the corners. */
static void draw_mouth(struct brush *b, double corners, double open)
{
	double half = 7.2, v0 = 11, lip = 1.0 + 3.6 * open;

	set_colour(b, 48, 124, 142);
	for (int i = 0; i < 8; i++) {
		double x0 = -1 + i / 4.0, x1 = x0 + 0.25;
		double c0 = v0 - corners * 4.8 * (x0 * x0 - 1.0 / 3);
		double c1 = v0 - corners * 4.8 * (x1 * x1 - 1.0 / 3);
		double h0 = 0.9 + (lip - 0.9) * sqrt(1 - x0 * x0);
		double h1 = 0.9 + (lip - 0.9) * sqrt(fmax(0, 1 - x1 * x1));
		const double p[4][2] = { { x0 * half, c0 - h0 },
					 { x1 * half, c1 - h1 },
					 { x1 * half, c1 + h1 },
					 { x0 * half, c0 + h0 } };

		draw_polygon(b, p, 4);
	}
}

static void draw_head(struct brush *b, const struct synth_person *who, const double *face,
		      double show, double mouth)
{
	set_colour(b, who->hair, 124, 132);
	draw_ellipse(b, 0, -9, HEAD_RX + 1.5, HEAD_RY - 2.5);
	set_colour(b, who->skin[0], who->skin[1], who->skin[2]);
	draw_ellipse(b, 0, 0, HEAD_RX, HEAD_RY);
	for (int side = -1; side <= 1; side += 2)
		draw_eye(b, side * 7.2, show * face[AXIS_BROW], show * face[AXIS_EYES]);
	draw_mouth(b, show * face[AXIS_CORNERS],
		   fmin(1, 0.5 * mouth + 0.42 * fmax(0, show * face[AXIS_JAW])));
}

static void draw_arm(struct brush *b, const struct synth_person *who, int side, double raise,
		     double swing_x, double swing_y)
{
	double hand_x = side * (37 + 14 * raise) + swing_x;
	double hand_y = 46 - 44 * raise + swing_y;
	double elbow_x = side * (39 + 6 * raise) + 0.3 * swing_x;
	double elbow_y = 28 - 2 * raise + 0.3 * swing_y;

	set_colour(b, who->cloth[0] - 8, who->cloth[1], who->cloth[2]);
	draw_line(b, side * SHOULDER_X, 6, elbow_x, elbow_y, 10);
	draw_line(b, elbow_x, elbow_y, hand_x, hand_y, 8);
	draw_ellipse(b, elbow_x, elbow_y, 4.5, 4.5);
	set_colour(b, who->skin[0], who->skin[1], who->skin[2]);
	draw_ellipse(b, hand_x, hand_y, 4.6, 4.6);
}

static void draw_torso(struct brush *b, const struct synth_person *who)
{
	const double chest[4][2] = {
		{ -SHOULDER_X, 2 }, { SHOULDER_X, 2 }, { 31, 80 }, { -31, 80 }
	};

	set_colour(b, who->cloth[0], who->cloth[1], who->cloth[2]);
	draw_polygon(b, chest, 4);
	draw_line(b, 0, -22, 0, 6, 13); /* a high collar hides the neck */
	for (int side = -1; side <= 1; side += 2)
		draw_ellipse(b, side * SHOULDER_X, 6.5, 5, 5);
}

void synth_figure_draw(struct picture *p, int x0, const struct synth_person *who,
		       const struct synth_pose *pose, double show, double t, double mouth)
{
	struct brush b = { .picture = p, .left = x0, .width = FIGURE_W, .cos = 1 };
	double lean = show * pose->posture[AXIS_LEAN], rise = show * pose->posture[AXIS_RISE];
	double roll = show * pose->posture[AXIS_TILT] * 15 * TWO_PI / 360;
	double nod = show * pose->body[AXIS_NOD] * 4.0 *
		     sin(TWO_PI * (pose->nod_hz * t + pose->phase[0]));
	double shake = show * pose->body[AXIS_SHAKE] * 5.0 *
		       sin(TWO_PI * (pose->shake_hz * t + pose->phase[1]));
	double energy = show * pose->body[AXIS_ENERGY];

	b.scale = 1 + (lean > 0 ? 0.06 : 0.05) * lean;
	b.x = HEAD_X;
	b.y = SHOULDER_Y - 11 * rise;
	draw_torso(&b, who);
	for (int i = 0; i < 2; i++) {
		double at = TWO_PI * (pose->wave_hz * t + pose->phase[2] + 0.35 * i);

		draw_arm(&b, who, 2 * i - 1, show * pose->body[AXIS_ARMS], energy * 8 * sin(at),
			 energy * 9 * (cos(at) - 0.8));
	}
	b.scale = 1 + (lean > 0 ? 0.15 : 0.12) * lean;
	b.x = HEAD_X + shake;
	b.y = HEAD_Y - 14 * rise + nod;
	b.cos = cos(roll);
	b.sin = sin(roll);
	draw_head(&b, who, pose->face, show, mouth);
}
