/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/cli/dry_run.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/remote/key.h"

static const char *const part_word[ASK_PART_TYPES] = { "text", "picture", "sound", "video" };

static void show_message(const struct ask_message *m)
{
	printf("[%s]\n", m->role);
	for (int k = 0; k < m->n_parts; k++) {
		const struct ask_part *p = &m->part[k];

		if (p->type == ASK_TEXT)
			printf("%s\n", p->data);
		else
			printf("<%s, %zu bytes>\n", part_word[p->type], p->size);
	}
}

int dry_run_folder(struct dry_run *d, const char *dir, struct err *err)
{
	kept_close(d->kept);
	d->kept = dir ? kept_open(dir, d->carrier && d->carrier->retry_failed, err) : NULL;
	return err->code;
}

int dry_run_experiment(struct dry_run *d, const struct bank *bank, const struct recipe *recipe,
		       uint64_t seed, const struct run_options *o,
		       int (*show)(void *ctx, const struct ask *ask, const char *why,
				   struct err *err),
		       struct err *err)
{
	char *dir = o->carrier ? experiment_asks(bank, recipe, seed, o, err) : NULL;

	if (!err->code && !dry_run_folder(d, dir, err))
		experiment_show(bank, recipe, seed, o, show, d, err);
	free(dir);
	return err->code;
}

/* Counts an ask; *kept: its reply is there. */
static int count(struct dry_run *d, const struct ask *ask, const char *why, char hash[ASK_SHA_HEX],
		 bool *kept, struct err *err)
{
	struct strbuf unused = { 0 };
	char media[ASK_SHA_HEX];

	*kept = false;
	d->asks++;
	d->no_clip += why != NULL;
	if (why || ask_prompt_hash(ask, hash, media, err))
		return err->code;
	*kept = kept_has(d->kept, ask, hash);
	d->n_kept += *kept;
	if (d->carrier && !d->carrier->request(d->carrier->ctx, ask, &unused, err) && !*kept)
		d->carrier->estimate(d->carrier->ctx, ask, &d->estimate);
	strbuf_free(&unused);
	for (int i = 0; i < ask->n_messages; i++)
		for (int k = 0; k < ask->message[i].n_parts; k++) {
			const struct ask_part *p = &ask->message[i].part[k];

			*(p->type == ASK_TEXT ? &d->text_bytes : &d->media_bytes) += p->size;
			d->media += p->type != ASK_TEXT;
		}
	return err->code;
}

int dry_run_count(void *ctx, const struct ask *ask, const char *why, struct err *err)
{
	char hash[ASK_SHA_HEX];
	bool kept;

	return count(ctx, ask, why, hash, &kept, err);
}

int dry_run_show(void *ctx, const struct ask *ask, const char *why, struct err *err)
{
	char hash[ASK_SHA_HEX];
	bool kept;

	if (count(ctx, ask, why, hash, &kept, err))
		return err->code;
	if (why) {
		printf("== %s: would end as decode_fail: %s\n\n", ask->id, why);
		return 0;
	}
	printf("== %s  %s  prompt %s%s\n", ask->id, ask_mode_name[ask->mode], hash,
	       kept ? "  its reply is there" : "");
	for (int i = 0; i < ask->n_messages; i++)
		show_message(&ask->message[i]);
	for (int i = 0; i < ask->n_options; i++)
		printf("%s%s%s", i ? ", " : "options: ", ask->option[i],
		       i + 1 < ask->n_options ? "" : "\n");
	putchar('\n');
	return 0;
}

void dry_run_cost(const struct carrier *c, double cost, struct strbuf *out)
{
	if (c->priced)
		strbuf_addf(out, "cost at most %g", cost);
	else
		strbuf_addf(out, "cost unknown: no price is known for %s", c->name);
}

void dry_run_sum(const struct dry_run *d, const struct log *log)
{
	const struct ask_estimate *e = &d->estimate;
	struct strbuf cost = { 0 };

	log_info(log,
		 "%lld asks with %llu bytes of text and %lld media of %llu bytes; %lld without a "
		 "clip that can be read%s; nothing was sent",
		 (long long)d->asks, (unsigned long long)d->text_bytes, (long long)d->media,
		 (unsigned long long)d->media_bytes, (long long)d->no_clip,
		 d->no_clip ? " (--only-clips leaves out what has none)" : "");
	if (d->n_kept)
		log_info(log, "%lld of them have their reply already", (long long)d->n_kept);
	if (!d->carrier)
		return;
	dry_run_cost(d->carrier, e->cost, &cost);
	log_info(log,
		 "estimate for %s: %lld requests, %lld tokens in prompts, at most %lld in replies, "
		 "%s",
		 d->carrier->name, (long long)e->requests, (long long)e->prompt_tokens,
		 (long long)e->completion_tokens, strbuf_str(&cost));
	strbuf_free(&cost);
}
