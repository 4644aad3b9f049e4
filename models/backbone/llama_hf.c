/* SPDX-License-Identifier: Apache-2.0
 * A Hugging Face folder: config.json says what the model is, one or many safetensors hold
 * it.  What a configuration may ask for and is not computed here is refused by name.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/io.h"
#include "harness/base/json.h"
#include "harness/base/str.h"
#include "models/backbone/llama_parts.h"

#define MAX_CONFIG ((size_t)1000 * 1000)
#define MAX_INDEX  ((size_t)4 * 1000 * 1000)
#define ONE_FILE   "model.safetensors"
#define INDEX	   "model.safetensors.index.json"

/* Old conversions store the rotary frequencies, which follow from the configuration. */
static const char *const ignored[] = { ".rotary_emb.inv_freq", NULL };
/* Files of tied models may hold the head a second time: the embedding is what counts. */
static const char *const ignored_tied[] = { ".rotary_emb.inv_freq", "lm_head.weight", NULL };

static const struct llama_names base_names = {
	.embed = "model.embed_tokens",
	.head = "lm_head",
	.norm = "model.norm",
	.layer = "model.layers.",
	.norm1 = "input_layernorm",
	.norm2 = "post_attention_layernorm",
	.lin = { "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
		 "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj" },
	.ignored = ignored,
};

/* Architectures by the names of config.json. */
static const struct family {
	const char *architecture, *model_type, *arch;
} families[] = {
	{ "LlamaForCausalLM", "llama", "llama" },
	{ "LLaMAForCausalLM", "llama", "llama" }, /* the first conversions */
	{ "MistralForCausalLM", "mistral", "llama" },
	{ "Qwen2ForCausalLM", "qwen2", "qwen2" },
};

struct config {
	const char *path;
	const struct json *root;
	struct llama_config *out;
	bool bias[LLAMA_LINEARS];
	struct err *err;
};

static bool there(const struct json *v)
{
	return v && json_type(v) != JSON_NULL;
}

/* A whole number; absent or null: fallback, or an error when that is below min. */
static int get_int(struct config *c, const char *key, int min, int fallback)
{
	const struct json *v = json_get(c->root, key);
	char what[600];
	int64_t n = fallback;

	if (!there(v) && fallback >= min)
		return fallback;
	if (!str_format(what, sizeof(what), "%s: %s", c->path, key))
		what[0] = '\0';
	json_int(v, min, INT32_MAX, what, &n, c->err);
	return (int)n;
}

static bool get_bool(struct config *c, const char *key, bool fallback)
{
	const struct json *v = json_get(c->root, key);

	if (there(v) && json_type(v) != JSON_BOOL)
		err_set(c->err, ERR_FORMAT, "%s: %s is neither true nor false", c->path, key);
	return json_bool(v, fallback);
}

/* A number of an object; absent or null: fallback. */
static double get_num(struct config *c, const struct json *object, const char *key, double fallback)
{
	const struct json *v = json_get(object, key);

	if (there(v) && json_type(v) != JSON_NUMBER)
		err_set(c->err, ERR_FORMAT, "%s: %s is not a number", c->path, key);
	return json_num(v, fallback);
}

/* A token number; -1: absent or null. */
static int get_token(struct config *c, const char *key, const struct json *v)
{
	char what[600];
	int64_t n = -1;

	if (!there(v))
		return -1;
	if (!str_format(what, sizeof(what), "%s: %s", c->path, key))
		what[0] = '\0';
	json_int(v, -1, INT32_MAX, what, &n, c->err);
	return (int)n;
}

/* End tokens: one, or a list. */
static void get_ends(struct config *c)
{
	const struct json *v = json_get(c->root, "eos_token_id");

	if (json_type(v) != JSON_ARRAY) {
		c->out->eos = get_token(c, "eos_token_id", v);
		return;
	}
	c->out->eos = get_token(c, "eos_token_id", json_at(v, 0));
	for (int i = 1; i < json_size(v) && !c->err->code; i++) {
		if (i > LLAMA_ENDS) {
			err_set(c->err, ERR_FORMAT, "%s: eos_token_id: more than %d tokens",
				c->path, LLAMA_ENDS + 1);
			return;
		}
		c->out->more_eos[c->out->n_more_eos++] =
			get_token(c, "eos_token_id", json_at(v, i));
	}
}

static const struct family *read_family(struct config *c)
{
	const char *name = json_str(json_at(json_get(c->root, "architectures"), 0), NULL);
	const char *type = json_str(json_get(c->root, "model_type"), NULL);

	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (name ? !strcmp(name, families[i].architecture)
			 : type && !strcmp(type, families[i].model_type))
			return &families[i];
	err_set(c->err, ERR_FORMAT,
		"%s: architecture '%.100s' is not read (LlamaForCausalLM, MistralForCausalLM, "
		"Qwen2ForCausalLM are)",
		c->path,
		name   ? name
		: type ? type
		       : "");
	return NULL;
}

/* rope_theta and rope_scaling, or both in the rope_parameters of newer files. */
static int read_rope(struct config *c)
{
	const struct json *p = json_get(c->root, "rope_parameters");
	const struct json *s = there(p) ? p : json_get(c->root, "rope_scaling");
	const char *type = json_str(json_get(s, "rope_type"), json_str(json_get(s, "type"), NULL));
	struct rope_scaling *r = &c->out->rope;
	double context;

	c->out->rope_theta = get_num(c, c->root, "rope_theta", get_num(c, p, "rope_theta", 10000));
	if (get_num(c, c->root, "partial_rotary_factor", 1) != 1 ||
	    get_num(c, p, "partial_rotary_factor", 1) != 1)
		return err_set(c->err, ERR_FORMAT, "%s: partial_rotary_factor is not read",
			       c->path);
	if (!there(s) || (type && !strcmp(type, "default")))
		return c->err->code;
	if (!type || strcmp(type, "llama3"))
		return err_set(c->err, ERR_FORMAT,
			       "%s: rope_scaling of type '%.40s' is not read (llama3 is)", c->path,
			       type ? type : "");
	r->factor = get_num(c, s, "factor", NAN);
	r->low_freq_factor = get_num(c, s, "low_freq_factor", NAN);
	r->high_freq_factor = get_num(c, s, "high_freq_factor", NAN);
	context = get_num(c, s, "original_max_position_embeddings", NAN);
	r->original_context = context >= 1 && context <= 1 << 28 ? (int)context : -1;
	return c->err->code;
}

/* Up to its window, sliding attention is plain attention: the context ends there. */
static void read_window(struct config *c, const struct family *f)
{
	bool qwen = !strcmp(f->arch, "qwen2");
	int window;

	c->out->context = get_int(c, "max_position_embeddings", 1, 2048);
	if (strcmp(f->model_type, "mistral") && !(qwen && get_bool(c, "use_sliding_window", false)))
		return;
	/* null is no window, a missing key the library's default */
	window = get_int(c, "sliding_window", 1,
			 json_get(c->root, "sliding_window") ? INT32_MAX : 4096);
	if (window < c->out->context)
		c->out->context = window;
}

static void read_biases(struct config *c, const struct family *f)
{
	bool qwen = !strcmp(f->arch, "qwen2"), mistral = !strcmp(f->model_type, "mistral");
	bool all = !qwen && !mistral && get_bool(c, "attention_bias", false);
	bool mlp = !qwen && !mistral && get_bool(c, "mlp_bias", false);

	c->bias[LLAMA_Q] = c->bias[LLAMA_K] = c->bias[LLAMA_V] = qwen || all;
	c->bias[LLAMA_O] = all;
	c->bias[LLAMA_GATE] = c->bias[LLAMA_UP] = c->bias[LLAMA_DOWN] = mlp;
	c->out->qkv_bias = qwen || all;
}

static int read_config(struct config *c)
{
	const char *act = json_str(json_get(c->root, "hidden_act"), "silu");
	struct llama_config *o = c->out;
	const struct family *f = read_family(c);

	if (!f)
		return c->err->code;
	if (!str_copy(o->arch, sizeof(o->arch), f->arch))
		return err_set(c->err, ERR_INTERNAL, "%s: architecture", c->path);
	if (strcmp(act, "silu"))
		return err_set(c->err, ERR_FORMAT, "%s: hidden_act '%.40s' is not read (silu is)",
			       c->path, act);
	if (there(json_get(c->root, "quantization_config")))
		return err_set(
			c->err, ERR_FORMAT,
			"%s: quantised by %.40s, which is not read; use the f16 or bf16 files "
			"or a GGUF",
			c->path,
			json_str(json_get(json_get(c->root, "quantization_config"), "quant_method"),
				 "a method of its own"));
	o->vocab = get_int(c, "vocab_size", 1, 0);
	o->dim = get_int(c, "hidden_size", 1, 0);
	o->layers = get_int(c, "num_hidden_layers", 1, 0);
	o->heads = get_int(c, "num_attention_heads", 1, 0);
	o->ff = get_int(c, "intermediate_size", 1, 0);
	if (c->err->code)
		return c->err->code;
	o->kv_heads = get_int(c, "num_key_value_heads", 1, o->heads);
	if (!there(json_get(c->root, "head_dim")) && o->dim % o->heads)
		return err_set(c->err, ERR_FORMAT, "%s: %d heads do not divide hidden_size %d",
			       c->path, o->heads, o->dim);
	o->head_dim = get_int(c, "head_dim", 1, o->dim / o->heads);
	o->norm_eps = get_num(c, c->root, "rms_norm_eps", 1e-6);
	o->tied = get_bool(c, "tie_word_embeddings", false);
	o->bos = get_token(c, "bos_token_id", json_get(c->root, "bos_token_id"));
	get_ends(c);
	read_window(c, f);
	read_biases(c, f);
	return read_rope(c);
}

/* --- files ----------------------------------------------------------------------------------- */

static int add_shard(struct llama *l, const char *folder, const char *name, struct err *err)
{
	char *path = path_join(folder, name);

	if (!path)
		return err_set(err, ERR_NOMEM, "%s: no memory", folder);
	l->files->shard[l->files->n_shard] = safetensors_open(path, err);
	l->files->n_shard += !err->code;
	free(path);
	return err->code;
}

/* The first file of an index that has not been opened yet is the next shard. */
static int open_index(struct llama *l, const char *folder, const char *path, const struct json *map,
		      struct str_map *shards, struct err *err)
{
	for (const struct json *v = json_at(map, 0); v; v = json_next(v)) {
		const char *name = json_str(v, "");
		int *slot;

		if (strchr(name, '/') || !str_ends(name, ".safetensors"))
			return err_set(err, ERR_FORMAT,
				       "%s: tensor '%.200s' is said to be in '%.200s', which is no "
				       "safetensors file of this folder",
				       path, json_key(v), name);
		slot = map_slot(shards, name);
		if (!slot)
			return err_set(err, ERR_NOMEM, "%s: no memory", path);
		if (*slot >= 0)
			continue;
		*slot = l->files->n_shard;
		if (add_shard(l, folder, name, err))
			return err->code;
	}
	return 0;
}

/* Index and shards must tell the same: every tensor where it is said to be, none besides. */
static int check_index(const struct llama *l, const char *path, const struct json *map,
		       const struct str_map *shards, struct err *err)
{
	int n = 0;

	for (const struct json *v = json_at(map, 0); v; v = json_next(v))
		if (!safetensors_find(l->files->shard[map_get(shards, json_str(v, ""))],
				      json_key(v)))
			return err_set(err, ERR_FORMAT, "%s: tensor '%.200s' is not in '%.200s'",
				       path, json_key(v), json_str(v, ""));
	for (int i = 0; i < l->files->n_shard; i++)
		n += safetensors_count(l->files->shard[i]);
	if (n != json_size(map))
		return err_set(err, ERR_FORMAT, "%s: lists %d tensors, its files hold %d", path,
			       json_size(map), n);
	return 0;
}

static int open_sharded(struct llama *l, const char *folder, const char *path, struct err *err)
{
	struct json *root = json_read_file(path, MAX_INDEX, err);
	const struct json *map = json_get(root, "weight_map");
	struct str_map shards = { 0 };

	if (root && (json_type(map) != JSON_OBJECT || !json_size(map)))
		err_set(err, ERR_FORMAT, "%s: weight_map is missing", path);
	else if (root && !NEW_ARRAY(l->files->shard, (size_t)json_size(map)))
		err_set(err, ERR_NOMEM, "%s: no memory", path);
	else if (root && !open_index(l, folder, path, map, &shards, err))
		check_index(l, path, map, &shards, err);
	map_free(&shards);
	json_free(root);
	return err->code;
}

static int open_files(struct llama *l, const char *folder, const char *file, struct err *err)
{
	char *one = path_join(folder, file ? file : ONE_FILE), *index = path_join(folder, INDEX);

	if (!one || !index)
		err_set(err, ERR_NOMEM, "%s: no memory", folder);
	else if (!file && !io_is_file(one) && io_is_file(index))
		open_sharded(l, folder, index, err);
	else if (!file && !io_is_file(one))
		err_set(err, ERR_MISSING,
			"%s: holds neither " ONE_FILE " nor " INDEX
			"; weights in PyTorch's .bin must be converted (save_pretrained with "
			"safe_serialization)",
			folder);
	else if (!NEW_ARRAY(l->files->shard, 1))
		err_set(err, ERR_NOMEM, "%s: no memory", folder);
	else
		add_shard(l, folder, file ? file : ONE_FILE, err);
	free(one);
	free(index);
	return err->code;
}

/* Lists the tensors of all shards. */
static int list_tensors(struct llama *l, const char *folder, struct err *err)
{
	const struct llama_files *f = l->files;
	int n = 0;

	for (int i = 0; i < f->n_shard; i++)
		n += safetensors_count(f->shard[i]);
	if (llama_table(l, folder, n, err))
		return err->code;
	for (int i = 0; i < f->n_shard; i++)
		for (int k = 0; k < safetensors_count(f->shard[i]); k++) {
			const struct safetensor *s = safetensors_at(f->shard[i], k);
			struct llama_tensor t = { .path = safetensors_path(f->shard[i]),
						  .name = s->name,
						  .type = s->type,
						  .n_dim = s->n_dim,
						  .data = s->data,
						  .bytes = s->bytes };

			memcpy(t.dim, s->dim, sizeof(t.dim));
			if (llama_add(l, &t, err))
				return err->code;
		}
	return 0;
}

/* What to do about a folder without config.json follows from what it holds instead. */
static int no_config(const char *folder, struct err *err)
{
	struct io_list list;

	if (io_list_dir(folder, &list, err))
		return err->code;
	for (size_t i = 0; i < list.n; i++)
		if (!strcmp(list.name[i], "adapter_config.json"))
			err_set(err, ERR_MISSING,
				"%s: holds an adapter, no model (config.json is missing); open the "
				"model it was made for",
				folder);
		else if (str_ends(list.name[i], ".gguf"))
			err_set(err, ERR_MISSING,
				"%s: holds no config.json; to open %s, name the file", folder,
				list.name[i]);
	io_list_free(&list);
	return err_set(err, ERR_MISSING,
		       "%s: holds no config.json; a folder must be as Hugging Face publishes it",
		       folder);
}

int llama_open_hf(struct llama *l, const char *folder, const char *file, struct err *err)
{
	struct llama_names names = base_names;
	char *path = path_join(folder, "config.json");
	struct json *root = NULL;
	struct config c = { .path = path, .out = &l->cfg, .err = err };

	l->format = "safetensors";
	if (!path)
		err_set(err, ERR_NOMEM, "%s: no memory", folder);
	else if (io_is_dir(folder) && !io_is_file(path))
		no_config(folder, err);
	else if ((root = json_read_file(path, MAX_CONFIG, err))) {
		c.root = root;
		read_config(&c);
	}
	if (!err->code && !llama_check_config(&l->cfg, path, err) &&
	    !open_files(l, folder, file, err) && !list_tensors(l, folder, err)) {
		names.ignored = l->cfg.tied ? ignored_tied : ignored;
		llama_fill(l, folder, &names, c.bias, err);
	}
	json_free(root);
	free(path);
	return err->code;
}
