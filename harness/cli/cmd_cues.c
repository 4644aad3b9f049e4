/* SPDX-License-Identifier: Apache-2.0
 * merc cues: what was measured of each utterance, and the words it became.
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "harness/base/io.h"
#include "harness/cli/load.h"
#include "harness/cue/behaviour.h"

static const struct opt_spec cues_opts[] = {
	OPT_CORPUS,
	OPT_ROOT,
	OPT_DATA_SET,
	OPT_CUES,
	OPT_CACHE,
	{ .name = "output",
	  .type = OPT_STR,
	  .fallback = "-",
	  .letter = 'o',
	  .arg = "FILE",
	  .help = "file to write (-: standard output)" },
	{ .name = "format",
	  .type = OPT_CHOICE,
	  .fallback = "csv",
	  .choices = "csv|jsonl",
	  .arg = "FORMAT",
	  .help = "csv or jsonl" },
	OPT_END,
};

/* Calls put for every cue of both tables. */
static void each_cue(const struct measured *m,
		     void (*put)(void *ctx, const char *name, double value, bool ok), void *ctx)
{
	for (int i = 0; i < SPEECH_CUE_COUNT; i++)
		put(ctx, speech_cue_spec[i].name, m->speech.v[i], m->speech.ok[i]);
	for (int i = 0; i < BEHAVIOUR_CUE_COUNT; i++)
		put(ctx, behaviour_cue_spec[i].name, m->behaviour.v[i], m->behaviour.ok[i]);
}

static void put_name(void *ctx, const char *name, double value, bool ok)
{
	(void)value;
	(void)ok;
	strbuf_addf(ctx, ",%s", name);
}

static void put_csv(void *ctx, const char *name, double value, bool ok)
{
	(void)name;
	strbuf_addc(ctx, ',');
	if (ok)
		strbuf_addf(ctx, "%.17g", value);
}

static void put_json(void *ctx, const char *name, double value, bool ok)
{
	if (ok)
		json_put_num(ctx, name, value);
	else
		json_put_null(ctx, name);
}

static void add_csv(struct strbuf *b, const struct bank *bank, int i)
{
	const struct corpus *c = bank->corpus;
	const struct turn *t = &bank->turn[i];
	const char *words[] = { t->speech, t->behaviour[PART_FACE], t->behaviour[PART_BODY],
				t->behaviour[PART_POSTURE] };

	strbuf_addf(b, "%s,%s", c->utt[i].id, split_name[c->dia[c->utt[i].dialogue].split]);
	each_cue(&bank->m[i], put_csv, b);
	for (size_t k = 0; k < ARRAY_LEN(words); k++) {
		strbuf_addc(b, ',');
		csv_add_field(b, words[k] ? words[k] : "");
	}
	strbuf_addc(b, '\n');
}

static void add_json(struct strbuf *b, const struct bank *bank, int i)
{
	const struct corpus *c = bank->corpus;
	const struct turn *t = &bank->turn[i];
	struct json_writer w;

	json_begin(&w, b, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "id", c->utt[i].id);
	json_put_str(&w, "split", split_name[c->dia[c->utt[i].dialogue].split]);
	each_cue(&bank->m[i], put_json, &w);
	json_put_str(&w, "speech", t->speech);
	for (int p = 0; p < PART_COUNT; p++)
		json_put_str(&w, part_name[p], t->behaviour[p]);
	json_close_object(&w);
	strbuf_addc(b, '\n');
}

static void write_rows(const struct cli *c, const struct bank *bank, struct err *err)
{
	bool csv = !strcmp(opt_str(&c->opts, "format"), "csv");
	const char *path = opt_str(&c->opts, "output");
	struct strbuf b = { 0 };

	if (csv) {
		strbuf_add(&b, "id,split");
		each_cue(&bank->m[0], put_name, &b);
		strbuf_add(&b, ",speech,face,body,posture\n");
	}
	for (int i = 0; i < bank->corpus->n_utt; i++) {
		if (csv)
			add_csv(&b, bank, i);
		else
			add_json(&b, bank, i);
	}
	if (b.oom)
		err_set(err, ERR_NOMEM, "cues: no memory");
	else if (!strcmp(path, "-"))
		fputs(strbuf_str(&b), stdout);
	else
		io_write_atomic(path, strbuf_str(&b), b.len, err);
	strbuf_free(&b);
}

static int run_cues(struct cli *c, struct err *err)
{
	struct corpus corpus = { 0 };
	struct bank bank = { 0 };
	struct gold gold = { 0 };

	if (!load_corpus(c, &corpus, &gold, err) &&
	    !load_bank(c, &corpus, &gold, true, NULL, &bank, err))
		write_rows(c, &bank, err);
	bank_free(&bank);
	corpus_free(&corpus);
	gold_free(&gold);
	return 0;
}

const struct verb verb_cues = {
	.name = "cues",
	.operands = "",
	.summary = "Measure speech and behaviour cues of a corpus and put them into words",
	.doc = "One row an utterance: every measurement and the sentences made from it.  What was "
	       "measured once is taken from the cache.",
	.opts = cues_opts,
	.run = run_cues,
};
