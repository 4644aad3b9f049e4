/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/report/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/io.h"

void plot_begin(struct plot *p, const char *slug, int width, int height)
{
	*p = (struct plot){ .width = width, .height = height };
	p->gp.oom = !str_copy(p->slug, sizeof(p->slug), slug);
}

/* doubled: characters that gnuplot takes as they are when they stand twice. */
static void plain_text(struct strbuf *b, const char *s, const char *doubled)
{
	size_t len;

	for (size_t n = strlen(s); n; s += len, n -= len) {
		const int32_t cp = utf8_decode(s, n, &len);

		if (cp < 0)
			len = 1;
		if (cp < 0 || utf8_commands(cp) || strchr("\"\\`", *s))
			strbuf_addc(b, ' ');
		else if (*s == '\'' && !strchr(doubled, '\''))
			strbuf_add(b, "\xe2\x80\x99"); /* would open a quoted field */
		else
			strbuf_addn(b, s, len);
		if (strchr(doubled, *s))
			strbuf_addc(b, *s);
	}
}

void plot_dat_text(struct plot *p, const char *text)
{
	plain_text(&p->dat, text, "");
}

void plot_gp_text(struct plot *p, const char *text)
{
	strbuf_addc(&p->gp, '\'');
	plain_text(&p->gp, text, "'");
	strbuf_addc(&p->gp, '\'');
}

void plot_gp_tic(struct plot *p, const char *text)
{
	strbuf_addc(&p->gp, '\'');
	plain_text(&p->gp, text, "'%");
	strbuf_addc(&p->gp, '\'');
}

static int write_part(const char *dir, const char *slug, const char *suffix,
		      const struct strbuf *text, struct err *err)
{
	char name[128];
	char *path;

	if (text->oom || !str_format(name, sizeof(name), "%s.%s", slug, suffix))
		return err_set(err, ERR_NOMEM, "%s: no memory", slug);
	path = path_join(dir, name);
	if (!path)
		return err_set(err, ERR_NOMEM, "%s: no memory", slug);
	io_write_atomic(path, strbuf_str(text), text->len, err);
	free(path);
	return err->code;
}

#define PRINT_CM (17.0 / 760) /* of a point of the picture */

int plot_write(const struct plot *p, const char *dir, struct err *err)
{
	struct strbuf all = { 0 };

	strbuf_addf(&all,
		    "# redraw: gnuplot %s.gp\n"
		    "do for [form in \"png svg%s\"] {\n"
		    "reset\n"
		    "if (form eq \"svg\") {\n"
		    "set terminal svg noenhanced size %d,%d font \"sans,13\"\n"
		    "}\n"
		    "if (form eq \"png\") {\n"
		    "set terminal pngcairo noenhanced size %d,%d font \"sans,13\" fontscale 1.6 "
		    "linewidth 2 pointscale 2.6 background rgb \"white\"\n"
		    "}\n",
		    p->slug, p->print ? " pdf" : "", p->width, p->height, 2 * p->width,
		    2 * p->height);
	if (p->print)
		strbuf_addf(&all,
			    "if (form eq \"pdf\") {\n"
			    "set terminal pdfcairo noenhanced size %.2fcm,%.2fcm font \"sans,13\" "
			    "fontscale .58 linewidth .8 pointscale .9\n"
			    "}\n",
			    p->width * PRINT_CM, p->height * PRINT_CM);
	strbuf_addf(&all,
		    "set output '%s.'.form\n"
		    "set encoding utf8\n"
		    "set datafile separator tab\n"
		    "data = '%s.dat'\n",
		    p->slug, p->slug);
	strbuf_add(&all, strbuf_str(&p->gp));
	strbuf_add(&all, "unset output\n}\n");
	all.oom |= p->gp.oom;
	if (!write_part(dir, p->slug, "dat", &p->dat, err))
		write_part(dir, p->slug, "gp", &all, err);
	strbuf_free(&all);
	return err->code;
}

void plot_free(struct plot *p)
{
	strbuf_free(&p->dat);
	strbuf_free(&p->gp);
}

#define NO_PROGRAM 127 /* what the child ends with when gnuplot cannot be started */

/* In the child: everything gnuplot says goes to the pipe. */
static void child(const char *dir, const char *script, int out)
{
	char *const argv[] = { (char *)"gnuplot", (char *)script, NULL };
	int in = open("/dev/null", O_RDONLY);

	if (in >= 0 && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0 && !chdir(dir))
		execvp(argv[0], argv);
	_exit(NO_PROGRAM);
}

static void read_all(int fd, char *text, size_t size)
{
	size_t at = 0;
	ssize_t n;
	char rest[256];

	while ((n = read(fd, at + 1 < size ? text + at : rest,
			 at + 1 < size ? size - 1 - at : sizeof(rest))) > 0 ||
	       (n < 0 && errno == EINTR))
		at += n > 0 && at + 1 < size ? (size_t)n : 0;
	text[at] = '\0';
}

int plot_draw(const char *dir, const char *slug, bool *missing, struct err *err)
{
	char script[128], said[600];
	int fd[2], status = 0;
	pid_t pid;

	*missing = false;
	if (!str_format(script, sizeof(script), "%s.gp", slug))
		return err_set(err, ERR_ARG, "%s: name too long", slug);
	if (pipe(fd))
		return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		child(dir, script, fd[1]);
	}
	close(fd[1]);
	if (pid > 0) {
		read_all(fd[0], said, sizeof(said));
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(fd[0]);
	if (pid < 0)
		return err_set(err, ERR_BACKEND, "gnuplot: fork: %s", strerror(errno));
	*missing = WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM;
	if (*missing || (WIFEXITED(status) && !WEXITSTATUS(status)))
		return 0;
	return err_set(err, ERR_BACKEND, "gnuplot %s/%s failed: %s", dir, script, said);
}
