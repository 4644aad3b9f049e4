/* SPDX-License-Identifier: Apache-2.0
 * Utterances out of published prompts, and the row that they belong to.
 */
#include "harness/score/recorded_parts.h"

#include <string.h>

#include "harness/base/str.h"

#define FENCE "###"

/* Length of <tab> Speaker_k: at s, blanks behind the colon included; 0: not there. */
static size_t turn_head(const char *s, const char *end)
{
	static const char word[] = "Speaker_";
	const char *p = s;

	if (p == end || *p++ != '\t')
		return 0;
	while (p < end && *p == ' ')
		p++;
	if ((size_t)(end - p) < sizeof(word) || memcmp(p, word, sizeof(word) - 1) != 0)
		return 0;
	p += sizeof(word) - 1;
	if (*p < '0' || *p > '9')
		return 0;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p == end || *p++ != ':')
		return 0;
	while (p < end && *p == ' ')
		p++;
	return (size_t)(p - s);
}

/* The last stretch between two fences that holds a turn; NULL: none. */
static const char *conversation(const char *prompt, const char **end)
{
	const char *found = NULL, *from = prompt;

	for (const char *to = strstr(from, FENCE); to; to = strstr(from, FENCE)) {
		for (const char *s = from; s < to; s++)
			if (turn_head(s, to)) {
				found = s;
				*end = to;
				break;
			}
		from = to + strlen(FENCE);
	}
	return found;
}

/* The text of a turn: what is between its outer quotes, notes behind them left out. */
static char *turn_text(const char *from, const char *to, struct arena *mem)
{
	const char *last;

	while (to > from && to[-1] == ' ')
		to--;
	last = to;
	if (from == to || *from != '"')
		return arena_strndup(mem, from, (size_t)(to - from));
	while (last > from + 1 && last[-1] != '"')
		last--;
	if (last == from + 1)
		last = to;
	else
		last--;
	return arena_strndup(mem, from + 1, (size_t)(last - from - 1));
}

int prompt_turns(const char *prompt, struct arena *mem, const char *const **turn)
{
	const char *end = NULL, *s = conversation(prompt, &end);
	const char **out;
	size_t head, n = 0;

	*turn = NULL;
	if (!s)
		return 0;
	for (const char *p = s; p < end; p++)
		n += turn_head(p, end) > 0;
	out = arena_array(mem, n, sizeof(*out));
	if (!out)
		return -1;
	n = 0;
	while (s < end && (head = turn_head(s, end)) > 0) {
		const char *to = s + head;

		while (to < end && !turn_head(to, end))
			to++;
		out[n] = turn_text(s + head, to, mem);
		if (!out[n++])
			return -1;
		s = to;
	}
	*turn = out;
	return (int)n;
}

int recorded_add(struct reading *in, struct recorded_row *row)
{
	struct recorded *r = in->r;
	const char *prompt = row->field[FIELD_PROMPT];
	const char *const *turn;
	int n = 0;

	row->text = row->field[FIELD_TEXT];
	if (prompt && !row->text) {
		n = prompt_turns(prompt, &r->mem, &turn);
		if (n > 0) {
			row->history = turn;
			row->n_history = n - 1;
			row->has_history = true;
			row->text = turn[n - 1];
		}
	}
	if (n < 0 || !GROW_ARRAY(r->row, r->cap, r->n + 1))
		return err_set(in->err, ERR_NOMEM, "%s:%ld: no memory", r->path, row->line);
	r->has_reply |= row->field[FIELD_REPLY] != NULL;
	r->has_gold |= row->field[FIELD_GOLD] != NULL;
	r->row[r->n++] = *row;
	return 0;
}
