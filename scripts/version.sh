#!/bin/sh
# Prints the header that version.c is compiled with.
# usage: scripts/version.sh VERSION MODE FLAGS
#
# The commit is git's; in a tree packed by `git archive` it is the one that scripts/commit.txt got.
set -eu
cd "$(dirname "$0")/.."
commit=$(sed -n 's/^commit: *\([0-9a-f]\{7,\}\)$/\1/p' scripts/commit.txt)
if [ -e .git ]; then
	commit=$(git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unknown)
fi
# what measures clips, and what makes parts of asks of them: its results are kept on disk for as long
# as these stay the same
measuring=$(cat harness/cue/*.[ch] harness/media/*.[ch] harness/run/measure.c | cksum | tr ' ' '-')
attaching=$(cat harness/media/*.[ch] harness/run/attach.c | cksum | tr ' ' '-')
quote()
{
	printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'
}
cat <<END
#define MERC_VERSION "$(quote "$1")"
#define MERC_COMMIT "${commit:-unknown}"
#define MERC_MEASURING "$measuring"
#define MERC_ATTACHING "$attaching"
#define MERC_COMPILER "$(quote "$(${CC:-cc} --version 2>/dev/null | head -n 1)")"
#define MERC_MODE "$(quote "$2")"
#define MERC_FLAGS "$(quote "$3")"
END
