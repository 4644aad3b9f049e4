/* SPDX-License-Identifier: Apache-2.0
 * The mock server for shell tests: mock_server PORTFILE DELAY_MS [KEY [LOG]] [OPTION...], with the
 * options dialect=NAME, dump=FILE, facts=FILE, rejects=FIELD, raw=DIR, blind and busy of mock.h
 * behind those. Writes its port to the file and serves until it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/err.h"
#include "harness/base/io.h"
#include "harness/base/str.h"
#include "tests/mock.h"

/* Takes an argument that is an option; false: it is none. */
static bool take(struct mock_options *o, const char *arg)
{
	const struct {
		const char *name, **to;
	} row[] = { { "dialect=", &o->dialect },
		    { "dump=", &o->dump },
		    { "facts=", &o->facts },
		    { "rejects=", &o->rejects },
		    { "raw=", &o->raw } };

	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (str_starts(arg, row[i].name)) {
			*row[i].to = arg + strlen(row[i].name);
			return true;
		}
	o->blind |= !strcmp(arg, "blind");
	o->busy |= !strcmp(arg, "busy");
	return !strcmp(arg, "blind") || !strcmp(arg, "busy");
}

int main(int argc, char **argv)
{
	struct mock_options o = { 0 };
	struct strbuf port = { 0 };
	struct err err = { 0 };
	struct mock *m;
	int n = argc;

	while (n > 3 && take(&o, argv[n - 1]))
		n--;
	if (argc < 3 || parse_f64(argv[2], 0, 1e6, "DELAY_MS", &o.delay_s, &err)) {
		fprintf(stderr, "usage: mock_server PORTFILE DELAY_MS [KEY [LOG]] [OPTION...]\n");
		return 2;
	}
	o.delay_s /= 1000;
	o.key = n > 3 && *argv[3] ? argv[3] : NULL;
	o.log = n > 4 ? argv[4] : NULL;
	m = mock_start(&o);
	if (!m)
		return 1;
	strbuf_addf(&port, "%d", mock_port(m));
	io_write_atomic(argv[1], strbuf_str(&port), port.len, &err);
	strbuf_free(&port);
	while (!err.code)
		pause();
	fprintf(stderr, "%s\n", err.msg);
	mock_stop(m);
	return 1;
}
