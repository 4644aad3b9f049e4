/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/media/budget.h"

#include <errno.h>
#include <stdlib.h>

#include "harness/base/log.h"
#include "harness/base/mem.h"

/* Reads of one demuxer: a floor, and one for each of these many bytes of the file. */
#define STEPS_FLOOR 20000
#define STEP_BYTES  256

void budget_start(struct media_budget *b, double max_s, int64_t max_bytes, int64_t file_bytes)
{
	*b = (struct media_budget){ .max_s = max_s,
				    .end_s = clock_s() + max_s,
				    .steps_left = STEPS_FLOOR + file_bytes / STEP_BYTES,
				    .max_bytes = max_bytes };
}

bool budget_late(struct media_budget *b)
{
	b->late = b->late || clock_s() > b->end_s;
	return b->late;
}

int budget_step(void *budget)
{
	struct media_budget *b = budget;

	return --b->steps_left < 0 || budget_late(b);
}

void budget_excuse(struct media_budget *b, double seconds)
{
	b->end_s += seconds;
}

/* A buffer of libavcodec's that is counted as long as somebody holds it. */
struct held {
	struct media_budget *budget;
	AVBufferRef *buffer;
};

static void let_go(void *opaque, uint8_t *data)
{
	struct held *h = opaque;

	(void)data;
	h->budget->bytes -= (int64_t)h->buffer->size;
	av_buffer_unref(&h->buffer);
	free(h);
}

static int hold(struct media_budget *b, AVBufferRef **buffer)
{
	struct held *h;
	AVBufferRef *outer;

	if (b->bytes + (int64_t)(*buffer)->size > b->max_bytes) {
		b->full = true;
		return AVERROR(ENOMEM);
	}
	h = mem_calloc(1, sizeof(*h));
	if (!h)
		return AVERROR(ENOMEM);
	*h = (struct held){ b, *buffer };
	outer = av_buffer_create((*buffer)->data, (*buffer)->size, let_go, h, 0);
	if (!outer) {
		free(h);
		return AVERROR(ENOMEM);
	}
	b->bytes += (int64_t)(*buffer)->size;
	*buffer = outer;
	return 0;
}

static int get_buffer(AVCodecContext *c, AVFrame *f, int flags)
{
	int ret = avcodec_default_get_buffer2(c, f, flags);

	for (int i = 0; ret >= 0 && i < AV_NUM_DATA_POINTERS && f->buf[i]; i++)
		ret = hold(c->opaque, &f->buf[i]);
	if (ret < 0)
		av_frame_unref(f);
	return ret;
}

void budget_attach(struct media_budget *b, AVCodecContext *c)
{
	c->opaque = b;
	c->get_buffer2 = get_buffer;
}

int budget_fail(const struct media_budget *b, const char *path, const char *doing, int av_code,
		struct err *err)
{
	if (b->late)
		return err_set(err, ERR_LIMIT, "%s: %s: gave up after %g s", path, doing, b->max_s);
	if (b->full)
		return err_set(err, ERR_LIMIT, "%s: %s: its pictures need more than %lld MB", path,
			       doing, (long long)(b->max_bytes >> 20));
	if (av_code == AVERROR_EXIT)
		return err_set(err, ERR_LIMIT,
			       "%s: %s: gave up after too many reads; the file is damaged", path,
			       doing);
	/* what a file makes the libraries ask for is its own fault, not the machine's */
	if (av_code == AVERROR(ENOMEM))
		return err_set(err, ERR_LIMIT, "%s: %s: it asks for too much memory", path, doing);
	return 0;
}
