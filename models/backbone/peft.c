/* SPDX-License-Identifier: Apache-2.0
 * PEFT's two files.
 */
#include "models/backbone/peft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/json.h"
#include "harness/base/mem.h"
#include "harness/base/str.h"
#include "models/backbone/decoder_parts.h"
#include "models/backbone/safetensors.h"

#define CONFIG_FILE "adapter_config.json"
#define TENSOR_FILE "adapter_model.safetensors"
#define CONFIG_MAX  ((size_t)1 << 20)
#define PLACE_NAME  160

/* "self_attn" or "mlp" */
static const char *group_of(enum llama_linear lin)
{
	return lin <= LLAMA_O ? "self_attn" : "mlp";
}

static int linear_named(const char *s)
{
	for (int i = 0; i < LLAMA_LINEARS; i++)
		if (!strcmp(s, llama_linear_name[i]))
			return i;
	return -1;
}

int peft_linears(const char *names, unsigned *on, struct err *err)
{
	char word[32];

	*on = 0;
	while (*names) {
		const size_t len = strcspn(names, ",+");
		int lin;

		if (len >= sizeof(word))
			return err_set(err, ERR_ARG, "'%s' names no linear", names);
		memcpy(word, names, len);
		word[len] = '\0';
		lin = linear_named(word);
		if (lin < 0 && strcmp(word, "all") != 0)
			return err_set(err, ERR_ARG,
				       "'%s' is no linear: q_proj, k_proj, v_proj, o_proj, "
				       "gate_proj, up_proj, down_proj, or all",
				       word);
		*on |= lin < 0 ? (unsigned)LORA_ALL : 1U << lin;
		names += len + (names[len] != '\0');
	}
	return 0;
}

/* --- adapter_config.json --- */

/* Keys that do not change what an adapter computes, or are looked at elsewhere. */
static const char *const known[] = { "auto_mapping",
				     "base_model_name_or_path",
				     "bias",
				     "inference_mode",
				     "init_lora_weights",
				     "lora_alpha",
				     "lora_dropout",
				     "peft_type",
				     "peft_version",
				     "r",
				     "revision",
				     "runtime_config",
				     "target_modules",
				     "task_type",
				     "use_rslora" };

/* Nothing said: null, false, an empty list or object. */
static bool is_nothing(const struct json *v)
{
	switch (json_type(v)) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return !json_bool(v, true);
	case JSON_ARRAY:
	case JSON_OBJECT:
		return json_size(v) == 0;
	case JSON_NUMBER:
	case JSON_STRING:
		break;
	}
	return false;
}

/* Settings of LoftQ and Megatron say how an adapter was started or split, and stay in files
 * where they were not used. */
static bool is_idle(const char *key)
{
	return str_starts(key, "megatron_") || !strcmp(key, "loftq_config") ||
	       !strcmp(key, "eva_config") || !strcmp(key, "qalora_group_size");
}

static int keys_check(const struct json *root, const char *path, struct err *err)
{
	for (const struct json *v = json_at(root, 0); v; v = json_next(v)) {
		const char *key = json_key(v);
		bool found = is_idle(key) || is_nothing(v);

		for (size_t i = 0; i < ARRAY_LEN(known) && !found; i++)
			found = !strcmp(key, known[i]);
		if (!found)
			return err_set(err, ERR_FORMAT,
				       "%s: %s is set, which is not supported: train or convert "
				       "the adapter without it",
				       path, key);
	}
	return 0;
}

/* One entry of target_modules: a linear, perhaps behind the name of its block. */
static int target_add(const char *s, const char *path, unsigned *on, struct err *err)
{
	const char *name = str_starts(s, "self_attn.") ? s + 10 : str_starts(s, "mlp.") ? s + 4 : s;
	const int lin = linear_named(name);

	if (!strcmp(s, "all-linear"))
		*on |= LORA_ALL;
	else if (lin < 0 || (name != s && strncmp(s, group_of((enum llama_linear)lin),
						  strlen(group_of((enum llama_linear)lin))) != 0))
		return err_set(err, ERR_FORMAT,
			       "%s: target_modules holds '%s', which is no linear of a layer "
			       "(q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj)",
			       path, s);
	else
		*on |= 1U << lin;
	return 0;
}

static int targets_read(const struct json *v, const char *path, unsigned *on, struct err *err)
{
	*on = 0;
	if (v && json_type(v) == JSON_STRING)
		return target_add(json_str(v, ""), path, on, err);
	if (!v || json_type(v) != JSON_ARRAY)
		return err_set(err, ERR_FORMAT, "%s: target_modules is no list of names", path);
	for (v = json_at(v, 0); v; v = json_next(v))
		if (target_add(json_str(v, ""), path, on, err))
			return err->code;
	return *on ? 0 : err_set(err, ERR_FORMAT, "%s: target_modules is empty", path);
}

static int choice_check(const struct json *root, const char *key, const char *want,
			const char *path, struct err *err)
{
	const char *have = json_str(json_get(root, key), want);

	if (strcmp(have, want) != 0)
		return err_set(err, ERR_FORMAT, "%s: %s is '%s', only '%s' is supported", path, key,
			       have, want);
	return 0;
}

static int config_values(const struct json *root, const char *path, struct peft_config *out,
			 struct err *err)
{
	const char *init = json_str(json_get(root, "init_lora_weights"), "gaussian");
	const char *base = json_str(json_get(root, "base_model_name_or_path"), "");
	int64_t rank = 0;

	if (choice_check(root, "peft_type", "LORA", path, err) ||
	    choice_check(root, "bias", "none", path, err) || keys_check(root, path, err))
		return err->code;
	/* others change the base, and the adapter is right only with the changed one */
	if (strcmp(init, "gaussian") != 0 && strcmp(init, "eva") != 0 &&
	    strcmp(init, "orthogonal") != 0)
		return err_set(err, ERR_FORMAT,
			       "%s: init_lora_weights is '%s', which changes the base: convert the "
			       "adapter to plain LoRA",
			       path, init);
	if (json_int(json_get(root, "r"), 1, 1024, "r", &rank, err))
		return err_wrap(err, "%s", path);
	out->rank = (int)rank;
	out->alpha = json_num(json_get(root, "lora_alpha"), NAN);
	out->dropout = json_num(json_get(root, "lora_dropout"), 0);
	out->rslora = json_bool(json_get(root, "use_rslora"), false);
	if (!isfinite(out->alpha) || !(out->dropout >= 0 && out->dropout < 1))
		return err_set(err, ERR_FORMAT,
			       "%s: lora_alpha must be a number, lora_dropout in [0, 1)", path);
	if (!str_copy(out->base, sizeof(out->base), base))
		return err_set(err, ERR_FORMAT, "%s: base_model_name_or_path is too long", path);
	return targets_read(json_get(root, "target_modules"), path, &out->on, err);
}

int peft_config_read(const char *dir, struct peft_config *out, struct err *err)
{
	char *path = path_join(dir, CONFIG_FILE);
	struct json *root = NULL;

	*out = (struct peft_config){ 0 };
	if (!path)
		return err_set(err, ERR_NOMEM, "%s", dir);
	root = json_read_file(path, CONFIG_MAX, err);
	if (root && json_type(root) != JSON_OBJECT)
		err_set(err, ERR_FORMAT, "%s: not a JSON object", path);
	if (!err->code)
		config_values(root, path, out, err);
	json_free(root);
	free(path);
	return err->code;
}

void peft_config_use(const struct peft_config *p, struct decoder_config *cfg)
{
	cfg->lora_rank = p->rank;
	cfg->lora_alpha = p->alpha;
	cfg->lora_dropout = p->dropout;
	cfg->lora_rslora = p->rslora;
	cfg->lora_on = p->on;
}

/* The members that PEFT writes, in its order. */
static void config_text(const struct decoder_config *c, const char *base, struct strbuf *out)
{
	struct json_writer w;

	json_begin(&w, out, 2);
	json_open_object(&w, NULL);
	json_put_null(&w, "auto_mapping");
	json_put_str(&w, "base_model_name_or_path", base);
	json_put_str(&w, "bias", "none");
	json_put_bool(&w, "fan_in_fan_out", false);
	json_put_bool(&w, "inference_mode", true);
	json_put_bool(&w, "init_lora_weights", true);
	json_put_null(&w, "layers_pattern");
	json_put_null(&w, "layers_to_transform");
	json_put_num(&w, "lora_alpha", c->lora_alpha);
	json_put_num(&w, "lora_dropout", c->lora_dropout);
	json_put_null(&w, "modules_to_save");
	json_put_str(&w, "peft_type", "LORA");
	json_put_int(&w, "r", c->lora_rank);
	json_put_null(&w, "revision");
	json_open_array(&w, "target_modules");
	for (int i = 0; i < LLAMA_LINEARS; i++)
		if (c->lora_on & 1U << i)
			json_put_str(&w, NULL, llama_linear_name[i]);
	json_close_array(&w);
	json_put_str(&w, "task_type", "CAUSAL_LM");
	json_put_bool(&w, "use_dora", false);
	json_put_bool(&w, "use_rslora", c->lora_rslora);
	json_close_object(&w);
	strbuf_addc(out, '\n');
}

/* --- adapter_model.safetensors --- */

/* One matrix of the adapter. */
struct place {
	struct tensor *t;
	int heads; /* rows are to be turned: of so many heads; 0: as they are */
	char name[PLACE_NAME];
};

/* All of them, sorted by name as the safetensors library writes them. */
struct places {
	struct place *at;
	size_t n, cap;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->name, ((const struct place *)b)->name);
}

static int places_add(const struct decoder *d, int l, int lin, bool b, struct places *p,
		      struct err *err)
{
	const struct decoder_config *c = &d->cfg;
	const struct part_weights *y = &d->layer[l].lin[lin];
	struct place *at;

	if (!GROW_ARRAY(p->at, p->cap, p->n + 1))
		return err_set(err, ERR_NOMEM, "adapter: names");
	at = &p->at[p->n++];
	*at = (struct place){ .t = b ? y->b : y->a };
	if (b && c->rope_pairs)
		at->heads = lin == LLAMA_Q ? c->heads : lin == LLAMA_K ? c->kv_heads : 0;
	if (!str_format(at->name, sizeof(at->name),
			"base_model.model.model.layers.%d.%s.%s.lora_%c.weight", l,
			group_of((enum llama_linear)lin), llama_linear_name[lin], b ? 'B' : 'A'))
		return err_set(err, ERR_INTERNAL, "adapter: a name is too long");
	return 0;
}

static int places_list(const struct decoder *d, struct places *p, struct err *err)
{
	if (!d->cfg.lora_rank)
		return err_set(err, ERR_ARG, "the decoder has no adapters");
	for (int l = 0; l < d->cfg.layers; l++)
		for (int i = 0; i < LLAMA_LINEARS; i++)
			if ((d->cfg.lora_on & 1U << i) && (places_add(d, l, i, false, p, err) ||
							   places_add(d, l, i, true, p, err)))
				return err->code;
	qsort(p->at, p->n, sizeof(*p->at), by_name);
	return 0;
}

/* The row of memory that holds row i of the file: there a head's first half of rows turns
 * with its second, here neighbours turn. */
static int row_of(const struct place *p, int i)
{
	const int h = p->heads ? p->t->rows / p->heads : 1, j = i % h;

	if (!p->heads)
		return i;
	return i - j + (j < h / 2 ? 2 * j : 2 * (j - h / 2) + 1);
}

static int settings_check(const struct decoder *d, const char *dir, struct err *err)
{
	const struct decoder_config *c = &d->cfg;
	struct peft_config p;

	if (peft_config_read(dir, &p, err))
		return err->code;
	if (p.rank != c->lora_rank || p.on != c->lora_on || p.rslora != c->lora_rslora ||
	    p.alpha != c->lora_alpha)
		return err_set(err, ERR_ARG,
			       "%s: rank %d, alpha %g, linears %#x, this decoder has rank %d, "
			       "alpha %g, linears %#x",
			       dir, p.rank, p.alpha, p.on, c->lora_rank, c->lora_alpha, c->lora_on);
	return 0;
}

/* One tensor of the file into to (rows, cols) in the order of memory. */
static int tensor_read(const struct place *p, const struct safetensors *file, const char *path,
		       float *to, struct err *err)
{
	const struct safetensor *s = safetensors_find(file, p->name);
	const int cols = p->t->cols;

	if (!s)
		return err_set(err, ERR_FORMAT, "%s: %s is missing", path, p->name);
	if (s->n_dim != 2 || s->dim[0] != p->t->rows || s->dim[1] != cols)
		return err_set(err, ERR_FORMAT, "%s: %s is not %d x %d", path, p->name, p->t->rows,
			       cols);
	for (int i = 0; i < p->t->rows; i++) {
		float *row = to + (size_t)row_of(p, i) * (size_t)cols;

		weight_decode(s->type, s->data + (size_t)i * weight_row_bytes(s->type, cols), row,
			      (size_t)cols);
		for (int j = 0; j < cols; j++)
			if (!isfinite(row[j]))
				return err_set(err, ERR_FORMAT, "%s: %s holds what is not finite",
					       path, p->name);
	}
	return 0;
}

static int values_read(const struct places *p, const struct safetensors *file, const char *path,
		       struct err *err)
{
	size_t size = 0, at = 0;
	float *fresh;

	if (safetensors_count(file) > (int)p->n)
		for (int i = 0; i < safetensors_count(file); i++) {
			struct place key = { .t = NULL };

			if (!str_copy(key.name, sizeof(key.name), safetensors_at(file, i)->name) ||
			    !bsearch(&key, p->at, p->n, sizeof(key), by_name))
				return err_set(err, ERR_FORMAT,
					       "%s: %s is not part of this adapter", path,
					       safetensors_at(file, i)->name);
		}
	for (size_t i = 0; i < p->n; i++)
		size += tensor_size(p->at[i].t);
	if (!NEW_ARRAY(fresh, size))
		return err_set(err, ERR_NOMEM, "%s: %zu values", path, size);
	for (size_t i = 0; i < p->n && !err->code; at += tensor_size(p->at[i++].t))
		tensor_read(&p->at[i], file, path, fresh + at, err);
	at = 0;
	for (size_t i = 0; i < p->n && !err->code; at += tensor_size(p->at[i++].t))
		memcpy(p->at[i].t->data, fresh + at, tensor_size(p->at[i].t) * sizeof(*fresh));
	free(fresh);
	return err->code;
}

int peft_read(struct decoder *d, const char *dir, struct err *err)
{
	char *path = path_join(dir, TENSOR_FILE);
	struct safetensors *file = NULL;
	struct places p = { 0 };

	if (!path)
		return err_set(err, ERR_NOMEM, "%s", dir);
	if (places_list(d, &p, err) || settings_check(d, dir, err))
		goto done;
	if (!io_is_file(path)) {
		err_set(err, ERR_MISSING, "%s: not there; adapters are read from safetensors only",
			path);
		goto done;
	}
	file = safetensors_open(path, err);
	if (file)
		values_read(&p, file, path, err);
done:
	safetensors_close(file);
	free(p.at);
	free(path);
	return err->code;
}

static int values_write(const struct places *p, const char *path, struct err *err)
{
	struct safetensor *list = NULL;
	size_t size = 0, at = 0;
	float *values = NULL;

	for (size_t i = 0; i < p->n; i++)
		size += tensor_size(p->at[i].t);
	if (!NEW_ARRAY(list, p->n) || !NEW_ARRAY(values, size)) {
		err_set(err, ERR_NOMEM, "%s: %zu values", path, size);
		goto done;
	}
	for (size_t i = 0; i < p->n; i++) {
		const struct tensor *t = p->at[i].t;
		const size_t cols = (size_t)t->cols;

		list[i] = (struct safetensor){ .name = p->at[i].name,
					       .type = WEIGHT_F32,
					       .n_dim = 2,
					       .dim = { t->rows, t->cols },
					       .data = (const unsigned char *)(values + at),
					       .bytes = tensor_size(t) * sizeof(float) };
		for (int k = 0; k < t->rows; k++, at += cols)
			memcpy(values + at, t->data + (size_t)row_of(&p->at[i], k) * cols,
			       cols * sizeof(float));
	}
	safetensors_write(path, list, (int)p->n, err);
done:
	free(list);
	free(values);
	return err->code;
}

int peft_write(const struct decoder *d, const char *dir, const char *base, struct err *err)
{
	char *tensors = path_join(dir, TENSOR_FILE), *config = path_join(dir, CONFIG_FILE);
	struct strbuf text = { 0 };
	struct places p = { 0 };

	if (!tensors || !config) {
		err_set(err, ERR_NOMEM, "%s", dir);
		goto done;
	}
	if (places_list(d, &p, err) || io_mkdirs(dir, err) || values_write(&p, tensors, err))
		goto done;
	config_text(&d->cfg, base, &text);
	if (text.oom)
		err_set(err, ERR_NOMEM, "%s", config);
	else
		io_write_atomic(config, text.s, text.len, err);
done:
	strbuf_free(&text);
	free(p.at);
	free(tensors);
	free(config);
	return err->code;
}
