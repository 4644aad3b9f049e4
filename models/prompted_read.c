/* SPDX-License-Identifier: Apache-2.0
 * Replies of a served model as answers.
 */
#include "models/prompted.h"

#include <math.h>
#include <string.h>

/* Causes beside those of harness/text/label_extract.h and of harness/core/ask.h. */
static const char scored[] = "scored", all_letters[] = "letters",
		  some_letters[] = "letters-missing", no_letters[] = "no-letter",
		  chosen[] = "choice";

static int fail(struct answer *out, const char *cause)
{
	out->status = ANSWER_PARSE_FAIL;
	out->label = -1;
	out->cause = cause;
	return 0;
}

static int accept(struct answer *out, int label, const char *cause)
{
	out->status = ANSWER_OK;
	out->label = label;
	out->cause = cause;
	return 0;
}

static int extract(const struct prompted *p, enum extract_rule rule, const struct reply *r,
		   struct extracted *x, struct err *err)
{
	const struct label_set *labels = p->env->labels;
	const struct label_words words = {
		.word = p->word,
		.other = p->own ? labels->prompt : labels->word,
		.alias = labels->alias,
		.n = labels->n,
		.letters = p->mode == ASK_LETTERS,
	};

	return label_extract(rule, r->text, &words, x, err);
}

static int read_text(const struct prompted *p, const struct reply *r, struct answer *out,
		     struct err *err)
{
	struct extracted x;

	if (extract(p, p->rule, r, &x, err))
		return err->code;
	if (x.label >= 0)
		return accept(out, x.label, extract_how_name[x.how]);
	return fail(out, strcmp(r->finish_reason, "length") != 0 ? extract_how_name[x.how]
								 : reply_cause_name[CAUSE_LENGTH]);
}

/* One of the options, as it stands. */
static int read_choice(const struct prompted *p, const struct reply *r, struct answer *out)
{
	for (int j = 0; j < p->env->labels->n; j++)
		if (!strcmp(r->text, p->word[j]))
			return accept(out, j, chosen);
	return fail(out, reply_cause_name[CAUSE_CONSTRAINT]);
}

static int best_of(const double *x, int n)
{
	int best = 0;

	for (int j = 1; j < n; j++)
		if (x[j] > x[best])
			best = j;
	return best;
}

/* Is there a usable number for every option that is known? */
static bool has_scores(const struct prompted *p, const struct reply *r)
{
	if (!r->option || r->n_options != p->env->labels->n)
		return false;
	for (int j = 0; j < r->n_options; j++)
		if (r->option[j].known && !isfinite(r->option[j].logprob))
			return false;
	return true;
}

/* Summed log-probabilities, as they are or by length; `strict` is what the sums alone say. */
static int read_likelihood(const struct prompted *p, const struct reply *r, struct answer *out)
{
	const int n = p->env->labels->n;
	double raw[LABEL_MAX], x[LABEL_MAX];

	if (!has_scores(p, r))
		return fail(out, reply_cause_name[CAUSE_MALFORMED]);
	for (int j = 0; j < n; j++) {
		const struct option_score *o = &r->option[j];
		const int by = p->length == LENGTH_BYTES    ? o->bytes
			       : p->length == LENGTH_TOKENS ? o->tokens
							    : 1;

		if (!o->known || by < 1)
			return fail(out, reply_cause_name[CAUSE_MALFORMED]);
		raw[j] = o->logprob;
		x[j] = o->logprob / by;
		out->score[j] = (float)x[j];
	}
	out->strict = best_of(raw, n);
	return accept(out, best_of(x, n), scored);
}

/* Letters that are told have their score.  One that is not is at most as likely as the least of
 * them, since the list holds the most likely tokens, and shares with the others what is left of
 * the probability: it gets the smaller of the two. */
static int read_letters(const struct prompted *p, const struct reply *r, struct answer *out)
{
	const int n = p->env->labels->n;
	double x[LABEL_MAX], least = INFINITY, rest = 1, floor;
	int missing = 0;

	if (!has_scores(p, r))
		return fail(out, reply_cause_name[CAUSE_MALFORMED]);
	for (int j = 0; j < n; j++) {
		missing += !r->option[j].known;
		if (r->option[j].known) {
			least = fmin(least, r->option[j].logprob);
			rest -= exp(r->option[j].logprob);
		}
	}
	if (missing == n)
		return fail(out, no_letters);
	floor = fmin(least, log(fmax(rest, 1e-9) / fmax(missing, 1)));
	for (int j = 0; j < n; j++) {
		x[j] = r->option[j].known ? r->option[j].logprob : floor;
		out->score[j] = (float)x[j];
	}
	return accept(out, best_of(x, n), missing ? some_letters : all_letters);
}

int prompted_read(const void *state, const struct view *view, int t, const struct reply *reply,
		  struct answer *out, struct err *err)
{
	const struct prompted *p = state;
	struct extracted strict = { -1, NOT_FOUND };

	(void)view;
	(void)t;
	*out = (struct answer){ .label = -1,
				.strict = -1,
				.raw = reply->text,
				.model_ms = fmax(reply->latency_ms, 0) };
	if (p->mode == ASK_LIKELIHOOD)
		return read_likelihood(p, reply, out);
	if (extract(p, EXTRACT_STRICT, reply, &strict, err))
		return err->code;
	out->strict = strict.label;
	if (p->mode == ASK_LETTERS)
		return read_letters(p, reply, out);
	return p->mode == ASK_CHOICE ? read_choice(p, reply, out) : read_text(p, reply, out, err);
}
