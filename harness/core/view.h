/* SPDX-License-Identifier: Apache-2.0
 * What a model may see of one dialogue.  The framework masks: a masked or
 * absent field is NULL, so that a model cannot peek.  There is no label here, by type.
 */
#ifndef HARNESS_CORE_VIEW_H
#define HARNESS_CORE_VIEW_H

/* Modalities, for `see`, `without` and what a model declares to need. */
enum see {
	SEE_TEXT = 1 << 0,
	SEE_SPEECH = 1 << 1,  /* speech description in words */
	SEE_AUDIO = 1 << 2,   /* audio feature frames */
	SEE_FACE = 1 << 3,    /* face sentence */
	SEE_BODY = 1 << 4,    /* body language sentence */
	SEE_POSTURE = 1 << 5, /* posture sentence */
	SEE_VIDEO = 1 << 6,   /* video feature frames of the parts that are seen */
	SEE_HISTORY = 1 << 7, /* earlier utterances of the dialogue */
	SEE_BEHAVIOUR = SEE_FACE | SEE_BODY | SEE_POSTURE,
	SEE_ALL = (1 << 8) - 1, /* all that is measured or said about an utterance */
	/* The recording itself, for systems that send it to a served model. */
	SEE_SOUND = 1 << 8,
	SEE_PICTURES = 1 << 9,
	SEE_MEDIA = SEE_SOUND | SEE_PICTURES,
	SEE_BITS = 10,
};

/* Parts of what a camera sees; each is masked on its own. */
enum part { PART_FACE, PART_BODY, PART_POSTURE, PART_COUNT };
extern const char *const part_name[PART_COUNT]; /* face body posture */
extern const unsigned part_see[PART_COUNT];	/* the bit of enum see of each */

/* Feature frames: rows time steps of cols numbers, row-major; data NULL: masked or absent. */
struct feat {
	const float *data;
	int rows, cols;
};

struct turn {
	const char *id;
	int speaker;	    /* 0, 1, … in order of appearance in the dialogue */
	const char *text;   /* UTF-8, or NULL */
	const char *speech; /* speech description sentence, or NULL */
	const char
		*behaviour[PART_COUNT]; /* what face, body, posture do (teacher's words), or NULL */
	struct feat audio;		/* acoustic frames */
	struct feat video[PART_COUNT];	/* visual frames of each part */
	int prompt_speaker;		/* the number k of "Speaker_k" in published prompts */
	const char *impression; /* SpeechCueLLM's impression of the voice, or NULL: masked as speech
				   is */
	const char *pitch;	/* "low pitch with high variation", or NULL: likewise */
};

/* One dialogue.  Every turn t with target[t] is to be answered from turns
 * max(0, t - window) .. t; window 0: only itself (no history). */
struct view {
	const char *dialogue;
	const struct turn *turn;
	int n;
	const unsigned char *target; /* (n) 1: answer this turn; 0: history only */
	int window;
};

#endif
