/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/core/labels.h"

#include <stddef.h>
#include <string.h>

const struct label_set labels_meld7 = {
	.name = "meld7",
	.title = "MELD, seven emotions",
	.n = 7,
	.word = { "neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger" },
	.prompt = { "neutral", "surprise", "fear", "sad", "joyful", "disgust", "angry" },
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
};

const struct label_set labels_iemocap4 = {
	.name = "iemocap4",
	.title = "IEMOCAP, four emotions (excited counts as happy)",
	.n = 4,
	.word = { "angry", "happy", "neutral", "sad" },
	.prompt = { "angry", "happy", "neutral", "sad" },
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

const struct label_set *label_set_find(const char *name)
{
	for (int i = 0; label_sets[i]; i++)
		if (!strcmp(label_sets[i]->name, name))
			return label_sets[i];
	return NULL;
}
