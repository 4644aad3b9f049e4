/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/remote/exec_ask.h"

#include "harness/base/base64.h"
#include "harness/base/json.h"
#include "harness/base/sha256.h"
#include "harness/remote/ask_file.h"

static void put_part(struct json_writer *w, const struct ask_part *p, bool shown)
{
	char hash[SHA256_HEX];

	json_open_object(w, NULL);
	json_put_str(w, "type", ask_part_name[p->type]);
	if (p->type == ASK_TEXT) {
		json_put_str(w, "text", p->data);
	} else if (shown) {
		sha256_hex(p->data, p->size, hash);
		json_put_str(w, "sha256", hash);
		json_put_int(w, "bytes", (int64_t)p->size);
	} else {
		json_put_str(w, "base64", "");
		w->out->len -= w->out->oom ? 0 : 1; /* its closing quote comes after the digits */
		base64_add(w->out, p->data, p->size);
		strbuf_addc(w->out, '"');
	}
	json_close_object(w);
}

static int put_messages(struct json_writer *w, const struct ask *ask, bool shown, struct err *err)
{
	json_open_array(w, "messages");
	for (int i = 0; i < ask->n_messages; i++) {
		const struct ask_message *m = &ask->message[i];

		json_open_object(w, NULL);
		json_put_str(w, "role", m->role);
		json_open_array(w, "content");
		for (int k = 0; k < m->n_parts; k++) {
			if (!m->part[k].data)
				return err_set(err, ERR_INTERNAL,
					       "%s: a part of the ask has no bytes", ask->id);
			put_part(w, &m->part[k], shown);
		}
		json_close_array(w);
		json_close_object(w);
	}
	json_close_array(w);
	return 0;
}

int exec_put_ask(const struct ask *ask, bool shown, struct strbuf *out, struct err *err)
{
	struct json_writer w;

	json_begin(&w, out, 0);
	json_open_object(&w, NULL);
	json_put_str(&w, "id", ask->id);
	json_put_int(&w, "index", ask->index);
	json_put_str(&w, "task", ask->task);
	json_put_str(&w, "mode", ask_mode_name[ask->mode]);
	json_open_array(&w, "options");
	for (int i = 0; i < ask->n_options; i++)
		json_put_str(&w, NULL, ask->option[i]);
	json_close_array(&w);
	if (put_messages(&w, ask, shown, err))
		return err->code;
	ask_put_sampling(&w, "sampling", &ask->sampling);
	json_close_object(&w);
	strbuf_addc(out, '\n');
	return out->oom ? err_set(err, ERR_NOMEM, "%s: no memory for the request", ask->id) : 0;
}
