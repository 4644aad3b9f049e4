/* SPDX-License-Identifier: Apache-2.0
 * Opening files: only regular files, only known containers, only the file
 * protocol (a playlist inside a ".mp4" must not make us read something else),
 * and a bounded number of read steps.
 */
#include "harness/media/source.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <libavutil/avstring.h>

#include "harness/base/str.h"
#include "harness/media/media.h"

/* Containers whose headers say what is inside: no need to decode a piece first. */
#define SELF_DESCRIBING "mov,avi,wav"
/* Those whose time begins at 0; the others' begins with what comes first. */
#define FROM_ZERO  SELF_DESCRIBING ",matroska,webm,flv"
#define CONTAINERS SELF_DESCRIBING ",matroska,webm,mpegts,mpeg,flv,mp3,aac,flac,ogg,w64,aiff,au"
/* Chunks of a WAV that may come before its samples. */
#define WAV_CHUNKS     64
#define DEFAULT_MAX_S  120
#define DEFAULT_MAX_MB 1024

static void set_quiet(void)
{
	av_log_set_level(AV_LOG_QUIET);
	av_max_alloc(MEDIA_MAX_BLOCK);
}

void media_quiet(void)
{
	/* plain variables of libavutil: written once, before any use */
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, set_quiet);
}

int source_fail(const char *path, const char *doing, int av_code, struct err *err)
{
	char text[AV_ERROR_MAX_STRING_SIZE] = "unknown failure";
	int code = ERR_FORMAT;

	av_strerror(av_code, text, sizeof(text));
	if (av_code == AVERROR(ENOMEM))
		code = ERR_NOMEM;
	else if (av_code == AVERROR(EACCES) || av_code == AVERROR(EIO) ||
		 av_code == AVERROR(ENOSPC) || av_code == AVERROR(EFBIG) ||
		 av_code == AVERROR(EDQUOT))
		code = ERR_IO;
	return err_set(err, code, "%s: %s: %s", path, doing, text);
}

int source_stop(const struct media_source *s, const char *doing, int av_code, struct err *err)
{
	if (budget_fail(&s->budget, s->path, doing, av_code, err))
		return err->code;
	/* demuxers say so of files that end too early */
	if (av_code == AVERROR(EIO))
		err_set(err, ERR_DATA, "%s: %s: the file is damaged, or cannot be read to its end",
			s->path, doing);
	else
		source_fail(s->path, doing, av_code, err);
	return err->code;
}

/* What libav would misread, hang on or name badly is refused before it sees it. */
static int check_file(struct media_source *s, struct err *err)
{
	struct stat st;

	if (stat(s->path, &st))
		return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_MISSING : ERR_IO,
			       "%s: %s", s->path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_FORMAT, "%s: a folder, not a media file", s->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FORMAT, "%s: not a regular file", s->path);
	if (st.st_size == 0)
		return err_set(err, ERR_DATA, "%s: empty file; fetch it again", s->path);
	s->size = st.st_size;
	return 0;
}

static uint32_t load_u32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Whether the file begins as a WAV, and how many bytes of samples it says it has (0: not found).
 * Left to itself, libav asks all its formats twice whether the samples are something else in
 * disguise, 5 ms a file, and takes the size of a file for what its header says. */
static bool is_wav(const char *path, int64_t *pcm_bytes)
{
	unsigned char head[12];
	FILE *f = fopen(path, "rb");
	bool wav = f && fread(head, 1, sizeof(head), f) == sizeof(head) &&
		   !memcmp(head, "RIFF", 4) && !memcmp(head + 8, "WAVE", 4);

	*pcm_bytes = 0;
	for (int chunk = 0; wav && chunk < WAV_CHUNKS && fread(head, 1, 8, f) == 8; chunk++) {
		uint32_t n = load_u32(head + 4);

		if (!memcmp(head, "data", 4)) {
			/* the largest number stands for a length that was not known */
			*pcm_bytes = n == UINT32_MAX ? 0 : n;
			break;
		}
		if (fseek(f, (long)n + (n & 1), SEEK_CUR))
			break;
	}
	if (f)
		fclose(f);
	return wav;
}

static int open_container(struct media_source *s, struct err *err)
{
	const AVInputFormat *wav =
		is_wav(s->path, &s->pcm_bytes) ? av_find_input_format("wav") : NULL;
	struct strbuf url = { 0 };
	AVDictionary *opts = NULL;
	int ret;

	s->fmt = avformat_alloc_context();
	/* the prefix keeps a colon in a file's name from naming a protocol */
	strbuf_addf(&url, "file:%s", s->path);
	if (!s->fmt || url.oom || av_dict_set(&opts, "protocol_whitelist", "file", 0) < 0 ||
	    av_dict_set(&opts, "format_whitelist", CONTAINERS, 0) < 0) {
		err_set(err, ERR_NOMEM, "%s: out of memory", s->path);
		goto out;
	}
	if (wav)
		s->fmt->max_probe_packets = 0;
	s->fmt->interrupt_callback =
		(AVIOInterruptCB){ .callback = budget_step, .opaque = &s->budget };
	ret = avformat_open_input(&s->fmt, strbuf_str(&url), wav, &opts);
	if (ret < 0)
		source_stop(s, "not readable as a media file", ret, err);
out:
	av_dict_free(&opts);
	strbuf_free(&url);
	return err->code;
}

static bool described(const AVStream *st)
{
	const AVCodecParameters *p = st->codecpar;

	if (p->codec_type == AVMEDIA_TYPE_AUDIO)
		return p->codec_id != AV_CODEC_ID_NONE && p->sample_rate > 0 &&
		       p->ch_layout.nb_channels > 0;
	if (p->codec_type == AVMEDIA_TYPE_VIDEO)
		return p->codec_id != AV_CODEC_ID_NONE && p->width > 0 && p->height > 0;
	return true;
}

/* The measured cost of looking into the streams is 10 ms a clip: only where it is needed. */
static int describe(struct media_source *s, struct err *err)
{
	const char *name = s->fmt->iformat->name;
	bool known = av_match_list(name, SELF_DESCRIBING, ',') != 0;
	int ret;

	s->decoding_order = !strcmp(name, "avi");
	for (unsigned i = 0; i < s->fmt->nb_streams; i++)
		known = known && described(s->fmt->streams[i]);
	if (known && s->fmt->nb_streams > 0)
		return 0;
	ret = avformat_find_stream_info(s->fmt, NULL);
	if (ret < 0)
		return source_stop(s, "finding its streams", ret, err);
	if (!av_match_list(name, FROM_ZERO, ',') && s->fmt->start_time != AV_NOPTS_VALUE)
		s->zero_s = (double)s->fmt->start_time / AV_TIME_BASE;
	return 0;
}

static int choose_streams(struct media_source *s, struct err *err)
{
	for (unsigned i = 0; i < s->fmt->nb_streams; i++) {
		AVStream *st = s->fmt->streams[i];
		enum AVMediaType type = st->codecpar->codec_type;
		bool still = st->disposition &
			     (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS);

		st->discard = AVDISCARD_ALL;
		if (st->time_base.num <= 0 || st->time_base.den <= 0)
			continue;
		if (type == AVMEDIA_TYPE_AUDIO && !s->audio)
			s->audio = st;
		if (type == AVMEDIA_TYPE_VIDEO && !still && !s->video)
			s->video = st;
	}
	if (!s->audio && !s->video)
		return err_set(err, ERR_FORMAT, "%s: neither sound nor pictures inside", s->path);
	if (s->video && (s->video->codecpar->width > MEDIA_MAX_SIDE ||
			 s->video->codecpar->height > MEDIA_MAX_SIDE))
		return err_set(err, ERR_LIMIT, "%s: pictures of %dx%d; at most %dx%d are read",
			       s->path, s->video->codecpar->width, s->video->codecpar->height,
			       MEDIA_MAX_SIDE, MEDIA_MAX_SIDE);
	return 0;
}

int source_open(struct media_source *s, const char *path, double max_s, int max_mb, struct err *err)
{
	media_quiet();
	*s = (struct media_source){ .path = path };
	if (check_file(s, err))
		return err->code;
	budget_start(&s->budget, max_s > 0 ? max_s : DEFAULT_MAX_S,
		     (int64_t)(max_mb > 0 ? max_mb : DEFAULT_MAX_MB) << 20, s->size);
	if (open_container(s, err) || describe(s, err) || choose_streams(s, err))
		source_close(s);
	return err->code;
}

void source_close(struct media_source *s)
{
	avformat_close_input(&s->fmt);
	*s = (struct media_source){ 0 };
}

AVCodecContext *source_decoder(struct media_source *s, const AVStream *st, struct err *err)
{
	const AVCodec *codec = avcodec_find_decoder(st->codecpar->codec_id);
	AVCodecContext *c;
	int ret;

	if (!codec) {
		err_set(err, ERR_FORMAT, "%s: no decoder for %s", s->path,
			avcodec_get_name(st->codecpar->codec_id));
		return NULL;
	}
	c = avcodec_alloc_context3(codec);
	if (!c) {
		err_set(err, ERR_NOMEM, "%s: out of memory", s->path);
		return NULL;
	}
	ret = avcodec_parameters_to_context(c, st->codecpar);
	c->pkt_timebase = st->time_base;
	c->thread_count = 1; /* files are read in parallel instead */
	c->max_pixels = (int64_t)MEDIA_MAX_SIDE * MEDIA_MAX_SIDE;
	if (st->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
		budget_attach(&s->budget, c);
	/* H.264 without a stated reorder depth: wait for the right order, never guess */
	if (codec->id == AV_CODEC_ID_H264)
		c->strict_std_compliance = FF_COMPLIANCE_STRICT;
	if (ret >= 0)
		ret = avcodec_open2(c, codec, NULL);
	if (ret < 0) {
		source_stop(s, "opening its decoder", ret, err);
		avcodec_free_context(&c);
	}
	return c;
}

double source_frame_seconds(const struct media_source *s)
{
	const AVStream *st = s->video;
	double fps = st->avg_frame_rate.den > 0 ? av_q2d(st->avg_frame_rate) : 0;
	double total = st->duration > 0 ? (double)st->duration * av_q2d(st->time_base) : 0;

	if (!(fps > 0) && st->nb_frames > 0 && total > 0)
		fps = (double)st->nb_frames / total;
	if (!(fps > 0) && st->r_frame_rate.den > 0)
		fps = av_q2d(st->r_frame_rate);
	return fps >= 0.1 && fps <= 1000 ? 1 / fps : 0;
}

int64_t source_key_before(const struct media_source *s, AVStream *st, double second)
{
	int64_t to = (int64_t)floor((second + s->zero_s) / av_q2d(st->time_base));
	int i = av_index_search_timestamp(st, to, AVSEEK_FLAG_BACKWARD);
	const AVIndexEntry *e = i < 0 ? NULL : avformat_index_get_entry(st, i);

	return e ? e->timestamp : AV_NOPTS_VALUE;
}

double source_file_end(const struct media_source *s)
{
	const AVFormatContext *f = s->fmt;
	double start = f->start_time != AV_NOPTS_VALUE ? (double)f->start_time / AV_TIME_BASE : 0;

	if (f->duration == AV_NOPTS_VALUE || f->duration <= 0 ||
	    f->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
		return 0;
	return (double)f->duration / AV_TIME_BASE + start - s->zero_s;
}

double source_stream_end(const struct media_source *s, const AVStream *st)
{
	const AVCodecParameters *p = st->codecpar;
	double tb = av_q2d(st->time_base);
	int64_t duration = st->duration;

	if (s->fmt->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
		return 0;
	/* in an AVI the duration has been fitted to the size of the file */
	if (s->decoding_order)
		duration = st->nb_frames;
	if (s->pcm_bytes && p->block_align > 0 && p->sample_rate > 0 &&
	    av_get_exact_bits_per_sample(p->codec_id) > 0)
		return (double)(s->pcm_bytes / p->block_align) / p->sample_rate;
	if (duration == AV_NOPTS_VALUE || duration <= 0)
		return 0;
	return (double)duration * tb +
	       (st->start_time != AV_NOPTS_VALUE ? (double)st->start_time * tb : 0) - s->zero_s;
}
