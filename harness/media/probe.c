/* SPDX-License-Identifier: Apache-2.0
 * What a file says about itself, and which libraries read it.
 */
#include "harness/media/media.h"

#include <pthread.h>
#include <stdio.h>

#include <libavutil/ffversion.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>

#include "harness/base/str.h"
#include "harness/media/source.h"

/* Names longer than the field end early: they are for people, not keys. */
static void copy_name(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%.*s", (int)size - 1, src);
}

int media_probe(const char *path, struct media_info *info, struct err *err)
{
	struct media_source s;

	*info = (struct media_info){ 0 };
	if (source_open(&s, path, 0, 0, err))
		return err->code;
	copy_name(info->container, sizeof(info->container), s.fmt->iformat->name);
	if (s.fmt->duration != AV_NOPTS_VALUE)
		info->seconds = (double)s.fmt->duration / AV_TIME_BASE;
	if (s.audio) {
		const AVCodecParameters *p = s.audio->codecpar;
		double end = source_stream_end(&s, s.audio);

		info->has_audio = true;
		info->rate = p->sample_rate;
		info->channels = p->ch_layout.nb_channels;
		copy_name(info->audio_codec, sizeof(info->audio_codec),
			  avcodec_get_name(p->codec_id));
		if (info->seconds <= 0)
			info->seconds = end;
	}
	if (s.video) {
		const AVCodecParameters *p = s.video->codecpar;
		double frame = source_frame_seconds(&s), end = source_stream_end(&s, s.video);

		info->has_video = true;
		info->width = p->width;
		info->height = p->height;
		info->fps = frame > 0 ? 1 / frame : 0;
		copy_name(info->video_codec, sizeof(info->video_codec),
			  avcodec_get_name(p->codec_id));
		if (info->seconds < end && s.fmt->duration == AV_NOPTS_VALUE)
			info->seconds = end;
	}
	source_close(&s);
	return 0;
}

static char versions[192];

static void format_versions(void)
{
	const unsigned f = avformat_version(), c = avcodec_version(), s = swscale_version(),
		       r = swresample_version();

	snprintf(versions, sizeof(versions),
		 "FFmpeg %s, libavformat %u.%u.%u, libavcodec %u.%u.%u, libswscale %u.%u.%u, "
		 "libswresample %u.%u.%u",
		 av_version_info(), AV_VERSION_MAJOR(f), AV_VERSION_MINOR(f), AV_VERSION_MICRO(f),
		 AV_VERSION_MAJOR(c), AV_VERSION_MINOR(c), AV_VERSION_MICRO(c), AV_VERSION_MAJOR(s),
		 AV_VERSION_MINOR(s), AV_VERSION_MICRO(s), AV_VERSION_MAJOR(r), AV_VERSION_MINOR(r),
		 AV_VERSION_MICRO(r));
}

const char *media_versions(void)
{
	/* asked at run time: a library may be newer than the headers */
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, format_versions);
	return versions;
}
