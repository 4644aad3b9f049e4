/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/dry_run.h"

#include <stdio.h>

#include "harness/remote/key.h"

static const char *const part_name[ASK_PART_TYPES] = { "text", "picture", "sound", "video" };

static void show_message(struct dry_run *d, const struct ask_message *m)
{
	printf("[%s]\n", m->role);
	for (int k = 0; k < m->n_parts; k++) {
		const struct ask_part *p = &m->part[k];

		if (p->type == ASK_TEXT) {
			d->text_bytes += p->size;
			printf("%s\n", p->data);
		} else {
			d->media++;
			d->media_bytes += p->size;
			printf("<%s, %zu bytes>\n", part_name[p->type], p->size);
		}
	}
}

int dry_run_show(void *ctx, const struct ask *ask, const char *why, struct err *err)
{
	struct dry_run *d = ctx;
	struct strbuf unused = { 0 };
	char hash[ASK_SHA_HEX], media[ASK_SHA_HEX];

	d->asks++;
	if (why) {
		d->no_clip++;
		printf("== %s: would end as decode_fail: %s\n\n", ask->id, why);
		return 0;
	}
	if (ask_prompt_hash(ask, hash, media, err) ||
	    (d->carrier && d->carrier->request(d->carrier->ctx, ask, &unused, err))) {
		strbuf_free(&unused);
		return err->code;
	}
	strbuf_free(&unused);
	printf("== %s  %s  prompt %s\n", ask->id, ask_mode_name[ask->mode], hash);
	for (int i = 0; i < ask->n_messages; i++)
		show_message(d, &ask->message[i]);
	for (int i = 0; i < ask->n_options; i++)
		printf("%s%s%s", i ? ", " : "options: ", ask->option[i],
		       i + 1 < ask->n_options ? "" : "\n");
	putchar('\n');
	if (d->carrier)
		d->carrier->estimate(d->carrier->ctx, ask, &d->estimate);
	return 0;
}

void dry_run_sum(const struct dry_run *d, const struct log *log)
{
	const struct ask_estimate *e = &d->estimate;

	log_info(log,
		 "%lld asks with %llu bytes of text and %lld media of %llu bytes; %lld without a "
		 "clip that can be read; nothing was sent",
		 (long long)d->asks, (unsigned long long)d->text_bytes, (long long)d->media,
		 (unsigned long long)d->media_bytes, (long long)d->no_clip);
	if (d->carrier)
		log_info(log,
			 "estimate for %s: %lld requests, %lld tokens in prompts, at most %lld in "
			 "replies, cost at most %g",
			 d->carrier->name, (long long)e->requests, (long long)e->prompt_tokens,
			 (long long)e->completion_tokens, e->cost);
}
