/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synth_look.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "harness/base/mem.h"

/* clang-format off */
static const struct synth_look looks[] = {
	/*                pitch var loud var rate   brow eyes corner jaw  energy arms nod shake  lean rise tilt */
	{ "neutral",      { 0, -1, 0, -1, 0 },    { 0, 0, 0, 0 },    { 0, 0, 0, 0 },  { 0, 0, 0 } },
	{ "surprise",     { 1, 1, 0, 1, 0 },      { 1, 1, 0, 1 },    { 0, 1, 0, 0 },  { -1, 1, 0 } },
	{ "fear",         { 1, 0, -1, 0, 1 },     { 1, 1, 0, 0 },    { 0, 1, 0, 1 },  { 1, -1, 0 } },
	{ "sadness",      { -1, -1, -1, 0, -1 },  { 0, -1, -1, 0 },  { 0, 0, 1, 0 },  { 0, -1, -1 } },
	{ "joy",          { 0, 1, 1, 0, 1 },      { 0, 0, 1, 1 },    { 1, 0, 1, 0 },  { 0, 1, 1 } },
	{ "disgust",      { -1, 0, 0, -1, -1 },   { -1, -1, 0, 0 },  { 0, 0, 0, 1 },  { -1, 0, -1 } },
	{ "anger",        { 0, 0, 1, 1, 0 },      { -1, 0, -1, 0 },  { 1, 0, 0, 0 },  { 1, 0, 1 } },
	{ "happy",        { 0, 1, 1, 0, 1 },      { 0, 0, 1, 1 },    { 1, 0, 1, 0 },  { 0, 1, 1 } },
	{ "sad",          { -1, -1, -1, 0, -1 },  { 0, -1, -1, 0 },  { 0, 0, 1, 0 },  { 0, -1, -1 } },
	{ "angry",        { 0, 0, 1, 1, 0 },      { -1, 0, -1, 0 },  { 1, 0, 0, 0 },  { 1, 0, 1 } },
	{ "excited",      { 1, 1, 0, 1, 0 },      { 1, 1, 0, 1 },    { 0, 1, 0, 0 },  { -1, 1, 0 } },
	{ "frustrated",   { -1, 0, 0, -1, -1 },   { -1, -1, 0, 0 },  { 0, 0, 0, 1 },  { -1, 0, -1 } },
};
/* clang-format on */

const struct synth_look *synth_look_find(const struct label_set *labels, int label)
{
	for (size_t i = 0; i < ARRAY_LEN(looks); i++)
		if (!strcmp(looks[i].word, labels->word[label]))
			return &looks[i];
	assert(!"a label without a look");
	return NULL;
}
