/* SPDX-License-Identifier: Apache-2.0
 * merc ask
 */
#include "harness/cli/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/cli/ask_folder.h"
#include "harness/cli/backend.h"
#include "harness/cli/dry_run.h"
#include "harness/remote/ask_file.h"
#include "harness/remote/carrier.h"
#include "harness/remote/key.h"
#include "harness/remote/reply_json.h"

static const struct opt_spec ask_opts[] = {
	{ .name = "asks",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'a',
	  .arg = "FILE",
	  .help = "what is asked, one JSON object a line" },
	{ .name = "output",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'o',
	  .arg = "DIR",
	  .help = "folder of the replies; the same command goes on in it" },
	BACKEND_OPTS,
	{ .name = "dry-run",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'n',
	  .help = "print what would be sent; send nothing" },
	OPT_FORMAT,
	OPT_END,
};

struct asking {
	struct cli *c;
	struct carrier carrier;
	struct ask_file file;
	struct ask_folder folder;
	FILE *replies;
	struct strbuf part; /* path of the replies while they are written */
	struct ask_counts counts;
	struct strbuf served; /* identity of the model that answered */
};

/* Everything the replies depend on that is known before anyone is reached. */
static int configure(struct asking *a, struct err *err)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "%s %s %s", a->carrier.backend, a->carrier.identity, a->file.hash);
	if (b.oom)
		err_set(err, ERR_NOMEM, "ask: no memory");
	else
		sha256_hex(b.s, b.len, a->folder.configuration);
	strbuf_free(&b);
	return err->code;
}

/* --- replies --------------------------------------------------------------------------------- */

static int put_reply(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct asking *a = ctx;
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	reply_put(&w, ask->id, ask->index, r, false);
	json_close_object(&w);
	strbuf_addc(&b, '\n');
	if (b.oom)
		err_set(err, ERR_NOMEM, "ask: no memory");
	else
		io_write_exact(a->replies, b.s, b.len, a->part.s, err);
	strbuf_free(&b);
	ask_file_release(ask);
	return err->code;
}

static int open_replies(struct asking *a, struct err *err)
{
	int fd;

	strbuf_addf(&a->part, "%s/replies.jsonl.part", a->folder.dir);
	if (a->part.oom)
		return err_set(err, ERR_NOMEM, "ask: no memory");
	/* a program that is started again meanwhile does not inherit it */
	fd = open(a->part.s, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	a->replies = fd < 0 ? NULL : fdopen(fd, "wb");
	if (a->replies)
		return 0;
	err_set(err, ERR_IO, "%s: %s", a->part.s, strerror(errno));
	if (fd >= 0)
		close(fd);
	return err->code;
}

/* Gives the replies their name once all are there. */
static int close_replies(struct asking *a, struct err *err)
{
	char *path = ask_folder_file(&a->folder, "replies.jsonl", err);
	struct err late = { 0 };

	if (!err->code && (fflush(a->replies) || fsync(fileno(a->replies))))
		err_set(err, ERR_IO, "%s: write failed", a->part.s);
	if (io_close(a->replies, a->part.s, &late))
		err_set(err, late.code, "%s", late.msg);
	a->replies = NULL;
	if (!err->code)
		io_rename(a->part.s, path, err);
	else
		unlink(a->part.s);
	free(path);
	return err->code;
}

static int end_well(struct asking *a, struct err *err)
{
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "backend", a->carrier.backend);
	json_put_str(&w, "identity", strbuf_str(&a->served));
	ask_summary_put(&w, &a->counts);
	json_close_object(&w);
	if (ask_folder_write(&a->folder, "summary.json", &b, err) ||
	    ask_folder_status(&a->folder, "complete", err))
		return err->code;
	return ask_folder_end(&a->folder, &a->c->opts, NULL, err);
}

/* --- the verb -------------------------------------------------------------------------------- */

static void show_estimate(const struct asking *a, const struct dry_run *d, uint64_t bytes)
{
	const struct ask_estimate *e = &d->estimate;
	struct strbuf b = { 0 };

	if (d->n_kept)
		strbuf_addf(&b, "%lld have their reply already; ", (long long)d->n_kept);
	dry_run_cost(&a->carrier, e->cost, &b);
	log_info(&a->c->log,
		 "%zu asks in %lld requests, %llu bytes; about %lld tokens in prompts, at most "
		 "%lld in replies; %s; nothing was sent",
		 a->file.n, (long long)e->requests, (unsigned long long)bytes,
		 (long long)e->prompt_tokens, (long long)e->completion_tokens, strbuf_str(&b));
	strbuf_free(&b);
}

/* Every ask as it would be sent; out NULL: only whether it can be. */
static int prepare_all(struct asking *a, FILE *out, struct err *err)
{
	struct dry_run d = { .carrier = &a->carrier };
	struct strbuf b = { 0 };
	uint64_t bytes = 0;

	if (out)
		dry_run_folder(&d, *a->folder.dir ? a->folder.dir : NULL, err);
	while (!err->code) {
		const struct ask *ask = NULL;

		if (ask_file_next(&a->file, &ask, err) != ASK_READY)
			break;
		strbuf_reset(&b);
		if (!a->carrier.request(a->carrier.ctx, ask, &b, err) && out) {
			fprintf(out, "%s\n", strbuf_str(&b));
			dry_run_count(&d, ask, NULL, err);
		}
		bytes += b.len;
		ask_file_release(ask);
	}
	if (out && !err->code)
		show_estimate(a, &d, bytes);
	a->file.next = 0;
	kept_close(d.kept);
	strbuf_free(&b);
	return err->code;
}

static int carry_out(struct asking *a, struct err *err)
{
	const struct ask_source source = { .next = ask_file_next, .ctx = &a->file };
	const struct ask_sink sink = { put_reply, NULL, a };

	if (ask_folder_status(&a->folder, "started", err))
		return err->code;
	if (!open_replies(a, err)) {
		a->carrier.carry(a->carrier.ctx, a->folder.dir, a->file.needs, (int64_t)a->file.n,
				 &source, &sink, &a->counts, &a->served, err);
		close_replies(a, err);
	}
	if (!err->code)
		return end_well(a, err);
	ask_folder_broken(&a->folder, a->counts.budget_hit, err);
	return err->code;
}

static int run_in_folder(struct asking *a, struct err *err)
{
	bool done;

	if (opt_bool(&a->c->opts, "dry-run"))
		return prepare_all(a, stdout, err);
	if (!*a->folder.dir)
		return err_set(err, ERR_ARG, "ask: name a folder for the replies (-o DIR)");
	if (prepare_all(a, NULL, err) || configure(a, err) || io_mkdirs(a->folder.dir, err) ||
	    ask_folder_look(&a->folder, &a->c->opts, NULL, &done, err) || done)
		return err->code;
	return carry_out(a, err);
}

static int run_ask(struct cli *c, struct err *err)
{
	struct asking a = { .c = c,
			    .folder = { "ask", opt_str(&c->opts, "output"), "journal.jsonl", "" } };

	if (!*opt_str(&c->opts, "backend") || !*opt_str(&c->opts, "asks"))
		return err_set(err, ERR_ARG,
			       "ask: name a back-end (-b SPEC) and the asks (-a FILE)");
	if (!backend_carrier(c, &a.carrier, err) &&
	    !ask_file_open(&a.file, opt_str(&c->opts, "asks"), err))
		run_in_folder(&a, err);
	carrier_close(&a.carrier);
	ask_file_free(&a.file);
	strbuf_free(&a.part);
	strbuf_free(&a.served);
	return 0;
}

const struct verb verb_ask = {
	.name = "ask",
	.operands = "",
	.summary = "Ask a served model, a program or recorded replies, and keep what they say",
	.doc = "Each line of the asks is {\"id\": .., \"messages\": [{\"role\": \"user\", "
	       "\"content\": ..}]}, with \"index\", \"task\", \"mode\" (generate, choice, "
	       "likelihood, letters), \"options\", \"sampling\" and \"settings\" where needed. "
	       "DIR/replies.jsonl has one line for each, in the order of the ids; it depends on "
	       "what was said alone. DIR/journal.jsonl keeps every reply as it came, with "
	       "attempts, latency and the first error.\n"
	       "The same command goes on after an interruption and sends nothing twice; when all "
	       "is there it does nothing. What ended without a reply is asked again only with "
	       "--retry-failed.",
	.opts = ask_opts,
	.run = run_ask,
};
