/* SPDX-License-Identifier: Apache-2.0
 * What the readers of the three containers share: which one a path is, the bounds of a
 * configuration, and the walk that gives every tensor its place.
 */
#include "models/backbone/llama.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/str.h"
#include "models/backbone/llama_parts.h"

const char *const llama_linear_name[LLAMA_LINEARS] = {
	[LLAMA_Q] = "q_proj",	    [LLAMA_K] = "k_proj",	[LLAMA_V] = "v_proj",
	[LLAMA_O] = "o_proj",	    [LLAMA_GATE] = "gate_proj", [LLAMA_UP] = "up_proj",
	[LLAMA_DOWN] = "down_proj",
};

/* Generous bounds: ten times the largest published model.  They keep every product of two
 * in an int where the decoder needs one, and refuse nonsense before memory is asked for. */
static int check_int(const char *path, const char *name, int v, int min, int max, struct err *err)
{
	if (v < min || v > max)
		return err_set(err, ERR_FORMAT, "%s: %s is %d, not %d to %d", path, name, v, min,
			       max);
	return 0;
}

int llama_check_config(const struct llama_config *c, const char *path, struct err *err)
{
	const struct rope_scaling *r = &c->rope;

	if (check_int(path, "the vocabulary", c->vocab, 1, 1 << 24, err) ||
	    check_int(path, "the width", c->dim, 1, 1 << 18, err) ||
	    check_int(path, "the number of layers", c->layers, 1, 4096, err) ||
	    check_int(path, "the number of heads", c->heads, 1, 4096, err) ||
	    check_int(path, "the number of key-value heads", c->kv_heads, 1, c->heads, err) ||
	    check_int(path, "the width of a head", c->head_dim, 2, 4096, err) ||
	    check_int(path, "the width of the feed-forward", c->ff, 1, 1 << 20, err) ||
	    check_int(path, "the context", c->context, 1, 1 << 28, err))
		return err->code;
	if (c->head_dim % 2 || c->heads % c->kv_heads)
		return err_set(err, ERR_FORMAT,
			       "%s: %d heads of width %d cannot share %d key-value heads", path,
			       c->heads, c->head_dim, c->kv_heads);
	if (!(c->norm_eps > 0) || !(c->norm_eps < 1))
		return err_set(err, ERR_FORMAT, "%s: the epsilon of the norms is %g", path,
			       c->norm_eps);
	if (!(c->rope_theta > 1) || !(c->rope_theta < 1e12))
		return err_set(err, ERR_FORMAT, "%s: rope_theta is %g", path, c->rope_theta);
	if (r->factor != 0 &&
	    (!(r->factor >= 1) || !(r->factor < 1e6) || !(r->low_freq_factor > 0) ||
	     !(r->high_freq_factor < 1e6) || !(r->low_freq_factor < r->high_freq_factor) ||
	     r->original_context < 1))
		return err_set(err, ERR_FORMAT,
			       "%s: rope_scaling llama3 with factor %g, %g to %g, context %d", path,
			       r->factor, r->low_freq_factor, r->high_freq_factor,
			       r->original_context);
	if (c->bos < -1 || c->bos >= c->vocab || c->eos < -1 || c->eos >= c->vocab)
		return err_set(err, ERR_FORMAT,
			       "%s: begin token %d or end token %d is not in the vocabulary of %d",
			       path, c->bos, c->eos, c->vocab);
	for (int i = 0; i < c->n_more_eos; i++)
		if (c->more_eos[i] < 0 || c->more_eos[i] >= c->vocab)
			return err_set(err, ERR_FORMAT,
				       "%s: end token %d is not in the vocabulary of %d", path,
				       c->more_eos[i], c->vocab);
	return 0;
}

int llama_table(struct llama *l, const char *path, int n, struct err *err)
{
	l->files->tensor = arena_array(&l->files->mem, (size_t)n, sizeof(*l->files->tensor));
	l->files->cap_tensor = n;
	return l->files->tensor ? 0 : err_set(err, ERR_NOMEM, "%s: no memory", path);
}

int llama_add(struct llama *l, const struct llama_tensor *t, struct err *err)
{
	struct llama_files *f = l->files;
	int *slot = map_slot(&f->by_name, t->name);

	if (!slot || f->n_tensor >= f->cap_tensor)
		return err_set(err, ERR_NOMEM, "%s: no memory", t->path);
	if (*slot >= 0)
		return err_set(err, ERR_FORMAT, "%s: tensor '%s' is in %s too", t->path, t->name,
			       f->tensor[*slot].path);
	*slot = f->n_tensor;
	f->tensor[f->n_tensor++] = *t;
	return 0;
}

const struct llama_tensor *llama_find(const struct llama *l, const char *name)
{
	int i = map_get(&l->files->by_name, name);

	return i >= 0 ? &l->files->tensor[i] : NULL;
}

/* --- filling --------------------------------------------------------------------------------- */

struct filler {
	struct llama *l;
	const char *path;
	const struct llama_names *names;
	struct err *err;
};

static void shape_text(char *out, size_t size, int n_dim, const int64_t *dim)
{
	struct strbuf b = { 0 };

	for (int i = 0; i < n_dim; i++)
		strbuf_addf(&b, "%s%lld", i ? ", " : "", (long long)dim[i]);
	if (!str_copy(out, size, strbuf_str(&b)))
		out[0] = '\0';
	strbuf_free(&b);
}

/* The tensor of this name and exact shape (cols 0: a vector); NULL with err set. */
static const struct llama_tensor *need(struct filler *f, const char *name, int rows, int cols)
{
	const int64_t dim[] = { rows, cols };
	int i = map_get(&f->l->files->by_name, name), n_dim = cols ? 2 : 1;
	struct llama_tensor *t = i >= 0 ? &f->l->files->tensor[i] : NULL;
	char have[100], want[100];

	if (!t) {
		err_set(f->err, ERR_FORMAT, "%s: tensor '%s' is missing", f->path, name);
		return NULL;
	}
	if (t->n_dim != n_dim || t->dim[0] != rows || (cols && t->dim[1] != cols)) {
		shape_text(have, sizeof(have), t->n_dim, t->dim);
		shape_text(want, sizeof(want), n_dim, dim);
		err_set(f->err, ERR_FORMAT,
			"%s: tensor '%s' is (%s); the configuration asks for (%s)", t->path, name,
			have, want);
		return NULL;
	}
	if (t->bytes != weight_row_bytes(t->type, cols ? cols : rows) * (size_t)(cols ? rows : 1)) {
		err_set(f->err, ERR_FORMAT, "%s: tensor '%s' does not have the bytes of its shape",
			t->path, name);
		return NULL;
	}
	t->used = true;
	return t;
}

static int matrix(struct filler *f, struct weight *w, const char *name, int rows, int cols)
{
	const struct llama_tensor *t = need(f, name, rows, cols);

	if (t)
		*w = (struct weight){ t->type, rows, cols, t->data };
	return f->err->code;
}

/* A vector as floats: where it lies, or decoded.  All must be finite. */
static const float *vector(struct filler *f, const char *name, int n)
{
	const struct llama_tensor *t = need(f, name, n, 0);
	const float *v;

	if (!t)
		return NULL;
	if (t->type == WEIGHT_F32) {
		v = (const float *)(const void *)t->data;
	} else {
		float *copy = arena_array(&f->l->files->mem, (size_t)n, sizeof(*copy));

		if (!copy) {
			err_set(f->err, ERR_NOMEM, "%s: no memory", f->path);
			return NULL;
		}
		weight_decode(t->type, t->data, copy, (size_t)n);
		v = copy;
	}
	for (int i = 0; i < n; i++)
		if (!isfinite(v[i])) {
			err_set(f->err, ERR_DATA, "%s: tensor '%s': value %d is not finite",
				t->path, name, i);
			return NULL;
		}
	return v;
}

/* Name of a part of a layer; false when it does not fit (it always does). */
static const char *layer_name(struct filler *f, char *out, size_t size, int layer, const char *part,
			      const char *end)
{
	if (!str_format(out, size, "%s%d.%s%s", f->names->layer, layer, part, end))
		err_set(f->err, ERR_INTERNAL, "%s: name of a tensor too long", f->path);
	return out;
}

static int fill_layer(struct filler *f, int i, const bool *bias)
{
	const struct llama_config *c = &f->l->cfg;
	struct llama_layer *y = &f->l->layer[i];
	const int q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
	const int shape[LLAMA_LINEARS][2] = {
		[LLAMA_Q] = { q, c->dim },	  [LLAMA_K] = { kv, c->dim },
		[LLAMA_V] = { kv, c->dim },	  [LLAMA_O] = { c->dim, q },
		[LLAMA_GATE] = { c->ff, c->dim }, [LLAMA_UP] = { c->ff, c->dim },
		[LLAMA_DOWN] = { c->dim, c->ff },
	};
	char name[160];

	for (int k = 0; k < LLAMA_LINEARS; k++) {
		layer_name(f, name, sizeof(name), i, f->names->lin[k], ".weight");
		if (f->err->code || matrix(f, &y->lin[k], name, shape[k][0], shape[k][1]))
			return f->err->code;
		if (!bias[k])
			continue;
		layer_name(f, name, sizeof(name), i, f->names->lin[k], ".bias");
		y->bias[k] = vector(f, name, shape[k][0]);
		if (!y->bias[k])
			return f->err->code;
	}
	y->norm1 =
		vector(f, layer_name(f, name, sizeof(name), i, f->names->norm1, ".weight"), c->dim);
	if (!y->norm1)
		return f->err->code;
	y->norm2 =
		vector(f, layer_name(f, name, sizeof(name), i, f->names->norm2, ".weight"), c->dim);
	return f->err->code;
}

static int fill_ends(struct filler *f)
{
	const struct llama_config *c = &f->l->cfg;
	char name[160];

	if (!str_format(name, sizeof(name), "%s.weight", f->names->embed) ||
	    matrix(f, &f->l->embed, name, c->vocab, c->dim) ||
	    !str_format(name, sizeof(name), "%s.weight", f->names->norm) ||
	    !(f->l->norm = vector(f, name, c->dim)))
		return f->err->code;
	f->l->head = f->l->embed;
	if (!c->tied && (!str_format(name, sizeof(name), "%s.weight", f->names->head) ||
			 matrix(f, &f->l->head, name, c->vocab, c->dim)))
		return f->err->code;
	if (!f->names->rope_divisor || !llama_find(f->l, f->names->rope_divisor))
		return 0;
	f->l->rope_divisor = vector(f, f->names->rope_divisor, c->head_dim / 2);
	for (int i = 0; f->l->rope_divisor && i < c->head_dim / 2; i++)
		if (!(f->l->rope_divisor[i] > 0))
			return err_set(f->err, ERR_DATA,
				       "%s: tensor '%s': value %d is not positive", f->path,
				       f->names->rope_divisor, i);
	return f->err->code;
}

/* A tensor that no part asked for changes what the model computes, in a way that is not known
 * here: an error, but for those that are known to carry nothing. */
static int check_unused(struct filler *f)
{
	const struct llama_files *s = f->l->files;

	for (int i = 0; i < s->n_tensor; i++) {
		const struct llama_tensor *t = &s->tensor[i];
		bool ok = t->used;

		for (const char *const *end = f->names->ignored; *end && !ok; end++)
			ok = str_ends(t->name, *end);
		if (!ok)
			return err_set(f->err, ERR_FORMAT,
				       "%s: tensor '%.200s' has no place in this architecture; "
				       "without it the model would compute something else",
				       t->path, t->name);
	}
	return 0;
}

static int by_count(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return x[1] != y[1] ? y[1] - x[1] : x[0] - y[0];
}

/* "q4_0 (155), f32 (65)", and the sums. */
static int describe(struct filler *f)
{
	const struct llama_files *s = f->l->files;
	int count[WEIGHT_TYPES][2];
	struct strbuf b = { 0 };
	size_t copied = 0;

	for (int i = 0; i < WEIGHT_TYPES; i++)
		count[i][0] = i, count[i][1] = 0;
	for (int i = 0; i < s->n_tensor; i++) {
		const struct llama_tensor *t = &s->tensor[i];

		if (!t->used)
			continue;
		count[t->type][1]++;
		f->l->bytes += (int64_t)t->bytes;
		f->l->parameters += t->dim[0] * (t->n_dim > 1 ? t->dim[1] : 1);
	}
	qsort(count, WEIGHT_TYPES, sizeof(count[0]), by_count);
	for (int i = 0; i < WEIGHT_TYPES && count[i][1]; i++)
		strbuf_addf(&b, "%s%s (%d)", i ? ", " : "",
			    weight_type_name((enum weight_type)count[i][0]), count[i][1]);
	for (int i = 0; i < s->n_shard; i++)
		copied += safetensors_copied(s->shard[i]);
	if (copied)
		strbuf_addf(&b, ", %zu bytes copied: not aligned in the file", copied);
	f->l->types = b.oom ? NULL : arena_strdup(&f->l->files->mem, strbuf_str(&b));
	strbuf_free(&b);
	return f->l->types ? 0 : err_set(f->err, ERR_NOMEM, "%s: no memory", f->path);
}

int llama_fill(struct llama *l, const char *path, const struct llama_names *names, const bool *bias,
	       struct err *err)
{
	struct filler f = { l, path, names, err };

	if (llama_check_config(&l->cfg, path, err))
		return err->code;
	l->layer = arena_array(&l->files->mem, (size_t)l->cfg.layers, sizeof(*l->layer));
	if (!l->layer)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	fill_ends(&f);
	for (int i = 0; i < l->cfg.layers && !err->code; i++)
		fill_layer(&f, i, bias);
	if (err->code || check_unused(&f))
		return err->code;
	return describe(&f);
}

/* --- opening --------------------------------------------------------------------------------- */

/* The folder of a file; malloc'ed. */
static char *folder_of(const char *path)
{
	size_t n = (size_t)(path_base(path) - path);
	struct strbuf b = { 0 };

	strbuf_addn(&b, n ? path : ".", n ? n : 1);
	return b.oom ? NULL : b.s;
}

/* GGUF files come under all sorts of names; the others cannot be told by their content. */
static bool begins_as_gguf(const char *path)
{
	FILE *f = fopen(path, "rb");
	char magic[4] = { 0 };
	bool yes = f && fread(magic, sizeof(magic), 1, f) == 1 && !memcmp(magic, "GGUF", 4);

	if (f)
		fclose(f);
	return yes;
}

static int open_any(struct llama *l, const char *path, struct err *err)
{
	char *folder;

	if (io_is_dir(path))
		return llama_open_hf(l, path, NULL, err);
	if (str_ends(path, ".gguf") || (io_is_file(path) && begins_as_gguf(path)))
		return llama_open_gguf(l, path, err);
	if (!str_ends(path, ".safetensors"))
		return llama_open_bin(l, path, err);
	folder = folder_of(path);
	if (!folder)
		return err_set(err, ERR_NOMEM, "%s: no memory", path);
	llama_open_hf(l, folder, path_base(path), err);
	free(folder);
	return err->code;
}

struct llama *llama_open(const char *path, struct err *err)
{
	struct llama *l = mem_calloc(1, sizeof(*l));

	if (l)
		l->files = mem_calloc(1, sizeof(*l->files));
	if (!l || !l->files)
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	else if (!open_any(l, path, err))
		return l;
	llama_close(l);
	return NULL;
}

void llama_close(struct llama *l)
{
	struct llama_files *f = l ? l->files : NULL;

	if (f) {
		mapped_close(&f->bin);
		gguf_close(f->gguf);
		for (int i = 0; i < f->n_shard; i++)
			safetensors_close(f->shard[i]);
		free(f->shard);
		map_free(&f->by_name);
		arena_free(&f->mem);
	}
	free(f);
	free(l);
}

/* LLaMA-3 (Meta's reference code): long waves are stretched by the factor, short ones stay,
 * between the two bounds the change is linear in the number of turns over the old context. */
void llama_frequencies(const struct llama *l, double *freq)
{
	const struct rope_scaling *r = &l->cfg.rope;
	const double two_pi = 6.283185307179586;

	for (int i = 0; i < l->cfg.head_dim / 2; i++) {
		double f = pow(l->cfg.rope_theta, -2.0 * i / l->cfg.head_dim);
		double turns = r->original_context * f / two_pi, keep;

		if (r->factor > 0) {
			keep = (turns - r->low_freq_factor) /
			       (r->high_freq_factor - r->low_freq_factor);
			keep = fmin(fmax(keep, 0), 1);
			f = keep * f + (1 - keep) * f / r->factor;
		}
		freq[i] = l->rope_divisor ? f / (double)l->rope_divisor[i] : f;
	}
}
