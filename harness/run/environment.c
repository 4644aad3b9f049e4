/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/run/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/thread.h"
#include "harness/base/version.h"
#include "harness/media/media.h"
#include "harness/num/gemm.h"

/* First value of a "key : value" line of a /proc file; "unknown" without one. */
static void proc_value(const char *path, const char *key, char *out, size_t size)
{
	char line[512];
	FILE *f = fopen(path, "r");

	snprintf(out, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, key, strlen(key)) != 0 || !colon)
			continue;
		colon += 1 + strspn(colon + 1, " \t");
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(out, size, "%s", colon);
		break;
	}
	if (f)
		fclose(f);
}

void environment_write(struct json_writer *w, int threads)
{
	char text[256];
	const char *warning = num_blas_warning();

	json_open_object(w, "environment");
	json_put_str(w, "version", version_get()->number);
	json_put_str(w, "commit", version_get()->commit);
	json_put_str(w, "compiler", version_get()->compiler);
	json_put_str(w, "flags", version_get()->flags);
	json_put_str(w, "libraries", media_versions());
	json_put_str(w, "blas", num_blas_describe(kernels_best(), text, sizeof(text)));
	proc_value("/proc/cpuinfo", "model name", text, sizeof(text));
	json_put_str(w, "cpu", text);
	json_put_int(w, "cores", cpu_count());
	json_put_int(w, "memory_mb",
		     (int64_t)sysconf(_SC_PHYS_PAGES) / 1024 * sysconf(_SC_PAGESIZE) / 1024);
	json_put_int(w, "threads", threads);
	json_open_array(w, "warnings");
	if (warning)
		json_put_str(w, NULL, warning);
	json_close_array(w);
	json_close_object(w);
}

void environment_warn(const struct log *log)
{
	const char *warning = num_blas_warning();

	if (warning)
		log_info(log, "warning: %s", warning);
}

double environment_peak_mb(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u))
		return 0;
	return (double)u.ru_maxrss / 1024.0;
}

bool environment_reset_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");
	bool done = f && fputs("5", f) >= 0;

	if (f && fclose(f))
		done = false;
	return done;
}

void environment_time(char out[32])
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	struct err err = { 0 };
	time_t now = time(NULL);
	struct tm tm;
	int64_t fixed;

	if (epoch && !parse_i64(epoch, 0, (int64_t)1 << 40, "SOURCE_DATE_EPOCH", &fixed, &err))
		now = (time_t)fixed;
	gmtime_r(&now, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
