/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/offer.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/run/see.h"

static const unsigned always = SEE_TEXT | SEE_HISTORY;

static bool takes_nothing(const struct bank *bank, const struct recipe *r)
{
	for (int i = 0; i < r->n_without; i++) {
		struct err ignored = { 0 };
		bool alignment = !strcmp(r->without[i], "alignment");
		unsigned bits =
			alignment ? SEE_BEHAVIOUR : see_parse(r->without[i], true, &ignored);

		if (bits & (bank->heard | always))
			return false;
	}
	return r->n_without > 0;
}

/* Can a system that asks be set up with what it may see? */
static bool can_ask(const struct bank *bank, const struct recipe *r, unsigned see, struct err *err)
{
	const struct model_env env = { .labels = bank->corpus->labels,
				       .opts = &r->opts,
				       .see = see };
	void *state = mem_calloc(1, r->model->state_size);

	if (!state)
		return !err_set(err, ERR_NOMEM, "no memory");
	r->model->init(state, &env, err);
	r->model->destroy(state);
	free(state);
	return !err->code;
}

/* A prompt that speaks of what the corpus does not have: nothing is wrong with the recipe. */
static bool cannot_be_asked(const struct bank *bank, const struct recipe *r, struct strbuf *why)
{
	struct err as_is = { 0 }, in_full = { 0 };

	if (!r->model->ask || can_ask(bank, r, r->see & (bank->heard | always), &as_is) ||
	    !can_ask(bank, r, r->see, &in_full))
		return false;
	if (why)
		strbuf_add(why, as_is.msg);
	return true;
}

bool offer_worth(const struct bank *bank, const struct recipe *r, struct strbuf *why)
{
	static const struct {
		unsigned bit;
		const char *name;
	} part[] = {
		{ SEE_SPEECH, "speech measurements" },
		{ SEE_AUDIO, "audio frames" },
		{ SEE_FACE, "face" },
		{ SEE_BODY, "body" },
		{ SEE_POSTURE, "posture" },
		{ SEE_VIDEO, "video frames" },
		{ SEE_SOUND, "sound of clips" },
		{ SEE_PICTURES, "pictures of clips" },
	};
	bool worth = !takes_nothing(bank, r), cannot = cannot_be_asked(bank, r, why);
	const char *sep = worth ? "ran without " : "nothing to take away; the corpus has no ";

	for (size_t i = 0; why && !cannot && i < ARRAY_LEN(part); i++) {
		if (!(part[i].bit & (worth ? r->see : r->model->uses) & ~bank->heard))
			continue;
		strbuf_addf(why, "%s%s", sep, part[i].name);
		sep = ", ";
	}
	if (why && why->len)
		strbuf_addf(why, " (clips: %d, recorded measurements: %d, of %d utterances)",
			    bank->n_media - bank->n_failed, bank->n_recorded, bank->corpus->n_utt);
	return worth && !cannot;
}

static void add_note(struct strbuf *out, const struct bank *bank, const struct recipe *r,
		     const char *reason)
{
	struct strbuf system = { 0 };
	struct json_writer w;

	strbuf_add(&system, r->name);
	for (int i = 0; i < r->n_without; i++)
		strbuf_addf(&system, "%s%s", i ? ", " : " without ", r->without[i]);
	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "corpus", bank->corpus->name);
	json_put_str(&w, "kind", bank_kind(bank));
	json_put_str(&w, "system", strbuf_str(&system));
	json_put_str(&w, "reason", reason);
	json_close_object(&w);
	strbuf_addc(out, '\n');
	strbuf_free(&system);
}

static int write_notes(const struct bank *bank, const char *results, const struct strbuf *notes,
		       struct err *err)
{
	struct strbuf dir = { 0 }, path = { 0 };

	strbuf_addf(&dir, "%s/notes", results);
	strbuf_addf(&path, "%s/notes/%s-%s.jsonl", results, bank->corpus->name, bank_kind(bank));
	if (dir.oom || path.oom || notes->oom)
		err_set(err, ERR_NOMEM, "%s: no memory", results);
	else if (!io_mkdirs(dir.s, err))
		io_write_atomic(path.s, strbuf_str(notes), notes->len, err);
	strbuf_free(&dir);
	strbuf_free(&path);
	return err->code;
}

int offer_filter(const struct bank *bank, const struct plan *plan, const char *without,
		 const char *set, const char *results, bool *keep, struct err *err)
{
	struct strbuf notes = { 0 }, why = { 0 };

	for (int i = 0; i < plan->n; i++) {
		struct err unreadable = { 0 };
		struct recipe r;

		keep[i] = true;
		if (recipe_planned(&r, plan, i, bank->corpus->name, without, set, &unreadable))
			continue;
		strbuf_reset(&why);
		keep[i] = offer_worth(bank, &r, &why);
		/* one note a system, not one a seed */
		if (why.len && (!i || strcmp(plan->run[i].path, plan->run[i - 1].path) != 0))
			add_note(&notes, bank, &r, why.s);
		recipe_free(&r);
	}
	write_notes(bank, results, &notes, err);
	strbuf_free(&notes);
	strbuf_free(&why);
	return err->code;
}
