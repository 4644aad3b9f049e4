/* SPDX-License-Identifier: Apache-2.0
 * Turns as tokens of a byte-pair table that is learned from the train split.
 */
#include "models/nano.h"

#include <stdlib.h>
#include <string.h>

static const char ask_label[] = " emotion:";
static const char ask_behaviour[] = " behaviour:";

/* The text as the decoder reads it: a blank in front, in lower case if so asked,
 * the typographic apostrophe as the plain one. */
static void add_text(const struct nano *n, const char *s, struct strbuf *out)
{
	const bool lower = opt_bool(n->env->opts, "lower");

	strbuf_addc(out, ' ');
	for (; *s; s++) {
		if (!strncmp(s, "\xe2\x80\x99", 3)) {
			strbuf_addc(out, '\'');
			s += 2;
		} else {
			strbuf_addc(out,
				    lower && *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s);
		}
	}
}

static void add_sentence(const char *s, struct strbuf *out)
{
	strbuf_addc(out, ' ');
	strbuf_add(out, s);
}

/* --- learning the table --- */

struct texts {
	struct bpe_text *text;
	size_t n, cap;
	struct arena mem;
	struct strbuf line;
	bool oom;
};

/* Takes over the content of x->line. */
static void keep_line(struct texts *x, int64_t weight, enum bpe_split split)
{
	char *s = arena_strndup(&x->mem, strbuf_str(&x->line), x->line.len);

	if (x->line.oom || !s || !GROW_ARRAY(x->text, x->cap, x->n + 1)) {
		x->oom = true;
		return;
	}
	x->text[x->n++] = (struct bpe_text){ s, weight, split };
	strbuf_reset(&x->line);
}

static void keep_turn(const struct nano *n, struct texts *x, const struct turn *u)
{
	if (u->text) {
		add_text(n, u->text, &x->line);
		keep_line(x, 1, BPE_WORDS);
	}
	if (u->speech && n->recipe->speech) {
		add_sentence(u->speech, &x->line);
		keep_line(x, 1, BPE_CLAUSES);
	}
	for (int p = 0; p < PART_COUNT && n->recipe->behaviour; p++)
		if (u->behaviour[p]) {
			add_sentence(u->behaviour[p], &x->line);
			keep_line(x, 1, BPE_CLAUSES);
		}
}

int nano_text_learn(struct nano *n, const struct samples *train, struct err *err)
{
	const struct label_set *labels = n->env->labels;
	struct texts x = { .n = 0 };

	/* what every answer is made of comes first, so that it is short */
	for (int j = 0; j < labels->n; j++) {
		strbuf_addf(&x.line, "%s %s", ask_label, labels->word[j]);
		keep_line(&x, 1 << 20, BPE_WORDS);
	}
	if (n->recipe->aligns) {
		strbuf_add(&x.line, ask_behaviour);
		keep_line(&x, 1 << 20, BPE_WORDS);
	}
	for (int i = 0; i < train->n; i++)
		for (int t = 0; t < train->view[i].n; t++)
			keep_turn(n, &x, &train->view[i].turn[t]);
	if (x.oom)
		err_set(err, ERR_NOMEM, "%s: gathering texts: no memory", n->recipe->name);
	else
		bpe_learn(&n->text.bpe, x.text, (int)x.n, (int)opt_int(n->env->opts, "vocab"), err);
	free(x.text);
	arena_free(&x.mem);
	strbuf_free(&x.line);
	return err->code;
}

/* " text" in the words of the table. */
static int encode(const struct nano *n, const char *s, struct bpe_ids *out, struct err *err)
{
	return bpe_encode(&n->text.bpe, s, strlen(s), BPE_WORDS, out, err);
}

int nano_text_words(struct nano *n, struct err *err)
{
	const struct label_set *labels = n->env->labels;
	struct nano_text *x = &n->text;

	x->vocab = x->bpe.n + NANO_SPECIALS;
	x->end = x->turn_end = x->bpe.n + NANO_END;
	x->single = true;
	if (encode(n, ask_label, &x->ask[NANO_LABEL], err) ||
	    encode(n, ask_behaviour, &x->ask[NANO_BEHAVIOUR], err))
		return err->code;
	for (int j = 0; j < labels->n; j++) {
		char word[64];

		if (!str_format(word, sizeof(word), " %s", labels->word[j]))
			return err_set(err, ERR_ARG, "label word %s is too long", labels->word[j]);
		if (encode(n, word, &x->word[j], err))
			return err->code;
		x->single = x->single && x->word[j].n == 1;
	}
	return 0;
}

/* --- turns --- */

/* One sentence of the cues. */
static int add_cue(const struct nano *n, const char *s, struct bpe_ids *ids, struct strbuf *line,
		   struct err *err)
{
	strbuf_reset(line);
	add_sentence(s, line);
	return bpe_encode(&n->text.bpe, strbuf_str(line), line->len, BPE_CLAUSES, ids, err);
}

int nano_text_turn(const struct nano *n, const struct turn *u, struct bpe_ids *ids,
		   struct strbuf *line, struct arena *mem, struct nano_turn *out, struct err *err)
{
	int *id;

	if (n->text.tokenizer)
		return nano_published_turn(n, u, ids, line, mem, out, err);
	ids->n = 0;
	strbuf_reset(line);
	if (!GROW_ARRAY(ids->id, ids->cap, 1))
		return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	ids->id[ids->n++] = n->text.bpe.n + NANO_SPEAKER + u->speaker % 8;
	if (u->text)
		add_text(n, u->text, line);
	bpe_encode(&n->text.bpe, strbuf_str(line), line->len, BPE_WORDS, ids, err);
	out->n_text = (int)ids->n;
	if (u->speech && n->recipe->speech)
		add_cue(n, u->speech, ids, line, err);
	out->n_speech = (int)ids->n - out->n_text;
	for (int p = 0; p < PART_COUNT && n->recipe->behaviour; p++)
		if (u->behaviour[p])
			add_cue(n, u->behaviour[p], ids, line, err);
	out->n_behaviour = (int)ids->n - out->n_text - out->n_speech;
	id = arena_array(mem, ids->n, sizeof(*id));
	if (!id || line->oom)
		return err_set(err, ERR_NOMEM, "%s: no memory", u->id);
	memcpy(id, ids->id, ids->n * sizeof(*id));
	out->id = id;
	for (int k = 0; k < NANO_TASKS; k++) {
		out->ask[k] = n->text.ask[k].id;
		out->n_ask[k] = (int)n->text.ask[k].n;
	}
	return err->code;
}

int nano_text_write(const struct nano *n, const int *id, size_t count, struct strbuf *out,
		    struct err *err)
{
	if (n->text.tokenizer)
		return tokenizer_decode(n->text.tokenizer, id, count, TOKENIZER_SPECIAL, out, err);
	for (size_t i = 0; i < count && !err->code; i++) {
		const int special = id[i] - n->text.bpe.n;

		if (special < 0)
			bpe_decode(&n->text.bpe, &id[i], 1, out, err);
		else if (special == NANO_END)
			strbuf_add(out, " <end>\n");
		else
			strbuf_addf(out, "<speaker %d>", special - NANO_SPEAKER);
	}
	return err->code;
}

bool nano_text_ends(const struct nano *n, int id)
{
	return id == n->text.end || (!n->text.tokenizer && id >= n->text.bpe.n);
}

void nano_text_free(struct nano_text *x)
{
	bpe_free(&x->bpe);
	tokenizer_free(x->tokenizer);
	bpe_ids_free(&x->after);
	for (int k = 0; k < NANO_TASKS; k++) {
		bpe_ids_free(&x->head[k]);
		bpe_ids_free(&x->open[k]);
		bpe_ids_free(&x->ask[k]);
	}
	for (int j = 0; j < LABEL_MAX; j++)
		bpe_ids_free(&x->word[j]);
	*x = (struct nano_text){ 0 };
}
