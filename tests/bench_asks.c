/* SPDX-License-Identifier: Apache-2.0
 * Asks that carry eight pictures and the sound of a clip: how fast clips become parts, and how many
 * requests stay on their way to a server that answers after 200 ms, 16 at a time.  One JSON object
 * a line.  Not a test.
 *   bench_asks [N [DIR...]]    (100 asks where each clip is decoded; folders of clips: the real
 * ones where they are, small generated ones, and these) "kept": the parts were made before and are
 * read from disk.  in_flight is the mean, by the latencies of the replies over the wall's time; at
 * best per_second is 80.
 */
#include "tests/clip.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/log.h"
#include "harness/base/thread.h"
#include "harness/core/view.h"
#include "harness/remote/carrier.h"
#include "harness/run/attach.h"
#include "harness/run/clip_store.h"
#include "harness/run/inquiry.h"
#include "tests/mock.h"

#define DELAY_S	 .2
#define FLYING	 16
#define THREADS	 2
#define KEPT	 800 /* asks where parts are kept: ten seconds at best */
#define MADE	 40  /* clips that are generated */
#define MADE_PIC 31  /* pictures of each, 2.6 s */

static const struct ask_media media = { 8, 512, 30 };

/* Clips as a corpus of one dialogue, the same ones again and again. */
struct lot {
	const char *what;
	char *dir;
	struct io_list list;
	struct utterance *utt;
	struct corpus corpus;
	struct dialogue dialogue;
	struct view view;
	struct views views;
	int *index;
	const int *of;
	struct arena mem;
	struct clip_store *store;
	size_t bytes[THREADS];
	double from_s, to_s, latency_s; /* of the replies */
	int bad;
};

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void lot_make(struct lot *l, const char *what, char *dir, int n)
{
	struct turn *turn = arena_array(&l->mem, (size_t)n, sizeof(*turn));
	unsigned char *target = arena_array(&l->mem, (size_t)n, 1);
	struct err err = { 0 };

	l->what = what;
	l->dir = dir;
	io_list_dir(dir, &l->list, &err);
	CHECK_OK(&err);
	l->utt = arena_array(&l->mem, (size_t)n, sizeof(*l->utt));
	l->index = arena_array(&l->mem, (size_t)n, sizeof(*l->index));
	CHECK(turn && target && l->utt && l->index && l->list.n);
	for (int i = 0; i < n; i++) {
		char *path = path_join(dir, l->list.name[(size_t)i % l->list.n]), id[32];

		snprintf(id, sizeof(id), "dia0_utt%d", i);
		l->utt[i].id = turn[i].id = arena_strdup(&l->mem, id);
		l->utt[i].audio.path = l->utt[i].video.path = arena_strdup(&l->mem, path);
		l->utt[i].audio.end_ms = l->utt[i].video.end_ms = -1;
		l->index[i] = i;
		target[i] = 1;
		free(path);
	}
	l->dialogue = (struct dialogue){ "0", SPLIT_TEST, 0, n };
	l->corpus = (struct corpus){
		.name = "meld", .utt = l->utt, .n_utt = n, .dia = &l->dialogue, .n_dia = 1
	};
	l->view = (struct view){ .dialogue = "0", .turn = turn, .n = n, .target = target };
	l->of = l->index;
	l->views = (struct views){ .view = &l->view, .n = 1, .n_target = n, .index = &l->of };
}

static void lot_free(struct lot *l)
{
	io_list_free(&l->list);
	arena_free(&l->mem);
	*l = (struct lot){ 0 };
}

/* Eight pictures, the sound, one question. */
static int write_ask(void *ctx, int v, int t, int index, const struct reply *before,
		     struct ask *out, struct arena *mem, struct err *err)
{
	static const char text[] = "What does she feel? One word.";
	struct ask_part *part = arena_array(mem, 3, sizeof(*part));
	struct ask_message *message = arena_array(mem, 1, sizeof(*message));

	(void)ctx;
	(void)v;
	(void)index;
	(void)before;
	if (!part || !message)
		return err_set(err, ERR_NOMEM, "no memory");
	part[0] = (struct ask_part){ .type = ASK_JPEG, .turn = t };
	part[1] = (struct ask_part){ .type = ASK_WAV, .turn = t };
	part[2] = (struct ask_part){ .type = ASK_TEXT, .data = text, .size = sizeof(text) - 1 };
	*message = (struct ask_message){ "user", part, 3 };
	*out = (struct ask){ .id = "",
			     .task = "",
			     .settings = "",
			     .message = message,
			     .n_messages = 1,
			     .sampling = ask_sampling_default,
			     .media = media };
	return 0;
}

/* --- clips alone ----------------------------------------------------------------------------- */

static void attach(void *ctx, int i, int worker)
{
	struct lot *l = ctx;
	struct arena mem = { 0 };
	struct err err = { 0 };
	struct ask ask;

	write_ask(l, 0, i, 0, NULL, &ask, &mem, &err);
	ask.id = l->utt[i].id;
	attach_clips(&ask, &l->corpus, l->index, SEE_MEDIA, l->store, &mem, &err);
	CHECK_OK(&err);
	l->bytes[worker] += mem.total;
	arena_free(&mem);
}

static void bench_clips(struct lot *l, int threads)
{
	const int n = l->corpus.n_utt;
	double wall = clock_s(), cpu = cpu_s(), bytes = 0;

	memset(l->bytes, 0, sizeof(l->bytes));
	parallel_for(n, threads, attach, l);
	wall = clock_s() - wall;
	cpu = cpu_s() - cpu;
	for (int i = 0; i < THREADS; i++)
		bytes += (double)l->bytes[i];
	printf("{\"what\": \"clips alone\", \"clips\": \"%s\", \"kept\": %s, \"threads\": %d, "
	       "\"n\": %d, \"per_second\": %.1f, \"in_flight\": null, \"cpu_ms_each\": %.2f, "
	       "\"kb_each\": %.0f, \"rss_mb\": null}\n",
	       l->what, l->store ? "true" : "false", threads, n, n / wall, 1e3 * cpu / n,
	       bytes / n / 1024);
}

/* --- with a server --------------------------------------------------------------------------- */

static int take(void *ctx, int v, int t, int index, const struct reply *r, bool *again,
		struct err *err)
{
	struct lot *l = ctx;

	(void)v;
	(void)t;
	(void)index;
	*again = false;
	l->to_s = clock_s();
	if (!l->from_s)
		l->from_s = l->to_s - r->latency_ms / 1e3;
	l->latency_s += r->latency_ms / 1e3;
	l->bad += r->status != ANSWER_OK;
	return err->code;
}

static void write_profile(const char *dir, int port, char path[200], struct err *err)
{
	char text[400];
	int n = snprintf(text, sizeof(text),
			 "{\"schema_version\":1,\"name\":\"bench\",\"dialect\":\"vllm\",\"model\":"
			 "\"mock-1\",\"base_url\":\"http://127.0.0.1:%d/v1\",\"can\":[\"images\","
			 "\"audio\"]}",
			 port);

	snprintf(path, 200, "%s/profile.json", dir);
	io_write_atomic(path, text, (size_t)n, err);
}

/* In a process of its own, beside that of the server. */
static int ask_all(struct lot *l, const char *dir, int port)
{
	const struct inquiry q = { .views = &l->views,
				   .corpus = &l->corpus,
				   .see = SEE_MEDIA,
				   .threads = THREADS,
				   .clips = l->store,
				   .ask = write_ask,
				   .take = take,
				   .ctx = l };
	const struct carrier_options o = { .concurrency = FLYING };
	const int n = l->corpus.n_utt;
	struct carrier carrier = { 0 };
	struct strbuf served = { 0 };
	struct ask_counts counts;
	struct err err = { 0 };
	struct rusage u;
	char path[200];
	double cpu;

	write_profile(dir, port, path, &err);
	if (err.code || carrier_open(&carrier, path, &o, &err)) {
		fprintf(stderr, "bench_asks: %s\n", err.msg);
		return 1;
	}
	cpu = cpu_s();
	inquiry_carry(&q, &carrier, dir, &counts, &served, &err);
	cpu = cpu_s() - cpu;
	getrusage(RUSAGE_SELF, &u);
	printf("{\"what\": \"asked, 200 ms\", \"clips\": \"%s\", \"kept\": %s, \"threads\": %d, "
	       "\"n\": %d, \"per_second\": %.1f, \"in_flight\": %.1f, \"cpu_ms_each\": %.2f, "
	       "\"kb_each\": null, \"rss_mb\": %.0f}\n",
	       l->what, l->store ? "true" : "false", THREADS, n, n / (l->to_s - l->from_s),
	       l->latency_s / (l->to_s - l->from_s), 1e3 * cpu / n, (double)u.ru_maxrss / 1024);
	if (err.code || l->bad > 0)
		fprintf(stderr, "bench_asks: %d bad of %d: %s\n", l->bad, n, err.msg);
	strbuf_free(&served);
	carrier_close(&carrier);
	return err.code || l->bad > 0;
}

static void bench_asked(struct lot *l)
{
	const struct mock_options o = { .delay_s = DELAY_S, .quick = true };
	char *dir = scratch_make();
	struct mock *m = mock_start(&o);
	int status = 1;
	pid_t pid;

	CHECK(m);
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		status = ask_all(l, dir, mock_port(m));
		fflush(stdout);
		_exit(status);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	mock_stop(m);
	scratch_remove(dir);
}

/* n: asks where parts are not kept. */
static void bench_folder(const char *what, char *dir, int n)
{
	char *kept = scratch_make();
	struct err err = { 0 };
	struct lot l = { 0 };

	lot_make(&l, what, dir, n);
	bench_clips(&l, 1);
	bench_clips(&l, 2);
	bench_asked(&l);
	lot_free(&l);
	lot_make(&l, what, dir, KEPT);
	l.store = clip_store_open(kept, CLIP_STORE_BYTES, NULL, &err);
	CHECK_OK(&err);
	parallel_for((int)l.list.n, THREADS, attach, &l);
	bench_clips(&l, 1);
	bench_asked(&l);
	clip_store_close(l.store);
	lot_free(&l);
	scratch_remove(kept);
}

static void make_clips(const char *dir)
{
	for (int i = 0; i < MADE; i++) {
		char name[32], *path;

		snprintf(name, sizeof(name), "dia0_utt%d.mp4", i);
		path = path_join(dir, name);
		write_clip(path, MADE_PIC, RATE);
		free(path);
	}
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 100;
	char *real = real_data("meld/clips/output_repeated_splits_test"), *made;

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	if (real)
		bench_folder("real, 1280x720", real, n);
	for (int i = 2; i < argc; i++)
		bench_folder(path_base(argv[i]), argv[i], n);
	made = scratch_make();
	make_clips(made);
	bench_folder("small, 176x144", made, 4 * n);
	scratch_remove(made);
	free(real);
	return 0;
}
