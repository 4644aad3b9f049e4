/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/claims.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE  ((size_t)16 << 20)
#define DROPS_MAX 10 /* that a claim lists */

/* Published names of the systems this program has.  A constant answer is the
 * majority baseline only where that label is the majority of the train split. */
static const struct {
	const char *published, *dataset, *ours;
} alias[] = {
	{ "bemerc", NULL, "bemerc" },
	{ "llmerc", NULL, "llmerc" },
	{ "speechcuellm", NULL, "speechcue" },
	{ "majority", NULL, "majority" },
	{ "always-neutral", "meld", "majority" },
	{ "always-frustrated", "iemocap", "majority" },
};

static const char *our_name(const char *published, const char *dataset)
{
	for (size_t i = 0; i < ARRAY_LEN(alias); i++)
		if (!strcmp(alias[i].published, published) &&
		    (!alias[i].dataset || !strcmp(alias[i].dataset, dataset)))
			return alias[i].ours;
	return NULL;
}

/* What stands for a published system here: results of that very name (recorded replies that
 * were scored) before our own build of it. */
static const char *name_here(const struct summary *s, const char *published, const char *dataset)
{
	for (int i = 0; i < s->n_rows; i++)
		if (!strcmp(s->row[i].first->system, published))
			return s->row[i].first->system;
	return our_name(published, dataset);
}

struct note_reading {
	struct claims *c;
	const char *path;
};

static int add_note(void *ctx, const struct json *v, long line, struct err *err)
{
	const struct note_reading *in = ctx;
	struct claims *c = in->c;
	const char *text[3], *key[3] = { "corpus", "system", "reason" };

	for (int i = 0; i < 3; i++) {
		const char *s = json_str(json_get(v, key[i]), NULL);

		if (!s)
			return err_set(err, ERR_FORMAT, "%s:%ld: no text '%s'", in->path, line,
				       key[i]);
		text[i] = arena_strdup(&c->mem, s);
		if (!text[i])
			return err_set(err, ERR_NOMEM, "no memory");
	}
	if (!GROW_ARRAY(c->note, c->cap_notes, (size_t)c->n_notes + 1))
		return err_set(err, ERR_NOMEM, "no memory");
	c->note[c->n_notes++] = (struct note){ text[0], text[1], text[2] };
	return 0;
}

int claims_load(struct claims *c, const char *claims_path, const char *notes_path, struct err *err)
{
	struct note_reading in = { c, notes_path };
	bool torn;

	*c = (struct claims){ 0 };
	if (claims_path && *claims_path) {
		c->root = json_read_file(claims_path, MAX_FILE, err);
		if (c->root && json_type(c->root) != JSON_ARRAY)
			err_set(err, ERR_FORMAT, "%s: an array of claims is needed", claims_path);
	}
	if (!err->code && notes_path && *notes_path)
		json_lines(notes_path, MAX_FILE, &torn, add_note, &in, err);
	return err->code;
}

void claims_free(struct claims *c)
{
	json_free(c->root);
	free(c->note);
	arena_free(&c->mem);
	*c = (struct claims){ 0 };
}

static const char *text_of(const struct json *claim, const char *key)
{
	return json_str(json_get(claim, key), "");
}

/* Value in per cent or points, NaN: none claimed. */
static double claimed_value(const struct json *claim)
{
	double value = json_num(json_get(claim, "value"), NAN);

	return strcmp(text_of(claim, "unit"), "fraction") ? value : value * 100;
}

static const char *selection_of(const struct json *claim)
{
	const char *s = text_of(claim, "selection");

	if (!*s)
		return "unknown";
	if (!strcmp(s, "test") || !strcmp(s, "test-fold"))
		return "best-on-test";
	if (!strcmp(s, "valid"))
		return "dev";
	return s;
}

static bool matches(const char *pattern, const char *word)
{
	return !strcmp(pattern, "*") || !strcmp(pattern, word);
}

static const char *noted_reason(const struct claims *c, const char *corpus, const char *system)
{
	for (int i = 0; i < c->n_notes; i++)
		if (matches(c->note[i].corpus, corpus) && matches(c->note[i].system, system))
			return c->note[i].reason;
	return NULL;
}

/* What a claim is about, in our terms. */
struct subject {
	const struct json *claim;
	const char *kind, *dataset, *system; /* system: our name or NULL */
	const char *versus;		     /* our name, of a delta; or NULL */
	enum metric metric;		     /* METRIC_COUNT: one we do not compute here */
};

static struct subject subject_of(const struct summary *sum, const struct json *claim)
{
	struct subject s = { .claim = claim,
			     .kind = text_of(claim, "kind"),
			     .dataset = text_of(claim, "dataset"),
			     .system = name_here(sum, text_of(claim, "system"),
						 text_of(claim, "dataset")),
			     .versus = name_here(sum, text_of(claim, "versus"), ""),
			     .metric = METRIC_COUNT };

	if (!strcmp(text_of(claim, "metric"), "weighted_f1"))
		s.metric = METRIC_WEIGHTED_F1;
	else if (!strcmp(text_of(claim, "metric"), "accuracy"))
		s.metric = METRIC_ACCURACY;
	return s;
}

/* One number obtained for a claim. */
struct obtained {
	const struct row *row; /* NULL: no run */
	double value;
	struct interval interval;
};

static struct obtained obtain(const struct summary *s, const struct subject *u, int board)
{
	const struct row *row = u->system ? summary_find(s, board, u->system, "") : NULL;
	const struct row *other = u->versus ? summary_find(s, board, u->versus, "") : NULL;

	if (row && !strcmp(u->kind, "delta") && u->metric == METRIC_WEIGHTED_F1) {
		/* the drop of the other system is this one's lead */
		if (other && other->versus >= 0 && &s->row[other->versus] == row)
			return (struct obtained){ row, other->drop.value, other->drop };
	} else if (row && u->metric == METRIC_ACCURACY) {
		return (struct obtained){ row, row->accuracy.mean, row->accuracy_interval };
	} else if (row && u->metric == METRIC_WEIGHTED_F1) {
		return (struct obtained){ row, row->f1.mean, row->interval };
	}
	return (struct obtained){ .value = NAN };
}

/* Ablations speak about what behaviour is worth, other claims about other systems. */
static bool bears_on(const struct summary *s, const struct subject *u, const struct row *r)
{
	static const char *const part[] = { "behaviour", "face", "body", "posture" };

	if (!isfinite(r->drop.value) || !u->system ||
	    strcmp(s->row[r->versus].first->system, u->system))
		return false;
	if (strcmp(u->kind, "ablation"))
		return !r->without[0];
	for (size_t i = 0; i < ARRAY_LEN(part); i++)
		if (!strcmp(r->without, part[i]))
			return true;
	return false;
}

/* Claims in words: the drops that bear on them. */
static void list_drops(const struct summary *s, const struct subject *u, int board,
		       struct strbuf *out)
{
	int n = 0;

	for (const struct row *r = s->row; r < s->row + s->n_rows; r++)
		if (r->board == board && bears_on(s, u, r) && n++ < DROPS_MAX)
			strbuf_addf(out, "%s%s%s %+.2f [%.2f to %.2f]", out->len ? "; " : "",
				    r->without[0] ? "without " : "over ",
				    r->without[0] ? r->without : r->system,
				    r->without[0] ? -r->drop.value * 100 : r->drop.value * 100,
				    r->without[0] ? -r->drop.hi * 100 : r->drop.lo * 100,
				    r->without[0] ? -r->drop.lo * 100 : r->drop.hi * 100);
	if (n > DROPS_MAX)
		strbuf_addf(out, "; %d more among the ablations", n - DROPS_MAX);
}

/* Text of what was obtained on the boards of one kind; returns the first number found. */
static struct obtained describe(const struct summary *s, const struct subject *u, bool calibrated,
				struct strbuf *out)
{
	struct obtained first = { .value = NAN };

	for (int b = 0; b < s->n_boards; b++) {
		const struct board *board = &s->board[b];
		struct strbuf words = { 0 };
		struct obtained got;

		if (board->calibrated != calibrated || board->sample->limited ||
		    (*u->dataset && strcmp(u->dataset, board->sample->corpus)))
			continue;
		got = obtain(s, u, b);
		if (!*text_of(u->claim, "metric"))
			list_drops(s, u, b, &words);
		if (got.row)
			strbuf_addf(
				&words,
				"%s%s%.2f [%.2f to %.2f]; %d seed%s, n %d, selection %s, labels %s",
				got.row->system != got.row->first->system ? got.row->system : "",
				got.row->system != got.row->first->system ? ": " : "",
				got.value * 100, got.interval.lo * 100, got.interval.hi * 100,
				got.row->n_runs, got.row->n_runs == 1 ? "" : "s", got.row->first->n,
				got.row->first->selection, got.row->first->policy);
		if (words.len)
			strbuf_addf(out, "%s%s: %s", out->len ? "; " : "", board->title,
				    strbuf_str(&words));
		if (got.row && !first.row)
			first = got;
		out->oom |= words.oom;
		strbuf_free(&words);
	}
	return first;
}

static const char *labels_of_split(const char *split)
{
	static const char *const named[][2] = { { "seven-way", "meld7" },
						{ "six-way", "iemocap6" },
						{ "four-way", "iemocap4" },
						{ "three-way", "meld3" } };

	for (size_t i = 0; i < ARRAY_LEN(named); i++)
		if (strstr(split, named[i][0]))
			return named[i][1];
	return NULL;
}

/* Why a claim cannot be held against a run, or NULL. */
static const char *not_comparable(const struct json *claim, const struct result *r)
{
	static const char *const other_split[] = { "validation", "trained on", "random", "10-fold",
						   "forecasting" };
	const char *split = text_of(claim, "split"), *labels = labels_of_split(split);
	const char *selection = selection_of(claim);

	for (size_t i = 0; i < ARRAY_LEN(other_split); i++)
		if (strstr(split, other_split[i]))
			return "other split";
	if (!labels)
		return "the claim does not name its label set";
	if (strcmp(labels, r->labels_name))
		return "other label set";
	if (*text_of(claim, "backbone"))
		return "other backbone";
	if (!strcmp(selection, "unknown"))
		return "selection of the claim unknown";
	if (!strcmp(selection, "best-on-test"))
		return "claim selected on test";
	if (!strcmp(selection, "none") != !strcmp(r->selection, "none"))
		return "other selection";
	return NULL;
}

/* Decimals a claim was printed with, as far as JSON kept them. */
static int decimals_of(double percent)
{
	int d = 0;

	while (d < 6 && fabs(percent * pow(10, d) - round(percent * pow(10, d))) > 1e-6)
		d++;
	return d;
}

static void verdict(const struct subject *u, const struct obtained *real, struct strbuf *out)
{
	double claim = claimed_value(u->claim);
	const char *why = NULL;

	if (!isfinite(claim))
		claim = json_num(json_get(u->claim, "delta_points"), NAN);
	if (!isfinite(claim)) {
		strbuf_add(out, "no number claimed");
		return;
	}
	why = not_comparable(u->claim, real->row->first);
	if (why) {
		strbuf_addf(out, "not comparable: %s", why);
		return;
	}
	if (fabs(real->value * 100 - claim) <= .5 * pow(10, -decimals_of(claim)) + 1e-9)
		strbuf_add(out, "match");
	else if (real->interval.lo * 100 <= claim && claim <= real->interval.hi * 100)
		strbuf_add(out, "within CI");
	else
		strbuf_add(out, "off");
}

static void no_run(const struct summary *s, const struct claims *c, const struct subject *u,
		   struct strbuf *out)
{
	const char *name = u->system ? u->system : text_of(u->claim, "system");
	const char *reason = noted_reason(c, u->dataset, name);
	bool known = !*u->dataset;

	for (int b = 0; b < s->n_boards; b++)
		known |= !strcmp(s->board[b].sample->corpus, u->dataset);
	if (!reason && !u->system)
		reason = "not a system of this program";
	if (!reason && !known)
		reason = "no run on this corpus";
	if (!reason && u->metric == METRIC_COUNT && *text_of(u->claim, "metric"))
		reason = "a metric that is not computed here";
	if (reason)
		strbuf_addf(out, "not runnable: %s", reason);
	else
		strbuf_addf(out, "not runnable: no run of %s on real data in this folder", name);
}

/* "meld, test, weighted F1, backbone, ": where a claim was made. */
static void setting_words(const struct json *claim, struct strbuf *out)
{
	static const char *const key[] = { "dataset", "split", "metric", "backbone" };

	for (size_t i = 0; i < ARRAY_LEN(key); i++) {
		const char *s = text_of(claim, key[i]);

		if (!strcmp(s, "weighted_f1"))
			s = "weighted F1";
		if (*s)
			strbuf_addf(out, "%s, ", s);
	}
}

static void claimed_words(const struct json *claim, struct strbuf *out)
{
	double value = claimed_value(claim);
	double delta = json_num(json_get(claim, "delta_points"), NAN);
	int seeds = (int)json_num(json_get(claim, "seeds"), 0);

	strbuf_add(out, text_of(claim, "claim"));
	if (isfinite(delta))
		strbuf_addf(out, "%s%+.*f over %s", out->len ? ": " : "", decimals_of(delta), delta,
			    text_of(claim, "versus"));
	else if (isfinite(value))
		strbuf_addf(out, "%s%.*f", out->len ? ": " : "", decimals_of(value), value);
	if (isfinite(value) && seeds > 0)
		strbuf_addf(out, " (%d seed%s)", seeds, seeds == 1 ? "" : "s");
}

/* In CSV the parts of what was obtained are columns. */
static void obtained_columns(struct table *t, bool calibrated)
{
	static const char *const name[2][6] = {
		{ "real_value", "real_lo", "real_hi", "real_n", "real_seeds", "real_labels" },
		{ "calibrated_value", "calibrated_lo", "calibrated_hi", "calibrated_n",
		  "calibrated_seeds", "calibrated_labels" },
	};

	for (int i = 0; i < 6; i++)
		table_column(t, i < 5 ? COLUMN_CSV : COLUMN_KEY, name[calibrated][i], NULL);
}

static void obtained_cells(struct table *t, const struct obtained *o)
{
	table_number(t, o->value, 100, 2);
	table_number(t, o->row ? o->interval.lo : NAN, 100, 2);
	table_number(t, o->row ? o->interval.hi : NAN, 100, 2);
	table_number(t, o->row ? o->row->first->n : NAN, 1, 0);
	table_number(t, o->row ? o->row->n_runs : NAN, 1, 0);
	table_text(t, o->row ? o->row->first->policy : "");
}

/* value sorts the column. */
static void text_and_reset(struct table *t, double value, struct strbuf *b)
{
	table_valued(t, value, strbuf_str(b));
	t->oom |= b->oom;
	strbuf_reset(b);
}

/* In per cent; a delta in points. */
static double sort_value(const struct json *claim)
{
	double delta = json_num(json_get(claim, "delta_points"), NAN);

	return isfinite(delta) ? delta : claimed_value(claim);
}

static void published_cells(const struct json *claim, struct table *t)
{
	double n = json_num(json_get(claim, "n"), NAN);
	struct strbuf words = { 0 };

	table_text(t, text_of(claim, "system"));
	table_text(t, text_of(claim, "dataset"));
	table_text(t, text_of(claim, "split"));
	table_text(t, text_of(claim, "metric"));
	table_text(t, text_of(claim, "backbone"));
	claimed_words(claim, &words);
	table_text(t, strbuf_str(&words));
	strbuf_add(&words, " (");
	setting_words(claim, &words);
	if (isfinite(n))
		strbuf_addf(&words, "n %.0f, ", n);
	strbuf_addf(&words, "selection %s)", selection_of(claim));
	text_and_reset(t, sort_value(claim), &words);
	table_text(t, selection_of(claim));
	table_number(t, n, 1, 0);
	strbuf_free(&words);
}

static void claim_row(const struct summary *s, const struct claims *c, const struct subject *u,
		      enum claims_part part, struct table *t)
{
	struct strbuf words = { 0 }, real = { 0 }, drawn = { 0 };
	struct obtained on_real = describe(s, u, false, &real);
	struct obtained on_drawn = describe(s, u, true, &drawn);

	if ((part == CLAIMS_OBTAINED || part == CLAIMS_NOT_OBTAINED) &&
	    (part == CLAIMS_OBTAINED) != (real.len + drawn.len > 0))
		goto done;
	published_cells(u->claim, t);
	if (on_real.row)
		verdict(u, &on_real, &words);
	else if (real.len)
		strbuf_add(&words, "no number claimed");
	else
		no_run(s, c, u, &words);
	obtained_cells(t, &on_real);
	text_and_reset(t, on_real.value, &real);
	obtained_cells(t, &on_drawn);
	text_and_reset(t, on_drawn.value, &drawn);
	text_and_reset(t, NAN, &words);
	table_text(t, text_of(u->claim, "source"));
done:
	strbuf_free(&words);
	strbuf_free(&real);
	strbuf_free(&drawn);
}

void tables_claims(const struct summary *s, const struct claims *c, enum claims_part part,
		   struct table *t)
{
	table_column(t, COLUMN_TEXT, "system", NULL);
	table_column(t, COLUMN_KEY, "dataset", NULL);
	table_column(t, COLUMN_KEY, "split", NULL);
	table_column(t, COLUMN_KEY, "metric", NULL);
	table_column(t, COLUMN_KEY, "backbone", NULL);
	table_column(t, COLUMN_KEY, "published", NULL);
	table_column(t, COLUMN_WORDS, "published", NULL);
	table_column(t, COLUMN_KEY, "published_selection", NULL);
	table_column(t, COLUMN_CSV, "published_n", NULL);
	obtained_columns(t, false);
	table_column(t, COLUMN_TEXT, "obtained on real data", "obtained_real");
	obtained_columns(t, true);
	table_column(t, COLUMN_TEXT, "obtained on calibrated data", "obtained_calibrated");
	table_column(t, COLUMN_TEXT, "verdict (real data)", "verdict");
	table_column(t, COLUMN_TEXT, "source", NULL);
	for (const struct json *v = json_at(c->root, 0); v; v = json_next(v)) {
		struct subject u = subject_of(s, v);

		/* a claim about another backbone is about another system */
		if ((u.system && !*text_of(v, "backbone")) == (part != CLAIMS_FIELD))
			claim_row(s, c, &u, part, t);
	}
}

void tables_not_run(const struct claims *c, struct table *t)
{
	table_column(t, COLUMN_TEXT, "corpus", NULL);
	table_column(t, COLUMN_TEXT, "system", NULL);
	table_column(t, COLUMN_TEXT, "reason", NULL);
	for (int i = 0; i < c->n_notes; i++) {
		table_text(t, c->note[i].corpus);
		table_text(t, c->note[i].system);
		table_text(t, c->note[i].reason);
	}
}
