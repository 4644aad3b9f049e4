/* SPDX-License-Identifier: Apache-2.0
 * What tells one decoder from another.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"
#include "models/backbone/decoder_parts.h"

static void add(struct strbuf *b, const void *data, size_t bytes)
{
	char hash[HASH_HEX] = "none";

	if (data)
		hash_hex(data, bytes, hash);
	strbuf_addf(b, "%s\n", hash);
}

static void add_matrix(struct strbuf *b, const struct weight *w)
{
	add(b, w->data, weight_row_bytes(w->type, w->cols) * (size_t)w->rows);
}

static void add_base(struct strbuf *b, const struct llama *l)
{
	const size_t dim = (size_t)l->cfg.dim * sizeof(float);

	add_matrix(b, &l->embed);
	add_matrix(b, &l->head);
	add(b, l->norm, dim);
	for (int k = 0; k < l->cfg.layers; k++) {
		const struct llama_layer *layer = &l->layer[k];

		add(b, layer->norm1, dim);
		add(b, layer->norm2, dim);
		for (int i = 0; i < LLAMA_LINEARS; i++) {
			add_matrix(b, &layer->lin[i]);
			add(b, layer->bias[i], (size_t)layer->lin[i].rows * sizeof(float));
		}
	}
}

int decoder_hash(const struct decoder *d, char out[HASH_HEX], struct err *err)
{
	const int half = d->cfg.head_dim / 2;
	struct strbuf b = { 0 };

	strbuf_addf(&b, "%s\n", d->config);
	add(&b, d->freq, (size_t)half * sizeof(*d->freq));
	add(&b, d->ps.data, d->ps.size * sizeof(float));
	if (d->cfg.base && !d->cfg.thaw)
		add_base(&b, d->cfg.base);
	if (b.oom)
		err_set(err, ERR_NOMEM, "decoder: no memory");
	else
		hash_hex(b.s, b.len, out);
	strbuf_free(&b);
	return err->code;
}
