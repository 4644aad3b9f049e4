#!/bin/sh
# Installs what is missing of the packages that deps.txt names.
#
# usage: scripts/deps.sh GROUP...          (build, run, check, lint, bench, fuzz, emulate, mpi)
#
# Silent when nothing is missing.  On Debian and its relatives it says in one line what it
# installs and does it with apt-get, as root or through sudo.  Where it may not install, it
# prints the one command to run and exits with status 2.  MERC_DEPS=print never installs,
# MERC_DEPS=skip does not even look.
set -eu
export LC_ALL=C
table=$(dirname "$0")/deps.txt
mode=${MERC_DEPS:-install}

case $mode in
skip) exit 0 ;;
print | install) ;;
*) echo "deps: MERC_DEPS must be install, print or skip, not '$mode'" >&2; exit 2 ;;
esac
for group; do
	if ! grep -q "^$group[[:space:]]" "$table"; then
		echo "deps: there is no group '$group' in $table" >&2
		exit 2
	fi
done

# rows of the wanted groups: package, what shows that it is there, why
rows=$(awk -v want=" $* " '!/^#/ && NF && index(want, " " $1 " ") {
	sub(/^[^ \t]+[ \t]+/, ""); print }' "$table")

# Prints those of the packages that dpkg does not hold as installed.
not_installed()
{
	if command -v dpkg-query >/dev/null; then
		# shellcheck disable=SC2016,SC2086
		have=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $1 2>/dev/null |
			awk '$2 == "installed" { printf "%s ", $1 }')"
	else
		have=' '
	fi
	for package in $1; do
		case $have in *" $package "*) ;; *) echo "$package" ;; esac
	done
}

# A header that the compiler finds (after a colon: a name it must declare, where several packages
# bring a header of that name), a command on the path, or a file.
found()
{
	case $1 in
	*.h:*)
		echo "#include <${1%%:*}>" | ${CC:-cc} ${CPPFLAGS:-} ${CFLAGS:-} -E - 2>/dev/null |
			grep -qw "${1#*:}"
		;;
	*.h) echo "#include <$1>" | ${CC:-cc} ${CPPFLAGS:-} ${CFLAGS:-} -E - >/dev/null 2>&1 ;;
	/*) [ -e "$1" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

missing=
for package in $(not_installed "$(echo "$rows" | awk '{ print $1 }')"); do
	probe=$(echo "$rows" | awk -v p="$package" '$1 == p { print $2 }')
	found "$probe" || missing="$missing $package"
done
missing=${missing# }
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "deps: these libraries and programs are missing (named as in Debian):" >&2
	echo "$rows" | awk -v want=" $missing " 'index(want, " " $1 " ") {
		why = $0; sub(/^[^ \t]+[ \t]+[^ \t]+[ \t]+/, "", why)
		printf "  %-18s %-32s %s\n", $1, $2, why }' >&2
	echo "deps: install them with this system's package manager, then run make again" >&2
	exit 2
fi

root=no
if [ "$(id -u)" = 0 ]; then
	root=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && [ -t 2 ]; }; }; then
	root=sudo
fi
if [ "$root" = no ] || [ "$mode" = print ]; then
	echo "deps: some Debian packages are missing; as root (or after sudo) run:" >&2
	echo "apt-get update && apt-get install --no-install-recommends -y $missing" >&2
	exit 2
fi

echo "deps: installing with apt-get${root:+ (sudo)}: $missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

apt()
{
	$root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" \
		>>"$log" 2>&1 </dev/null
}

# The lists of a fresh machine are empty and those of an old one out of date: fetch them then only.
# shellcheck disable=SC2086
if ! apt install --no-install-recommends $missing; then
	: >"$log"
	if ! apt update || ! apt install --no-install-recommends $missing; then
		tail -n 20 "$log" >&2
		echo "deps: apt-get failed (its last lines are above); once it works, run make again" >&2
		exit 2
	fi
fi
left=$(not_installed "$missing")
if [ -n "$left" ]; then
	echo "deps: apt-get ended well, yet these are still missing:" $left >&2
	exit 2
fi
