/* SPDX-License-Identifier: Apache-2.0
 * Every kept input of the fuzzers once more, with bounds on memory and processor time: they
 * were found because they once mattered.  UPDATE_CORPUS=1 first writes the inputs that
 * fuzzing starts from (seed-*): small files that are right.
 */
#define _DEFAULT_SOURCE /* setrlimit's types */

#include "tests/test.h"

#include <sys/resource.h>
#include <unistd.h>

#include "harness/cue/behaviour.h"
#include "harness/media/media.h"
#include "tests/fuzz/fuzz.h"
#include "models/backbone/peft.h"
#include "tests/fixture_results.h"
#include "tests/landmark_fixture.h"
#include "tests/tokenizer_fixture.h"
#include "tests/weights_fixture.h"

#define MAX_INPUT  8192
#define MAX_INPUTS 200
#define SECONDS	   100		       /* of the processor, for all: seconds are usual */
#define MEMORY	   ((rlim_t)256 << 20) /* on top of what the program has at its start */

/* The sanitizers reserve the address space whole: they bound single requests instead. */
#if defined(__SANITIZE_ADDRESS__)
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=64";
}
#define BOUND_ADDRESSES 0
#else
#define BOUND_ADDRESSES 1
#endif

static void bound(int what, rlim_t most)
{
	struct rlimit r;

	CHECK(!getrlimit(what, &r));
	r.rlim_cur = r.rlim_max == RLIM_INFINITY || most < r.rlim_max ? most : r.rlim_max;
	CHECK(!setrlimit(what, &r));
}

/* --- seeds ----------------------------------------------------------------------------------- */

static void put_seed(const char *target, const char *name, const struct strbuf *b)
{
	struct err err = { 0 };
	char path[200];

	CHECK(str_format(path, sizeof(path), "tests/fuzz/corpus/%s", target));
	io_mkdirs(path, &err);
	CHECK(b->len <= MAX_INPUT && !b->oom);
	CHECK(str_format(path, sizeof(path), "tests/fuzz/corpus/%s/seed-%s", target, name));
	io_write_atomic(path, b->s, b->len, &err);
	CHECK_OK(&err);
}

/* A model of some hundred weights; of some thousand where blocks need rows of 32. */
static struct llama_config seed_config(const char *arch, bool tied, bool bias, int width)
{
	struct llama_config c = fixture_config();

	CHECK(str_copy(c.arch, sizeof(c.arch), arch));
	c.vocab = c.context = c.head_dim = 4;
	c.layers = c.kv_heads = 1;
	c.dim = c.ff = width;
	c.heads = width / 4;
	c.tied = tied;
	c.qkv_bias = bias;
	return c;
}

static void seed_gguf(const char *name, const char *arch, enum weight_type type, bool tied,
		      int width)
{
	struct llama_config c = seed_config(arch, tied, !strcmp(arch, "qwen2"), width);
	struct strbuf b = { 0 };
	struct fixture f;
	struct rng rng;

	rng_seed(&rng, 1, 0);
	fixture_make(&f, &c, type, WEIGHT_F32, 1);
	if (tied)
		fixture_add(&f, &rng, WEIGHT_F32, 2, 0, 4, 0.5, "x", "rope_freqs.weight");
	fixture_gguf_bytes(&f, &b);
	put_seed("gguf", name, &b);
	strbuf_free(&b);
	fixture_free(&f);
}

static void seed_bin(const char *name, bool tied)
{
	struct llama_config c = seed_config("llama", tied, false, 8);
	struct strbuf b = { 0 };
	struct fixture f;

	fixture_make(&f, &c, WEIGHT_F32, WEIGHT_F32, 1);
	fixture_bin_bytes(&f, &b);
	put_seed("llama_bin", name, &b);
	strbuf_free(&b);
	fixture_free(&f);
}

static void add_file(struct strbuf *b, const char *dir, const char *name)
{
	char *path = path_join(dir, name), *data;
	struct err err = { 0 };
	size_t n;

	if (b->len)
		strbuf_add(b, "\n%%%%\n");
	io_read_file(path, MAX_INPUT, &data, &n, &err);
	CHECK_OK(&err);
	strbuf_addn(b, data, n);
	free(data);
	free(path);
}

/* A folder as one input of fuzz_hf.c, its single file as one of fuzz_safetensors.c. */
static void seed_hf(const char *name, struct llama_config c, enum weight_type type, int shards)
{
	static const char *const one[] = { "config.json", "model.safetensors", NULL };
	static const char *const many[] = { "config.json", "model.safetensors.index.json",
					    "model-00001-of-00002.safetensors",
					    "model-00002-of-00002.safetensors", NULL };
	char *dir = scratch_make();
	struct strbuf b = { 0 };
	struct fixture f;

	fixture_make(&f, &c, type, type, 1);
	fixture_write_hf(&f, dir, shards);
	for (const char *const *file = shards > 1 ? many : one; *file; file++)
		add_file(&b, dir, *file);
	put_seed("hf", name, &b);
	strbuf_reset(&b);
	add_file(&b, dir, shards > 1 ? many[2] : one[1]);
	put_seed("safetensors", name, &b);
	strbuf_free(&b);
	fixture_free(&f);
	scratch_remove(dir);
}

/* Adapters of the decoder in fuzz_peft.c. */
static void seed_peft(const char *name, int rank, bool rslora, unsigned on)
{
	const struct decoder_config c = { .vocab = 4,
					  .dim = 8,
					  .layers = 1,
					  .heads = 2,
					  .kv_heads = 1,
					  .ff = 8,
					  .rope_theta = 10000,
					  .lora_rank = rank,
					  .lora_alpha = 4,
					  .lora_rslora = rslora,
					  .lora_on = on };
	char *dir = scratch_make();
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct decoder *d = decoder_new(&c, 1, &err);

	CHECK_OK(&err);
	CHECK(!peft_write(d, dir, "base", &err));
	add_file(&b, dir, "adapter_config.json");
	add_file(&b, dir, "adapter_model.safetensors");
	put_seed("peft", name, &b);
	strbuf_free(&b);
	decoder_free(d);
	scratch_remove(dir);
}

/* Configurations alone: what they may say besides. */
static void seed_configs(void)
{
	static const char *const text[] = {
		"{\"model_type\":\"mistral\",\"hidden_size\":8,\"intermediate_size\":8,"
		"\"num_hidden_layers\":1,\"num_attention_heads\":2,\"vocab_size\":4,"
		"\"sliding_window\":4,\"rope_parameters\":{\"rope_theta\":5e5,"
		"\"rope_type\":\"default\"},\"eos_token_id\":[1,2]}",
		"{\"architectures\":[\"Qwen2ForCausalLM\"],\"hidden_size\":8,"
		"\"intermediate_size\":8,\"num_hidden_layers\":1,\"num_attention_heads\":2,"
		"\"head_dim\":null,\"vocab_size\":4,\"use_sliding_window\":true,"
		"\"sliding_window\":null,\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}",
		"{\"architectures\":[\"LLaMAForCausalLM\"],\"hidden_size\":8,\"vocab_size\":4,"
		"\"quantization_config\":{\"quant_method\":\"gptq\"}}",
	};
	struct strbuf b = { 0 };
	char name[32];

	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		CHECK(str_format(name, sizeof(name), "config-%zu", i));
		strbuf_reset(&b);
		strbuf_add(&b, text[i]);
		put_seed("hf", name, &b);
	}
	strbuf_free(&b);
}

static const struct fixture_piece seed_pieces[] = {
	{ "<unk>", 0, 2 }, { "<s>", 0, 3 }, { "</s>", 0, 3 },	{ VISIBLE, -9, 1 },
	{ "a", -10, 1 },   { "b", -11, 1 }, { "<0x41>", 0, 6 }, { VISIBLE "a", -1, 1 },
	{ "ab", -2, 5 },   { "<u>", 0, 4 }, { "aab", -3, 1 },	{ NULL, 0, 0 },
};
static const char *const seed_merges[] = { "h e", "he y", "\xc4\xa0 hey", NULL };
static const struct fixture_added seed_added[] = {
	{ "<|im_start|>", true, false, false, false, false },
	{ "<|im_end|>", true, false, true, false, false },
	{ "word", false, true, true, true, true },
	{ NULL, false, false, false, false, false },
};

static void seed_tokenizer_json(const char *name, const char *normalizer, const char *pre)
{
	const struct fixture_bytes x = {
		.normalizer = normalizer, .pre = pre, .merge = seed_merges, .added = seed_added
	};
	static const char config[] = "{\"eos_token\":\"<|im_end|>\",\"bos_token\":null,"
				     "\"pad_token\":{\"content\":\"<|im_end|>\"},"
				     "\"add_bos_token\":false}\n%%%%\n";
	struct strbuf b = { 0 }, folder = { 0 };

	fixture_json(&x, &b);
	put_seed("tokenizer_json", name, &b);
	strbuf_add(&folder, config);
	strbuf_addn(&folder, b.s, b.len);
	put_seed("tokenizer_folder", name, &folder);
	strbuf_free(&b);
	strbuf_free(&folder);
}

static void seed_text(const char *target, const char *name, const char *text)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, text);
	put_seed(target, name, &b);
	strbuf_free(&b);
}

/* Three, and the bytes, and two of a story's. */
static void seed_tokenizer_bin(void)
{
	struct strbuf b = { 0 };
	char text[12];

	fixture_u32(&b, 7);
	for (int i = 0; i < 3 + 256 + 3; i++) {
		const float score = i < 260 ? 0 : (float)-i;

		if (i >= 3 && i < 259)
			snprintf(text, sizeof(text), "<0x%02X>", (unsigned)(i - 3) & 255);
		else
			snprintf(text, sizeof(text), "%s", i < 3 ? "<s>" : i < 261 ? " " : " t");
		strbuf_addn(&b, (const char *)&score, 4);
		fixture_u32(&b, (uint32_t)strlen(text));
		strbuf_add(&b, text);
	}
	put_seed("tokenizer_bin", "bin", &b);
	strbuf_free(&b);
}

static void write_tokenizer_seeds(void)
{
	struct strbuf b = { 0 };

	fixture_gguf(seed_pieces, &b);
	put_seed("tokenizer_gguf", "llama", &b);
	strbuf_reset(&b);
	fixture_gguf_bpe(&b);
	put_seed("tokenizer_gguf", "gpt2", &b);
	strbuf_reset(&b);
	fixture_model(seed_pieces + 3, false, true, &b);
	put_seed("tokenizer_model", "small", &b);
	strbuf_reset(&b);
	fixture_model(seed_pieces + 7, true, true, &b);
	put_seed("tokenizer_model", "bytes", &b);
	strbuf_free(&b);
	seed_tokenizer_bin();
	seed_tokenizer_json("gpt2", NULL, PRE_GPT2);
	seed_tokenizer_json("qwen2", "{\"type\":\"NFC\"}",
			    PRE_LIST(PRE_SPLIT(REGEX_QWEN2), PRE_BYTES));
	seed_text("tokenizer_json", "metaspace",
		  "{\"added_tokens\":[{\"id\":1,\"content\":\"<s>\",\"special\":true}],"
		  "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\","
		  "\"prepend\":\"" VISIBLE "\"},{\"type\":\"Replace\",\"pattern\":{\"String\":"
		  "\" \"},\"content\":\"" VISIBLE "\"}]},\"model\":{\"type\":\"BPE\","
		  "\"unk_token\":\"<unk>\",\"byte_fallback\":true,\"vocab\":{\"<unk>\":0,"
		  "\"<s>\":1,\"" VISIBLE "\":2,\"a\":3,\"" VISIBLE "a\":4,\"<0x62>\":5},"
		  "\"merges\":[[\"" VISIBLE "\",\"a\"]]}}");
	seed_text("tokenizer_folder", "older",
		  "{\"tokenizer_class\":\"Qwen2Tokenizer\",\"added_tokens_decoder\":{\"9\":"
		  "{\"content\":\"<|im_end|>\",\"special\":true}}}\n%%%%\n{\"h\":0,\"e\":1,"
		  "\"he\":2,\"\xc4\xa0\":3}\n%%%%\n#version: 0.2\nh e\n");
	seed_text("tokenizer_text", "words",
		  "I'LL  be\r\n\n there's 12345\t!?\xc2\xa0 caf\xc3\xa9 e\xcc\x81 \xed\x95\x9c "
		  "\xf0\x9f\x98\x80 '\xc5\xbf \xc2\xbd");
}

#define CASCADE_HEAD                                                                               \
	"<?xml version=\"1.0\"?><opencv_storage><cascade><stageType>BOOST</stageType>"             \
	"<featureType>HAAR</featureType><height>12</height><width>12</width><stages><_>"
#define CASCADE_TAIL "</cascade></opencv_storage>"

/* A clip of a few small pictures, sound, or both. */
static void seed_media(const char *name, int side, int rate)
{
	struct media_spec spec = { .width = side, .height = side, .fps = 4, .quality = 30 };
	static float pcm[4000];
	static uint8_t plane[64 * 64];
	char *dir = scratch_make(), *path = path_join(dir, name);
	struct strbuf b = { 0 };
	struct err err = { 0 };
	struct media_writer *w;

	spec.rate = rate;
	w = media_writer_open(path, &spec, &err);
	for (int i = 0; i < rate / 4; i++)
		pcm[i] = (float)(i % 40) / 50 - 0.4F;
	for (int i = 0; w && side && i < 3; i++) {
		const struct picture p = { .width = side,
					   .height = side,
					   .plane = { plane, plane, plane },
					   .stride = { side, side / 2, side / 2 } };

		memset(plane + i * 3 * side, 200, (size_t)side);
		media_write_picture(w, &p, &err);
	}
	if (w && rate)
		media_write_audio(w, pcm, rate / 4, &err);
	media_writer_close(&w, &err);
	CHECK_OK(&err);
	add_file(&b, dir, name);
	put_seed("media", name, &b);
	strbuf_free(&b);
	free(path);
	scratch_remove(dir);
}

static void seed_landmarks(void)
{
	struct landmark_bytes bytes;
	struct strbuf b = { 0 };

	landmark_fixture(&bytes);
	strbuf_addn(&b, (const char *)bytes.data, bytes.n);
	put_seed("landmarks", "model", &b);
	strbuf_free(&b);
}

/* Thresholds of every cue, of a speaker and of the pool. */
static void add_cuts(struct strbuf *b, const char *table, const struct cue_spec *spec, int n)
{
	strbuf_addf(b, ",\"%s\":{\"classes\":3,\"zero_missing\":true,\"groups\":1,\"cuts\":{",
		    table);
	for (int i = 0; i < n; i++)
		strbuf_addf(b, "%s\"%s\":[[-1,%d],[null,null]]", i ? "," : "", spec[i].name, i);
	strbuf_add(b, "}}");
}

static void write_cue_seeds(void)
{
	struct strbuf b = { 0 };

	seed_text("cascade", "edge",
		  CASCADE_HEAD "<stageThreshold>0.5</stageThreshold><weakClassifiers><_>"
			       "<internalNodes>0 -1 0 -0.5</internalNodes><leafValues>1 0"
			       "</leafValues></_></weakClassifiers></_></stages><features><_>"
			       "<rects><_>0 0 12 12 -1.</_><_>6 0 6 12 2.</_></rects>"
			       "<tilted>0</tilted></_></features>" CASCADE_TAIL);
	seed_text(
		"cascade", "tree",
		CASCADE_HEAD
		"<stageThreshold>-1e-1</stageThreshold><weakClassifiers><_>"
		"<internalNodes> 1 2 0 -5e-1\n 0 -1 1 .25 -2 -3 1 0."
		"</internalNodes><leafValues>1 -1 0.5 2</leafValues></_><_>"
		"<internalNodes>0 -1 1 0</internalNodes><leafValues>0 1"
		"</leafValues></_></weakClassifiers></_></stages><!-- two -->"
		"<features><_><rects><_>0 0 4 4 -1</_><_>1 1 2 2 4</_><_>0 0 1 1 3"
		"</_></rects></_><_><rects><_>2 3 10 9 1</_></rects></_></features>" CASCADE_TAIL);
	seed_text("cue_files", "all",
		  "id,split,avg_pitch,mean_hnr,mouth_opening,face,odd\ndia0_utt0,train,200.5,,1,"
		  "brows up,1\n"
		  "dia0_utt0,test,nan,3,,,1\ndia0_F003,,100,2,,\"a \"\"b\"\"\",1\n"
		  "\n%%%%\n"
		  "{\"schema_version\":1,\"id\":\"dia0_utt1\",\"split\":\"train\",\"avg_pitch\":7,"
		  "\"speech\":\"loud\",\"posture\":\"leans in\"}\n"
		  "{\"id\":\"dia0_F003\",\"articulation_rate\":4.5,\"nod\":null,\"body\":null}\n"
		  "\n%%%%\n"
		  "[{\"video_id\":\"dia0_utt0.mp4\",\"visual_expression_description\":"
		  "[\"slightly Cheek Raiser\",\"strongly Jaw Drop\"]}]"
		  "\n%%%%\n"
		  "frame, timestamp, confidence, AU12_r, AU26_c\n1, 0.0, 0.98, 1.5, 1\n");
	seed_text("cue_files", "turns",
		  "video_id,segment_id,gender,text,avg_pitch,avg_intensity\n"
		  "dia0,3,F,four,210,61.5\ndia0,3,F,other,1,1\n");
	seed_text("cue_files", "clips",
		  "filename,avg_pitch,avg_intensity,pitch_std\ndia0_utt0.wav,1e2,60,None\n");
	strbuf_add(&b, "{\"groups\":[\"A\"]");
	add_cuts(&b, "speech", speech_cue_spec, SPEECH_CUE_COUNT);
	add_cuts(&b, "behaviour", behaviour_cue_spec, BEHAVIOUR_CUE_COUNT);
	strbuf_addc(&b, '}');
	put_seed("cue_words", "both", &b);
	strbuf_free(&b);
}

static void seed_profile(void)
{
	char *dir = scratch_make(), *path = path_join(dir, "bemerc/profile.json"), *text;
	struct strbuf b = { 0 };
	struct err err = { 0 };
	size_t len;

	fixture_profile(dir, "bemerc", 8);
	io_read_file(path, 1 << 20, &text, &len, &err);
	CHECK_OK(&err);
	strbuf_addn(&b, text, len);
	put_seed("profiles", "two-scenarios", &b);
	strbuf_free(&b);
	free(text);
	free(path);
	scratch_remove(dir);
}

/* A result folder as one input of fuzz_results.c. */
static void seed_results(const char *name, const struct label_set *labels, bool texts)
{
	const struct fixture_run f = { .corpus = labels == &labels_meld7 ? "meld" : "iemocap",
				       .kind = "real",
				       .system = "bow",
				       .see = "text",
				       .selection = "dev-f1",
				       .labels = labels,
				       .skill = .6,
				       .dialogues = 2,
				       .failures = .1,
				       .texts = texts,
				       .beliefs = texts };
	struct confusion c = { .k = labels->n };
	struct strbuf b = { 0 };

	fixture_manifest(&f, "run", "/nowhere", &b);
	strbuf_add(&b, "%%%%\n");
	fixture_predictions(&f, &c, &b);
	strbuf_add(&b, "%%%%\n");
	fixture_metrics(&f, &c, &b);
	strbuf_add(&b, "\n%%%%\n");
	fixture_log(&f, &b);
	put_seed("results", name, &b);
	strbuf_free(&b);
}

/* The first byte says what the file is taken for, how rows are matched and decoded. */
static void write_recorded_seeds(void)
{
	seed_text(
		"recorded", "results",
		"@{\"Acc_SA\": 50.0, \"F1_SA\": 33.333, \"mode\": \"test\"}\n"
		" precision recall f1-score support\n hap 0.5 1.0 0.666667 2\n\n"
		"confuse_case: [1] \n\n[\n {\n \"index\": 0,\n \"input\": \"between '### ###' ### "
		"\\t Speaker_0:\\\"Hi.\\\"\\t Speaker_1:\\\"Who is there?\\\" ### Select\",\n"
		" \"output\": \"sad\",\n \"target\": \"sad\"\n },\n {\"input\": \"### \\t "
		"Speaker_0:\\\"Hi.\\\" (low) ###\", \"output\": \"happy\", \"target\": "
		"\"happy\"}\n]");
	seed_text("recorded", "lines",
		  "`{\"schema_version\":1,\"id\":\"dia0_utt0\",\"dialogue\":\"dia0\",\"turn\":0,"
		  "\"gold\":\"happy\",\"label\":\"happy\",\"status\":\"ok\",\"scores\":[0.5,-1],"
		  "\"raw\":null}\n{\"text\":\"Hi.\",\"history\":[\"Hi.\",\"Who is there?\"],"
		  "\"output\":\"<think>sad</think> Not happy, the emotion is: angry.\"}\n"
		  "{\"id\":\"dia1_utt1\",\"reply\":\"{\\\"emotion\\\": \\\"frustrated\\\"}\","
		  "\"finish_reason\":\"length\"}\n{\"id\":\"dia0_utt2\",\"error\":\"timeout\"}\n");
	seed_text("recorded", "table",
		  " Dialogue_ID,Utterance_ID,Utterance,Emotion,Predicted_Emotion\n0,0,Hi.,happy,"
		  "\"The \"\"detected_emotion_label\"\": 'excited'\"\n0,1,\"Who,\nis "
		  "there?\",sad,\n");
	seed_text("recorded", "order", "8prediction\nhappy\nsad\nneutral\nexited\n");
}

static void seed_baseline(void)
{
	seed_text(
		"baseline", "two",
		"{\"schema_version\":1,\"runs\":{\"a-s1\":{\"task\":{\"corpus\":\"meld\",\"kind\":"
		"\"real\",\"labels\":\"meld3\",\"version\":\"00112233445566778899aabbccddeeff\"},"
		"\"labels\":[\"x\",\"y\"],\"n\":6,\"exact\":true,\"predictions\":"
		"\"00112233445566778899aabbccddeeff\",\"counts\":{\"x\":[1,2,0],\"y\":[0,3,0]},"
		"\"machine\":{\"cpu\":\"c\",\"threads\":2},\"metrics\":{\"uar\":{\"value\":0.5,"
		"\"direction\":\"higher\",\"tolerance\":\"exact\"},\"ms.model.p50\":{\"value\":3,"
		"\"direction\":\"lower\",\"tolerance\":\"rel:1\"}}},\"b-s1\":{\"task\":{\"corpus\":"
		"\"meld\",\"kind\":\"real\",\"labels\":\"l\",\"version\":"
		"\"00112233445566778899aabbccddeeff\"},\"labels\":[\"x\"],\"n\":1,\"exact\":false,"
		"\"predictions\":\"00112233445566778899aabbccddeeff\",\"counts\":{\"x\":[1,0]},"
		"\"metrics\":{\"f1.x\":{\"value\":null,\"direction\":\"higher\",\"tolerance\":"
		"\"abs:0.1\",\"floor\":0.5,\"ceiling\":1,\"quarantined\":\"why\"}}}}}");
}

static void seed_sweep(void)
{
	seed_text("sweep", "whole",
		  "{\"schema_version\":1,\"name\":\"n\",\"title\":\"t\",\"base\":\"base.json\","
		  "\"seeds\":\"1-2\",\"options\":{\"min_df\":2},\"axes\":{\"c\":\"1-8*2\","
		  "\"selection\":[\"none\",\"dev-f1\"],\"without\":[\"\",[\"face\",\"body\"]]}}\n"
		  "%%%%\n{\"name\":\"b\",\"model\":\"bow\",\"see\":[\"text\"],\"window\":3}\n"
		  "%%%%\n{\"schema_version\":1,\"name\":\"n\",\"title\":\"\",\"hash\":\"0f\","
		  "\"base\":\"b\",\"corpus\":{\"name\":\"meld\",\"kind\":\"real\"},\"axes\":["
		  "{\"name\":\"c\",\"values\":[\"1\",\"2\"]}],\"points\":2,\"runs\":["
		  "{\"point\":1,\"values\":[\"1\"],\"system\":\"b\",\"seed\":1,\"id\":\"x-1\","
		  "\"left_out\":null},{\"point\":2,\"values\":[\"2\"],\"system\":\"b\","
		  "\"seed\":1,\"id\":\"x-2\",\"left_out\":\"why\"}]}\n"
		  "%%%%\n0,1e-4-1e-3*2,a\\,b,1-3,0-12+4");
}

static void write_seeds(void)
{
	struct llama_config c = seed_config("llama", false, true, 8);

	seed_gguf("f32", "llama", WEIGHT_F32, false, 8);
	seed_gguf("f16", "llama", WEIGHT_F16, true, 8);
	seed_gguf("bf16", "qwen2", WEIGHT_BF16, true, 8);
	seed_gguf("q8_0", "llama", WEIGHT_Q8_0, true, 32);
	seed_gguf("q4_0", "qwen2", WEIGHT_Q4_0, false, 32);
	seed_configs();
	seed_peft("qv", 2, false, LORA_Q | LORA_V);
	seed_peft("all", 1, true, LORA_ALL);
	seed_landmarks();
	seed_bin("untied", false);
	seed_bin("tied", true);
	seed_hf("bias", c, WEIGHT_BF16, 1);
	c.rope = (struct rope_scaling){ 8, 1, 4, 8192 };
	seed_hf("llama3", c, WEIGHT_F16, 1);
	seed_hf("shards", c, WEIGHT_F16, 2);
	seed_hf("qwen2", seed_config("qwen2", true, true, 8), WEIGHT_F32, 1);
	write_tokenizer_seeds();
	write_cue_seeds();
	seed_profile();
	seed_results("meld", &labels_meld7, true);
	seed_results("iemocap", &labels_iemocap6, false);
	write_recorded_seeds();
	seed_sweep();
	seed_baseline();
	seed_media("sound.wav", 0, 8000);
	seed_media("mute.mp4", 64, 0);
	seed_media("both.mp4", 32, 8000);
	seed_media("both.avi", 32, 0);
}

/* --- replay ---------------------------------------------------------------------------------- */

/* Bytes of address space in use. */
static rlim_t in_use(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CHECK(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void replay(const char *name, int (*target)(const uint8_t *data, size_t size))
{
	char *root = path_join("tests/fuzz/corpus", name);
	struct io_list list = { 0 };
	struct err err = { 0 };

	io_list_dir(root, &list, &err);
	CHECK_OK(&err);
	if (!list.n || list.n > MAX_INPUTS)
		fail_msg("%s holds %zu inputs; 1 to %d belong there", root, list.n, MAX_INPUTS);
	for (size_t i = 0; i < list.n; i++) {
		char *path = path_join(root, list.name[i]), *data;
		size_t n;

		io_read_file(path, MAX_INPUT, &data, &n, &err);
		CHECK_OK(&err);
		/* the last line of a run that dies names the input */
		print_message("%s\n", path);
		target((const uint8_t *)data, n);
		free(data);
		free(path);
	}
	io_list_free(&list);
	free(root);
}

#define X(name)                                                                                    \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		replay(#name, fuzz_##name);                                                        \
	}
FUZZ_LIST(X)
#undef X

int main(void)
{
#define X(name) cmocka_unit_test(test_##name),
	const struct CMUnitTest tests[] = { FUZZ_LIST(X) };
#undef X

	if (getenv("UPDATE_CORPUS"))
		write_seeds();
	bound(RLIMIT_CPU, SECONDS);
	if (BOUND_ADDRESSES)
		bound(RLIMIT_AS, in_use() + MEMORY);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
