/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/prompt_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/io.h"

static void put_message(struct json_writer *w, const struct ask_message *m)
{
	json_open_object(w, NULL);
	json_put_str(w, "role", m->role);
	json_open_array(w, "content");
	for (int k = 0; k < m->n_parts; k++) {
		json_open_object(w, NULL);
		json_put_str(w, "type", ask_part_name[m->part[k].type]);
		if (m->part[k].type == ASK_TEXT)
			json_put_str(w, "text", m->part[k].data);
		json_close_object(w);
	}
	json_close_array(w);
	json_close_object(w);
}

static int add_line(const struct ask *ask, const char *split, struct strbuf *out, struct err *err)
{
	struct json *settings =
		*ask->settings ? json_parse(ask->settings, strlen(ask->settings), "settings", err)
			       : NULL;
	struct strbuf id = { 0 };
	struct json_writer w;

	strbuf_addf(&id, "%s/%s", split, ask->id);
	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_int(&w, "schema_version", 1);
	json_put_str(&w, "id", strbuf_str(&id));
	json_put_str(&w, "task", ask->task);
	json_put_str(&w, "mode", ask_mode_name[ask->mode]);
	json_open_array(&w, "options");
	for (int k = 0; k < ask->n_options; k++)
		json_put_str(&w, NULL, ask->option[k]);
	json_close_array(&w);
	json_open_array(&w, "messages");
	for (int k = 0; k < ask->n_messages; k++)
		put_message(&w, &ask->message[k]);
	json_close_array(&w);
	ask_put_sampling(&w, "sampling", &ask->sampling);
	if (settings)
		json_put_value(&w, "settings", settings);
	json_close_object(&w);
	strbuf_addc(out, '\n');
	if (!err->code && (out->oom || id.oom))
		err_set(err, ERR_NOMEM, "%s: no memory", ask->id);
	strbuf_free(&id);
	json_free(settings);
	return err->code;
}

/* Nothing is written of a turn that there is nothing to ask about. */
static int write_turn(const struct asked_request *rq, int v, int t, FILE *f, const char *path,
		      struct err *err)
{
	const struct corpus *c = rq->bank->corpus;
	const struct utterance *u = &c->utt[rq->views->index[v][t]];
	struct strbuf line = { 0 };
	struct arena mem = { 0 };
	struct err e = { 0 };
	struct ask ask;

	if (!rq->model->ask(rq->state, &rq->views->view[v], t, &ask, &mem, &e)) {
		if (!add_line(&ask, split_name[c->dia[u->dialogue].split], &line, err))
			io_write_exact(f, line.s, line.len, path, err);
	} else if (e.code != ERR_DATA) {
		*err = e;
	}
	strbuf_free(&line);
	arena_free(&mem);
	return err->code;
}

int prompt_file_write(const struct asked_request *rq, struct err *err)
{
	char *path = path_join(rq->dir, PROMPT_FILE);
	struct err late = { 0 };
	FILE *f = NULL;
	int fd = -1;

	if (!path)
		return err_set(err, ERR_NOMEM, "%s: no memory", rq->dir);
	/* a file of that name may have been made readable for others */
	if (!unlink(path) || errno == ENOENT)
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "wb");
	if (!f)
		err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
	for (int v = 0; v < rq->views->n; v++)
		for (int t = 0; t < rq->views->view[v].n && !err->code; t++)
			if (rq->views->view[v].target[t])
				write_turn(rq, v, t, f, path, err);
	if (f && io_close(f, path, &late) && !err->code)
		*err = late;
	else if (!f && fd >= 0)
		close(fd);
	free(path);
	return err->code;
}
