/* SPDX-License-Identifier: Apache-2.0
 * The forgiving rule: forgiving about what stands around a label, not about which label it is.
 */
#include "harness/text/extract_parts.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/text/unicode.h"

static const char *const keys[] = { "detected_emotion_label", "emotion_label", "emotion", "label",
				    "answer" };
static const char *const markers[] = { "answer is", "answer:", "emotion is",	  "emotion:",
				       "label is",  "label:",  "emotion label is" };

/* Does the character go on with a word?  Hyphens do: "non-neutral" is no "neutral". */
static bool in_word(int32_t cp)
{
	return cp == '\'' || cp == 0x2019 || cp == '-' || cp == '_' ||
	       (cp >= 0x300 && cp < 0x370) || char_class(cp) == CHAR_LETTER ||
	       char_class(cp) == CHAR_NUMBER;
}

/* The next word at *at, which moves behind it; n 0: no more. */
static struct piece next_word(struct piece p, size_t *at)
{
	size_t from = p.n;

	for (size_t i = *at, len; i < p.n; i += len) {
		const bool inside = in_word(char_next(p.s + i, p.n - i, &len));

		if (inside && from == p.n)
			from = i;
		if (!inside && from < p.n) {
			*at = i;
			return (struct piece){ p.s + from, i - from };
		}
	}
	*at = p.n;
	return (struct piece){ p.s + from, p.n - from };
}

/* 'sad' and sad are the same word. */
static struct piece bare(struct piece w)
{
	while (w.n && (w.s[0] == '\'' || w.s[0] == '-' || w.s[0] == '_'))
		w = piece_from(w, 1);
	while (w.n && (w.s[w.n - 1] == '\'' || w.s[w.n - 1] == '-' || w.s[w.n - 1] == '_'))
		w.n--;
	return w;
}

static bool is_one_of(struct piece w, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(list[i]) == w.n && piece_begins(w, list[i], true))
			return true;
	return false;
}

static bool negates(struct piece w)
{
	static const char *const list[] = { "not", "no",      "never",	"neither",
					    "nor", "without", "cannot", "hardly" };
	const bool short_form = w.n > 2 && piece_begins(piece_from(w, w.n - 2), "'t", true);
	const bool curly = w.n > 4 && !memcmp(w.s + w.n - 4, "\xe2\x80\x99t", 4);

	return short_form || curly || is_one_of(w, list, ARRAY_LEN(list));
}

/* Words between "not" and a label that leave it negated. */
static bool strengthens(struct piece w)
{
	static const char *const list[] = { "very", "really", "so", "too", "at", "all", "a", "an" };

	return is_one_of(w, list, ARRAY_LEN(list));
}

/* Only blanks between two words of one text? */
static bool close_by(struct piece before, struct piece after)
{
	const char *s = before.s + before.n;

	while (s < after.s && (*s == ' ' || *s == '\t'))
		s++;
	return s == after.s;
}

/* The one label that stands as a word and is not negated. */
static struct extracted only_word(struct piece p, const struct label_words *words)
{
	struct extracted found = { -1, NOT_FOUND };
	struct piece before = { p.s, 0 };
	bool negated = false;

	for (size_t at = 0; at < p.n;) {
		struct piece w = next_word(p, &at);
		const struct piece b = bare(w);
		int k;

		if (!w.n)
			break;
		negated = negated && close_by(before, w);
		/* a letter within a sentence is an article or a name */
		k = b.n > 1 ? extract_whole(b, words, true) : -1;
		if (k >= 0 && negated) {
			if (found.label < 0)
				found.how = NOT_NEGATED;
		} else if (k >= 0) {
			if (found.label >= 0 && found.label != k)
				return (struct extracted){ -1, NOT_ONE };
			found = (struct extracted){ k, EXTRACTED_WORD };
		}
		negated = negates(b) || (negated && strengthens(b));
		before = w;
	}
	return found;
}

/* Behind the last marker: all of it a label, or one label in it. */
static struct extracted after_marker(struct piece p, const struct label_words *words)
{
	struct extracted found = { -1, NOT_FOUND };
	size_t from = 0;

	for (size_t i = 0; i < p.n; i++)
		for (size_t m = 0; m < ARRAY_LEN(markers); m++)
			if (piece_begins(piece_from(p, i), markers[m], true) &&
			    i + strlen(markers[m]) > from)
				from = i + strlen(markers[m]);
	if (!from)
		return found;
	found.label = extract_whole(piece_from(p, from), words, true);
	if (found.label < 0)
		found = only_word(piece_from(p, from), words);
	if (found.label >= 0)
		found.how = EXTRACTED_MARKER;
	return found;
}

/* Where the braces of p that open at `from` close, or p.n. */
static size_t object_end(struct piece p, size_t from)
{
	int depth = 0;

	for (size_t i = from; i < p.n; i++) {
		if (p.s[i] == '"')
			for (i++; i < p.n && p.s[i] != '"'; i++)
				i += p.s[i] == '\\';
		else if (p.s[i] == '{')
			depth++;
		else if (p.s[i] == '}' && --depth == 0)
			return i;
	}
	return p.n;
}

/* Copies the agreed field of the one JSON object in p into *value (free it); *value stays NULL
 * when there is no object, more than one, or no such field. */
static int agreed_field(struct piece p, char **value, struct err *err)
{
	const size_t open = piece_find(p, "{", false), close = object_end(p, open);
	struct err why = { 0 };
	struct json *v;

	if (close >= p.n || piece_find(piece_from(p, close), "{", false) < p.n - close)
		return 0;
	v = json_parse(p.s + open, close + 1 - open, "reply", &why);
	for (size_t i = 0; v && i < ARRAY_LEN(keys) && !*value; i++) {
		const char *s = json_str(json_get(v, keys[i]), NULL);

		if (s && !(*value = str_dup(s)))
			why.code = ERR_NOMEM;
	}
	json_free(v);
	return why.code == ERR_NOMEM ? err_set(err, ERR_NOMEM, "reply: no memory") : 0;
}

bool extract_after_thinking(const char **text, size_t *n)
{
	struct piece p = { *text, *n };
	size_t close;

	while ((close = piece_find(p, THINK_CLOSE, false)) < p.n)
		p = piece_from(p, close + strlen(THINK_CLOSE));
	*text = p.s;
	*n = p.n;
	return piece_find(p, THINK_OPEN, false) == p.n;
}

/* What is left of a reply when thinking and JSON are off it. */
static struct extracted by_text(struct piece p, const struct label_words *words)
{
	struct extracted found = after_marker(p, words);

	return found.label >= 0 ? found : only_word(p, words);
}

int extract_flexible(struct piece text, const struct label_words *words, struct extracted *out,
		     struct err *err)
{
	char *value = NULL;

	if (!extract_after_thinking(&text.s, &text.n)) {
		out->how = NOT_THINKING;
		return 0;
	}
	if (!piece_trim(text).n) {
		out->how = NOT_EMPTY;
		return 0;
	}
	out->label = extract_whole(text, words, true);
	out->how = EXTRACTED_WHOLE;
	if (out->label >= 0 || agreed_field(text, &value, err))
		return err->code;
	if (value) {
		const struct piece v = { value, strlen(value) };

		/* what the field says is the answer: the rest is not searched for another */
		out->label = extract_whole(v, words, true);
		if (out->label < 0)
			*out = by_text(v, words);
		if (out->label >= 0)
			out->how = EXTRACTED_FIELD;
		free(value);
		return 0;
	}
	*out = by_text(text, words);
	return 0;
}
