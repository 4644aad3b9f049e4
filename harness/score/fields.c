/* SPDX-License-Identifier: Apache-2.0
 * What the columns and members of foreign files are called.
 */
#include "harness/score/recorded_parts.h"

#include <string.h>

const char *const recorded_field_name[FIELD_COUNT] = {
	"id",	 "dialogue", "turn",   "split",	 "text",  "prompt", "history", "gold",
	"reply", "label",    "scores", "status", "cause", "finish", "error",
};

/* Names without blanks, hyphens and underscores, in lower case. */
static const struct {
	const char *name;
	enum recorded_field field;
} known[] = {
	{ "id", FIELD_ID },
	{ "uid", FIELD_ID },
	{ "sampleid", FIELD_ID },
	{ "uttid", FIELD_ID },
	{ "dialogue", FIELD_DIALOGUE },
	{ "dialogueid", FIELD_DIALOGUE },
	{ "dialogid", FIELD_DIALOGUE },
	{ "diaid", FIELD_DIALOGUE },
	{ "utteranceid", FIELD_TURN },
	{ "turn", FIELD_TURN },
	{ "turnid", FIELD_TURN },
	{ "split", FIELD_SPLIT },
	{ "text", FIELD_TEXT },
	{ "utterance", FIELD_TEXT },
	{ "sentence", FIELD_TEXT },
	{ "transcript", FIELD_TEXT },
	{ "prompt", FIELD_PROMPT },
	{ "input", FIELD_PROMPT },
	{ "history", FIELD_HISTORY },
	{ "context", FIELD_HISTORY },
	{ "gold", FIELD_GOLD },
	{ "goldlabel", FIELD_GOLD },
	{ "target", FIELD_GOLD },
	{ "emotion", FIELD_GOLD },
	{ "true", FIELD_GOLD },
	{ "truelabel", FIELD_GOLD },
	{ "trueemotion", FIELD_GOLD },
	{ "ytrue", FIELD_GOLD },
	{ "groundtruth", FIELD_GOLD },
	{ "actual", FIELD_GOLD },
	{ "raw", FIELD_REPLY },
	{ "reply", FIELD_REPLY },
	{ "output", FIELD_REPLY },
	{ "response", FIELD_REPLY },
	{ "completion", FIELD_REPLY },
	{ "answer", FIELD_REPLY },
	{ "prediction", FIELD_REPLY },
	{ "predicted", FIELD_REPLY },
	{ "pred", FIELD_REPLY },
	{ "ypred", FIELD_REPLY },
	{ "predictedemotion", FIELD_REPLY },
	{ "predictedlabel", FIELD_REPLY },
	{ "predlabel", FIELD_REPLY },
	{ "predemotion", FIELD_REPLY },
	{ "label", FIELD_LABEL },
	{ "extractedlabel", FIELD_LABEL },
	{ "scores", FIELD_SCORES },
	{ "status", FIELD_STATUS },
	{ "cause", FIELD_CAUSE },
	{ "finishreason", FIELD_FINISH },
	{ "error", FIELD_ERROR },
};

/* Does the name, less blanks, hyphens, underscores and case, read so? */
static bool reads(const char *name, const char *plain)
{
	for (; *name; name++) {
		const char c = *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name;

		if (c == ' ' || c == '-' || c == '_')
			continue;
		if (c != *plain++)
			return false;
	}
	return !*plain;
}

static enum recorded_field meaning(const struct reading *in, const char *name)
{
	for (int f = 0; f < FIELD_COUNT; f++)
		if (in->column[f] && !strcmp(in->column[f], name))
			return (enum recorded_field)f;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (reads(name, known[i].name) && !in->column[known[i].field])
			return known[i].field;
	return FIELD_COUNT;
}

int fields_resolve(const struct reading *in, const char *const *name, int n,
		   enum recorded_field *field, struct err *why)
{
	int at[FIELD_COUNT], label;

	for (int f = 0; f < FIELD_COUNT; f++)
		at[f] = -1;
	for (int i = 0; i < n && !why->code; i++) {
		const enum recorded_field f = field[i] = meaning(in, name[i]);

		if (f == FIELD_COUNT)
			continue;
		if (at[f] >= 0)
			err_set(why, ERR_FORMAT,
				"'%s' and '%s' could both be the %s; say which with --columns "
				"%s=NAME",
				name[at[f]], name[i], recorded_field_name[f],
				recorded_field_name[f]);
		at[f] = i;
	}
	label = at[FIELD_LABEL];
	if (why->code)
		return why->code;
	/* "label" beside an answer but without a true label is the true label; on its own it
	 * could be either; a line with a status is a result of ours, where it is the answer */
	if (label >= 0 && !in->column[FIELD_LABEL] && at[FIELD_GOLD] < 0 && at[FIELD_STATUS] < 0 &&
	    reads(name[label], "label")) {
		if (at[FIELD_REPLY] < 0)
			return err_set(why, ERR_FORMAT,
				       "is '%s' the true label or the answer? say it with "
				       "--columns gold=%s or label=%s",
				       name[label], name[label], name[label]);
		field[label] = FIELD_GOLD;
		at[FIELD_GOLD] = label;
		at[FIELD_LABEL] = -1;
	}
	if (at[FIELD_REPLY] < 0 && at[FIELD_LABEL] < 0 && at[FIELD_STATUS] < 0 &&
	    at[FIELD_ERROR] < 0)
		return err_set(why, ERR_FORMAT,
			       "nothing here is known to hold the answer; name it with --columns "
			       "reply=NAME");
	return 0;
}
