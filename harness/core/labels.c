/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/core/labels.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

const struct label_set labels_meld7 = {
	.name = "meld7",
	.title = "MELD, seven emotions",
	.n = 7,
	.word = { "neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger" },
	.prompt = { "neutral", "surprise", "fear", "sad", "joyful", "disgust", "angry" },
	.alias = { NULL, "surprised", "fearful", NULL, NULL, "disgusted", NULL },
};

const struct label_set labels_meld3 = {
	.name = "meld3",
	.title = "MELD, sentiment",
	.n = 3,
	.word = { "neutral", "positive", "negative" },
	.prompt = { "neutral", "positive", "negative" },
};

const struct label_set labels_iemocap6 = {
	.name = "iemocap6",
	.title = "IEMOCAP, six emotions",
	.n = 6,
	.word = { "happy", "sad", "neutral", "angry", "excited", "frustrated" },
	.prompt = { "happy", "sad", "neutral", "angry", "excited", "frustrated" },
	.code = { "hap", "sad", "neu", "ang", "exc", "fru" },
	.alias = { "happiness", "sadness", NULL, "anger", "excitement", "frustration" },
};

const struct label_set labels_iemocap4 = {
	.name = "iemocap4",
	.title = "IEMOCAP, four emotions (excited counts as happy)",
	.n = 4,
	.word = { "angry", "happy", "neutral", "sad" },
	.prompt = { "angry", "happy", "neutral", "sad" },
	.code = { "ang", "hap", "neu", "sad" },
	.alias = { "anger", "happiness", NULL, "sadness" },
};

const struct label_set *const label_sets[] = {
	&labels_meld7, &labels_meld3, &labels_iemocap6, &labels_iemocap4, NULL,
};

int label_find(const struct label_set *set, const char *word)
{
	for (int i = 0; i < set->n; i++)
		if (!strcmp(set->word[i], word))
			return i;
	return -1;
}

int label_find_any(const struct label_set *set, const char *name)
{
	for (int i = 0; i < set->n; i++)
		if (!strcasecmp(set->word[i], name) || !strcasecmp(set->prompt[i], name) ||
		    (set->code[i] && !strcasecmp(set->code[i], name)))
			return i;
	return -1;
}

const struct label_set *label_set_find(const char *name)
{
	for (int i = 0; label_sets[i]; i++)
		if (!strcmp(label_sets[i]->name, name))
			return label_sets[i];
	return NULL;
}

/* A label that the coarser set calls otherwise; the others keep their word. */
struct fold_rule {
	const struct label_set *from, *to;
	const char *word, *becomes;
};

static const struct fold_rule fold_rules[] = {
	{ &labels_meld7, &labels_meld3, "joy", "positive" },
	{ &labels_meld7, &labels_meld3, "fear", "negative" },
	{ &labels_meld7, &labels_meld3, "sadness", "negative" },
	{ &labels_meld7, &labels_meld3, "disgust", "negative" },
	{ &labels_meld7, &labels_meld3, "anger", "negative" },
	{ &labels_iemocap6, &labels_iemocap4, "excited", "happy" },
};

int label_fold(const struct label_set *from, const struct label_set *to, int map[LABEL_MAX])
{
	int known = from == to;

	for (int i = 0; i < from->n; i++)
		map[i] = label_find(to, from->word[i]);
	for (size_t i = 0; i < sizeof(fold_rules) / sizeof(fold_rules[0]); i++) {
		const struct fold_rule *r = &fold_rules[i];

		if (r->from != from || r->to != to)
			continue;
		known = 1;
		map[label_find(from, r->word)] = label_find(to, r->becomes);
	}
	return known;
}
