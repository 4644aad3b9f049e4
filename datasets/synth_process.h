/* SPDX-License-Identifier: Apache-2.0
 * The process behind a calibrated corpus.  Each speaker enters with a mood drawn
 * from the marginal.  The emotion of an utterance is, with probability inertia,
 * the speaker's own last emotion; with probability contagion, the last emotion of
 * whoever else spoke last; otherwise a fresh draw from the marginal (which is
 * therefore the marginal of every utterance).  Each channel then shows a symbol
 * drawn from its own confusion matrix, independent of the others given the emotion.
 */
#ifndef DATASETS_SYNTH_PROCESS_H
#define DATASETS_SYNTH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/rng.h"
#include "harness/core/labels.h"

enum synth_channel { CH_TEXT, CH_AUDIO, CH_FACE, CH_BODY, CH_POSTURE, CH_COUNT };
extern const char *const synth_channel_name[CH_COUNT]; /* text audio face body posture */

#define SYNTH_K	       7 /* most emotions */
#define SYNTH_SPEAKERS 3 /* most speakers of a dialogue */
#define SYNTH_JOINT    (SYNTH_K * SYNTH_K * SYNTH_K)
#define SYNTH_TURNS    64 /* most utterances of a dialogue */

struct synth_process {
	const struct label_set *labels;
	double marginal[SYNTH_K];
	double inertia, contagion; /* inertia + contagion < 1 */
	double hold;		   /* probability that a speaker goes on */
	double third;		   /* probability that a dialogue has three speakers */
	double hidden;		   /* probability that the label of an utterance is withheld */
	/* show[c][e][s]: probability that channel c shows symbol s when the emotion is e */
	double show[CH_COUNT][SYNTH_K][SYNTH_K];
};

/* The processes of the two layouts. */
void synth_process_meld(struct synth_process *p);
void synth_process_iemocap(struct synth_process *p);
/* Probability that the channel's symbol equals the emotion. */
double synth_reliability(const struct synth_process *p, enum synth_channel c);

struct synth_turn {
	int speaker, emotion;
	int symbol[CH_COUNT];
	bool hidden;
};
struct synth_dialogue {
	int speakers, n;
	struct synth_turn turn[SYNTH_TURNS];
};

/* Draws one dialogue of mean - mean/4 .. mean + mean/4 utterances; 2 <= mean <= 48. */
void synth_draw(const struct synth_process *p, int mean, struct rng *rng, struct synth_dialogue *d);

/* Who spoke last, and last before that who was somebody else; -1: nobody yet. */
struct synth_floor {
	int last, before;
};
/* The other speaker whose last emotion may spread to `speaker`. */
int synth_other(const struct synth_floor *f, int speaker, int speakers);
void synth_floor_take(struct synth_floor *f, int speaker);

/* The exact filter: joint distribution of the speakers' last emotions given all that was seen. */
struct synth_belief {
	const struct synth_process *process;
	struct synth_floor floor;
	int speakers;
	double joint[SYNTH_JOINT]; /* index: sum over i of emotion_i * k^i */
};
void synth_belief_start(struct synth_belief *b, const struct synth_process *p, int speakers);
/* Takes in the next utterance.  like (k): probability of what is seen of it for
 * each emotion.  post (k), overwritten: the emotion's posterior given it and all before. */
void synth_belief_step(struct synth_belief *b, int speaker, const double *like, double *post);
/* like (k), overwritten: product over the channels in see (bits 1 << channel) of their symbols'
 * probabilities. */
void synth_likelihood(const struct synth_process *p, unsigned see, const int *symbol, double *like);

#endif
