/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/carrier.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/base/io.h"
#include "harness/base/json.h"
#include "harness/remote/backend.h"
#include "harness/remote/drive.h"
#include "harness/remote/estimate.h"
#include "harness/remote/http.h"

#define NAME_MAX_LEN 60

/* Behind struct carrier. */
struct way {
	const struct backend_ops *ops;
	char *spec; /* what ops->open takes */
	char *name;
	void *state; /* opened, never started */
	struct backend_env env;
	struct carrier_options o;
	double elsewhere; /* of the budget: spent by other runs */
};

/* A back-end of its own for who measures. */
struct line {
	const struct backend_ops *ops;
	void *state;
	struct backend_env env;
};

/* One byte is less than any core file, and what Linux takes as no when cores go to a program (0
 * would be ignored then). */
static void leave_no_core(void)
{
	const struct rlimit none = { 1, 1 };

	setrlimit(RLIMIT_CORE, &none);
}

/* Does a word only say how the program is started: a variable that it sets, an option, a language?
 */
static bool is_start(const char *word, size_t n)
{
	static const char *const language[] = { "python",  "perl", "ruby", "node",
						"Rscript", "bash", "sh",   "env" };

	if (*word == '-' || strcspn(word, "=") < strcspn(word, "/ \t"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(language); i++) {
		const size_t len = strlen(language[i]);

		/* python3.11 too */
		if (len <= n && !memcmp(word, language[i], len) &&
		    strspn(word + len, "0123456789.") == n - len)
			return true;
	}
	return false;
}

/* The program of a command, without its folders: the first word that is more than its start. */
static void name_program(const char *command, struct strbuf *out)
{
	const char *first = command + strspn(command, " \t"), *word = first, *base;
	size_t n;

	for (;;) {
		n = strcspn(word, " \t");
		base = word + n;
		while (base > word && base[-1] != '/')
			base--;
		if (!n || !(is_start(word, n) || is_start(base, n - (size_t)(base - word))))
			break;
		word += n + strspn(word + n, " \t");
	}
	if (n)
		strbuf_addn(out, base, n - (size_t)(base - word));
	else
		strbuf_addn(out, first, strcspn(first, " \t"));
}

/* What the user calls it, as a part of a file name. */
static char *make_name(const struct way *w, struct err *err)
{
	struct strbuf b = { 0 };
	struct json *v = NULL;

	if (!strcmp(w->ops->name, "exec")) {
		name_program(w->spec, &b);
	} else if (!strcmp(w->ops->name, "replay")) {
		strbuf_add(&b, path_base(w->spec));
	} else {
		const char *text = w->ops->identity(w->state);

		v = json_parse(text, strlen(text), w->spec, err);
		strbuf_add(&b, json_str(json_get(v, "name"), ""));
		json_free(v);
	}
	if (!b.len)
		strbuf_add(&b, w->ops->name);
	if (b.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", w->spec);
	if (err->code) {
		strbuf_free(&b);
		return NULL;
	}
	if (b.len > NAME_MAX_LEN)
		b.s[NAME_MAX_LEN] = '\0';
	for (char *s = b.s; *s; s++)
		if (!(isalnum((unsigned char)*s) || strchr("._-", *s)) || (s == b.s && *s == '.'))
			*s = '_';
	return b.s;
}

static int way_request(void *ctx, const struct ask *ask, struct strbuf *out, struct err *err)
{
	const struct way *w = ctx;

	return w->ops->request(w->state, ask, out, err);
}

static void way_estimate(void *ctx, const struct ask *ask, struct ask_estimate *sum)
{
	const struct way *w = ctx;

	if (w->ops->estimate)
		w->ops->estimate(w->state, ask, sum);
	else
		estimate_ask(&estimate_usual, ask, sum);
}

static void way_spend(void *ctx, double cost)
{
	struct way *w = ctx;

	w->elsewhere += cost;
}

/* Opens the back-end anew, for one folder. */
static int open_again(const struct way *w, const struct backend_env *env, void *state,
		      struct err *err)
{
	if (w->ops->open(state, w->spec, env, err))
		return err->code;
	if (strcmp(w->ops->identity(state), w->ops->identity(w->state)) != 0)
		return err_set(err, ERR_BACKEND, "%s: another model than when the run began",
			       w->spec);
	return 0;
}

static int way_carry(void *ctx, const char *dir, unsigned needs, int64_t total,
		     const struct ask_source *source, const struct ask_sink *sink,
		     struct ask_counts *counts, struct strbuf *served, struct err *err)
{
	const struct way *w = ctx;
	struct backend_env env = w->env;
	const struct drive_options o = {
		.dir = dir,
		.retry_failed = w->o.retry_failed,
		.budget = w->o.budget,
		.elsewhere = w->elsewhere,
		.replies = w->o.replies,
		.total = total,
		.log = w->o.log,
	};
	void *state = mem_calloc(1, w->ops->state_size);

	*counts = (struct ask_counts){ 0 };
	env.dir = dir;
	if (!state)
		return err_set(err, ERR_NOMEM, "%s: no memory", w->spec);
	if (!io_mkdirs(dir, err) && !open_again(w, &env, state, err) &&
	    !w->ops->start(state, needs, err)) {
		strbuf_add(served, w->ops->identity(state));
		if (served->oom)
			err_set(err, ERR_NOMEM, "%s: no memory", w->spec);
		else
			drive(w->ops, state, source, sink, &o, counts, err);
	} else {
		if (w->ops->account)
			w->ops->account(state, counts);
		rmdir(dir); /* if nothing is in it */
	}
	w->ops->close(state);
	free(state);
	return err->code;
}

/* --- lines ----------------------------------------------------------------------------------- */

static void line_hang_up(void *line)
{
	struct line *l = line;

	if (!l)
		return;
	if (l->state)
		l->ops->close(l->state);
	free(l->state);
	free(l);
}

static void *way_line(void *ctx, unsigned needs, struct strbuf *served, struct err *err)
{
	const struct way *w = ctx;
	struct line *l = mem_calloc(1, sizeof(*l));

	if (!l || !(l->state = mem_calloc(1, w->ops->state_size))) {
		err_set(err, ERR_NOMEM, "%s: no memory", w->spec);
		free(l);
		return NULL;
	}
	l->ops = w->ops;
	l->env = w->env;
	l->env.once = true;
	l->env.concurrency = 1;
	if (open_again(w, &l->env, l->state, err) || l->ops->start(l->state, needs, err)) {
		line_hang_up(l);
		return NULL;
	}
	strbuf_add(served, l->ops->identity(l->state));
	return l;
}

/* One ask and where its reply goes. */
struct saying {
	const struct ask *ask;
	struct arena *mem;
	struct reply *out;
	bool asked, answered;
};

static enum ask_next saying_next(void *ctx, const struct ask **out, struct err *err)
{
	struct saying *s = ctx;

	(void)err;
	if (s->asked)
		return ASK_END;
	s->asked = true;
	*out = s->ask;
	return ASK_READY;
}

static int saying_put(void *ctx, const struct ask *ask, const struct reply *r, struct err *err)
{
	struct saying *s = ctx;

	s->answered = true;
	if (!reply_copy(s->out, r, s->mem))
		err_set(err, ERR_NOMEM, "%s: no memory for the reply", ask->id);
	return err->code;
}

static int line_say(void *line, const struct ask *ask, struct arena *mem, struct reply *out,
		    struct err *err)
{
	struct line *l = line;
	struct saying s = { .ask = ask, .mem = mem, .out = out };
	const struct ask_source source = { .next = saying_next, .ctx = &s };
	const struct ask_sink sink = { saying_put, NULL, &s };

	if (!l->ops->run(l->state, &source, &sink, err) && !s.answered)
		err_set(err, ERR_INTERNAL, "%s: no reply", ask->id);
	return err->code;
}

/* --- opening --------------------------------------------------------------------------------- */

static struct way *new_way(const char *spec, const struct carrier_options *o, struct err *err)
{
	struct way *w = mem_calloc(1, sizeof(*w));

	if (!w) {
		err_set(err, ERR_NOMEM, "%s: no memory", spec);
		return NULL;
	}
	w->o = *o;
	w->env = (struct backend_env){
		.log = o->log,
		.stop = o->stop,
		.concurrency = o->concurrency,
		.limit_s = o->limit_s,
		.adaptive = o->adaptive,
	};
	w->ops = backend_find(spec, &spec);
	w->spec = str_dup(spec);
	w->state = mem_calloc(1, w->ops->state_size);
	if (!w->spec || !w->state)
		err_set(err, ERR_NOMEM, "%s: no memory", spec);
	return w;
}

/* Does an ask cost anything? */
static bool is_paid(const struct way *w)
{
	const struct ask_part part = { .type = ASK_TEXT, .data = "?", .size = 1 };
	const struct ask_message message = { "user", &part, 1 };
	const struct ask ask = {
		.id = "", .message = &message, .n_messages = 1, .sampling = ask_sampling_default
	};
	struct ask_estimate e = { 0 };

	if (w->ops->estimate)
		w->ops->estimate(w->state, &ask, &e);
	return e.cost > 0;
}

int carrier_open(struct carrier *c, const char *spec, const struct carrier_options *o,
		 struct err *err)
{
	struct way *w;

	leave_no_core();
	*c = (struct carrier){ .ctx = new_way(spec, o, err) };
	if (err->code)
		return err->code;
	w = c->ctx;
	if (o->adaptive && w->ops != &backend_http)
		return err_set(err, ERR_ARG,
			       "%s: takes one ask at a time; adaptive concurrency is for servers",
			       spec);
	if (w->ops->open(w->state, w->spec, &w->env, err))
		return err->code;
	c->priced = is_paid(w);
	if (o->budget > 0 && !c->priced)
		return err_set(err, ERR_ARG,
			       "%s: no price is known, so that a budget bounds nothing; give the "
			       "profile a \"price\"",
			       spec);
	w->name = make_name(w, err);
	c->name = w->name;
	c->backend = w->ops->name;
	c->identity = w->ops->identity(w->state);
	c->request = way_request;
	c->estimate = way_estimate;
	c->carry = way_carry;
	c->spend = way_spend;
	c->line = way_line;
	c->say = line_say;
	c->hang_up = line_hang_up;
	c->retry_failed = o->retry_failed;
	return err->code;
}

void carrier_close(struct carrier *c)
{
	struct way *w = c->ctx;

	if (w) {
		if (w->state)
			w->ops->close(w->state);
		free(w->state);
		free(w->spec);
		free(w->name);
		free(w);
	}
	*c = (struct carrier){ 0 };
}
