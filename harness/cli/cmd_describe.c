/* SPDX-License-Identifier: Apache-2.0
 * merc describe
 */
#include "harness/cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/version.h"
#include "harness/cli/ask_folder.h"
#include "harness/cli/backend.h"
#include "harness/cli/dry_run.h"
#include "harness/cli/load.h"
#include "harness/remote/carrier.h"
#include "harness/run/clip_store.h"
#include "harness/run/describe.h"

#define JOURNAL "asks" /* folder; a folder of cue files may hold no other lines */

static const struct opt_spec describe_opts[] = {
	OPT_CORPUS,
	OPT_ROOT,
	OPT_DATA_SET,
	OPT_CACHE,
	{ .name = "split",
	  .type = OPT_STR,
	  .fallback = "train,dev,test",
	  .arg = "A,...",
	  .help = "splits that are described" },
	{ .name = "window",
	  .type = OPT_INT,
	  .fallback = "12",
	  .max = 1000,
	  .arg = "N",
	  .help = "earlier turns that the teacher reads" },
	{ .name = "frames",
	  .type = OPT_INT,
	  .fallback = "8",
	  .max = 64,
	  .arg = "N",
	  .help = "pictures of each clip; with --video: of the video, at most" },
	{ .name = "side",
	  .type = OPT_INT,
	  .fallback = "448",
	  .min = 32,
	  .max = 4096,
	  .arg = "PIXELS",
	  .help = "longer side of a picture, at most" },
	{ .name = "seconds",
	  .type = OPT_NUM,
	  .fallback = "30",
	  .min = 0.1,
	  .max = 600,
	  .arg = "S",
	  .help = "of each clip, from its beginning, at most" },
	{ .name = "sound",
	  .type = OPT_CHOICE,
	  .fallback = "yes",
	  .choices = "yes|no",
	  .arg = "YES|NO",
	  .help = "send the sound too (no: for a teacher that does not hear)" },
	{ .name = "video",
	  .type = OPT_CHOICE,
	  .fallback = "no",
	  .choices = "yes|no",
	  .arg = "YES|NO",
	  .help = "send the clip as video in place of pictures" },
	{ .name = "only-clips",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .help = "leave out utterances whose clip is not there, instead of failing for them" },
	{ .name = "limit",
	  .type = OPT_INT,
	  .fallback = "0",
	  .max = 1e9,
	  .arg = "N",
	  .help = "first N dialogues of each split only" },
	BACKEND_OPTS,
	{ .name = "dry-run",
	  .type = OPT_BOOL,
	  .fallback = "false",
	  .letter = 'n',
	  .help = "print what would be asked and what it would cost; send nothing" },
	{ .name = "output",
	  .type = OPT_STR,
	  .fallback = "",
	  .letter = 'o',
	  .arg = "DIR",
	  .help = "folder of the teacher file; the same command goes on in it" },
	OPT_FORMAT,
	OPT_END,
};

struct teaching {
	struct cli *c;
	struct carrier carrier;
	struct describe_options o;
	struct descriptions d;
	struct ask_folder folder;
	struct strbuf served; /* identity of the model that answered */
};

static bool yes(const struct cli *c, const char *name)
{
	return !strcmp(opt_str(&c->opts, name), "yes");
}

static int read_splits(const char *list, unsigned *out, struct err *err)
{
	*out = 0;
	for (const char *s = list; *s;) {
		const size_t n = strcspn(s, ",");
		int k = 0;

		while (k < SPLIT_COUNT &&
		       (strlen(split_name[k]) != n || memcmp(split_name[k], s, n) != 0))
			k++;
		if (k == SPLIT_COUNT)
			return err_set(err, ERR_ARG, "--split: '%.*s' is none of train, dev, test",
				       (int)n, s);
		*out |= 1u << k;
		s += n + (s[n] == ',');
	}
	return *out ? 0 : err_set(err, ERR_ARG, "--split: name train, dev or test");
}

static int read_options(struct teaching *t, struct err *err)
{
	const struct cli *c = t->c;
	const int frames = (int)opt_int(&c->opts, "frames");

	t->o = (struct describe_options){
		.describer = &describer_behaviour,
		.how = { .pictures = frames > 0 && !yes(c, "video"),
			 .video = yes(c, "video"),
			 .sound = yes(c, "sound"),
			 .media = { frames, (int)opt_int(&c->opts, "side"),
				    opt_num(&c->opts, "seconds") } },
		.window = (int)opt_int(&c->opts, "window"),
		.limit = (int)opt_int(&c->opts, "limit"),
		.only_clips = opt_bool(&c->opts, "only-clips"),
		.threads = c->threads,
		.log = &c->log,
		.stop = c->stop,
	};
	if (!frames)
		return err_set(err, ERR_ARG, "--frames: a teacher must see something (1 to 64)");
	return read_splits(opt_str(&c->opts, "split"), &t->o.splits, err);
}

/* --- the folder ------------------------------------------------------------------------------ */

static int configure(struct teaching *t, struct err *err)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "%s %s ", t->carrier.backend, t->carrier.identity);
	describe_configuration(&t->d, &b);
	if (b.oom)
		err_set(err, ERR_NOMEM, "describe: no memory");
	else
		sha256_hex(b.s, b.len, t->folder.configuration);
	strbuf_free(&b);
	return err->code;
}

/* The teacher file, and beside it how it came to be. */
static int write_teacher(const struct teaching *t, struct err *err)
{
	char *path = ask_folder_file(&t->folder, TEACHER_FILE, err), hash[SHA256_HEX];
	struct strbuf lines = { 0 }, b = { 0 };
	struct json_writer w;

	describe_lines(&t->d, &lines);
	if (lines.oom)
		err_set(err, ERR_NOMEM, "describe: no memory");
	if (!err->code)
		io_write_atomic(path, strbuf_str(&lines), lines.len, err);
	sha256_hex(strbuf_str(&lines), lines.len, hash);
	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "file", TEACHER_FILE);
	json_put_str(&w, "sha256", hash);
	json_put_str(&w, "backend", t->carrier.backend);
	json_put_str(&w, "name", t->carrier.name);
	json_put_str(&w, "identity", strbuf_str(&t->served));
	describe_put_origin(&t->d, &w);
	describe_put_counts(&t->d, &w);
	json_close_object(&w);
	strbuf_free(&lines);
	free(path);
	if (err->code)
		strbuf_free(&b);
	return err->code ? err->code : ask_folder_write(&t->folder, "teacher.json", &b, err);
}

static double count(const struct json *summary, const char *object, const char *key)
{
	return json_num(json_get(json_get(summary, object), key), 0);
}

static void show_more(const struct json *s)
{
	double all = 0;

	for (const struct json *m = json_at(json_get(s, "utterances"), 0); m; m = json_next(m))
		all += json_num(m, 0);
	printf("%.0f utterances: ", all);
	for (const struct json *m = json_at(json_get(s, "utterances"), 0); m; m = json_next(m))
		if (json_num(m, 0) > 0)
			printf("%.0f %s, ", json_num(m, 0), json_key(m));
	printf("%.0f asked again\n", json_num(json_get(s, "asked_again"), 0));
	printf("sentences: %.0f face, %.0f body, %.0f posture; %.0f name an emotion, though the "
	       "prompt forbids it\n",
	       count(s, "sentences", "face"), count(s, "sentences", "body"),
	       count(s, "sentences", "posture"), count(s, "sentences", "naming_emotions"));
}

static int end_well(struct teaching *t, struct err *err)
{
	struct strbuf b = { 0 };
	struct json_writer w;

	if (write_teacher(t, err))
		return err->code;
	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	describe_put_counts(&t->d, &w);
	ask_summary_put(&w, &t->d.counts);
	json_close_object(&w);
	if (ask_folder_write(&t->folder, "summary.json", &b, err) ||
	    ask_folder_status(&t->folder, "complete", err))
		return err->code;
	return ask_folder_end(&t->folder, &t->c->opts, show_more, err);
}

static int carry_out(struct teaching *t, struct err *err)
{
	char *journal = ask_folder_file(&t->folder, JOURNAL, err);

	if (!err->code && !ask_folder_status(&t->folder, "started", err))
		describe_carry(&t->d, &t->carrier, journal, &t->served, err);
	free(journal);
	if (!err->code)
		return end_well(t, err);
	ask_folder_broken(&t->folder, t->d.counts.budget_hit, err);
	return err->code;
}

/* --- the verb -------------------------------------------------------------------------------- */

static int dry_run(struct teaching *t, struct err *err)
{
	const struct inquiry q = describe_inquiry(&t->d);
	struct dry_run shown = { .carrier = &t->carrier };
	char *journal = *t->folder.dir ? ask_folder_file(&t->folder, JOURNAL, err) : NULL;

	if (!err->code && !dry_run_folder(&shown, journal, err) &&
	    !inquiry_show(&q, dry_run_show, &shown, err))
		dry_run_sum(&shown, &t->c->log);
	kept_close(shown.kept);
	free(journal);
	return err->code;
}

static int teach(struct teaching *t, const struct corpus *corpus, struct err *err)
{
	bool done;

	if (describe_begin(&t->d, corpus, &t->o, err))
		return err->code;
	if (describe_check(&t->d, &t->carrier, err))
		return err_wrap(err, "describe (--sound no and --video no leave parts out)");
	if (opt_bool(&t->c->opts, "dry-run"))
		return dry_run(t, err);
	if (!*t->folder.dir)
		return err_set(err, ERR_ARG, "describe: name a folder (-o DIR)");
	if (configure(t, err) || io_mkdirs(t->folder.dir, err) ||
	    ask_folder_look(&t->folder, &t->c->opts, show_more, &done, err) || done)
		return err->code;
	return carry_out(t, err);
}

static int run_describe(struct cli *c, struct err *err)
{
	struct teaching t = { .c = c,
			      .folder = { "describe", opt_str(&c->opts, "output"),
					  JOURNAL "/journal.jsonl", "" } };
	struct corpus corpus = { 0 };
	struct gold gold = { 0 };

	if (!read_options(&t, err) && !backend_carrier(c, &t.carrier, err) &&
	    !load_corpus(c, &corpus, &gold, err) && !load_clip_store(c, &t.o.clips, err)) {
		/* a teacher must not know the labels: nothing below this line does */
		gold_free(&gold);
		teach(&t, &corpus, err);
	}
	clip_store_close(t.o.clips);
	carrier_close(&t.carrier);
	describe_free(&t.d);
	strbuf_free(&t.served);
	corpus_free(&corpus);
	gold_free(&gold);
	return 0;
}

const struct verb verb_describe = {
	.name = "describe",
	.operands = "",
	.summary = "Let a served model write what face, body and posture do in each clip",
	.doc = "BeMERC's behaviour generation: a vision-language model (the teacher) sees pictures "
	       "of an utterance's clip, hears it, reads the conversation so far and replies with "
	       "one JSON object of the sentences face, body and posture. A reply that is none is "
	       "asked for once more, in the same conversation; then it is a parse_fail. The labels "
	       "of the corpus are not known where prompts are made.\n"
	       "DIR/teacher.jsonl has one line for each utterance of the splits, in the order of "
	       "the corpus, with status and cause where there are no sentences; merc run ... "
	       "--cues DIR/teacher.jsonl takes its sentences for those of bemerc. DIR/teacher.json "
	       "says how it came to be, DIR/asks keeps every reply as it came.\n"
	       "An utterance whose clip is missing or cannot be read is a decode_fail; with "
	       "--only-clips one whose clip is not there is excluded instead, for corpora of which "
	       "one has some clips only. --retry-failed asks again what the back-end failed at, "
	       "and reads again the clips that were not there.\n"
	       "The same command goes on after an interruption and sends nothing twice; when all "
	       "is there it does nothing.",
	.opts = describe_opts,
	.run = run_describe,
};
