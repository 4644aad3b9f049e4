/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/score/folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/hash.h"
#include "harness/base/io.h"
#include "harness/metrics/scores_json.h"
#include "harness/run/environment.h"
#include "harness/run/experiment.h"
#include "harness/run/record.h"
#include "harness/score/scored_print.h"

#define SCHEMA 1

static int write_predictions(const struct scored *s, const char *dir, struct err *err)
{
	const struct corpus *c = s->corpus;
	struct strbuf b = { 0 };

	for (int i = 0; i < s->n; i++) {
		const struct scored_sample *p = &s->sample[i];
		const struct utterance *u = &c->utt[p->utt];
		const struct dialogue *d = &c->dia[u->dialogue];
		struct json_writer w;

		json_begin(&w, &b, 0);
		json_open_object(&w, NULL);
		json_put_int(&w, "schema_version", SCHEMA);
		json_put_str(&w, "id", u->id);
		json_put_str(&w, "dialogue", d->id);
		json_put_int(&w, "turn", p->utt - d->first);
		json_put_str(&w, "speaker", c->speaker[u->speaker].name);
		json_put_str(&w, "gold", c->labels->word[p->gold]);
		json_put_str(&w, "label", p->label < 0 ? NULL : c->labels->word[p->label]);
		json_put_str(&w, "status", answer_status_name[p->status]);
		json_put_str(&w, "cause", p->cause);
		json_open_array(&w, "scores");
		json_close_array(&w);
		json_put_str(&w, "raw", p->raw);
		json_put_str(&w, "text", u->text);
		json_close_object(&w);
		strbuf_addc(&b, '\n');
	}
	return record_file(dir, "predictions.jsonl", &b, err);
}

static int write_metrics(const struct scored *s, const char *dir, struct err *err)
{
	const struct label_set *labels = s->corpus->labels;
	struct strbuf b = { 0 };
	struct json_writer w;

	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", SCHEMA);
	scores_write(&w, labels, &s->all);
	interval_write(&w, METRIC_WEIGHTED_F1, &s->interval);
	confusion_write(&w, labels, &s->confusion);
	json_open_object(&w, "answered_only");
	scores_write(&w, labels, &s->answered);
	json_close_object(&w);
	json_put_num(&w, "ece", NAN);
	json_put_num(&w, "brier", NAN);
	json_put_num(&w, "nll", NAN);
	json_close_object(&w);
	return record_file(dir, "metrics.json", &b, err);
}

static void write_spec(struct json_writer *w, const struct folder_options *o, const char *id)
{
	json_put_str(w, "system", o->system ? o->system : id);
	json_put_str(w, "title", o->system ? o->system : id);
	json_put_str(w, "model", "recorded");
	json_open_array(w, "without");
	json_close_array(w);
	json_open_array(w, "see");
	json_close_array(w);
	json_open_object(w, "options");
	json_close_object(w);
	json_put_int(w, "seed", (int64_t)o->seed);
	json_put_str(w, "selection", o->selection);
}

static void write_source(struct json_writer *w, const struct scored *s, const struct notes *notes,
			 const char *hash)
{
	json_open_object(w, "source");
	json_put_str(w, "file", path_base(s->recorded->path));
	json_put_str(w, "hash", hash);
	json_put_str(w, "format", s->recorded->format);
	json_put_str(w, "split", split_name[s->split]);
	json_open_object(w, "notes");
	for (int k = 0; k < NOTE_KIND_COUNT; k++)
		json_put_int(w, note_name[k], notes->count[k]);
	json_close_object(w);
	json_close_object(w);
}

static int write_manifest(const struct scored *s, const struct bank *bank,
			  const struct notes *notes, const struct folder_options *o, const char *id,
			  const char *dir, struct err *err)
{
	struct strbuf b = { 0 };
	struct json_writer w;
	char ended[32], hash[HASH_HEX];

	if (hash_file(s->recorded->path, hash, err))
		return err->code;
	environment_time(ended);
	json_begin(&w, &b, 1);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", SCHEMA);
	json_put_str(&w, "id", id);
	json_put_str(&w, "status", "complete");
	json_put_str(&w, "result_class", "full");
	if (record_corpus(&w, bank, err)) {
		strbuf_free(&b);
		return err->code;
	}
	write_spec(&w, o, id);
	write_source(&w, s, notes, hash);
	scored_account(s, &w);
	environment_write(&w, o->threads);
	json_put_num(&w, "wall_s", o->wall_s);
	json_put_num(&w, "peak_rss_mb", environment_peak_mb());
	json_put_str(&w, "started", o->started);
	json_put_str(&w, "ended", ended);
	json_close_object(&w);
	return record_file(dir, "manifest.json", &b, err);
}

/* dir without slashes at its end, and its temporary neighbour. */
static int name_folders(const char *dir, char **final, char **temp, struct err *err)
{
	size_t n = strlen(dir);
	struct strbuf b = { 0 };
	const char *base;

	while (n > 1 && dir[n - 1] == '/')
		n--;
	*final = str_dup(dir);
	if (!*final)
		return err_set(err, ERR_NOMEM, "%s: no memory", dir);
	(*final)[n] = '\0';
	base = path_base(*final);
	if (!*base || *base == '.')
		return err_set(err, ERR_ARG, "%s: the name of a result folder starts with no dot",
			       dir);
	strbuf_addn(&b, *final, (size_t)(base - *final));
	strbuf_addf(&b, RUN_TEMP "%ld-%s", (long)getpid(), base);
	*temp = b.oom ? NULL : str_dup(strbuf_str(&b));
	strbuf_free(&b);
	return *temp ? 0 : err_set(err, ERR_NOMEM, "%s: no memory", dir);
}

static int write_all(const struct scored *s, const struct bank *bank, const struct notes *notes,
		     const struct folder_options *o, const char *final, const char *temp,
		     struct err *err)
{
	struct err ignored = { 0 };

	if (io_mkdirs(temp, err))
		return err->code;
	if (!write_predictions(s, temp, err) && !write_metrics(s, temp, err) &&
	    !write_manifest(s, bank, notes, o, path_base(final), temp, err) &&
	    (!o->again || !io_remove_tree(final, err)))
		io_rename(temp, final, err);
	if (err->code)
		io_remove_tree(temp, &ignored);
	return err->code;
}

int score_folder(const struct scored *s, const struct bank *bank, const struct notes *notes,
		 const struct folder_options *o, struct err *err)
{
	char *final = NULL, *temp = NULL;

	if (!name_folders(o->dir, &final, &temp, err)) {
		if (!o->again && (io_is_dir(final) || io_is_file(final)))
			err_set(err, ERR_ARG, "%s is there already; --again replaces it", final);
		else
			write_all(s, bank, notes, o, final, temp, err);
	}
	free(final);
	free(temp);
	return err->code;
}
