/* SPDX-License-Identifier: Apache-2.0
 * Sound: decode, mix to mono, put every sample where its time stamp says,
 * resample, keep the span.  Sample k of the result is at start + k / rate.
 */
#include "harness/media/track.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libavutil/opt.h>

#include "harness/base/mem.h"

#define RATE_MIN     1000
#define RATE_MAX     384000
#define CHANNELS_MAX 64
/* Time stamps may be rounded to milliseconds: smaller steps are not gaps. */
#define JITTER_PER_S 200
#define SILENCE_STEP 4096

static int no_memory(const struct audio_track *t, struct err *err)
{
	return err_set(err, ERR_NOMEM, "%s: no memory for its sound", t->src->path);
}

int audio_track_open(struct audio_track *t, struct media_source *src,
		     const struct media_request *rq, const struct span *span, struct err *err)
{
	*t = (struct audio_track){ .src = src, .out_rate = rq->rate };
	t->first_out = llround(span->start * rq->rate);
	t->last_out = llround(span->end * rq->rate);
	t->dec = source_decoder(src, src->audio, err);
	if (!t->dec)
		return err->code;
	t->frame = av_frame_alloc();
	if (!t->frame)
		return no_memory(t, err);
	src->audio->discard = AVDISCARD_DEFAULT;
	return 0;
}

void audio_track_close(struct audio_track *t)
{
	swr_free(&t->mix);
	swr_free(&t->resample);
	av_frame_free(&t->frame);
	avcodec_free_context(&t->dec);
	av_channel_layout_uninit(&t->layout);
	free(t->mono);
	free(t->out);
	free(t->pcm);
	*t = (struct audio_track){ 0 };
}

/* Appends samples that begin at t->next_out, keeping those inside the span and
 * filling what was missing before them with silence. */
static int keep(struct audio_track *t, const float *x, int n, struct err *err)
{
	int64_t from = t->next_out < t->first_out ? t->first_out : t->next_out;
	int64_t to = t->next_out + n < t->last_out ? t->next_out + n : t->last_out;
	int64_t base = t->next_out;
	size_t want;

	t->next_out += n;
	if (t->next_out > t->last_out)
		t->beyond = true;
	if (t->next_out >= t->last_out)
		t->done = true;
	if (to <= from)
		return 0;
	want = (size_t)(to - t->first_out);
	if (!GROW_ARRAY(t->pcm, t->pcm_cap, want))
		return no_memory(t, err);
	for (; t->n < (size_t)(from - t->first_out); t->n++)
		t->pcm[t->n] = 0;
	memcpy(t->pcm + t->n, x + (from - base), (want - t->n) * sizeof(*x));
	t->n = want;
	return 0;
}

/* Takes mono samples at the file's rate; x NULL (n 0) drains the resampler. */
static int push(struct audio_track *t, const float *x, int n, struct err *err)
{
	const uint8_t *in = (const uint8_t *)x;
	uint8_t *out;
	int room, got;

	t->next_in += n;
	if (!t->resample)
		return keep(t, x, n, err);
	room = swr_get_out_samples(t->resample, n);
	if (room < 0 || !GROW_ARRAY(t->out, t->out_cap, (size_t)room + 1))
		return no_memory(t, err);
	out = (uint8_t *)t->out;
	got = swr_convert(t->resample, &out, room, x ? &in : NULL, n);
	if (got < 0)
		return source_stop(t->src, "resampling", got, err);
	return keep(t, t->out, got, err);
}

static int push_silence(struct audio_track *t, int64_t n, struct err *err)
{
	static const float zero[SILENCE_STEP];

	while (n > 0 && !t->done && !err->code) {
		int step = n < SILENCE_STEP ? (int)n : SILENCE_STEP;

		push(t, zero, step, err);
		n -= step;
	}
	return err->code;
}

/* Mixing to mono never exceeds full scale: for float output swresample would
 * otherwise add 3 dB to stereo. */
static int open_mix(struct audio_track *t, struct err *err)
{
	AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
	int ret = swr_alloc_set_opts2(&t->mix, &mono, AV_SAMPLE_FMT_FLT, t->in_rate, &t->layout,
				      t->format, t->in_rate, 0, NULL);

	if (ret >= 0)
		ret = av_opt_set_double(t->mix, "rematrix_maxval", 1.0, 0);
	if (ret >= 0)
		ret = swr_init(t->mix);
	if (ret >= 0 && t->in_rate != t->out_rate) {
		ret = swr_alloc_set_opts2(&t->resample, &mono, AV_SAMPLE_FMT_FLT, t->out_rate,
					  &mono, AV_SAMPLE_FMT_FLT, t->in_rate, 0, NULL);
		if (ret >= 0)
			ret = swr_init(t->resample);
	}
	return ret < 0 ? source_stop(t->src, "preparing its sound", ret, err) : 0;
}

static int gcd(int a, int b)
{
	while (b) {
		int r = a % b;

		a = b;
		b = r;
	}
	return a;
}

/* The first decoded frame decides rate and layout.  Input starts on a sample that
 * coincides with an output sample, so that a span read alone has the same
 * resampling phases as the whole file. */
static int start(struct audio_track *t, int64_t pos, struct err *err)
{
	const AVFrame *f = t->frame;
	int unit;

	if (f->sample_rate < RATE_MIN || f->sample_rate > RATE_MAX ||
	    f->ch_layout.nb_channels < 1 || f->ch_layout.nb_channels > CHANNELS_MAX)
		return err_set(err, ERR_FORMAT, "%s: sound of %d Hz with %d channels", t->src->path,
			       f->sample_rate, f->ch_layout.nb_channels);
	t->in_rate = f->sample_rate;
	t->format = f->format;
	if (f->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
		av_channel_layout_default(&t->layout, f->ch_layout.nb_channels);
	else if (av_channel_layout_copy(&t->layout, &f->ch_layout) < 0)
		return no_memory(t, err);
	if (open_mix(t, err))
		return err->code;
	unit = t->in_rate / gcd(t->in_rate, t->out_rate);
	t->next_in = pos > 0 ? pos - pos % unit : 0;
	t->next_out = t->next_in / unit * (t->out_rate / gcd(t->in_rate, t->out_rate));
	t->started = true;
	return 0;
}

/* Samples of the frame that count: MP4 says in the last packet's duration how
 * much of the last AAC frame is padding. */
static int frame_samples(const struct audio_track *t)
{
	const AVFrame *f = t->frame;
	const AVRational tb = t->src->audio->time_base;

	if (tb.num == 1 && tb.den == f->sample_rate && f->pkt_duration > 0 &&
	    f->pkt_duration < f->nb_samples)
		return (int)f->pkt_duration;
	return f->nb_samples;
}

static int64_t frame_position(const struct audio_track *t)
{
	const AVFrame *f = t->frame;
	double s;

	if (f->best_effort_timestamp == AV_NOPTS_VALUE)
		return t->next_in;
	s = (double)f->best_effort_timestamp * av_q2d(t->src->audio->time_base) - t->src->zero_s;
	/* a time stamp of years is damage; keep it where products cannot overflow */
	return llround(fmin(fmax(s, -1e6), 1e6) * f->sample_rate);
}

static int take_frame(struct audio_track *t, struct err *err)
{
	const AVFrame *f = t->frame;
	int64_t pos = frame_position(t), gap;
	int n = frame_samples(t), skip = 0, got;
	uint8_t *out;

	if (f->decode_error_flags || f->flags & AV_FRAME_FLAG_CORRUPT)
		t->status |= MEDIA_DAMAGED;
	if (!t->started && start(t, pos, err))
		return err->code;
	if (f->sample_rate != t->in_rate || f->format != t->format ||
	    f->ch_layout.nb_channels != t->layout.nb_channels) {
		t->status |= MEDIA_DAMAGED;
		return 0;
	}
	gap = pos - t->next_in;
	if (gap > t->in_rate / JITTER_PER_S || (gap > 0 && !t->n && !t->next_out)) {
		if (push_silence(t, gap, err))
			return err->code;
	} else if (gap < -t->in_rate / JITTER_PER_S) {
		skip = gap < -n ? n : (int)-gap;
	}
	if (skip >= n || t->done)
		return 0;
	if (!GROW_ARRAY(t->mono, t->mono_cap, (size_t)f->nb_samples))
		return no_memory(t, err);
	out = (uint8_t *)t->mono;
	got = swr_convert(t->mix, &out, f->nb_samples, (const uint8_t **)f->extended_data,
			  f->nb_samples);
	if (got < 0)
		return source_stop(t->src, "mixing its sound", got, err);
	return push(t, t->mono + skip, (got < n ? got : n) - skip, err);
}

/* The resampler's tail, without the samples that its padding would add. */
static int finish(struct audio_track *t, struct err *err)
{
	int64_t end;

	if (!t->started || !t->resample || t->done)
		return 0;
	end = av_rescale_rnd(t->next_in, t->out_rate, t->in_rate, AV_ROUND_UP);
	if (end < t->last_out)
		t->last_out = end;
	return push(t, NULL, 0, err);
}

/* The key frame that pictures need may lie seconds before the sound that is wanted. */
static bool too_early(const struct audio_track *t, const AVPacket *pkt)
{
	double end;

	if (!pkt || pkt->pts == AV_NOPTS_VALUE || pkt->duration <= 0)
		return false;
	end = (double)(pkt->pts + pkt->duration) * av_q2d(t->src->audio->time_base) -
	      t->src->zero_s;
	return end < (double)t->first_out / t->out_rate - MEDIA_PREROLL_S;
}

int audio_track_packet(struct audio_track *t, const AVPacket *pkt, struct err *err)
{
	int ret;

	if (too_early(t, pkt))
		return 0;
	ret = avcodec_send_packet(t->dec, pkt);
	if (ret == AVERROR(ENOMEM))
		return source_stop(t->src, "decoding its sound", ret, err);
	if (ret < 0 && ret != AVERROR_EOF)
		t->status |= MEDIA_DAMAGED;
	while (!t->done && (ret = avcodec_receive_frame(t->dec, t->frame)) >= 0) {
		t->decoded += t->frame->nb_samples;
		take_frame(t, err);
		av_frame_unref(t->frame);
		if (err->code)
			return err->code;
	}
	if (!t->done && ret != AVERROR(EAGAIN) && ret != AVERROR_EOF)
		t->status |= MEDIA_DAMAGED;
	return pkt ? 0 : finish(t, err);
}
