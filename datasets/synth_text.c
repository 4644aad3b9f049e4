/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synth_text.h"

#include <assert.h>
#include <string.h>

#include "harness/base/mem.h"

#define NOUNS	   5
#define ADJECTIVES 5
#define VERBS	   4

/* No word appears under two labels of one set. */
struct lexicon {
	const char *word; /* the label */
	const char *noun[NOUNS], *adjective[ADJECTIVES], *verb[VERBS];
};

/* clang-format off */
static const struct lexicon lexicons[] = {
	{ "neutral",
	  { "folder", "schedule", "ticket", "kitchen", "printer" },
	  { "usual", "square", "grey", "standard", "nearby" },
	  { "print", "carry", "sort", "park" } },
	{ "surprise",
	  { "twist", "rabbit", "prize", "thunder", "stranger" },
	  { "sudden", "unreal", "unexpected", "bizarre", "startling" },
	  { "gasp", "appear", "vanish", "blink" } },
	{ "fear",
	  { "shadow", "knife", "cellar", "spider", "alarm" },
	  { "scary", "dark", "dangerous", "creepy", "haunted" },
	  { "hide", "shiver", "flee", "tremble" } },
	{ "sadness",
	  { "funeral", "goodbye", "loss", "tear", "grave" },
	  { "lonely", "broken", "empty", "hopeless", "blue" },
	  { "cry", "mourn", "miss", "weep" } },
	{ "joy",
	  { "party", "wedding", "sunshine", "present", "song" },
	  { "wonderful", "lovely", "sweet", "bright", "delightful" },
	  { "dance", "celebrate", "laugh", "cheer" } },
	{ "disgust",
	  { "slime", "garbage", "mould", "stench", "toilet" },
	  { "rotten", "filthy", "sticky", "greasy", "foul" },
	  { "vomit", "spit", "smell", "puke" } },
	{ "anger",
	  { "insult", "liar", "traitor", "fight", "enemy" },
	  { "furious", "unfair", "outrageous", "cruel", "rude" },
	  { "shout", "smash", "punch", "hate" } },
	{ "excited",
	  { "rocket", "journey", "concert", "adventure", "stage" },
	  { "thrilling", "amazing", "epic", "incredible", "wild" },
	  { "jump", "race", "launch", "win" } },
	{ "frustrated",
	  { "queue", "form", "delay", "mistake", "deadline" },
	  { "useless", "stuck", "slow", "pointless", "annoying" },
	  { "wait", "repeat", "fail", "struggle" } },
};

/* the lexicon of labels that only iemocap6 has */
static const char *const alias[][2] = {
	{ "happy", "joy" }, { "sad", "sadness" }, { "angry", "anger" },
};

/* n: noun, a: adjective, v: verb; at least two content words in each */
static const char *const frame[] = {
	"Well, that %n is so %a.",
	"We %v with the %n again.",
	"It is a %a %n, you know.",
	"I just %v near the %n today.",
	"Oh, the %a %n was here.",
	"You %v and this %n is %a.",
	"They said the %n and the %n.",
	"So you %v at the %a %n?",
	"He had a %n, it was %a.",
	"Look, I %v, I really %v.",
	"And then she got the %a %n.",
	"Is this your %n? It seems %a.",
};
/* clang-format on */

static const struct lexicon *lexicon_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(alias); i++)
		if (!strcmp(alias[i][0], word))
			word = alias[i][1];
	for (size_t i = 0; i < ARRAY_LEN(lexicons); i++)
		if (!strcmp(lexicons[i].word, word))
			return &lexicons[i];
	assert(!"a label without words");
	return NULL;
}

static const char *content_word(const struct lexicon *l, char kind, struct rng *rng)
{
	if (kind == 'n')
		return l->noun[rng_below(rng, NOUNS)];
	if (kind == 'a')
		return l->adjective[rng_below(rng, ADJECTIVES)];
	return l->verb[rng_below(rng, VERBS)];
}

void synth_text(const struct label_set *labels, int symbol, struct rng *rng, char out[SYNTH_TEXT])
{
	const struct lexicon *l = lexicon_of(labels->word[symbol]);
	size_t len = 0;

	/* the longest frame with the longest words stays far below SYNTH_TEXT */
	for (const char *f = frame[rng_below(rng, ARRAY_LEN(frame))]; *f; f++) {
		const char *word = f[0] == '%' ? content_word(l, *++f, rng) : NULL;
		size_t n = word ? strlen(word) : 1;

		assert(len + n < SYNTH_TEXT);
		memcpy(out + len, word ? word : f, n);
		len += n;
	}
	out[len] = '\0';
}
