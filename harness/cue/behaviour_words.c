/* SPDX-License-Identifier: Apache-2.0
 * The vocabulary of behaviour sentences: small and fixed, because very small
 * language models read and write them.
 */
#include "harness/cue/behaviour_words.h"

#include <string.h>

#include "harness/base/mem.h"

static const char *const part_word[BEHAVIOUR_PARTS] = { "face", "body", "posture" };

/* How a cue is called; NULL: not said. */
static const char *const cue_noun[BEHAVIOUR_CUE_COUNT] = {
	[CUE_BROW] = "brows",  [CUE_EYES] = "eyes",	   [CUE_CORNERS] = "corners",
	[CUE_JAW] = "jaw",     [CUE_GESTURE] = "gestures", [CUE_HANDS] = "hands",
	[CUE_NOD] = "nodding", [CUE_SHAKE] = "shaking",	   [CUE_LEAN] = "lean",
	[CUE_RISE] = "height", [CUE_TILT] = "tilt",
};

static void insufficient(enum behaviour_part part, struct strbuf *out)
{
	strbuf_addf(out, "Insufficient data to describe the %s.", part_word[part]);
}

void behaviour_describe(const struct quantizer *q, const struct cue_set *set, int group,
			enum behaviour_part part, struct strbuf *out)
{
	int said = 0;

	for (int c = 0; c < BEHAVIOUR_CUE_COUNT; c++) {
		const char *word;

		if (behaviour_cue_part[c] != part || !cue_noun[c])
			continue;
		word = quantizer_word(q, quantizer_class(q, set, c, group));
		if (!word)
			continue;
		if (!said)
			strbuf_addf(out, "Target %s: ", part_word[part]);
		strbuf_addf(out, "%s%s %s", said ? ", " : "", cue_noun[c], word);
		said++;
	}
	if (said)
		strbuf_addc(out, '.');
	else
		insufficient(part, out);
}

/* ---- facial action units ---- */

struct unit {
	const char *name, *noun, *verb;
};

static const struct unit units[] = {
	{ "Inner Brow Raiser", "inner brows", "raised" },
	{ "Outer Brow Raiser", "outer brows", "raised" },
	{ "Brow Lowerer", "brows", "lowered" },
	{ "Upper Lid Raiser", "eyes", "widened" },
	{ "Cheek Raiser", "cheeks", "raised" },
	{ "Lid Tightener", "eyelids", "tightened" },
	{ "Nose Wrinkler", "nose", "wrinkled" },
	{ "Upper Lip Raiser", "upper lip", "raised" },
	{ "Lip Corner Puller", "mouth corners", "raised" },
	{ "Dimpler", "mouth corners", "drawn in" },
	{ "Lip Corner Depressor", "mouth corners", "lowered" },
	{ "Chin Raiser", "chin", "raised" },
	{ "Lip stretcher", "lips", "stretched" },
	{ "Lip Tightener", "lips", "tightened" },
	{ "Lips Part", "lips", "parted" },
	{ "Jaw Drop", "jaw", "dropped" },
	{ "Lip Suck", "lips", "sucked in" },
};

enum strength { NOT_SAID, SLIGHT, MODERATE, STRONG, VERY_STRONG };
static const struct {
	const char *prefix; /* of the phrase */
	enum strength strength;
} strengths[] = {
	{ "barely ", NOT_SAID },	   { "slightly ", SLIGHT }, { "moderately ", MODERATE },
	{ "very strongly ", VERY_STRONG }, { "strongly ", STRONG },
};
static const char *const strength_word[] = { [NOT_SAID] = "",
					     [SLIGHT] = "slightly ",
					     [MODERATE] = "",
					     [STRONG] = "strongly ",
					     [VERY_STRONG] = "very strongly " };

/* The unit of a phrase and how strong it is; NULL when it is not to be said. */
static const struct unit *parse_unit(const char *phrase, enum strength *strength)
{
	*strength = MODERATE; /* a phrase without an adverb */
	for (size_t i = 0; i < ARRAY_LEN(strengths); i++)
		if (str_starts(phrase, strengths[i].prefix)) {
			phrase += strlen(strengths[i].prefix);
			*strength = strengths[i].strength;
			break;
		}
	for (size_t i = 0; *strength != NOT_SAID && i < ARRAY_LEN(units); i++)
		if (!strcmp(phrase, units[i].name))
			return &units[i];
	return NULL;
}

int behaviour_describe_units(const char *const *phrase, int n, struct strbuf *out)
{
	int said = 0;

	for (int level = VERY_STRONG; level > NOT_SAID; level--)
		for (int i = 0; i < n && said < BEHAVIOUR_UNITS_MAX; i++) {
			enum strength strength;
			const struct unit *u = parse_unit(phrase[i], &strength);

			if (!u || (int)strength != level)
				continue;
			strbuf_addf(out, "%s%s %s%s", said ? ", " : "Target face: ", u->noun,
				    strength_word[strength], u->verb);
			said++;
		}
	if (said)
		strbuf_addc(out, '.');
	else
		insufficient(BEHAVIOUR_FACE, out);
	return said;
}
