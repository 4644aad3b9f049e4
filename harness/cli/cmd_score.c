/* SPDX-License-Identifier: Apache-2.0
 * merc score
 */
#include "harness/cli/verbs.h"

#include <math.h>
#include <string.h>

#include "harness/cli/load.h"
#include "harness/run/environment.h"
#include "harness/score/folder.h"
#include "harness/score/scored_print.h"

#define NOTES_SHOWN 10 /* of one kind, on the log; JSON has all */

static const struct opt_spec score_opts[] = {
	{ .name = "dataset",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'd',
	  .arg = "NAME",
	  .help = "data set: meld or iemocap (see: merc list)" },
	OPT_ROOT,
	OPT_DATA_SET,
	{ .name = "split",
	  .type = OPT_CHOICE,
	  .fallback = "test",
	  .choices = "train|dev|test",
	  .arg = "SPLIT",
	  .help = "what the file has answers for" },
	{ .name = "decoder",
	  .type = OPT_CHOICE,
	  .fallback = "strict",
	  .choices = "A|B|strict|flexible",
	  .arg = "RULE",
	  .help = "how a reply becomes a label" },
	{ .name = "words",
	  .type = OPT_CHOICE,
	  .fallback = "auto",
	  .choices = "auto|corpus|prompt|code",
	  .arg = "WHICH",
	  .help = "labels as the model was asked for them: joy, joyful, or hap; auto: as the "
		  "file's true labels" },
	{ .name = "letters",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "the model was asked for a letter: A is the first label" },
	{ .name = "input",
	  .type = OPT_CHOICE,
	  .fallback = "auto",
	  .choices = "auto|results|lines|array|csv|tsv",
	  .arg = "FORMAT",
	  .help = "what the file is" },
	{ .name = "columns",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "A=NAME,...",
	  .help = "columns or members by meaning: reply, label, gold, id, dialogue, turn, text, "
		  "..." },
	{ .name = "match",
	  .type = OPT_CHOICE,
	  .fallback = "auto",
	  .choices = "auto|id|text|order",
	  .arg = "WAY",
	  .help = "how rows find their utterances; auto: by id, else by text and history" },
	{ .name = "exclude",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "FILE",
	  .help = "utterances outside the denominator: \"ID REASON\" a line" },
	{ .name = "max-failures",
	  .type = OPT_NUM,
	  .fallback = "0",
	  .min = 0,
	  .max = 1e9,
	  .arg = "N",
	  .help = "samples without a reply that are borne, as a number or, below 1, as a share" },
	{ .name = "selection",
	  .type = OPT_CHOICE,
	  .fallback = "unknown",
	  .choices = "dev-loss|dev-f1|last-epoch|fixed-epoch|best-on-test|none|unknown",
	  .arg = "HOW",
	  .help = "how the checkpoint behind the file was chosen" },
	{ .name = "output",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'o',
	  .arg = "DIR",
	  .help = "write a result folder too (results/runs/NAME is where the report looks)" },
	{ .name = "again",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "replace a result folder that is there" },
	{ .name = "system",
	  .type = OPT_STR,
	  .fallback = "",
	  .arg = "NAME",
	  .help = "what the report calls it (the folder's name)" },
	{ .name = "seed",
	  .type = OPT_INT,
	  .fallback = "0",
	  .min = 0,
	  .max = 9007199254740992.0,
	  .arg = "N",
	  .help = "seed of the run behind the file: folders that differ in it are one system" },
	{ .name = "replicates",
	  .type = OPT_INT,
	  .fallback = "10000",
	  .min = 100,
	  .max = 1e7,
	  .arg = "B",
	  .help = "bootstrap replicates behind the interval" },
	{ .name = "format",
	  .type = OPT_CHOICE,
	  .fallback = "text",
	  .choices = "text|json|csv|md",
	  .arg = "FORMAT",
	  .help = "text, json, csv or md" },
	OPT_END,
};

/* Place of a word of a choice; the table holds no other. */
static int place(const char *const *names, int n, const char *word)
{
	int i = 0;

	while (i < n - 1 && strcmp(names[i], word) != 0)
		i++;
	return i;
}

static const char *text_or_null(const struct cli *c, const char *name)
{
	const char *s = opt_str(&c->opts, name);

	return *s ? s : NULL;
}

/* Notes on the log, the first of each kind. */
static void tell(const struct cli *c, const struct recorded *r, const struct notes *notes)
{
	int shown[NOTE_KIND_COUNT] = { 0 };

	for (size_t i = 0; i < notes->n; i++) {
		const struct note *n = &notes->note[i];

		/* what cannot be read is an error, and every line of it is named */
		if (n->kind == NOTE_UNREADABLE)
			log_error(&c->log, "%s:%ld: %s", r->path, n->line, n->text);
		else if (shown[n->kind]++ < NOTES_SHOWN && n->line)
			log_info(&c->log, "%s:%ld: %s: %s", r->path, n->line, note_name[n->kind],
				 n->text);
		else if (shown[n->kind] <= NOTES_SHOWN)
			log_info(&c->log, "%s: %s: %s", r->path, note_name[n->kind], n->text);
	}
	for (int k = 0; k < NOTE_KIND_COUNT; k++)
		if (shown[k] > NOTES_SHOWN)
			log_info(&c->log, "%s: %s: %d more (--format json lists all)", r->path,
				 note_name[k], shown[k] - NOTES_SHOWN);
}

static int print(const struct cli *c, const struct scored *s, const struct notes *notes,
		 struct err *err)
{
	const char *format = opt_str(&c->opts, "format");
	const char *selection = opt_str(&c->opts, "selection");
	struct strbuf b = { 0 };

	if (!strcmp(format, "json"))
		scored_json(s, notes, selection, &b);
	else if (!strcmp(format, "csv"))
		scored_csv(s, &b);
	else if (!strcmp(format, "md"))
		scored_markdown(s, selection, &b);
	else
		scored_text(s, selection, &b);
	if (b.oom)
		err_set(err, ERR_NOMEM, "score: no memory");
	else
		fputs(strbuf_str(&b), stdout);
	strbuf_free(&b);
	return err->code;
}

static int write_folder(const struct cli *c, const struct scored *s, struct corpus *corpus,
			const struct gold *gold, const struct notes *notes, const char *started,
			double start, struct err *err)
{
	struct bank_options bo = { .threads = c->threads, .log = &c->log, .stop = c->stop };
	struct folder_options o = {
		.dir = text_or_null(c, "output"),
		.system = text_or_null(c, "system"),
		.selection = opt_str(&c->opts, "selection"),
		.seed = (uint64_t)opt_int(&c->opts, "seed"),
		.again = opt_bool(&c->opts, "again"),
		.threads = c->threads,
		.started = started,
	};
	struct bank bank = { 0 };

	if (!o.dir || bank_build(&bank, corpus, gold, &bo, err))
		return err->code;
	o.wall_s = clock_s() - start;
	score_folder(s, &bank, notes, &o, err);
	bank_free(&bank);
	return err->code;
}

/* More failures than --max-failures bears? */
static bool too_many(const struct cli *c, const struct scored *s)
{
	const double most = opt_num(&c->opts, "max-failures");
	const int failed = scored_failures(s);

	if (answers_borne((double)failed, (double)s->all.n, most))
		return false;
	log_error(&c->log,
		  "%d of %lld samples have no reply; they count as wrong (--max-failures bears "
		  "some)",
		  failed, (long long)s->all.n);
	return true;
}

static int score(struct cli *c, struct corpus *corpus, const struct gold *gold, struct err *err)
{
	struct match_request rq = {
		.corpus = corpus,
		.gold = gold,
		.split = (enum split)place(split_name, SPLIT_COUNT, opt_str(&c->opts, "split")),
		.way = (enum match_way)place(match_way_name, MATCH_WAYS,
					     opt_str(&c->opts, "match")),
	};
	struct score_options o = {
		.rule = (enum extract_rule)place(extract_rule_name, EXTRACT_RULES,
						 opt_str(&c->opts, "decoder")),
		.words = (enum wording)place(wording_name, WORDS_COUNT, opt_str(&c->opts, "words")),
		.letters = opt_bool(&c->opts, "letters"),
		.exclude = text_or_null(c, "exclude"),
		.replicates = (int)opt_int(&c->opts, "replicates"),
		.threads = c->threads,
	};
	struct recorded r = { 0 };
	struct scored s = { 0 };
	struct notes notes = { 0 };
	const double start = clock_s();
	char started[32];
	bool failed = false;

	environment_time(started);
	if (!recorded_read(&r, c->operand[0], opt_str(&c->opts, "input"),
			   text_or_null(c, "columns"), &notes, err) &&
	    !score_recorded(&s, &r, &rq, &o, &notes, err) &&
	    !write_folder(c, &s, corpus, gold, &notes, started, start, err) &&
	    !print(c, &s, &notes, err))
		failed = too_many(c, &s);
	tell(c, &r, &notes);
	scored_free(&s);
	recorded_free(&r);
	notes_free(&notes);
	return failed ? 3 : 0;
}

static int run_score(struct cli *c, struct err *err)
{
	struct corpus corpus;
	struct gold gold;
	int status = 0;

	if (load_named_corpus(c, opt_str(&c->opts, "dataset"), "--dataset", &corpus, &gold, err))
		return 0;
	status = score(c, &corpus, &gold, err);
	corpus_free(&corpus);
	gold_free(&gold);
	return status;
}

const struct verb verb_score = {
	.name = "score",
	.operands = "FILE",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "Score recorded predictions, without any model",
	.doc = "FILE is predictions.jsonl of a result folder (or the folder), a result text of "
	       "InstructERC or SpeechCueLLM, a CSV or TSV with named columns, JSON Lines or a "
	       "JSON array.  Rows find their utterances by id, or by text and history.\n\n"
	       "Decoders: A and B do what the projects behind the result texts did and "
	       "always answer something; strict takes a reply that is a label and nothing else; "
	       "flexible looks for the one label that a reply names, and says why it finds none. "
	       "Every sample ends as ok, parse_fail, decode_fail, backend_fail or excluded; all "
	       "but the excluded are in the denominator, and what has no label is wrong.  The "
	       "scores over answered samples stand beside it.\n\n"
	       "Status 3: more samples than --max-failures have no reply (a row that is missing "
	       "or cannot be read counts); 4: the file cannot be read or belongs to other data.",
	.opts = score_opts,
	.run = run_score,
};
