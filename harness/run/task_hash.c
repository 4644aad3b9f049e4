/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/task_hash.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/json.h"
#include "harness/core/ask.h"

bool sample_hashes(const struct corpus *c, const struct predictions *p, int i,
		   struct sample_hashes *out)
{
	const struct utterance *u = &c->utt[p->utt[i]];
	const struct dialogue *d = &c->dia[u->dialogue];
	const char *target = p->gold[i] < 0 ? "" : c->labels->word[p->gold[i]];
	struct strbuf b = { 0 };
	struct json_writer w;
	bool done;

	json_begin(&w, &b, 0);
	json_open_array(&w, NULL);
	json_put_str(&w, NULL, c->name);
	json_put_str(&w, NULL, split_name[d->split]);
	json_put_str(&w, NULL, u->id);
	json_put_str(&w, NULL, d->id);
	json_put_int(&w, NULL, p->utt[i] - d->first);
	json_put_str(&w, NULL, c->speaker[u->speaker].name);
	json_put_str(&w, NULL, u->text);
	json_close_array(&w);
	done = !b.oom;
	sha256_hex(strbuf_str(&b), b.len, out->sample);
	sha256_hex(target, strlen(target), out->target);
	strbuf_free(&b);
	return done;
}

struct named {
	const char *id;
	int i;
};

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->id, ((const struct named *)b)->id);
}

static const char *or_none(const char *hash)
{
	return *hash ? hash : "-";
}

bool task_hash(const struct corpus *c, const struct predictions *p, char out[SHA256_HEX])
{
	struct strbuf all = { 0 };
	struct named *order;
	bool done = true;

	if (!NEW_ARRAY(order, (size_t)p->n))
		return false;
	for (int i = 0; i < p->n; i++)
		order[i] = (struct named){ c->utt[p->utt[i]].id, i };
	qsort(order, (size_t)p->n, sizeof(*order), by_id);
	for (int k = 0; k < p->n && done; k++) {
		const struct reply *r = &p->reply[order[k].i];
		struct sample_hashes h;

		done = sample_hashes(c, p, order[k].i, &h);
		strbuf_addf(&all, "%s %s %s %s %s\n", order[k].id, h.sample, h.target,
			    or_none(r->prompt_hash), or_none(r->reply_hash));
	}
	done = done && !all.oom;
	sha256_hex(strbuf_str(&all), all.len, out);
	strbuf_free(&all);
	free(order);
	return done;
}
