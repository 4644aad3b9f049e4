/* SPDX-License-Identifier: Apache-2.0
 * Media files through FFmpeg's libraries (the only room that sees them): probe,
 * read a span's audio and frames in one pass, write clips.  Every failure names
 * the file; hostile or broken input ends in an error, never in a crash.
 */
#ifndef HARNESS_MEDIA_MEDIA_H
#define HARNESS_MEDIA_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/base/err.h"
#include "harness/base/picture.h"

struct media_info {
	double seconds; /* what the container says; <= 0: unknown */
	bool has_audio, has_video;
	int width, height;
	double fps;
	int rate, channels;
	char container[32], video_codec[32], audio_codec[32];
};

int media_probe(const char *path, struct media_info *info, struct err *err);
/* One line naming the libraries' versions as they run, for manifests and cache keys. */
const char *media_versions(void);

/* What a reading cost. */
struct media_work {
	long pictures;	/* decoded */
	double sound_s; /* decoded */
};

/* What to read from one file, in one pass. */
struct media_request {
	/* end_ms -1: to the end.  Sample k of the result is at start + k / rate; a
	 * picture belongs to the span that holds its middle.  A span that the file
	 * only partly covers gives the part that is there. */
	int64_t start_ms, end_ms;
	double max_seconds; /* longer spans are cut here and reported; <= 0: 600 */
	int rate;	    /* mono float PCM at this rate, 1000 to 192000; 0: no audio wanted.
			     * Channels are averaged as FFmpeg does for integer samples */
	bool frames;	    /* pictures wanted */
	int crop;	    /* enum media_crop of the corpus: 0 whole, 1 left, 2 right half */
	int max_height;	    /* scaled down (area) to at most this, keeping the aspect; 0: as is */
	int max_side;	    /* instead: width and height at most this, both even; 0: not so */
	/* At most this many pictures a second, one for each cell of a time grid from
	 * the span's start; 0: all.  In H.264 and HEVC a picture that no other refers
	 * to is not decoded when its cell has another one: time_s says which picture
	 * it was, and every picture is exactly what full decoding gives. */
	double fps;
	/* Called for each picture in order of time; planes are valid during the call.
	 * Returns 0, or an error it set, which ends the reading. */
	int (*on_picture)(void *ctx, const struct picture *p, struct err *err);
	void *ctx;
	/* So many pictures, one for each of as many equal parts of the span, or of what the file
	 * says it holds of the span; beside fps: of the two grids the coarser; 0: not by count. */
	int count;
	bool middle; /* by count: the first picture of each part's second half */
	/* Instead of either: for each of these seconds from the span's start (rising, below
	 * its length) the picture shown at that time; a time that the pictures do not cover
	 * gets none.  Long stretches between them are passed over by the file's index. */
	const double *at_s;
	int n_at;
	bool vectors;		 /* motion vectors with each picture */
	double max_wall_s;	 /* wall seconds of reading without on_picture; <= 0: 120 */
	int max_mb;		 /* of decoded pictures held at a time; <= 0: 1024 */
	struct media_work *work; /* added to; NULL: not counted */
};

struct media_audio {
	float *pcm; /* mono, owned: media_audio_free() */
	int n, rate;
};

enum media_status {
	MEDIA_OK,
	MEDIA_NO_AUDIO = 1, /* asked for, but not in the span */
	MEDIA_NO_VIDEO = 2, /* the same */
	MEDIA_CUT = 4,	    /* max_seconds cut the span */
	MEDIA_DAMAGED = 8,  /* packets failed to decode, or time stamps went back */
	MEDIA_SHORT = 16, /* ends over half a second before its header says: truncated, or a lie */
	MEDIA_LONG = 32,  /* goes on over half a second after that */
	MEDIA_NO_VECTORS = 64, /* asked for, but this codec gives none */
};

/* Names of the flags joined by '+' ("no-audio+short"; "ok" for none), as people and tables
 * read them.  Truncates to size. */
void media_status_text(unsigned status, char *text, size_t size);

/* Reads the span.  *status: flags of what is not as asked; the call still succeeds.  An
 * unreadable file, or a span of which nothing is there, is an error: ERR_MISSING,
 * ERR_FORMAT (not media, a folder), ERR_DATA (empty, outside, nothing decodes), ERR_ARG
 * (the request), ERR_LIMIT (time, memory, reads), ERR_IO, ERR_NOMEM, or what on_picture
 * set.  audio may be NULL if rate is 0; it is owned by the caller and empty on failure.
 * Thread-safe; one thread a call, so max_wall_s bounds processor time too; memory is
 * bounded by max_seconds, max_mb and pictures of 8192x8192. */
int media_read(const char *path, const struct media_request *rq, struct media_audio *audio,
	       unsigned *status, struct err *err);
void media_audio_free(struct media_audio *a);

/* Writing: container by extension (.mp4: H.264 + AAC, .avi: MPEG-4 part 2 + PCM, .wav: PCM 16).
 * Same input and library versions, same bytes, whatever the order of the calls.
 * Picture i is shown at i / fps; samples beyond full scale are clipped, NaN is silence. */
struct media_writer;
struct media_spec {
	int width, height; /* even, 16 to 8192; 0: no video */
	int fps;	   /* 1 to 240 */
	int quality; /* constant quantiser; H.264: 1 to 51, MPEG-4: 1 to 31; smaller is finer */
	int rate;    /* mono audio, 8000 to 96000; 0: none */
	bool timed;  /* pictures are shown at their own time_s (to the millisecond, rising), the
		      * last for 1 / fps */
};
struct media_writer *media_writer_open(const char *path, const struct media_spec *spec,
				       struct err *err);
/* Pictures and sound may come in any interleaving; both are copied. */
int media_write_picture(struct media_writer *w, const struct picture *p, struct err *err);
int media_write_audio(struct media_writer *w, const float *pcm, int n, struct err *err);
/* Flushes, writes the trailer, frees, sets *w to NULL; *w NULL is accepted.  After a
 * failure (err set before, or now) the file is removed.  Does not fsync. */
int media_writer_close(struct media_writer **w, struct err *err);

/* The same into memory: name chooses the container and stands in messages. */
struct media_writer *media_writer_open_memory(const char *name, const struct media_spec *spec,
					      struct err *err);
/* *data: the file (*size bytes), free(); NULL after a failure. */
int media_writer_close_memory(struct media_writer **w, char **data, size_t *size, struct err *err);

#endif
