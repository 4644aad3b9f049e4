/* SPDX-License-Identifier: Apache-2.0
 * merc cues: what was measured of each utterance, and the words it became.
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/csv.h"
#include "harness/base/io.h"
#include "harness/cli/cmd_cues.h"
#include "harness/cli/load.h"
#include "harness/cue/behaviour.h"
#include "harness/run/measure.h"

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
	  .help = "file to write (-: standard output); with --show: the picture (NAME-cues.png)" },
	{ .name = "format",
	  .type = OPT_CHOICE,
	  .fallback = "csv",
	  .choices = "csv|jsonl",
	  .arg = "FORMAT",
	  .help = "csv or jsonl" },
	{ .name = "jobs",
	  .type = OPT_INT,
	  .fallback = "0",
	  .max = 256,
	  .letter = 'j',
	  .arg = "N",
	  .help = "clips measured at a time (0: as --threads says)" },
	{ .name = "show",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "FILE",
	  .help = "one clip, closely: its cues, its sentences, a picture of both" },
	{ .name = "video",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "OUT.mp4",
	  .help = "the clip again, with boxes and cues drawn into it" },
	{ .name = "action-units",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "FILE",
	  .help = "the clip's facial action units: OpenFace CSV, or JSON by video_id" },
	{ .name = "words",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "FILE",
	  .help = "thresholds of the words (words.json of a result); default: the train split's" },
	{ .name = "save-words",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "FILE",
	  .help = "writes the thresholds, for --words" },
	{ .name = "speaker",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "GROUP",
	  .help = "whose thresholds one clip is read with (Rachel, F, ...); default: everybody's" },
	{ .name = "from",
	  .type = OPT_NUM,
	  .fallback = "0",
	  .max = 1e6,
	  .arg = "S",
	  .help = "second at which the clip begins in its file" },
	{ .name = "to",
	  .type = OPT_NUM,
	  .fallback = "0",
	  .max = 1e6,
	  .arg = "S",
	  .help = "second at which it ends (0: with the file)" },
	{ .name = "half",
	  .type = OPT_CHOICE,
	  .fallback = "whole",
	  .choices = "whole|left|right",
	  .arg = "HALF",
	  .help = "which half of the pictures (IEMOCAP shows two people side by side)" },
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

	char status[STATUS_SIZE];

	measured_status(&bank->m[i], &c->utt[i], status);
	strbuf_addf(b, "%s,%s,%s", c->utt[i].id, split_name[c->dia[c->utt[i].dialogue].split],
		    status);
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
	char status[STATUS_SIZE];
	struct json_writer w;

	measured_status(&bank->m[i], &c->utt[i], status);
	json_begin(&w, b, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "id", c->utt[i].id);
	json_put_str(&w, "split", split_name[c->dia[c->utt[i].dialogue].split]);
	json_put_str(&w, "status", status);
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
		strbuf_add(&b, "id,split,status");
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

static void log_summary(const struct cli *c, const struct bank *b)
{
	log_info(&c->log, "%d utterances: %d clips (%d from the cache, %d unusable), %d recorded",
		 b->corpus->n_utt, b->n_media, b->n_cached, b->n_failed, b->n_recorded);
}

static void cues_of_corpus(struct cli *c, struct err *err)
{
	const char *path = opt_str(&c->opts, "words"), *save = opt_str(&c->opts, "save-words");
	struct corpus corpus = { 0 };
	struct bank bank = { 0 };
	struct gold gold = { 0 };
	char *words = NULL;
	size_t len;

	if ((!*path || !io_read_file(path, WORDS_LIMIT, &words, &len, err)) &&
	    !load_corpus(c, &corpus, &gold, err) &&
	    !load_bank(c, &corpus, &gold, true, words, &bank, err)) {
		write_rows(c, &bank, err);
		if (*save && !err->code)
			io_write_atomic(save, bank.words, strlen(bank.words), err);
		log_summary(c, &bank);
	}
	bank_free(&bank);
	corpus_free(&corpus);
	gold_free(&gold);
	free(words);
}

static int run_cues(struct cli *c, struct err *err)
{
	const bool clip = *opt_str(&c->opts, "show") || *opt_str(&c->opts, "video");
	static const char *const of_clip[] = { "action-units", "speaker", "from", "to", "half" };
	static const char *const of_corpus[] = { "save-words", "format" };
	const char *const *stray = clip ? of_corpus : of_clip;

	for (size_t i = 0; i < (clip ? ARRAY_LEN(of_corpus) : ARRAY_LEN(of_clip)); i++)
		if (opt_given(&c->opts, stray[i]))
			return err_set(err, ERR_ARG, "--%s goes with %s", stray[i],
				       clip ? "a corpus" : "--show FILE or --video OUT.mp4 FILE");
	if (opt_int(&c->opts, "jobs"))
		c->threads = (int)opt_int(&c->opts, "jobs");
	if (clip)
		cues_of_clip(c, err);
	else if (c->n_operand)
		err_set(err, ERR_ARG, "%s: one clip is looked at with --show", c->operand[0]);
	else
		cues_of_corpus(c, err);
	return 0;
}

const struct verb verb_cues = {
	.name = "cues",
	.operands = "[FILE]",
	.max_operands = 1,
	.summary = "Measure speech and behaviour cues of a corpus and put them into words",
	.doc = "One row an utterance: every measurement and the sentences made from it.  What was "
	       "measured once is taken from the cache, unless the clip, the program or the "
	       "settings "
	       "have changed, so an interrupted run goes on where it was.  The column status says "
	       "what became of each clip: ok, or no-audio, no-video, cut (too long), damaged, "
	       "short or long (beside what its header says), "
	       "missing, not-media, unusable, over-limit, failed, no-clip.\n"
	       "--show FILE prints what was measured of one clip with units, the sentences as far "
	       "as there are thresholds (--words, or a corpus), and draws sound, pitch, intensity, "
	       "the face's track and motion over time with the words under them.  "
	       "--video OUT.mp4 FILE draws the face's box and the cues into the clip.  "
	       "--action-units FILE adds a face sentence from units that another program measured.",
	.opts = cues_opts,
	.run = run_cues,
};
