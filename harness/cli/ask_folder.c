/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/ask_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"

#define FILE_LIMIT (1 << 20) /* of status.json and summary.json */

char *ask_folder_file(const struct ask_folder *f, const char *name, struct err *err)
{
	char *path = path_join(f->dir, name);

	if (!path)
		err_set(err, ERR_NOMEM, "%s: no memory", f->verb);
	return path;
}

int ask_folder_write(const struct ask_folder *f, const char *name, struct strbuf *b,
		     struct err *err)
{
	char *path = ask_folder_file(f, name, err);

	if (b->oom)
		err_set(err, ERR_NOMEM, "%s: no memory", f->verb);
	strbuf_addc(b, '\n');
	if (!err->code)
		io_write_atomic(path, strbuf_str(b), b->len, err);
	free(path);
	strbuf_free(b);
	return err->code;
}

static struct json *read_file(const struct ask_folder *f, const char *name, struct err *err)
{
	char *path = ask_folder_file(f, name, err);
	struct json *v = path && io_is_file(path) ? json_read_file(path, FILE_LIMIT, err) : NULL;

	free(path);
	return v;
}

int ask_folder_status(const struct ask_folder *f, const char *status, struct err *err)
{
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "status", status);
	json_put_str(&w, "configuration", f->configuration);
	json_close_object(&w);
	return ask_folder_write(f, "status.json", &b, err);
}

void ask_folder_broken(const struct ask_folder *f, bool budget_hit, struct err *err)
{
	const bool interrupted = err->code == ERR_INTERRUPTED;
	struct err late = { 0 };

	ask_folder_status(f, interrupted || budget_hit ? "interrupted" : "error", &late);
	if (interrupted) {
		*err = (struct err){ 0 };
		err_set(err, ERR_INTERRUPTED, "interrupted; the same command goes on from here");
	}
}

/* --- summary --------------------------------------------------------------------------------- */

void ask_summary_put(struct json_writer *w, const struct ask_counts *n)
{
	json_put_int(w, "concurrency", n->flying_most);
	json_put_int(w, "asks", n->asks);
	json_put_int(w, "kept", n->kept);
	json_put_int(w, "shared", n->shared);
	json_put_int(w, "repeated", n->repeated);
	json_open_object(w, "status");
	for (int i = 0; i < ANSWER_STATUS_COUNT; i++)
		json_put_int(w, answer_status_name[i], n->status[i]);
	json_close_object(w);
	json_open_object(w, "cause");
	for (int i = CAUSE_NONE + 1; i < CAUSE_COUNT; i++)
		if (n->cause[i])
			json_put_int(w, reply_cause_name[i], n->cause[i]);
	json_close_object(w);
	json_put_int(w, "prompt_tokens", n->prompt_tokens);
	json_put_int(w, "completion_tokens", n->completion_tokens);
	json_put_num(w, "cost", n->cost);
	if (n->flying_least == n->flying_most && !n->flying_halved)
		return;
	json_open_object(w, "in_flight");
	json_put_int(w, "least", n->flying_least);
	json_put_int(w, "most", n->flying_most);
	json_put_int(w, "halved", n->flying_halved);
	json_close_object(w);
}

static void show_text(const struct json *s)
{
	const struct json *cause = json_get(s, "cause"), *flying = json_get(s, "in_flight");

	printf("%.0f asks: ", json_num(json_get(s, "asks"), 0));
	for (const struct json *m = json_at(json_get(s, "status"), 0); m; m = json_next(m))
		if (json_num(m, 0) > 0)
			printf("%.0f %s, ", json_num(m, 0), json_key(m));
	printf("%.0f kept from before, ", json_num(json_get(s, "kept"), 0));
	if (json_num(json_get(s, "shared"), 0) > 0)
		printf("%.0f from other folders, ", json_num(json_get(s, "shared"), 0));
	printf("%.0f sent more than once\n", json_num(json_get(s, "repeated"), 0));
	for (const struct json *m = json_at(cause, 0); m; m = json_next(m))
		printf("  %s: %.0f\n", json_key(m), json_num(m, 0));
	printf("tokens: %.0f in prompts, %.0f in replies; cost: %g\n",
	       json_num(json_get(s, "prompt_tokens"), 0),
	       json_num(json_get(s, "completion_tokens"), 0), json_num(json_get(s, "cost"), 0));
	if (flying)
		printf("in flight: %.0f to %.0f, halved %.0f times; adaptive.jsonl has when\n",
		       json_num(json_get(flying, "least"), 0),
		       json_num(json_get(flying, "most"), 0),
		       json_num(json_get(flying, "halved"), 0));
}

static void show(const struct opt_values *opts, void (*more)(const struct json *summary),
		 const struct json *summary)
{
	struct strbuf b = { 0 };
	struct json_writer w;

	if (strcmp(opt_str(opts, "format"), "json") != 0) {
		show_text(summary);
		if (more)
			more(summary);
		return;
	}
	json_begin(&w, &b, 1);
	json_put_value(&w, NULL, summary);
	puts(strbuf_str(&b));
	strbuf_free(&b);
}

/* ERR_INCOMPLETE when more asks than are borne ended without a reply. */
static int judge(const struct ask_folder *f, const struct opt_values *opts,
		 const struct json *summary, struct err *err)
{
	const struct json *status = json_get(summary, "status");
	double failed = json_num(json_get(status, answer_status_name[ANSWER_BACKEND_FAIL]), 0) +
			json_num(json_get(status, answer_status_name[ANSWER_DECODE_FAIL]), 0);
	double all = json_num(json_get(summary, "asks"), 0), borne = opt_num(opts, "max-failures");

	if (!answers_borne(failed, all, borne))
		return err_set(err, ERR_INCOMPLETE,
			       "%.0f of %.0f asks ended without a reply; --retry-failed asks them "
			       "again, %s/%s says why",
			       failed, all, f->dir, f->journal);
	return 0;
}

int ask_folder_end(const struct ask_folder *f, const struct opt_values *opts,
		   void (*more)(const struct json *summary), struct err *err)
{
	struct json *summary = read_file(f, "summary.json", err);

	if (summary) {
		show(opts, more, summary);
		judge(f, opts, summary, err);
	}
	json_free(summary);
	return err->code;
}

int ask_folder_look(const struct ask_folder *f, const struct opt_values *opts,
		    void (*more)(const struct json *summary), bool *done, struct err *err)
{
	struct json *status = read_file(f, "status.json", err);
	struct json *summary = err->code ? NULL : read_file(f, "summary.json", err);
	const char *cut = strrchr(f->journal, '/');
	const int below = cut ? (int)(cut - f->journal) : 0;

	*done = false;
	if (status &&
	    strcmp(json_str(json_get(status, "configuration"), ""), f->configuration) != 0)
		err_set(err, ERR_ARG,
			"%s: holds the replies of other asks or another back-end; name another "
			"folder (--replies %s%s%.*s takes there what is asked alike)",
			f->dir, f->dir, below ? "/" : "", below, f->journal);
	*done = !err->code && summary &&
		!strcmp(json_str(json_get(status, "status"), ""), "complete") &&
		!opt_bool(opts, "retry-failed");
	json_free(status);
	json_free(summary);
	return *done ? ask_folder_end(f, opts, more, err) : err->code;
}
