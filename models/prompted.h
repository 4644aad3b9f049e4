/* SPDX-License-Identifier: Apache-2.0
 * What the files of the prompted system share: a served model is asked about one turn at a time,
 * in a published format or in wording of our own, and its reply is read.
 */
#ifndef MODELS_PROMPTED_H
#define MODELS_PROMPTED_H

#include "harness/base/sha256.h"
#include "harness/core/ask.h"
#include "harness/core/model.h"
#include "harness/text/chat.h"
#include "harness/text/label_extract.h"

#define SHOTS_MAX 64

/* A wording of our own. */
struct prompted_style {
	const char *name, *title;
	bool opens;	/* says what is to be done before it shows the conversation */
	bool describes; /* lets the model describe what it hears before it answers */
	bool reasons;	/* and write down how it comes to its answer */
	int max_tokens; /* enough for such a reply */
};
extern const struct prompted_style prompted_styles[]; /* ends with name NULL */

/* An example from the train split, finished. */
struct shot {
	char *id;
	int label;
	char *text; /* the question about it */
};

/* What the log-probability of an option is divided by before options are compared. */
enum prompted_length { LENGTH_RAW, LENGTH_BYTES, LENGTH_TOKENS, LENGTHS };

struct prompted {
	const struct model_env *env;
	const struct prompted_style *own; /* NULL: a template of harness/text/prompt.h */
	const char *template;
	const char *const *word; /* the labels as the prompt names them */
	enum ask_mode mode;
	enum extract_rule rule;
	enum prompted_length length;
	const struct chat_format *chat; /* of likelihood */
	bool film;			/* pictures go along as one video */
	struct ask_sampling sampling;
	struct ask_media media;
	char task[64];
	struct shot *shot;
	int n_shots;
	char shots_hash[SHA256_HEX]; /* of ids, labels and texts; of nothing without shots */
};

/* What a question shows. */
struct prompted_scene {
	const struct view *view;
	int t;		/* the turn that is asked about */
	int first;	/* first turn that is shown */
	bool words;	/* the words of turn t are shown */
	unsigned media; /* of SEE_MEDIA: what goes along */
};

/* --- wording (prompted_text.c) --- */

/* Is there anything to see of the turn? */
bool prompted_shows(const struct prompted *p, const struct prompted_scene *s);
bool prompted_ends_blank(const char *s);
/* Appends the question, without white space at its end where a label is to follow (likelihood).
 * ERR_DATA: there is nothing to see of the turn. */
int prompted_text(const struct prompted *p, const struct prompted_scene *s, struct arena *mem,
		  struct strbuf *out, struct err *err);
/* Does the template fit to what the run sees and to the mode?  ERR_ARG with the remedy. */
int prompted_check(const struct prompted *p, struct err *err);

/* --- examples (prompted_shots.c) --- */

/* Chooses option `shots` examples; the state takes them over. */
int prompted_fit(void *state, const struct samples *train, struct err *err);
int prompted_save(const void *state, const char *path, struct err *err);
int prompted_load(void *state, const char *path, struct err *err);
void prompted_note(const void *state, struct json_writer *w);
void prompted_forget(struct prompted *p);

/* --- replies (prompted_read.c) --- */

int prompted_read(const void *state, const struct view *view, int t, const struct reply *reply,
		  struct answer *out, struct err *err);

#endif
