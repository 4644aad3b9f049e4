/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/verdict/gate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy without line ends, which would look like another check. */
static const char *one_line(struct gate_report *r, const char *text)
{
	char *copy = arena_strdup(&r->mem, text);

	if (copy)
		utf8_tame(copy);
	return copy;
}

int gate_add(struct gate_report *r, const char *run, const char *what, enum gate_state state,
	     struct err *err, const char *fmt, ...)
{
	char text[1200];
	struct gate_check c = { .state = state };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c.run = one_line(r, run);
	c.what = one_line(r, what);
	c.text = one_line(r, text);
	if (!c.run || !c.what || !c.text || !GROW_ARRAY(r->check, r->cap, (size_t)r->n + 1))
		return err_set(err, ERR_NOMEM, "gate: no memory");
	r->check[r->n++] = c;
	return 0;
}

void gate_report_free(struct gate_report *r)
{
	free(r->check);
	arena_free(&r->mem);
	*r = (struct gate_report){ 0 };
}

bool gate_breach(enum gate_state state)
{
	return state >= GATE_FAIL;
}

int gate_count(const struct gate_report *r, enum gate_state state)
{
	int n = 0;

	for (int i = 0; i < r->n; i++)
		n += r->check[i].state == state;
	return n;
}

int gate_exit_status(const struct gate_report *r)
{
	if (gate_count(r, GATE_MISMATCH))
		return 4;
	if (gate_count(r, GATE_INCOMPLETE))
		return 3;
	return gate_count(r, GATE_FAIL) ? 1 : 0;
}

void gate_write_breaches(const struct gate_report *r, struct strbuf *out)
{
	for (int i = 0; i < r->n; i++)
		if (gate_breach(r->check[i].state))
			strbuf_addf(out, "%s: %s: %s\n", r->check[i].run, r->check[i].what,
				    r->check[i].text);
}

/* A description may not hold what would start a directive. */
static void tap_text(struct strbuf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '#' || *s == '\\')
			strbuf_addc(out, '\\');
		strbuf_addc(out, *s);
	}
}

void gate_write_tap(const struct gate_report *r, struct strbuf *out)
{
	strbuf_addf(out, "TAP version 14\n1..%d\n", r->n);
	for (int i = 0; i < r->n; i++) {
		const struct gate_check *c = &r->check[i];
		const bool bad = gate_breach(c->state);

		strbuf_addf(out, "%s %d - ", bad ? "not ok" : "ok", i + 1);
		tap_text(out, c->run);
		strbuf_add(out, ": ");
		tap_text(out, c->what);
		if (c->state == GATE_SKIPPED || c->state == GATE_QUARANTINED)
			strbuf_addf(out, " # SKIP %s", c->text);
		strbuf_addc(out, '\n');
		if (!bad && c->state != GATE_BETTER)
			continue;
		/* YAML: a text in single quotes, where a quote is written twice */
		strbuf_addf(out, "  ---\n  %s: '", bad ? "message" : "better");
		for (const char *s = c->text; *s; s++)
			strbuf_add(out, *s == '\'' ? "''" : (char[]){ *s, '\0' });
		strbuf_add(out, "'\n  ...\n");
	}
}

static void xml_text(struct strbuf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '&')
			strbuf_add(out, "&amp;");
		else if (*s == '<')
			strbuf_add(out, "&lt;");
		else if (*s == '"')
			strbuf_add(out, "&quot;");
		else
			strbuf_addc(out, *s);
	}
}

static void junit_case(const struct gate_check *c, struct strbuf *out)
{
	static const char *const element[GATE_STATES] = {
		[GATE_PASS] = NULL,
		[GATE_BETTER] = "system-out",
		[GATE_QUARANTINED] = "skipped",
		[GATE_SKIPPED] = "skipped",
		[GATE_FAIL] = "failure",
		[GATE_INCOMPLETE] = "error",
		[GATE_MISMATCH] = "error",
	};
	const char *e = element[c->state];

	strbuf_add(out, "  <testcase classname=\"");
	xml_text(out, c->run);
	strbuf_add(out, "\" name=\"");
	xml_text(out, c->what);
	if (!e) {
		strbuf_add(out, "\"/>\n");
		return;
	}
	strbuf_addf(out, "\"><%s%s", e, c->state == GATE_BETTER ? ">" : " message=\"");
	xml_text(out, c->text);
	if (c->state == GATE_BETTER)
		strbuf_addf(out, "</%s></testcase>\n", e);
	else
		strbuf_add(out, "\"/></testcase>\n");
}

void gate_write_junit(const struct gate_report *r, struct strbuf *out)
{
	strbuf_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
	for (int i = 0, end; i < r->n; i = end) {
		int bad = 0, errors = 0, skipped = 0;

		for (end = i; end < r->n && !strcmp(r->check[end].run, r->check[i].run); end++) {
			const enum gate_state s = r->check[end].state;

			bad += s == GATE_FAIL;
			errors += s == GATE_INCOMPLETE || s == GATE_MISMATCH;
			skipped += s == GATE_QUARANTINED || s == GATE_SKIPPED;
		}
		strbuf_add(out, " <testsuite name=\"");
		xml_text(out, r->check[i].run);
		strbuf_addf(out, "\" tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\">\n",
			    end - i, bad, errors, skipped);
		for (int j = i; j < end; j++)
			junit_case(&r->check[j], out);
		strbuf_add(out, " </testsuite>\n");
	}
	strbuf_add(out, "</testsuites>\n");
}
