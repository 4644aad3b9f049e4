/* SPDX-License-Identifier: Apache-2.0
 * Decoders A and B: what the projects whose outputs are recorded did with them, so
 * that their scores come out again.
 */
#include "harness/text/extract_parts.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"

#define SPAN_MAX 11 /* characters of a label that decoder A can find */
#define WORD_MAX 63 /* of a label for the edit distance */

/* Longest label at the start of p, or -1. */
static int label_at(struct piece p, const struct label_words *words, size_t longest, bool any_case)
{
	int best = -1;

	for (int k = 0; k < words->n; k++)
		if (strlen(words->word[k]) <= longest &&
		    piece_begins(p, words->word[k], any_case) &&
		    (best < 0 || strlen(words->word[k]) > strlen(words->word[best])))
			best = k;
	return best;
}

static int first_label(struct piece p, const struct label_words *words, size_t longest,
		       bool any_case)
{
	for (size_t i = 0; i < p.n; i++) {
		int k = label_at(piece_from(p, i), words, longest, any_case);

		if (k >= 0)
			return k;
	}
	return -1;
}

/* Levenshtein distance in characters. */
static size_t distance(struct piece p, const char *word, bool any_case)
{
	const size_t m = strlen(word) < WORD_MAX ? strlen(word) : WORD_MAX;
	size_t row[WORD_MAX + 1], count = 0;

	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 0, len; i < p.n; i += len) {
		int32_t cp = utf8_decode(p.s + i, p.n - i, &len);
		size_t diagonal = row[0];

		if (cp < 0) {
			cp = (unsigned char)p.s[i];
			len = 1;
		}
		if (any_case && cp < 0x80)
			cp = ascii_lower((char)cp);
		row[0] = ++count;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (cp != (unsigned char)word[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[m];
}

static struct extracted nearest(struct piece p, const struct label_words *words, bool any_case)
{
	size_t best = 0;
	int at = -1;

	for (int k = 0; k < words->n; k++) {
		size_t d = distance(p, words->word[k], any_case);

		if (at < 0 || d < best) {
			best = d;
			at = k;
		}
	}
	return (struct extracted){ at, at < 0 ? NOT_FOUND : EXTRACTED_DISTANCE };
}

struct extracted extract_a(struct piece text, const struct label_words *words)
{
	int k = first_label(text, words, SPAN_MAX, false);

	return k < 0 ? nearest(text, words, false) : (struct extracted){ k, EXTRACTED_SPAN };
}

/* The label that a value is, else the first that it holds or is part of, else -1. */
static int value_label(struct piece value, const struct label_words *words)
{
	value = piece_trim(value);
	for (int k = 0; k < words->n; k++)
		if (strlen(words->word[k]) == value.n && piece_begins(value, words->word[k], true))
			return k;
	for (int k = 0; k < words->n; k++) {
		const struct piece label = { words->word[k], strlen(words->word[k]) };

		if (piece_find(value, label.s, true) < value.n)
			return k;
		for (size_t i = 0; i + value.n <= label.n; i++) {
			size_t same = 0;

			while (same < value.n &&
			       ascii_lower(value.s[same]) == (unsigned char)label.s[i + same])
				same++;
			if (same == value.n)
				return k;
		}
	}
	return -1;
}

static const char *const keys[] = { "detected_emotion_label", "emotion_label", "emotion" };

/* The first { … } without braces inside that holds the word; n 0: none. */
static struct piece innermost(struct piece p, const char *word)
{
	size_t open = p.n;

	for (size_t i = 0; i < p.n; i++) {
		if (p.s[i] == '{')
			open = i;
		if (p.s[i] != '}' || open == p.n)
			continue;
		const struct piece object = { p.s + open, i + 1 - open };

		if (!*word || piece_find(object, word, false) < object.n)
			return object;
		open = p.n;
	}
	return (struct piece){ p.s, 0 };
}

/* *label from the fields of a JSON object in the text, -1: none; a text that is no JSON has none.
 * A field that is no text ends the search, as it did. */
static int field_label(struct piece text, const struct label_words *words, int *label,
		       struct err *err)
{
	struct piece p = innermost(text, "\"detected_emotion_label\"");
	struct err why = { 0 };
	struct json *v;

	*label = -1;
	if (!p.n)
		p = innermost(text, "");
	v = p.n ? json_parse(p.s, p.n, "reply", &why) : NULL;
	for (size_t i = 0; v && i < ARRAY_LEN(keys) && *label < 0; i++) {
		const struct json *member = json_get(v, keys[i]);
		const char *s = json_str(member, NULL);

		if (member && !s)
			break;
		if (s)
			*label = value_label((struct piece){ s, strlen(s) }, words);
	}
	json_free(v);
	return why.code == ERR_NOMEM ? err_set(err, ERR_NOMEM, "%s", why.msg) : 0;
}

static size_t skip(struct piece p, size_t at, const char *set)
{
	while (at < p.n && p.s[at] && strchr(set, p.s[at]))
		at++;
	return at;
}

/* The value of the first "key" : "value", in such quotes; n 0: none. */
static struct piece quoted_value(struct piece p, const char *key, char quote)
{
	static const char blanks[] = " \t\r\n\f\v";

	for (size_t i = 0; i < p.n; i++) {
		size_t at, close;

		if (p.s[i] != '"' || !piece_begins(piece_from(p, i + 1), key, true))
			continue;
		at = i + 1 + strlen(key);
		if (at == p.n || p.s[at] != '"')
			continue;
		at = skip(p, at + 1, blanks);
		if (at == p.n || p.s[at] != ':')
			continue;
		at = skip(p, at + 1, blanks);
		if (at == p.n || p.s[at] != quote)
			continue;
		for (close = ++at; close < p.n && p.s[close] != quote; close++)
			;
		if (close < p.n && close > at)
			return (struct piece){ p.s + at, close - at };
	}
	return (struct piece){ p.s, 0 };
}

/* The letters behind the first key, quotes, colons and blanks between; n 0: none. */
static struct piece bare_value(struct piece p, const char *key)
{
	for (size_t i = 0; i < p.n; i++) {
		size_t from, at, end;

		if (!piece_begins(piece_from(p, i), key, true))
			continue;
		from = i + strlen(key);
		at = end = skip(p, from, "\": \t\r\n\f\v");
		while (end < p.n && ascii_lower(p.s[end]) >= 'a' && ascii_lower(p.s[end]) <= 'z')
			end++;
		if (at > from && end > at)
			return (struct piece){ p.s + at, end - at };
	}
	return (struct piece){ p.s, 0 };
}

static int pattern_label(struct piece p, const struct label_words *words)
{
	const struct piece value[] = {
		quoted_value(p, keys[0], '"'), quoted_value(p, keys[0], '\''),
		bare_value(p, keys[0]),	       quoted_value(p, keys[1], '"'),
		quoted_value(p, keys[2], '"'), bare_value(p, keys[1]),
	};
	int k = -1;

	for (size_t i = 0; i < ARRAY_LEN(value) && k < 0; i++)
		k = value[i].n ? value_label(value[i], words) : -1;
	return k;
}

/* Copies the text without its closed thinking blocks; NULL: no memory.  *n: its length. */
static char *without_thinking(struct piece p, size_t *n)
{
	char *copy = malloc(p.n + 1);

	*n = 0;
	while (copy && p.n) {
		const size_t open = piece_find(p, THINK_OPEN, false);
		const size_t close = open + piece_find(piece_from(p, open), THINK_CLOSE, false);
		const size_t keep = close < p.n ? open : p.n;

		memcpy(copy + *n, p.s, keep);
		*n += keep;
		p = piece_from(p, close < p.n ? close + strlen(THINK_CLOSE) : p.n);
	}
	return copy;
}

int extract_b(struct piece text, const struct label_words *words, struct extracted *out,
	      struct err *err)
{
	struct piece p;
	char *copy;

	if (!piece_trim(text).n) {
		*out = nearest(text, words, true);
		return 0;
	}
	copy = without_thinking(text, &p.n);
	if (!copy)
		return err_set(err, ERR_NOMEM, "reply: no memory");
	p.s = copy;
	p = piece_trim(p);
	if (!field_label(p, words, &out->label, err)) {
		out->how = EXTRACTED_FIELD;
		if (out->label < 0) {
			out->label = pattern_label(p, words);
			out->how = EXTRACTED_PATTERN;
		}
		if (out->label < 0) {
			out->label = first_label(p, words, WORD_MAX, true);
			out->how = EXTRACTED_WORD;
		}
		if (out->label < 0)
			*out = nearest(p, words, true);
	}
	free(copy);
	return err->code;
}
