/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/text/slot.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "harness/base/mem.h"

/* Would '<' before s begin something that looks like a token? */
static bool opens_token(const char *s)
{
	return *s && !strchr(" =", *s) && !isdigit((unsigned char)*s);
}

/* The same of '['.  "[LAUGHTER]" of a transcript is none. */
static bool opens_bracket(const char *s)
{
	static const char *const word[] = { /* Mistral's */
					    "/", "INST]", "IMG", "TOOL_", "AVAILABLE_TOOLS",
					    "AUDIO]", "SYSTEM_PROMPT", "THINK]", "BEGIN_AUDIO",
					    "CONTROL_", "PREFIX]", "MIDDLE]", "SUFFIX]", "ARGS]",
					    "CALL_ID]", "MODEL_SETTINGS]",
					    /* EXAONE's, GLM's, InternLM's, BERT's */
					    "|", "gMASK]", "sMASK]", "MASK]", "UNUSED_TOKEN",
					    "CLS]", "SEP]", "PAD]", "UNK]", "BOS]", "EOS]"
	};

	for (size_t i = 0; i < ARRAY_LEN(word); i++)
		if (str_starts(s, word[i]))
			return true;
	return false;
}

/* Does a role's name end before s[at], as a word? */
static bool ends_role(const char *s, size_t at)
{
	static const char *const role[] = { "user", "assistant", "system", "human" };

	for (size_t i = 0; i < ARRAY_LEN(role); i++) {
		const size_t n = strlen(role[i]);

		if (at >= n && !strncasecmp(s + at - n, role[i], n) &&
		    (at == n || !isalnum((unsigned char)s[at - n - 1])))
			return true;
	}
	return false;
}

/* One blank before what stands at s[at]? */
static bool apart(const char *s, size_t at)
{
	const char before = at ? s[at - 1] : '\0';

	return (before == '<' && opens_token(s + at)) || (before == '[' && opens_bracket(s + at)) ||
	       (before == '#' && s[at] == '#') || (before == '|' && s[at] == '>') ||
	       (s[at] == ':' && ends_role(s, at));
}

static void add(const char *text, bool quoted, struct strbuf *out)
{
	const size_t n = strlen(text);

	for (size_t i = 0, len; i < n; i += len) {
		const int32_t cp = utf8_decode(text + i, n - i, &len);

		if (cp < 0)
			len = 1;
		if (apart(text, i))
			strbuf_addc(out, ' ');
		if (quoted && (cp == '"' || cp == '\\'))
			strbuf_addc(out, '\\');
		if (cp < 0 || utf8_commands(cp))
			strbuf_addc(out, ' ');
		else
			strbuf_addn(out, text + i, len);
	}
}

void slot_add(const char *text, struct strbuf *out)
{
	add(text, false, out);
}

void slot_quote(const char *text, struct strbuf *out)
{
	strbuf_addc(out, '"');
	add(text, true, out);
	strbuf_addc(out, '"');
}
