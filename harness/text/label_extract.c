/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/label_extract.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "harness/base/mem.h"
#include "harness/base/str.h"

#define SPAN_MAX 11 /* characters of a label that decoder A can find */
#define WORD_MAX 63 /* of a label for the edit distance */

const char *const extract_rule_name[EXTRACT_RULES] = { "scan", "field", "strict", "flexible" };

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_letter(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (unsigned char)c >= 0x80;
}

/* Does s go on with the word? */
static bool begins(const char *s, const char *word, bool any_case)
{
	for (; *word; s++, word++)
		if ((any_case ? (char)lower(*s) : *s) != *word)
			return false;
	return true;
}

/* Longest label at s, or -1. */
static int label_at(const char *s, const char *const *label, int n, size_t longest, bool any_case)
{
	int best = -1;

	for (int j = 0; j < n; j++)
		if (strlen(label[j]) <= longest && begins(s, label[j], any_case) &&
		    (best < 0 || strlen(label[j]) > strlen(label[best])))
			best = j;
	return best;
}

static int scan(const char *text, const char *const *label, int n, size_t longest, bool any_case)
{
	int found = -1;

	for (; *text && found < 0; text++)
		found = label_at(text, label, n, longest, any_case);
	return found;
}

/* Levenshtein distance in characters. */
static size_t distance(const char *text, const char *word)
{
	const size_t m = strlen(word) < WORD_MAX ? strlen(word) : WORD_MAX, n = strlen(text);
	size_t row[WORD_MAX + 1], count = 0;

	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 0, len; i < n; i += len) {
		int32_t cp = utf8_decode(text + i, n - i, &len);
		size_t diagonal = row[0];

		if (cp < 0) {
			cp = (unsigned char)text[i];
			len = 1;
		}
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

static struct extracted nearest(const char *text, const char *const *label, int n)
{
	size_t best = 0;
	int at = -1;

	for (int j = 0; j < n; j++) {
		size_t d = distance(text, label[j]);

		if (at < 0 || d < best) {
			best = d;
			at = j;
		}
	}
	return (struct extracted){ at, at < 0 ? EXTRACTED_NONE : EXTRACTED_DISTANCE };
}

/* Label in the value that follows a key: after blanks, quotes, colons, equal
 * signs, stars and "is"; -1 if another word comes first. */
static int value_label(const char *s, const char *const *label, int n)
{
	for (;;) {
		while (*s && strchr(" \t\r\n\"':=*`<[", *s))
			s++;
		if (!begins(s, "is ", true))
			return label_at(s, label, n, WORD_MAX, true);
		s += 3;
	}
}

/* Label behind the first `key` that has one, letters directly behind the key skipped. */
static int keyed_label(const char *text, const char *key, const char *const *label, int n)
{
	int found = -1;

	for (; *text && found < 0; text++) {
		const char *s = text + strlen(key);

		if (!begins(text, key, true))
			continue;
		while (is_letter(*s) || *s == '_')
			s++;
		found = value_label(s, label, n);
	}
	return found;
}

static struct extracted by_field(const char *text, const char *const *label, int n)
{
	static const char *const key[] = { "emotion", "label" };
	int at = keyed_label(text, "\"detected_emotion_label", label, n);

	if (at >= 0)
		return (struct extracted){ at, EXTRACTED_FOUND };
	for (size_t i = 0; i < ARRAY_LEN(key); i++) {
		at = keyed_label(text, key[i], label, n);
		if (at >= 0)
			return (struct extracted){ at, EXTRACTED_PATTERN };
	}
	at = scan(text, label, n, WORD_MAX, true);
	if (at >= 0)
		return (struct extracted){ at, EXTRACTED_ANYWHERE };
	return nearest(text, label, n);
}

static struct extracted strict(const char *text, const char *const *label, int n)
{
	static const char around[] = " \t\r\n\"'`.*";
	int at;

	text += strspn(text, around);
	at = label_at(text, label, n, WORD_MAX, true);
	if (at >= 0) {
		const char *rest = text + strlen(label[at]);

		if (rest[strspn(rest, around)])
			at = -1;
	}
	return (struct extracted){ at, at < 0 ? EXTRACTED_NONE : EXTRACTED_FOUND };
}

static struct extracted flexible(const char *text, const char *const *label, int n)
{
	for (const char *s = text; *s; s++) {
		int at = s > text && is_letter(s[-1]) ? -1 : label_at(s, label, n, WORD_MAX, true);

		if (at >= 0 && !is_letter(s[strlen(label[at])]))
			return (struct extracted){ at, EXTRACTED_FOUND };
	}
	return (struct extracted){ -1, EXTRACTED_NONE };
}

struct extracted label_extract(enum extract_rule rule, const char *text, const char *const *label,
			       int n)
{
	int at = -1;

	switch (rule) {
	case EXTRACT_SCAN:
		at = scan(text, label, n, SPAN_MAX, false);
		return at < 0 ? nearest(text, label, n) : (struct extracted){ at, EXTRACTED_FOUND };
	case EXTRACT_FIELD:
		return by_field(text, label, n);
	case EXTRACT_STRICT:
		return strict(text, label, n);
	case EXTRACT_FLEXIBLE:
		return flexible(text, label, n);
	case EXTRACT_RULES:
		break;
	}
	return (struct extracted){ -1, EXTRACTED_NONE };
}
