#!/bin/bash
# Runs test programs on an emulated processor with AVX-512, for machines that have none:
# Bochs boots a Linux kernel with the programs, their libraries and a shell in memory.
#
# usage: scripts/emulate.sh PROGRAM...          (make emulate does it for the tests of the kernels)
#
# KERNELS=NAME   the kernel set that the tests walk (default avx512; empty: all of them)
# PROCESSOR=NAME one of `bochs -help cpu` (default corei7_skylake_x), perhaps with features:
#                'corei7_skylake_x, add_features="avx512vnni,avx512bf16"'
# KERNEL=FILE    the Linux kernel to boot (default: the newest /boot/vmlinuz-*)
# MINUTES=N      gives up after so long (default 60)
#
# A test that takes a second on a processor takes minutes here.
set -eu -o pipefail
export LC_ALL=C
kernel=${KERNEL:-$(find /boot -name 'vmlinuz-*' 2>/dev/null | sort -V | tail -n 1)}
share=${BOCHS_SHARE:-/usr/share/bochs}
isolinux=${ISOLINUX:-/usr/lib/ISOLINUX/isolinux.bin}
loader=${SYSLINUX:-/usr/lib/syslinux/modules/bios}/ldlinux.c32
busybox=$(command -v busybox) || busybox=

die()
{
	echo "emulate: $1" >&2
	exit 2
}

[ $# -gt 0 ] || die 'usage: scripts/emulate.sh PROGRAM...'
[ -r "$kernel" ] || die 'no Linux kernel: give KERNEL=FILE (a vmlinuz; see CONTRIBUTING.md)'
# older ones know fewer instructions, and Debian 12 builds its own with a debugger that asks first
version=$(bochs --help 2>&1 | sed -n 's/.*Bochs x86 Emulator \([0-9]*\).*/\1/p' | head -n 1) || :
[ "${version:-0}" -ge 3 ] || die "Bochs 3 is needed (Debian 13 has it), not '${version:-none}'"
for tool in bochs genisoimage script timeout; do
	command -v "$tool" >/dev/null || die "$tool is missing: see 'emulate' in scripts/deps.txt"
done
for file in "$share/BIOS-bochs-latest" "$isolinux" "$loader" "$busybox"; do
	[ -r "$file" ] || die "'$file' is missing: see 'emulate' in scripts/deps.txt"
done
if ldd "$busybox" >/dev/null 2>&1; then
	die "$busybox is not static: install busybox-static"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- what the emulated machine finds ---------------------------------------------------------

root=$work/root
mkdir -p "$root"/{bin,dev,proc,tmp,tests} "$work/disc"
cp "$busybox" "$root/bin/busybox"
for name in sh mount dd printf grep; do
	ln -s busybox "$root/bin/$name"
done
for program; do
	cp "$program" "$root/tests/"
	ldd "$program" | grep -o '/[^ ]*' | while read -r library; do
		mkdir -p "$root$(dirname "$library")"
		cp -L "$library" "$root$library"
	done
done
# shellcheck disable=SC2016
{
	printf '#!/bin/sh\nexport LC_ALL=C TZ=UTC OPENBLAS_NUM_THREADS=1 MERC_KERNELS=%s\n' "${KERNELS-avx512}"
	echo 'mount -t devtmpfs dev /dev; mount -t proc proc /proc; exec >/dev/ttyS0 2>&1
failed=0
grep -m1 "model name" /proc/cpuinfo
for t in /tests/*; do
	echo "== ${t##*/}"
	"$t" || failed=1
done
echo "== end $failed"
# the port on which this machine is switched off; should it not listen, the end of this
# process makes the kernel restart, which ends Bochs too
for c in S h u t d o w n; do
	printf $c | dd of=/dev/port bs=1 count=1 seek=35072 2>/dev/null
done'
} >"$root/init"
chmod +x "$root/init"
(cd "$root" && find . | "$busybox" cpio -o -H newc) >"$work/disc/initrd" 2>/dev/null
cp "$kernel" "$work/disc/vmlinuz"
cp "$isolinux" "$loader" "$work/disc/"

# --- the machine -----------------------------------------------------------------------------

# Virtual time counts instructions, so the kernel gets the clock's rate and skips its measuring;
# without ACPI and security modules it boots in half a minute.
cat >"$work/disc/isolinux.cfg" <<-END
	default tests
	prompt 0
	label tests
	 kernel vmlinuz
	 append initrd=initrd console=ttyS0 quiet acpi=off no5lvl mitigations=off nokaslr lsm= clearcpuid=amx_tile,aperfmperf tsc_early_khz=20000 tsc=reliable lpj=40000 edd=off nowatchdog random.trust_cpu=on panic=-1
END
genisoimage -quiet -o "$work/disc.iso" -b isolinux.bin -c boot.cat -no-emul-boot \
	-boot-load-size 4 -boot-info-table "$work/disc"
cat >"$work/bochsrc" <<-END
	display_library: term
	cpu: model=${PROCESSOR:-corei7_skylake_x}, count=1, ips=20000000, reset_on_triple_fault=0, ignore_bad_msrs=1
	clock: sync=none
	megs: 1024
	romimage: file=$share/BIOS-bochs-latest
	vgaromimage: file=$share/VGABIOS-lgpl-latest
	ata0: enabled=1
	ata0-master: type=cdrom, path=$work/disc.iso, status=inserted
	boot: cdrom
	com1: enabled=1, mode=file, dev=$work/serial
	sound: driver=dummy
	log: $work/log
	panic: action=fatal
	error: action=ignore
END

: >"$work/serial"
# Bochs wants a terminal to draw on; nobody looks at it
TERM=vt100 timeout "${MINUTES:-60}m" script -qec "bochs -q -f '$work/bochsrc'" /dev/null \
	>/dev/null 2>&1 </dev/null || :
tr -d '\r' <"$work/serial" | sed -n '1,/^== end/p'
if ! grep -q '^== end' "$work/serial"; then
	tail -n 5 "$work/log" >&2
	die 'the emulated machine did not come to its end'
fi
grep -q '^== end 0' "$work/serial" || exit 1
