/* SPDX-License-Identifier: Apache-2.0
 * IEMOCAP's text side: labels and times from dialog/EmoEvaluation, words from
 * dialog/transcriptions, joined by utterance id.
 */
#include "datasets/iemocap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/map.h"
#include "harness/base/str.h"

enum { FILE_LIMIT = 64 << 20, LINE_LIMIT = 1 << 20 };

const char *const iemocap_code[IEMOCAP_CODE_COUNT] = {
#define X(id, text) text,
	IEMOCAP_CODES(X)
#undef X
};

/* One dialogue being read. */
struct reader {
	struct iemocap_tree *t;
	struct iemocap_dialogue *d;
	struct corpus *c;     /* NULL: no issues wanted */
	struct str_map by_id; /* labelled utterance -> index into d->turn */
	size_t cap;	      /* of turn while it is collected */
	struct iemocap_turn *turn;
	struct err *err;
};

static int no_memory(const struct reader *r)
{
	return err_set(r->err, ERR_NOMEM, "%s: no memory", r->d->name);
}

/* Calls fn for each line (NUL-terminated, without CR LF) of a text file. */
static int each_line(struct reader *r, const char *path,
		     int (*fn)(struct reader *r, char *line, long number))
{
	char *buf, *next;
	size_t len, bad;
	long number = 0;

	if (io_read_file(path, FILE_LIMIT, &buf, &len, r->err))
		return r->err->code;
	bad = utf8_check(buf, len);
	if (memchr(buf, 0, bad))
		bad = strlen(buf);
	for (char *s = buf; s < buf + len && !r->err->code; s = next) {
		char *nl = memchr(s, '\n', len - (size_t)(s - buf));
		char *end = nl ? nl : buf + len;

		number++;
		next = nl ? nl + 1 : end;
		if (buf + bad < next)
			err_set(r->err, ERR_FORMAT,
				"%s:%ld: byte 0x%02x is not UTF-8 text; convert the file (for "
				"example: iconv -f cp1252 -t utf-8)",
				path, number, (unsigned char)buf[bad]);
		else if (end - s > LINE_LIMIT)
			err_set(r->err, ERR_LIMIT, "%s:%ld: line of more than %d bytes", path,
				number, LINE_LIMIT);
		if (r->err->code)
			break;
		if (end > s && end[-1] == '\r')
			end--;
		*end = '\0';
		fn(r, s, number);
	}
	free(buf);
	return r->err->code;
}

/* Seconds at *s (digits with a point) as ms; *s moves behind them. */
static bool take_seconds(char **s, int64_t *ms)
{
	size_t n = strspn(*s, "0123456789."), whole = strspn(*s, "0123456789");
	char digits[32];

	if (!n || n >= sizeof(digits) || whole > 7)
		return false;
	memcpy(digits, *s, n);
	digits[n] = '\0';
	if (strchr(digits, '.') != strrchr(digits, '.'))
		return false;
	*ms = llround(strtod(digits, NULL) * 1000);
	*s += n;
	return true;
}

static bool take_text(char **s, const char *want)
{
	if (!str_starts(*s, want))
		return false;
	*s += strlen(want);
	return true;
}

/* <dialogue>_F012 or _M003b …: the letter, or 0 where the id is not of this dialogue. */
static char speaker_of(const char *id, const char *dialogue)
{
	size_t n = strlen(dialogue);

	if (!str_starts(id, dialogue) || id[n] != '_' || (id[n + 1] != 'F' && id[n + 1] != 'M') ||
	    !id[n + 2])
		return 0;
	return id[n + 1];
}

static int read_code(struct reader *r, const char *word, long number, enum iemocap_code *code)
{
	struct strbuf known = { 0 };

	for (int k = 0; k < IEMOCAP_CODE_COUNT; k++) {
		if (!strcmp(iemocap_code[k], word)) {
			*code = (enum iemocap_code)k;
			strbuf_free(&known);
			return 0;
		}
		strbuf_addf(&known, "%s%s", k ? ", " : "", iemocap_code[k]);
	}
	err_set(r->err, ERR_FORMAT, "%s:%ld: label '%s' is none of %s", r->d->eval_file, number,
		word, strbuf_str(&known));
	strbuf_free(&known);
	return r->err->code;
}

/* "[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]" */
static int eval_turn(struct reader *r, char *s, long number)
{
	struct iemocap_turn t = { .published = -1, .eval_line = number };
	char *id, *code, *vad;
	int *slot;

	if (!take_text(&s, "[") || !take_seconds(&s, &t.start_ms) || !take_text(&s, " - ") ||
	    !take_seconds(&s, &t.end_ms) || !take_text(&s, "]\t"))
		return err_set(r->err, ERR_FORMAT,
			       "%s:%ld: not a line '[start - end] TAB id TAB label TAB [v, a, d]' "
			       "(cut short?)",
			       r->d->eval_file, number);
	id = s;
	code = strchr(id, '\t');
	vad = code ? strchr(code + 1, '\t') : NULL;
	if (!vad || vad[1] != '[' || !str_ends(vad, "]"))
		return err_set(r->err, ERR_FORMAT,
			       "%s:%ld: fewer than four parts between tabs (cut short?)",
			       r->d->eval_file, number);
	*code++ = *vad = '\0';
	if (read_code(r, code, number, &t.code))
		return r->err->code;
	t.speaker = speaker_of(id, r->d->name);
	if (!t.speaker)
		return err_set(r->err, ERR_FORMAT, "%s:%ld: '%s' is no utterance of %s",
			       r->d->eval_file, number, id, r->d->name);
	t.id = arena_strdup(&r->t->mem, id);
	slot = t.id ? map_slot(&r->by_id, t.id) : NULL;
	if (!slot || !GROW_ARRAY(r->turn, r->cap, (size_t)r->d->n + 1))
		return no_memory(r);
	if (*slot >= 0)
		return err_set(r->err, ERR_FORMAT,
			       "%s:%ld: %s is already labelled in line %ld; remove one of the two",
			       r->d->eval_file, number, id, r->turn[*slot].eval_line);
	*slot = r->d->n;
	r->turn[r->d->n++] = t;
	return 0;
}

static int issue(struct reader *r, enum issue_level level, const char *kind, const char *file,
		 long line, const char *id, const char *what)
{
	if (!r->c)
		return 0;
	return corpus_issue(r->c, level, kind, file, line, r->err, "%s: %s", id, what);
}

static int eval_line(struct reader *r, char *s, long number)
{
	if (*s == '[')
		return eval_turn(r, s, number);
	/* header, separators, annotators' lines: "C-E2:" categories, "A-F1:" attributes */
	if (!*s || *s == '%' || ((*s == 'C' || *s == 'A') && s[1] == '-'))
		return 0;
	return issue(r, ISSUE_WARN, "line-unknown", r->d->eval_file, number, r->d->name,
		     "neither an utterance nor an annotator's line; passed over");
}

/* A line of the transcription that names no labelled utterance. */
static int unlabelled_line(struct reader *r, const char *id, long number)
{
	const char *file = r->d->text_file;
	bool numbered = str_starts(id, r->d->name) && !strstr(id, "XX");

	if (numbered)
		return issue(r, ISSUE_WARN, "turn-unlabelled", file, number, id,
			     "a numbered turn without a line in EmoEvaluation; not in the corpus");
	if (str_starts(id, r->d->name))
		return issue(r, ISSUE_NOTE, "turn-unlabelled", file, number, id,
			     "a turn without a label; not in the corpus");
	if (strlen(id) <= 2)
		return issue(r, ISSUE_NOTE, "turn-untimed", file, number, id,
			     "a turn without time and label; not in the corpus");
	return issue(r, ISSUE_WARN, "line-unknown", file, number, r->d->name,
		     "not a line 'id [start-end]: words'; passed over");
}

/* "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me." */
static int text_line(struct reader *r, char *s, long number)
{
	size_t n = strcspn(s, " :");
	char *rest = s + n, *words;
	struct iemocap_turn *t;
	int64_t start, end;
	int k;

	if (!*s)
		return 0;
	words = strstr(rest, ": ");
	if (!words && str_ends(rest, ":"))
		words = rest + strlen(rest) - 1;
	s[n] = '\0';
	k = map_get(&r->by_id, s);
	if (k < 0)
		return unlabelled_line(r, s, number);
	t = &r->turn[k];
	if (!words)
		return err_set(r->err, ERR_FORMAT,
			       "%s:%ld: %s: no ': ' before the words (cut short?)", r->d->text_file,
			       number, s);
	if (t->text)
		return issue(r, ISSUE_WARN, "turn-repeated", r->d->text_file, number, s,
			     "another line for this utterance; the first one is used");
	if (rest + 1 < words) {
		char *p = rest + 1;

		if (!take_text(&p, "[") || !take_seconds(&p, &start) || !take_text(&p, "-") ||
		    !take_seconds(&p, &end) || !take_text(&p, "]") || p != words)
			return err_set(r->err, ERR_FORMAT,
				       "%s:%ld: %s: times are not '[start-end]'", r->d->text_file,
				       number, s);
		if ((start != t->start_ms || end != t->end_ms) &&
		    issue(r, ISSUE_NOTE, "time-differs", r->d->text_file, number, s,
			  "other times than in EmoEvaluation, whose times are used"))
			return r->err->code;
	}
	words += words[1] ? 2 : 1;
	t->line = number;
	t->text = arena_strdup(&r->t->mem, words);
	return t->text ? 0 : no_memory(r);
}

static int check_turns(struct reader *r)
{
	for (int i = 0; i < r->d->n && !r->err->code; i++) {
		const struct iemocap_turn *t = &r->turn[i];

		if (!t->text)
			return err_set(r->err, ERR_FORMAT,
				       "%s: no line for %s, labelled in %s:%ld; is the "
				       "transcription complete?",
				       r->d->text_file, t->id, r->d->eval_file, t->eval_line);
		if (t->end_ms == t->start_ms)
			issue(r, ISSUE_WARN, "zero-length", r->d->eval_file, t->eval_line, t->id,
			      "ends when it starts");
		else if (t->end_ms < t->start_ms)
			issue(r, ISSUE_WARN, "negative-length", r->d->eval_file, t->eval_line,
			      t->id, "ends before it starts");
		if (!t->text[strspn(t->text, " \t")])
			issue(r, ISSUE_WARN, "empty-text", r->d->text_file, t->line, t->id,
			      "has no words");
	}
	return r->err->code;
}

static int by_line(const void *a, const void *b)
{
	const struct iemocap_turn *x = a, *y = b;

	return x->line < y->line ? -1 : x->line > y->line;
}

static int by_start(const void *a, const void *b)
{
	const struct iemocap_turn *x = a, *y = b;

	if (x->start_ms != y->start_ms)
		return x->start_ms < y->start_ms ? -1 : 1;
	return by_line(a, b);
}

/* Fills d->turn from its two files. */
static int read_dialogue(struct iemocap_tree *t, struct iemocap_dialogue *d, bool by_time,
			 struct corpus *c, struct err *err)
{
	struct reader r = { .t = t, .d = d, .c = c, .err = err };

	if (!each_line(&r, d->eval_file, eval_line) && !d->n)
		err_set(err, ERR_DATA, "%s: no labelled utterance; remove the file or restore it",
			d->eval_file);
	if (!err->code && !io_is_file(d->text_file))
		err_set(err, ERR_MISSING, "%s: not found, needed for %s", d->text_file,
			d->eval_file);
	if (!err->code && !each_line(&r, d->text_file, text_line) && !check_turns(&r)) {
		qsort(r.turn, (size_t)d->n, sizeof(*r.turn), by_time ? by_start : by_line);
		d->turn = arena_array(&t->mem, (size_t)d->n, sizeof(*d->turn));
		if (d->turn)
			memcpy(d->turn, r.turn, (size_t)d->n * sizeof(*d->turn));
		else
			no_memory(&r);
	}
	map_free(&r.by_id);
	free(r.turn);
	return err->code;
}

static const char *format_path(struct iemocap_tree *t, const char *dir, const char *name,
			       const char *ext)
{
	struct strbuf b = { 0 };
	const char *path;

	strbuf_addf(&b, "%s/%s%s", dir, name, ext);
	path = b.oom ? NULL : arena_strdup(&t->mem, b.s);
	strbuf_free(&b);
	return path;
}

/* "Ses05F_…" of this session. */
static bool is_dialogue_name(const char *name, int session)
{
	char head[8];

	return str_format(head, sizeof(head), "Ses%02d", session) && str_starts(name, head) &&
	       (name[5] == 'F' || name[5] == 'M') && name[6] == '_' && name[7];
}

static int add_dialogue(struct iemocap_tree *t, const char *dialog_dir, const char *file,
			int session, bool by_time, struct corpus *c, struct err *err)
{
	struct iemocap_dialogue d = { .session = session };
	char *eval_dir = path_join(dialog_dir, "EmoEvaluation");
	char *text_dir = path_join(dialog_dir, "transcriptions");

	d.name = arena_strndup(&t->mem, file, strlen(file) - strlen(".txt"));
	if (d.name && eval_dir && text_dir) {
		d.eval_file = format_path(t, eval_dir, d.name, ".txt");
		d.text_file = format_path(t, text_dir, d.name, ".txt");
	}
	free(eval_dir);
	free(text_dir);
	if (!d.eval_file || !d.text_file || !GROW_ARRAY(t->dia, t->cap, (size_t)t->n + 1))
		return err_set(err, ERR_NOMEM, "%s: no memory", dialog_dir);
	if (!is_dialogue_name(d.name, session))
		return err_set(err, ERR_FORMAT,
			       "%s: expected a name like Ses%02dF_impro01.txt in this folder",
			       d.eval_file, session);
	if (!io_is_file(d.eval_file))
		return err_set(err, ERR_FORMAT, "%s: not a regular file", d.eval_file);
	if (read_dialogue(t, &d, by_time, c, err))
		return err->code;
	t->dia[t->n++] = d;
	return 0;
}

/* Transcriptions that no EmoEvaluation file goes with. */
static int check_transcriptions(struct corpus *c, const char *dialog_dir,
				const struct io_list *evals, struct err *err)
{
	char *dir = path_join(dialog_dir, "transcriptions");
	struct io_list texts = { 0 };
	size_t k = 0;

	if (!dir)
		return err_set(err, ERR_NOMEM, "%s: no memory", dialog_dir);
	if (c && io_is_dir(dir) && !io_list_dir(dir, &texts, err))
		for (size_t i = 0; i < texts.n && !err->code; i++) {
			while (k < evals->n && strcmp(evals->name[k], texts.name[i]) < 0)
				k++;
			if ((k == evals->n || strcmp(evals->name[k], texts.name[i])) &&
			    str_ends(texts.name[i], ".txt") && !str_starts(texts.name[i], "._"))
				corpus_issue(c, ISSUE_WARN, "dialogue-unlabelled", dir, 0, err,
					     "%s has no file in EmoEvaluation; not in the corpus",
					     texts.name[i]);
		}
	io_list_free(&texts);
	free(dir);
	return err->code;
}

static int read_session(struct iemocap_tree *t, const char *root, int session, bool by_time,
			struct corpus *c, struct err *err)
{
	struct strbuf dialog = { 0 }, eval = { 0 };
	struct io_list list = { 0 };
	int before = t->n, side_files = 0;

	strbuf_addf(&dialog, "%s/Session%d/dialog", root, session);
	strbuf_addf(&eval, "%s/EmoEvaluation", strbuf_str(&dialog));
	if (dialog.oom || eval.oom)
		err_set(err, ERR_NOMEM, "%s: no memory", root);
	else if (!io_is_dir(eval.s))
		err_set(err, ERR_MISSING,
			"%s: no such folder; give the folder that holds Session1 to Session5, or "
			"set "
			"the option sessions to those that are there",
			eval.s);
	else if (!io_list_dir(eval.s, &list, err))
		for (size_t i = 0; i < list.n && !err->code; i++) {
			if (str_starts(list.name[i], "._"))
				side_files++;
			else if (str_ends(list.name[i], ".txt"))
				add_dialogue(t, dialog.s, list.name[i], session, by_time, c, err);
		}
	if (!err->code && t->n == before)
		err_set(err, ERR_DATA, "%s: no file of a dialogue", eval.s);
	if (!err->code && side_files && c)
		corpus_issue(c, ISSUE_NOTE, "side-files", eval.s, 0, err,
			     "%d files ._* (macOS archive leftovers) passed over", side_files);
	if (!err->code)
		check_transcriptions(c, dialog.s, &list, err);
	io_list_free(&list);
	strbuf_free(&dialog);
	strbuf_free(&eval);
	return err->code;
}

int iemocap_tree_read(struct iemocap_tree *t, const char *root,
		      const bool wanted[IEMOCAP_SESSIONS + 1], bool by_time, struct corpus *c,
		      struct err *err)
{
	*t = (struct iemocap_tree){ 0 };
	for (int s = 1; s <= IEMOCAP_SESSIONS && !err->code; s++)
		if (wanted[s])
			read_session(t, root, s, by_time, c, err);
	return err->code;
}

void iemocap_tree_free(struct iemocap_tree *t)
{
	free(t->dia);
	arena_free(&t->mem);
	*t = (struct iemocap_tree){ 0 };
}
