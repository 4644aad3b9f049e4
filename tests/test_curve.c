/* SPDX-License-Identifier: Apache-2.0
 * Fifty steps of training beside PyTorch's from the same initial weights: every loss
 * within 1e-3.  tests/golden/torch_curve.json holds nets, options and losses, in single
 * and in double precision; scripts/peers/torch_curve.py wrote it and says how
 * weights and tokens follow from integers.
 */
#include "tests/test.h"

#include "harness/base/json.h"
#include "models/backbone/decoder_parts.h"
#include "tests/weights_fixture.h"

#define GOLDEN "tests/golden/torch_curve.json"
#define TOL    1e-3

static uint64_t fnv1a(const char *s)
{
	uint64_t h = UINT64_C(0xCBF29CE484222325);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001B3);
	return h;
}

static uint64_t splitmix64(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
	return x ^ x >> 31;
}

static double number(const struct json *c, const char *key)
{
	double v = json_num(json_get(c, key), NAN);

	if (isnan(v))
		fail_msg("%s: no number %s", GOLDEN, key);
	return v;
}

/* n values of a parameter, by its name alone. */
static void draw(const char *name, float *out, size_t n)
{
	uint64_t h = fnv1a(name);
	double amplitude = 0.1875, middle = 0;

	if (strstr(name, "norm")) {
		amplitude = 0.125;
		middle = 1;
	} else if (str_ends(name, ".bias")) {
		amplitude = 0.125;
	} else if (str_ends(name, ".lora_b")) {
		amplitude = 0.0625;
	} else if (!strcmp(name, "base.embed")) {
		amplitude = 0.5;
	}
	for (size_t i = 0; i < n; i++) {
		double u = (double)(splitmix64(h + i) >> 40) / (1 << 23) - 1;

		out[i] = (float)(middle + amplitude * u);
	}
}

/* Our name of a tensor of a Hugging Face file. */
static void own_name(const char *hf, char *out, size_t size)
{
	static const char *const name[][2] = {
		{ "self_attn.q_proj.weight", "q" },
		{ "self_attn.k_proj.weight", "k" },
		{ "self_attn.v_proj.weight", "v" },
		{ "self_attn.o_proj.weight", "o" },
		{ "mlp.gate_proj.weight", "gate" },
		{ "mlp.up_proj.weight", "up" },
		{ "mlp.down_proj.weight", "down" },
		{ "input_layernorm.weight", "norm1" },
		{ "post_attention_layernorm.weight", "norm2" },
		{ "embed_tokens.weight", "base.embed" },
		{ "model.norm.weight", "base.norm" },
		{ "lm_head.weight", "base.head" },
	};
	int layer = -1;

	CHECK(!strstr(hf, ".layers.") || sscanf(hf, "model.layers.%d.", &layer) == 1);
	for (size_t i = 0; i < ARRAY_LEN(name); i++) {
		if (!str_ends(hf, name[i][0]))
			continue;
		CHECK(layer < 0 ? str_copy(out, size, name[i][1])
				: str_format(out, size, "layer%d.%s", layer, name[i][1]));
		return;
	}
	fail_msg("%s is not drawn here", hf);
}

/* A published model with the drawn values, matrices in bf16, opened from its files. */
static struct llama *base_of(const struct decoder_config *c, char *dir, struct err *err)
{
	const struct llama_config cfg = { .arch = "llama",
					  .vocab = c->vocab,
					  .dim = c->dim,
					  .layers = c->layers,
					  .heads = c->heads,
					  .kv_heads = c->kv_heads,
					  .head_dim = c->head_dim,
					  .ff = c->ff,
					  .context = 64,
					  .norm_eps = c->norm_eps,
					  .rope_theta = c->rope_theta,
					  .rope = c->rope,
					  .tied = !c->untied,
					  .bos = -1,
					  .eos = -1 };
	struct llama *l;
	struct fixture f;
	char name[80];

	fixture_make(&f, &cfg, WEIGHT_BF16, WEIGHT_F32, 1);
	for (int i = 0; i < f.n; i++) {
		struct fixture_tensor *t = &f.t[i];
		size_t n = (size_t)t->rows * (size_t)(t->cols ? t->cols : 1);

		own_name(t->hf, name, sizeof(name));
		draw(name, t->value, n);
		CHECK(weight_encode(t->type, t->value, t->bytes, n));
	}
	fixture_write_hf(&f, dir, 1);
	fixture_free(&f);
	l = llama_open(dir, err);
	CHECK_OK(err);
	return l;
}

static unsigned lora_bits(const struct json *names)
{
	static const struct {
		const char *name;
		unsigned bit;
	} row[] = { { "q", LORA_Q },	   { "k", LORA_K },   { "v", LORA_V },	    { "o", LORA_O },
		    { "gate", LORA_GATE }, { "up", LORA_UP }, { "down", LORA_DOWN } };
	unsigned bits = 0;

	for (const struct json *v = json_at(names, 0); v; v = json_next(v))
		for (size_t i = 0; i < ARRAY_LEN(row); i++)
			if (!strcmp(json_str(v, ""), row[i].name))
				bits |= row[i].bit;
	return bits;
}

/* A decoder with the curve's initial values, and what it stands on. */
struct net {
	struct decoder *d;
	struct llama *base; /* NULL: fresh parameters */
	char *dir;
};

static struct net net_of(const struct json *c, int threads, bool recompute, struct err *err)
{
	const struct json *names = json_get(c, "lora_on");
	struct decoder_config cfg = { .vocab = (int)number(c, "vocab"),
				      .dim = (int)number(c, "dim"),
				      .layers = (int)number(c, "layers"),
				      .heads = (int)number(c, "heads"),
				      .kv_heads = (int)number(c, "kv_heads"),
				      .head_dim = (int)number(c, "head_dim"),
				      .ff = (int)number(c, "ff"),
				      .norm_eps = number(c, "norm_eps"),
				      .rope_theta = number(c, "rope_theta"),
				      .rope = { .factor = number(c, "rope_factor"),
						.low_freq_factor = number(c, "rope_low"),
						.high_freq_factor = number(c, "rope_high"),
						.original_context =
							(int)number(c, "rope_context") },
				      .qkv_bias = json_bool(json_get(c, "qkv_bias"), false),
				      .untied = json_bool(json_get(c, "untied"), false),
				      .lora_rank = (int)number(c, "lora_rank"),
				      .lora_alpha = number(c, "lora_alpha"),
				      .lora_on = lora_bits(names),
				      .threads = threads,
				      .recompute = recompute };
	struct net n = { .dir = NULL };

	if (!strcmp(json_str(json_get(c, "base_type"), ""), "bf16")) {
		n.dir = scratch_make();
		n.base = base_of(&cfg, n.dir, err);
		cfg = (struct decoder_config){ .base = n.base,
					       .lora_rank = cfg.lora_rank,
					       .lora_alpha = cfg.lora_alpha,
					       .lora_on = cfg.lora_on,
					       .threads = threads,
					       .recompute = recompute };
	}
	n.d = decoder_new(&cfg, 1, err);
	CHECK_OK(err);
	for (size_t i = 0; i < n.d->ps.n; i++) {
		struct param *p = &n.d->ps.p[i];

		draw(p->name, p->t.data, (size_t)p->rows * (size_t)p->cols);
	}
	return n;
}

static void net_free(struct net *n)
{
	decoder_free(n->d);
	llama_close(n->base);
	if (n->dir)
		scratch_remove(n->dir);
}

#define TOKENS 256 /* of one batch, at most */

/* A batch: each sequence is a branch without a trunk, so that none sees another. */
struct batch {
	struct packed p;
	int token[TOKENS], turn[TOKENS], branch[TOKENS], pos[TOKENS], at[TOKENS], target[TOKENS];
};

static void batch_fill(struct batch *b, const struct json *c, int which)
{
	int n = (int)number(c, "sequences"), len = (int)number(c, "length"), k = 0;
	uint64_t at = fnv1a("tokens") + (uint64_t)which * (uint64_t)(n * (len + 1));
	uint64_t vocab = (uint64_t)number(c, "vocab");

	CHECK(n * len <= TOKENS);
	for (int s = 0; s < n; s++, at++)
		for (int i = 0; i < len; i++, k++) {
			b->token[k] = (int)(splitmix64(at++) % vocab);
			b->target[k] = (int)(splitmix64(at) % vocab);
			b->turn[k] = 0;
			b->branch[k] = s + 1;
			b->pos[k] = i;
			b->at[k] = k;
		}
	b->p = (struct packed){ .n = k,
				.token = b->token,
				.turn = b->turn,
				.branch = b->branch,
				.pos = b->pos,
				.n_at = k,
				.at = b->at,
				.target = b->target };
}

/* The mean loss of a batch; its gradients are summed. */
static double train(struct decoder *d, const struct batch *b, int parts, struct err *err)
{
	double sum = 0, loss;
	int n = b->p.n / parts;

	/* in parts: one sequence after the other, gradients accumulated */
	for (int i = 0; i < parts; i++) {
		struct packed p = b->p;

		p.n = p.n_at = n;
		p.token += i * n;
		p.target += i * n;
		decoder_train(d, &p, NULL, &loss, err);
		CHECK_OK(err);
		sum += loss;
	}
	return sum / b->p.n;
}

static void follow(const struct json *c, int steps, bool in_parts)
{
	const struct json *want = json_get(c, "loss"), *exact = json_get(c, "loss_double");
	const struct adamw o = { .lr = number(c, "lr"),
				 .beta1 = number(c, "beta1"),
				 .beta2 = number(c, "beta2"),
				 .eps = number(c, "eps"),
				 .weight_decay = number(c, "weight_decay"),
				 .clip = number(c, "clip") };
	double worst = 0, worst_exact = 0;
	struct err err = { 0 };
	struct net net = net_of(c, 1, false, &err);
	struct batch *b = calloc(1, sizeof(*b));

	CHECK(b && json_size(want) == steps && json_size(exact) == steps);
	for (int i = 0; i < steps; i++) {
		double torch = json_num(json_at(want, i), NAN);
		double twin = json_num(json_at(exact, i), NAN), loss;

		batch_fill(b, c, i % (int)number(c, "batches"));
		loss = train(net.d, b, in_parts ? (int)number(c, "sequences") : 1, &err);
		decoder_step(net.d, &o, 1.0 / b->p.n, &err);
		CHECK_OK(&err);
		if (!(fabs(loss / torch - 1) <= TOL) || !(fabs(loss / twin - 1) <= TOL))
			fail_msg("%s: step %d: loss %.9g, PyTorch %.9g (double %.9g)",
				 json_str(json_get(c, "name"), "?"), i + 1, loss, torch, twin);
		worst = fmax(worst, fabs(loss / torch - 1));
		worst_exact = fmax(worst_exact, fabs(loss / twin - 1));
	}
	print_message("%s%s: %d steps, farthest from PyTorch %.1e (from its doubles %.1e)\n",
		      json_str(json_get(c, "name"), "?"), in_parts ? ", a sequence at a time" : "",
		      steps, worst, worst_exact);
	net_free(&net);
	free(b);
}

static void test_curves(void **state)
{
	struct err err = { 0 };
	struct json *golden = json_read_file(GOLDEN, 1 << 20, &err);
	const struct json *curves = json_get(golden, "curves"), *c;
	int steps = (int)number(golden, "steps");

	(void)state;
	CHECK_OK(&err);
	CHECK(steps == 50 && json_size(curves) > 0);
	for (c = json_at(curves, 0); c; c = json_next(c)) {
		follow(c, steps, false);
		if (c == json_at(curves, 0))
			follow(c, steps, true);
	}
	json_free(golden);
}

#define SHORT 6

/* The first losses of a curve. */
static void losses(const struct json *c, int threads, bool recompute, double *loss)
{
	const struct adamw o = { number(c, "lr"), 0.9, 0.999, 1e-8, 0.01, 0 };
	struct err err = { 0 };
	struct net net = net_of(c, threads, recompute, &err);
	struct batch *b = calloc(1, sizeof(*b));

	CHECK(b);
	for (int i = 0; i < SHORT; i++) {
		batch_fill(b, c, i);
		loss[i] = train(net.d, b, 1, &err);
		decoder_step(net.d, &o, 1.0 / b->p.n, &err);
		CHECK_OK(&err);
	}
	net_free(&net);
	free(b);
}

/* Threads and recomputation change no bit of any loss. */
static void test_same_bits(void **state)
{
	struct err err = { 0 };
	struct json *golden = json_read_file(GOLDEN, 1 << 20, &err);
	double plain[SHORT], other[SHORT];

	(void)state;
	CHECK_OK(&err);
	for (const struct json *c = json_at(json_get(golden, "curves"), 0); c; c = json_next(c)) {
		losses(c, 1, false, plain);
		for (int way = 0; way < 3; way++) {
			losses(c, way == 1 ? 1 : 2 + way, way > 0, other);
			for (int i = 0; i < SHORT; i++)
				if (!(plain[i] == other[i]))
					fail_msg("%s, %d threads%s, step %d: %.17g, plain %.17g",
						 json_str(json_get(c, "name"), "?"),
						 way == 1 ? 1 : 2 + way, way ? ", recomputed" : "",
						 i + 1, other[i], plain[i]);
		}
	}
	json_free(golden);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_curves),
					    cmocka_unit_test(test_same_bits) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
