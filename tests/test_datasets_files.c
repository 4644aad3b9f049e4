/* SPDX-License-Identifier: Apache-2.0
 * Data sets on small trees written by the test: media found and verified, the
 * published list joined, and every kind of bad input refused with file and line.
 */
#include "tests/test.h"

#include <unistd.h>

#include "harness/base/mem.h"
#include "harness/core/dataset.h"

#define HEADER                                                                                     \
	"Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,"      \
	"StartTime,EndTime\r\n"
#define ROW(n, text, who, emotion, d, u, start, end)                                               \
#n "," text "," who "," emotion ",neutral," #d "," #u ",1,2,\"" start "\",\"" end "\"\r\n"
#define ROW1 ROW(1, "\"Hello, you\"", "Joey", "joy", 0, 0, "00:00:01,000", "00:00:02,500")
#define ROW2 ROW(2, "No.", "Ross", "anger", 0, 1, "0:00:02,500", "0:00:04,000")

static void put(const char *dir, const char *name, const char *text, size_t len)
{
	char *path = path_join(dir, name), *slash;
	struct err err = { 0 };

	CHECK(path != NULL);
	slash = strrchr(path, '/');
	*slash = '\0';
	io_mkdirs(path, &err);
	*slash = '/';
	io_write_atomic(path, text, len, &err);
	CHECK_OK(&err);
	free(path);
}

static void put_text(const char *dir, const char *name, const char *text)
{
	put(dir, name, text, strlen(text));
}

struct loaded {
	const struct dataset_ops *ops;
	struct corpus c;
	struct gold g;
	struct err err;
};

/* key NULL: all options at their defaults. */
static void load(struct loaded *l, const char *name, const char *root, const char *key,
		 const char *value)
{
	struct opt_values v;

	*l = (struct loaded){ .ops = dataset_find(name) };
	opt_init(&v, l->ops->opts, &l->err);
	if (key)
		opt_set(&v, key, value, &l->err);
	CHECK_OK(&l->err);
	l->ops->load(&l->c, &l->g, root, &v, &l->err);
	opt_free(&v);
}

static void unload(struct loaded *l)
{
	corpus_free(&l->c);
	gold_free(&l->g);
}

static int count(const struct corpus *c, const char *kind)
{
	int n = 0;

	for (int i = 0; i < c->n_issue; i++)
		n += !strcmp(c->issue[i].kind, kind);
	return n;
}

static long line_of(const struct corpus *c, const char *kind)
{
	for (int i = 0; i < c->n_issue; i++)
		if (!strcmp(c->issue[i].kind, kind))
			return c->issue[i].line;
	return -1;
}

/* Loading the test split from this text must fail so. */
static void refuse_meld(const char *text, size_t len, int code, const char *message)
{
	char *dir = scratch_make();
	struct loaded l;

	put(dir, "test_sent_emo.csv", text, len);
	load(&l, "meld", dir, "splits", "test");
	CHECK(!l.c.utt && !l.g.label && !l.c.issue);
	CHECK_ERR(&l.err, code, message);
	unload(&l);
	scratch_remove(dir);
}
#define REFUSE_MELD(text, message) refuse_meld((text), strlen(text), ERR_FORMAT, (message))

static void test_meld_refused(void **state)
{
	(void)state;
	REFUSE_MELD(HEADER ROW1 "2,\"No", "test_sent_emo.csv:3");	  /* cut in a quote */
	REFUSE_MELD(HEADER ROW1 "2,No.,Ross,ang", "test_sent_emo.csv:3"); /* cut in a row */
	REFUSE_MELD("Sr No.,Utterance\r\n1,x\r\n", "column 'Speaker' is missing");
	REFUSE_MELD(HEADER ROW1 ROW(2, "No.", "Ross", "hate", 0, 1, "0:00:01,000", "0:00:02,000"),
		    "test_sent_emo.csv:3: label 'hate' is outside the set meld7");
	REFUSE_MELD(HEADER ROW(1, "caf\xe9", "Ross", "joy", 0, 0, "0:00:01,000", "0:00:02,000"),
		    "test_sent_emo.csv:2: byte 0xe9");
	REFUSE_MELD(HEADER ROW(1, "x", "", "joy", 0, 0, "0:00:01,000", "0:00:02,000"),
		    "test_sent_emo.csv:2: Speaker");
	REFUSE_MELD(HEADER ROW(1, "x", "A", "joy", one, 0, "0:00:01,000", "0:00:02,000"),
		    "test_sent_emo.csv:2: Dialogue_ID is 'one'");
	REFUSE_MELD(HEADER ROW(1, "x", "A", "joy", 0, -1, "0:00:01,000", "0:00:02,000"),
		    "test_sent_emo.csv:2: Utterance_ID is '-1'");
	REFUSE_MELD(HEADER ROW(1, "x", "A", "joy", 0, 0, "0:60:01,000", "0:00:02,000"),
		    "test_sent_emo.csv:2: StartTime is '0:60:01,000'");
	REFUSE_MELD(HEADER ROW(1, "x", "A", "joy", 0, 0, "0:00:01,000", "0:00:02.000"),
		    "test_sent_emo.csv:2: EndTime");
	REFUSE_MELD(HEADER ROW1 ROW2 ROW(3, "x", "A", "joy", 0, 0, "0:00:01,000", "0:00:02,000"),
		    "test_sent_emo.csv:4: dialogue 0 already has utterance 0 in line 2");
	refuse_meld(HEADER, strlen(HEADER), ERR_DATA, "no row below the header");
	refuse_meld("", 0, ERR_FORMAT, "empty file");
	refuse_meld(HEADER "1,a\0b", sizeof(HEADER "1,a\0b") - 1, ERR_FORMAT,
		    "test_sent_emo.csv:2");
}

static void test_meld_not_a_file(void **state)
{
	char *dir = scratch_make(), *path = path_join(dir, "test_sent_emo.csv");
	struct err err = { 0 };
	struct loaded l;

	(void)state;
	io_mkdirs(path, &err);
	CHECK_OK(&err);
	load(&l, "meld", dir, "splits", "test");
	CHECK_ERR(&l.err, ERR_FORMAT, "test_sent_emo.csv: not a regular file");
	io_remove_tree(path, &err);
	load(&l, "meld", dir, "splits", "test");
	CHECK_ERR(&l.err, ERR_MISSING, "option splits");
	load(&l, "meld", dir, "splits", "test+valid");
	CHECK_ERR(&l.err, ERR_ARG, "'valid'");
	/* one endless line: a sparse file of 2 GiB, refused by its size before reading */
	put_text(dir, "test_sent_emo.csv", HEADER);
	CHECK(!truncate(path, (off_t)2 << 30));
	load(&l, "meld", dir, "splits", "test");
	CHECK_ERR(&l.err, ERR_LIMIT, "test_sent_emo.csv: 2147483648 bytes");
	free(path);
	scratch_remove(dir);
}

static void test_meld_odd_rows(void **state)
{
	char *dir = scratch_make();
	struct loaded l;

	(void)state;
	put_text(dir, "MELD.Raw/dev/dev_sent_emo.csv",
		 HEADER ROW(1, "Third", "Ross", "joy", 2, 1, "0:00:05,000", "0:00:04,000")
			 ROW1 ROW(1, "\xc2\x93Oh\xc2\x94\xc2\x85 \xc2\x81", "R\xc2\x92", "joy", 0,
				  3, "0:00:00,500", "0:00:02,7"));
	load(&l, "meld", dir, "splits", "dev");
	CHECK_OK(&l.err);
	CHECK(l.c.n_utt == 3 && l.c.n_dia == 2 && l.c.n_speaker == 3);
	CHECK(!strcmp(l.c.utt[0].text, "Hello, you") && l.g.label[0] == 4);
	CHECK(!strcmp(l.c.utt[1].text, "“Oh”… \xc2\x81"));
	CHECK(!strcmp(l.c.speaker[l.c.utt[1].speaker].name, "R’"));
	CHECK(!strcmp(l.c.utt[2].id, "dia2_utt1") && !strcmp(l.c.dia[1].id, "dev_dia2"));
	CHECK(count(&l.c, "row-order") == 1 && line_of(&l.c, "row-order") == 3);
	CHECK(count(&l.c, "negative-length") == 1 && line_of(&l.c, "negative-length") == 2);
	CHECK(count(&l.c, "repeated-number") == 2 && count(&l.c, "dialogue-missing") == 1);
	CHECK(count(&l.c, "id-gap") == 2 && count(&l.c, "time-backward") == 1);
	CHECK(count(&l.c, "c1-characters") == 1 && line_of(&l.c, "c1-characters") == 4);
	CHECK(count(&l.c, "time-form") == 1 && count(&l.c, "no-media") == 1);
	CHECK(l.c.n_issue == 11);
	unload(&l);
	scratch_remove(dir);
}

/* Files that begin with "bad" cannot be read; all others last 1.5 s. */
static int fake_probe(void *ctx, const char *path, double *seconds, struct err *err)
{
	char head[4] = "";
	FILE *f = fopen(path, "rb");
	size_t n;

	++*(int *)ctx;
	CHECK(f != NULL);
	n = fread(head, 1, 3, f);
	fclose(f);
	*seconds = n == 3 && !strcmp(head, "len") ? 9 : 1.5;
	return strcmp(head, "bad") ? 0 : err_set(err, ERR_FORMAT, "%s: no stream", path);
}

static void test_meld_clips(void **state)
{
	char *dir = scratch_make();
	struct loaded l;
	int probed = 0, before;

	(void)state;
	put_text(dir, "test_sent_emo.csv",
		 HEADER ROW1 ROW2 ROW(3, "x", "A", "joy", 1, 0, "0:00:01,000", "0:00:02,500")
			 ROW(4, "y", "A", "joy", 1, 1, "0:00:01,000", "0:00:02,500"));
	put_text(dir, "clips/output_repeated_splits_test/dia0_utt0.mp4", "good");
	put_text(dir, "clips/output_repeated_splits_test/dia0_utt1.mp4", "bad");
	put_text(dir, "clips/output_repeated_splits_test/dia1_utt0.mp4", "len");
	put_text(dir, "clips/output_repeated_splits_test/dia7_utt0.mp4", "good");
	put_text(dir, "clips/output_repeated_splits_test/._dia0_utt0.mp4", "x");
	put_text(dir, "clips/output_repeated_splits_test/notes.txt", "x");
	load(&l, "meld", dir, "splits", "test");
	CHECK_OK(&l.err);
	CHECK(str_ends(l.c.utt[0].video.path, "/clips/output_repeated_splits_test/dia0_utt0.mp4"));
	CHECK(l.c.utt[0].audio.path == l.c.utt[0].video.path && !l.c.utt[3].video.path);
	CHECK(count(&l.c, "no-media") == 0);
	before = l.c.n_issue;
	l.ops->verify(&l.c, &l.g, fake_probe, &probed, &l.err);
	CHECK_OK(&l.err);
	CHECK(probed == 3);
	CHECK(count(&l.c, "clip-broken") == 1 && line_of(&l.c, "clip-broken") == 3);
	CHECK(count(&l.c, "clip-length") == 1 && line_of(&l.c, "clip-length") == 4);
	CHECK(count(&l.c, "clip-missing") == 1 && line_of(&l.c, "clip-missing") == 5);
	CHECK(count(&l.c, "clip-without-row") == 1 && count(&l.c, "clip-foreign") == 1);
	CHECK(count(&l.c, "clip-side-files") == 1 && l.c.n_issue == before + 6);
	l.ops->verify(&l.c, &l.g, NULL, NULL, &l.err); /* without opening files */
	CHECK_OK(&l.err);
	CHECK(count(&l.c, "clip-missing") == 2 && count(&l.c, "clip-broken") == 1);
	unload(&l);
	scratch_remove(dir);
}

#define EVAL_HEAD "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
#define EVAL(start, end, id, label)                                                                \
	"[" start " - " end "]\t" id "\t" label "\t[2.5000, 2.5000, 2.5000]\n"                     \
	"C-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"
#define D "Ses01M_impro01"
#define EVALS                                                                                      \
	EVAL_HEAD EVAL("0.5000", "2.0000", D "_F000", "neu")                                       \
		EVAL("4.0000", "5.5000", D "_F001", "xxx")                                         \
			EVAL("1.9000", "3.4000", D "_M000", "fru")
#define WORDS                                                                                      \
	D "_F000 [000.5000-002.0000]: Excuse  me.\n" D "_M000 [001.9000-003.4000]: No: never.\n"   \
	  "M: (off camera)\n" D "_FXX0 [003.5000-003.9000]: Oh.\n" D                               \
	  "_F001 [004.0000-005.5000]: Excuse me.\r\n"
#define EVAL_PATH "Session1/dialog/EmoEvaluation/" D ".txt"
#define TEXT_PATH "Session1/dialog/transcriptions/" D ".txt"

static void refuse_iemocap(const char *eval, const char *words, int code, const char *message)
{
	char *dir = scratch_make();
	struct loaded l;

	put_text(dir, EVAL_PATH, eval);
	if (words)
		put_text(dir, TEXT_PATH, words);
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK(!l.c.utt && !l.g.label && !l.c.issue);
	CHECK_ERR(&l.err, code, message);
	unload(&l);
	scratch_remove(dir);
}

static void test_iemocap_refused(void **state)
{
	(void)state;
	refuse_iemocap(EVALS "[6.0 - 8.2", WORDS, ERR_FORMAT,
		       "EmoEvaluation/" D ".txt:15: not a line");
	refuse_iemocap(EVALS "[6.0 - 8.2]\t" D "_F002\tneu", WORDS, ERR_FORMAT, D ".txt:15: fewer");
	refuse_iemocap(EVALS EVAL("6.0", "7.0", D "_F002", "glad"), WORDS, ERR_FORMAT,
		       D ".txt:15: label 'glad' is none of hap, sad");
	refuse_iemocap(EVALS EVAL("6.0", "7.0", D "_F000", "neu"), WORDS, ERR_FORMAT,
		       D ".txt:15: " D "_F000 is already labelled in line 3");
	refuse_iemocap(EVALS EVAL("6.0", "7.0", "Ses01F_impro02_F000", "neu"), WORDS, ERR_FORMAT,
		       "is no utterance of " D);
	refuse_iemocap(EVAL_HEAD, WORDS, ERR_DATA, D ".txt: no labelled utterance");
	refuse_iemocap(EVALS "C-E4:\tcaf\xe9;\t()\n", WORDS, ERR_FORMAT, D ".txt:15: byte 0xe9");
	refuse_iemocap(EVALS, NULL, ERR_MISSING, "transcriptions/" D ".txt: not found");
	refuse_iemocap(EVALS, D "_F000 [000.5000-002.0000]: Hi.\n", ERR_FORMAT,
		       "transcriptions/" D ".txt: no line for " D "_F001");
	refuse_iemocap(EVALS, D "_F000 [000.5000-002", ERR_FORMAT, "transcriptions/" D ".txt:1");
	refuse_iemocap(EVALS, D "_F000 [000.5000]: Hi.\n", ERR_FORMAT,
		       "transcriptions/" D ".txt:1");
	refuse_iemocap(EVALS, WORDS "\xff\n", ERR_FORMAT, "transcriptions/" D ".txt:6");
}

/* The folder above the release will do, under the names that it has. */
static void test_iemocap_above(void **state)
{
	static const char *const below[] = { "IEMOCAP_full_release", "release", "other" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		char *dir = scratch_make(), path[200];
		struct loaded l;

		snprintf(path, sizeof(path), "%s/%s", below[i], EVAL_PATH);
		put_text(dir, path, EVALS);
		snprintf(path, sizeof(path), "%s/%s", below[i], TEXT_PATH);
		put_text(dir, path, WORDS);
		load(&l, "iemocap", dir, "sessions", "1");
		if (i == 2) {
			CHECK_ERR(&l.err, ERR_MISSING, "Session1/dialog/EmoEvaluation");
		} else {
			CHECK_OK(&l.err);
			CHECK(l.c.n_utt == 3 && strstr(l.c.root, below[i]));
			unload(&l);
		}
		scratch_remove(dir);
	}
}

static void test_iemocap_tree(void **state)
{
	char *dir = scratch_make();
	struct loaded l;

	(void)state;
	put_text(dir, EVAL_PATH, EVALS "Remark\n");
	put_text(dir, TEXT_PATH, WORDS);
	put_text(dir, "Session1/dialog/EmoEvaluation/._" D ".txt", "\x00\x05\x16\x07");
	put_text(dir, "Session1/dialog/EmoEvaluation/Categorical/" D "_e2_cat.txt", "x");
	put_text(dir, "Session1/dialog/transcriptions/Ses01F_impro09.txt", "x");
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_OK(&l.err);
	CHECK(l.c.n_utt == 3 && l.c.n_dia == 1 && l.c.dia[0].split == SPLIT_DEV);
	CHECK(!strcmp(l.c.policy, "raw-6way"));
	CHECK(!strcmp(l.c.utt[1].id, D "_M000") && !strcmp(l.c.utt[1].text, "No: never."));
	CHECK(!strcmp(l.c.utt[2].text, "Excuse me.") && l.c.utt[2].line == 5);
	CHECK(l.g.label[0] == 2 && l.g.label[1] == 5 && l.g.label[2] == -1);
	CHECK(count(&l.c, "turn-unlabelled") == 1 && line_of(&l.c, "turn-unlabelled") == 4);
	CHECK(count(&l.c, "turn-untimed") == 1 && line_of(&l.c, "turn-untimed") == 3);
	CHECK(count(&l.c, "line-unknown") == 1 && line_of(&l.c, "line-unknown") == 15);
	CHECK(count(&l.c, "side-files") == 1 && count(&l.c, "dialogue-unlabelled") == 1);
	CHECK(count(&l.c, "label-outside") == 1 && count(&l.c, "no-media") == 2);
	CHECK(l.c.n_issue == 8);
	unload(&l);

	load(&l, "iemocap", dir, NULL, NULL); /* all five sessions are wanted */
	CHECK_ERR(&l.err, ERR_MISSING, "Session2/dialog/EmoEvaluation");
	load(&l, "iemocap", dir, "sessions", "6");
	CHECK_ERR(&l.err, ERR_ARG, "sessions");
	put_text(dir, "Session1/dialog/EmoEvaluation/Ses02F_impro01.txt", EVALS);
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_ERR(&l.err, ERR_FORMAT, "Ses02F_impro01.txt: expected a name");
	scratch_remove(dir);
}

static void test_iemocap_media(void **state)
{
	char *dir = scratch_make();
	struct loaded l;
	int probed = 0;

	(void)state;
	put_text(dir, EVAL_PATH, EVALS);
	put_text(dir, TEXT_PATH, WORDS);
	put_text(dir, "Session1/dialog/avi/DivX/" D ".avi", "len");
	put_text(dir, "Session1/dialog/avi/DivX/Ses01F_none.avi", "x");
	put_text(dir, "Session1/dialog/avi/DivX/._" D ".avi", "x");
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_OK(&l.err);
	/* the dialogue of an actor with markers: he is on the left */
	CHECK(str_ends(l.c.utt[1].video.path, "/DivX/" D ".avi"));
	CHECK(l.c.utt[0].video.crop == CROP_RIGHT && l.c.utt[1].video.crop == CROP_LEFT);
	CHECK(l.c.utt[1].video.start_ms == 1900 && l.c.utt[1].video.end_ms == 3400);
	CHECK(l.c.utt[1].audio.path && str_ends(l.c.utt[1].audio.path, ".avi"));
	CHECK(l.c.utt[1].audio.start_ms == 1900 && count(&l.c, "no-media") == 0);
	unload(&l);

	put_text(dir, "Session1/dialog/wav/" D ".wav", "1.5 s only");
	put_text(dir, "Session1/sentences/wav/" D "/" D "_F000.wav", "good");
	put_text(dir, "Session1/sentences/wav/" D "/" D "_F001.wav", "bad");
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_OK(&l.err);
	CHECK(str_ends(l.c.utt[0].audio.path, D "_F000.wav") && l.c.utt[0].audio.end_ms == -1);
	CHECK(str_ends(l.c.utt[1].audio.path, "dialog/wav/" D ".wav"));
	CHECK(l.c.utt[1].audio.end_ms == 3400);
	l.ops->verify(&l.c, &l.g, fake_probe, &probed, &l.err);
	CHECK_OK(&l.err);
	CHECK(probed == 4);
	CHECK(count(&l.c, "clip-length") == 1 && line_of(&l.c, "clip-length") == 7);
	CHECK(count(&l.c, "clip-broken") == 1 && line_of(&l.c, "clip-broken") == 7);
	CHECK(count(&l.c, "clip-missing") == 1 && line_of(&l.c, "clip-missing") == 11);
	CHECK(count(&l.c, "clip-without-row") == 1);
	unload(&l);
	load(&l, "iemocap", dir, "crop", "false");
	CHECK(l.err.code == ERR_MISSING); /* the other sessions */
	scratch_remove(dir);
}

/* The list in text form: (speakers, labels, sentences, train, test, valid). */
#define LIST(speakers, labels, words)                                                              \
	"((S'" D "'\n(" speakers "ld(S'" D "'\n(" labels "ld(S'" D "'\n(" words "ld(l(l(S'" D      \
	"'\nlt."

static void test_iemocap_list(void **state)
{
	char *dir = scratch_make();
	struct loaded l;

	(void)state;
	put_text(dir, EVAL_PATH, EVALS);
	put_text(dir, TEXT_PATH, WORDS);
	/* both of F's turns say the same: the neutral one joins by its label, the other is a ghost
	 */
	put_text(dir, "iemocap_6way.pkl",
		 LIST("S'F'\nS'M'\nS'F'\n", "I0\nI5\nI2\n",
		      "S'Excuse me.'\nS'No: never.'\nS'Excuse me.'\n"));
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_OK(&l.err);
	CHECK(!strcmp(l.c.policy, "published-6way") && l.c.dia[0].split == SPLIT_DEV);
	CHECK(l.g.label[0] == 2 && l.g.label[1] == 5 && l.g.label[2] == 0);
	CHECK(count(&l.c, "label-ghost") == 1 && line_of(&l.c, "label-ghost") == 7);
	CHECK(count(&l.c, "order-differs") == 1);
	unload(&l);
	/* another label, a turn left out, an entry that nobody says */
	put_text(dir, "iemocap_6way.pkl",
		 LIST("S'F'\nS'M'\nS'F'\n", "I1\nI5\nI2\n",
		      "S'Goodbye.'\nS'No: never.'\nS'Excuse me.'\n"));
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_OK(&l.err);
	CHECK(count(&l.c, "list-unmatched") == 1 && l.g.label[2] == -1);
	unload(&l);
	put_text(dir, "iemocap_6way.pkl", LIST("S'M'\n", "I1\n", "S'No: never.'\n"));
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_OK(&l.err);
	CHECK(count(&l.c, "label-differs") == 1 && l.g.label[1] == 1);
	CHECK(count(&l.c, "not-in-list") == 1 && l.g.label[0] == -1);
	unload(&l);

	put_text(dir, "iemocap_6way.pkl", LIST("S'F'\n", "I1\n", "S'Who?'\n"));
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_ERR(&l.err, ERR_DATA, "set policy=raw");
	put_text(dir, "iemocap_6way.pkl", LIST("S'F'\n", "I1\nI2\n", "S'Who?'\n"));
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_ERR(&l.err, ERR_FORMAT, "differ in number");
	put_text(dir, "iemocap_6way.pkl", LIST("S'F'\n", "I6\n", "S'Who?'\n"));
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_ERR(&l.err, ERR_FORMAT, "label 0 to 5");
	put_text(dir, "iemocap_6way.pkl", "(lp0\n.");
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_ERR(&l.err, ERR_FORMAT, "six parts");
	put_text(dir, "iemocap_6way.pkl", "cos\nsystem\n.");
	load(&l, "iemocap", dir, "sessions", "1");
	CHECK_ERR(&l.err, ERR_FORMAT, "refuses to load os.system");
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meld_refused),	cmocka_unit_test(test_meld_not_a_file),
		cmocka_unit_test(test_meld_odd_rows),	cmocka_unit_test(test_meld_clips),
		cmocka_unit_test(test_iemocap_refused), cmocka_unit_test(test_iemocap_above),
		cmocka_unit_test(test_iemocap_tree),	cmocka_unit_test(test_iemocap_media),
		cmocka_unit_test(test_iemocap_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
