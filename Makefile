# merc: two commands do everything
#   make reproduce   the main job: corpora, systems, report (results/report/index.html)
#   make check       every test
# `make help` lists the rest.
VERSION := 0.1.0
MODE    ?= release
CC      ?= cc
AR      ?= ar
JOBS    ?= $(shell nproc 2>/dev/null || echo 2)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wundef -Wstrict-prototypes -Wmissing-prototypes \
        -Wpointer-arith -Wwrite-strings -Wno-psabi -Wformat=2 -Wswitch-enum -Werror
FLAGS_release := -O3 -g -fno-math-errno -ffp-contract=off
# below -O3 gcc sees truncation where a check excludes it
FLAGS_debug   := -O1 -g -Wno-format-truncation
# one build finds bad addresses, leaks and undefined behaviour
FLAGS_asan    := $(FLAGS_debug) -fsanitize=address,undefined -fno-sanitize-recover=all \
                 -fno-omit-frame-pointer
FLAGS_ubsan   := $(FLAGS_debug) -fsanitize=undefined -fno-sanitize-recover=all
FLAGS_tsan    := $(FLAGS_debug) -fsanitize=thread
# clang only: `make fuzz-NAME`
FLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
                 -fno-omit-frame-pointer
ifeq ($(FLAGS_$(MODE)),)
$(error MODE must be debug, release, asan, ubsan, tsan or fuzz, not '$(MODE)')
endif

# MPI=1: merc sweep spreads its runs over the ranks of mpirun
ifneq ($(MPI),)
# its flags are asked for while this file is read: it must be there before
MPI_DEPS   := $(if $(shell command -v mpicc),,$(shell ./scripts/deps.sh mpi >&2))
MPI_CFLAGS := -DMERC_MPI $(shell mpicc --showme:compile 2>/dev/null | sed 's/-I/-isystem /g')
MPI_LIBS   := $(shell mpicc --showme:link 2>/dev/null)
endif

# CFLAGS, CPPFLAGS and LDFLAGS are the user's: they come last and nothing here sets them
ALL_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -I. $(WARN) $(FLAGS_$(MODE)) $(MPI_CFLAGS) $(CPPFLAGS) $(CFLAGS)
LDLIBS     := -Wl,--as-needed -lavformat -lavcodec -lswscale -lswresample -lavutil -lopenblas -lcjson -lcsv \
              -lxxhash -lutf8proc -lexpat -lcurl -lsqlite3 $(MPI_LIBS) -lpthread -lm
TESTLIBS   := -lcmocka

# the flags name the folder, so that changing them can never mix objects
HASH := $(shell printf '%s' '$(CC) $(ALL_CFLAGS) $(LDFLAGS)' | cksum | cut -d' ' -f1)
B    := build/$(MODE)-$(HASH)

LIB   := $(shell find harness models datasets -name '*.c' ! -path 'harness/cli/*' | LC_ALL=C sort)
CLI   := $(shell find harness/cli -name '*.c' 2>/dev/null | LC_ALL=C sort)
HDR   := $(shell find harness models datasets tests -name '*.h' | LC_ALL=C sort)
TEST  := $(sort $(wildcard tests/test_*.c))
BENCH := $(sort $(wildcard tests/bench_*.c))
OBJ   := $(LIB:%.c=$B/%.o)
BIN   := $(TEST:%.c=$B/%)
SH    := $(sort $(wildcard tests/test_*.sh))
FUZZ  := $(sort $(wildcard tests/fuzz/fuzz*.c))
FAULT := $B/tests/must_fail
DEPS  := $(LIB:%.c=$B/%.d) $(CLI:%.c=$B/%.d) $(TEST:%.c=$B/%.d) $(BENCH:%.c=$B/%.d) $(FAULT).d \
         $B/tests/mock.d $B/tests/mock_reply.d $B/tests/mock_shape.d $B/tests/mock_server.d \
         $(FUZZ:%.c=$B/%.d) $(LIB:%.c=$B/lint/%.d)

# which groups of scripts/deps.txt the goals at hand need
NEEDS_deps      := run check lint
NEEDS_check     := run check
NEEDS_tests     := check
NEEDS_reproduce := run
NEEDS_lint      := check lint
NEEDS_emulate   := check emulate
NEEDS_bench     := bench
GROUPS := $(sort build $(if $(MPI),mpi) $(foreach g,$(MAKECMDGOALS),$(NEEDS_$g)) $(if $(filter test-%,$(MAKECMDGOALS)),check) \
            $(if $(filter fuzz-%,$(MAKECMDGOALS)),fuzz))

# quiet lines; V=1 shows the commands
Q   := $(if $(V),,@)
say  = $(if $(V),@:,@printf '  %-4s %s\n' '$1' '$2')
# a sub-make uses every core unless the user has chosen a number
SUBMAKE = $(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(JOBS))

.DEFAULT_GOAL := all
.SUFFIXES:
.SECONDARY:
.DELETE_ON_ERROR:
.PHONY: all tests check lint bench install uninstall installcheck dist clean distclean reproduce \
        deps help FORCE

all: $B/merc
	@ln -sfn $(notdir $B)/merc build/merc

deps:
	@CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' CFLAGS='$(CFLAGS)' ./scripts/deps.sh $(GROUPS)

$B/%.o: %.c | deps
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(EXTRA) -MMD -MP -c -o $@ $<

# the kernels are written in gcc's vector extensions and target pragmas, and chosen by gcc's names of
# processors: under the fuzzer they are gcc's objects, without instrumentation
ifeq ($(MODE),fuzz)
$B/harness/num/kernel%: override CC := gcc
$B/harness/num/kernel%: ALL_CFLAGS := $(subst $(FLAGS_fuzz),$(FLAGS_release),$(ALL_CFLAGS))
endif

# $(call keep,FILE,COMMAND): the file changes only when what the command prints does
keep = mkdir -p $(dir $1) && { $2; } >$1.new && if cmp -s $1.new $1; then rm $1.new; else mv $1.new $1; fi

# sanitized kernels keep their tiles in registers only when optimised
ifeq ($(MODE),asan)
$B/harness/num/kernel%.o: EXTRA := -O2
endif

# the version lives in one object: a new commit compiles that and links again
$B/version_text.h: FORCE
	@$(call keep,$@,CC='$(CC)' ./scripts/version.sh $(VERSION) '$(MODE)' '$(ALL_CFLAGS)')
$B/harness/base/version.o $B/lint/harness/base/version.o: $B/version_text.h
$B/harness/base/version.o $B/lint/harness/base/version.o: EXTRA := -include $B/version_text.h

# a source that is gone must leave the archive too
$B/objects: FORCE
	@$(call keep,$@,echo '$(OBJ)')
$B/libmerc.a: $(OBJ) $B/objects
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(OBJ)
$B/merc: $(CLI:%.c=$B/%.o) $B/libmerc.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# --- tests -----------------------------------------------------------------------------------

TESTENV := LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1700000000 UBSAN_OPTIONS=print_stacktrace=1 \
           MERC='$(CURDIR)/$B/merc' TESTS='$(CURDIR)/$B/tests'

$B/tests/%: $B/tests/%.o $B/libmerc.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $B/libmerc.a $(LDLIBS) $(TESTLIBS) $(PEERLIBS)
$B/tests/test_fuzz_corpus: $(FUZZ:%.c=$B/%.o)
# what stands in for a server of models
MOCK := $B/tests/mock_server
MOCK_PARTS := $B/tests/mock.o $B/tests/mock_reply.o $B/tests/mock_shape.o
$(MOCK) $(filter $B/tests/test_remote% $B/tests/test_carrier% $B/tests/test_mock,$(BIN)) \
$B/tests/bench_remote $B/tests/bench_asks: $(MOCK_PARTS)
tests: $(BIN) $(FAULT) $(MOCK) $(BENCH:%.c=$B/%)
# one test program or script by name: make test-json
test-%: $B/tests/test_%
	$(TESTENV) $<
test-%: tests/test_%.sh $B/merc $(FAULT) $(MOCK)
	$(TESTENV) $<
# it looks at the report that this one writes
test-page: $B/tests/test_report
# speeds beside those of other programs: make bench [PARTS="train gemm"] [FULL=1] [PEERS=DIR]
# one program alone, as it prints: make bench-NAME
# the folder with the peers' programs
PEERS ?= $(firstword $(wildcard ../shared/peers) scripts/peers)
bench: $(BENCH:%.c=$B/%) all
	@MERC='$B/merc' BENCH='$B/tests' PEERS='$(PEERS)' PEER_PYTHON='$(PEER_PYTHON)' \
		./scripts/bench/bench.py $(if $(FULL),--full) $(BENCHFLAGS) $(PARTS)
# oneDNN stands beside our products where it is installed
$B/tests/bench_gemm: PEERLIBS = $(shell echo '\#include <oneapi/dnnl/dnnl.h>' | $(CC) -E - >/dev/null 2>&1 && echo -ldnnl)
bench-%: $B/tests/bench_%
	$<
# cues come with Praat's and torchaudio's beside them
bench-cues:
	+@$(MAKE) --no-print-directory bench PARTS=cues
# scores come with scikit-learn's beside them
bench-scores:
	+@$(MAKE) --no-print-directory bench PARTS=scores
.PHONY: bench-cues bench-scores

# PyTorch's side of tests/test_curve.c anew (package python3-torch)
PEER_PYTHON ?= /usr/bin/python3
golden-torch:
	$(PEER_PYTHON) scripts/peers/torch_curve.py >tests/golden/torch_curve.json.new
	mv tests/golden/torch_curve.json.new tests/golden/torch_curve.json
.PHONY: golden-torch

# The same unit tests twice, as released and under the sanitizers, then the shell tests (which
# drive the program and valgrind) on the released build; one closing line for all.
# JUNIT=FILE and TAP=FILE write reports too.
check: deps
	+@$(SUBMAKE) MODE=release all tests
	+@$(SUBMAKE) MODE=asan tests
	@$(MAKE) --no-print-directory MODE=release check-run ASAN_TESTS="$$($(MAKE) -s --no-print-directory MODE=asan print-tests)"
print-tests:
	@echo $(BIN)
check-run:
	@if $(TESTENV) ./scripts/run-tests.sh $(FAULT) >/dev/null; then \
		echo 'check: the runner lets a failing test pass' >&2; exit 1; fi
	@$(TESTENV) ./scripts/run-tests.sh -j $(JOBS) $(if $(JUNIT),--junit '$(JUNIT)') \
		$(if $(TAP),--tap '$(TAP)') $(BIN) $(SH) $(ASAN_TESTS)
.PHONY: print-tests check-run

# A sweep killed at random moments must resume to the same bytes: make kill-sweep [RUNS=200] [SEED=1]
kill-sweep: all
	@MERC='$(CURDIR)/$B/merc' RUNS='$(if $(filter file,$(origin RUNS)),200,$(RUNS))' SEED='$(SEED)' \
		./scripts/kill-sweep.sh
.PHONY: kill-sweep

# The same for asks of a served model: make kill-ask [RUNS=200] [SAMPLES=2000] [SEED=1]
kill-ask: all $(MOCK)
	@MERC='$(CURDIR)/$B/merc' MOCK='$(CURDIR)/$(MOCK)' RUNS='$(if $(filter file,$(origin RUNS)),200,$(RUNS))' \
		SAMPLES='$(SAMPLES)' SEED='$(SEED)' ./scripts/kill-ask.sh
.PHONY: kill-ask

# Mutates inputs of one target: make fuzz-gguf [RUNS=100000].  New inputs of interest go to
# build/fuzz/NAME, what fails to build/fuzz/NAME-*; what is worth keeping (small files) belongs
# in tests/fuzz/corpus/NAME.
RUNS      ?= 100000
# freed blocks that the sanitizer holds back count as memory too: few, so that the bound is the reader's
FUZZ_ENV  := ASAN_OPTIONS=quarantine_size_mb=64
FUZZFLAGS ?= -rss_limit_mb=512 -malloc_limit_mb=64 -timeout=10 -print_final_stats=1
fuzz-%: tests/fuzz/fuzz_%.c
	+@$(SUBMAKE) MODE=fuzz CC=clang run-fuzz-$*
run-fuzz-%: $B/fuzz-%
	@mkdir -p build/fuzz/$*
	$(FUZZ_ENV) $< -runs=$(RUNS) -max_len=8192 -artifact_prefix=build/fuzz/$*- $(FUZZFLAGS) \
		$(patsubst %,-dict=%,$(wildcard tests/fuzz/$*.dict)) build/fuzz/$* tests/fuzz/corpus/$*
$B/fuzz-%: tests/fuzz/entry.c $(FUZZ:%.c=$B/%.o) $B/libmerc.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -DFUZZ_TARGET=fuzz_$* -o $@ $^ $(LDLIBS)

# The tests of the vector kernels on an emulated processor with AVX-512, for machines that have
# none; no part of a check: make emulate [PROCESSOR=NAME] [KERNEL=FILE] [EMULATE='num weight']
EMULATE ?= num weight
emulate: deps $(EMULATE:%=$B/tests/test_%)
	PROCESSOR='$(PROCESSOR)' KERNEL='$(KERNEL)' ./scripts/emulate.sh $(filter $B/%,$^)
.PHONY: emulate

# objects are looked at too: they show which files hold state, so they need no optimising
L := $B/lint
$L/%.o: %.c | deps
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(EXTRA) -O0 -Wno-format-truncation -MMD -MP -c -o $@ $<
lint-objects: $(LIB:%.c=$L/%.o)
lint: deps
	@+CC='$(CC)' FLAGS='$(ALL_CFLAGS)' OBJECTS='$L' JOBS='$(JOBS)' \
		MAKE_OBJECTS='$(MAKE) --no-print-directory -j$(JOBS) lint-objects' ./scripts/lint.sh
.PHONY: lint-objects

# --- the main job ----------------------------------------------------------------------------

# make reproduce [MELD=DIR] [IEMOCAP=DIR] [CUES=DIR] [RESULTS=DIR] [JOBS=N]
RESULTS ?= results
reproduce: deps
	+@$(SUBMAKE) MODE=$(MODE) all
	@MERC='$(CURDIR)/$B/merc' MELD='$(MELD)' IEMOCAP='$(IEMOCAP)' CUES='$(CUES)' \
		RESULTS='$(RESULTS)' JOBS='$(JOBS)' ./scripts/reproduce.sh

# --- installing ------------------------------------------------------------------------------

prefix          ?= /usr/local
exec_prefix     ?= $(prefix)
bindir          ?= $(exec_prefix)/bin
datarootdir     ?= $(prefix)/share
datadir         ?= $(datarootdir)
mandir          ?= $(datarootdir)/man
bashcompdir     ?= $(datarootdir)/bash-completion/completions
INSTALL         ?= install
INSTALL_PROGRAM ?= $(INSTALL)
INSTALL_DATA    ?= $(INSTALL) -m 644
MAN5            := $(sort $(wildcard scripts/man/*.5))
SHARE           := $(sort $(wildcard scripts/examples/*.json scripts/experiments/*.json scripts/experiments/sweeps/*.json results/reference/*.json))
INSTALLED       := $(bindir)/merc $(mandir)/man1/merc.1 $(bashcompdir)/merc \
                   $(MAN5:scripts/man/%=$(mandir)/man5/%) $(SHARE:%=$(datadir)/merc/%)

# the option tables of the program are the one source of its manual and its completion
$B/merc.1: $B/merc
	@$B/merc help --man >$@
$B/merc.bash: $B/merc
	@$B/merc help --completion bash >$@

install: $B/merc $B/merc.1 $B/merc.bash
	@mkdir -p $(addprefix '$(DESTDIR)',$(sort $(dir $(INSTALLED))))
	$(INSTALL_PROGRAM) $B/merc '$(DESTDIR)$(bindir)/merc'
	$(INSTALL_DATA) $B/merc.1 '$(DESTDIR)$(mandir)/man1/merc.1'
	$(INSTALL_DATA) $B/merc.bash '$(DESTDIR)$(bashcompdir)/merc'
	@set -e; for f in $(MAN5); do $(INSTALL_DATA) $$f '$(DESTDIR)$(mandir)/man5/'; done
	@set -e; for f in $(SHARE); do $(INSTALL_DATA) $$f "$(DESTDIR)$(datadir)/merc/$$f"; done
uninstall:
	rm -f $(addprefix '$(DESTDIR)',$(INSTALLED))
installcheck:
	@set -e; for f in $(INSTALLED); do test -s "$(DESTDIR)$$f" || \
		{ echo "installcheck: $(DESTDIR)$$f is missing or empty" >&2; exit 1; }; done
	@'$(DESTDIR)$(bindir)/merc' --version | grep -F '$(VERSION)'
	@cd / && '$(DESTDIR)$(bindir)/merc' list >/dev/null && echo 'installcheck: ok'

# the committed tree, packed the same way every time
dist:
	@mkdir -p build
	git archive --format=tar --prefix=merc-$(VERSION)/ HEAD | gzip -9n >build/merc-$(VERSION).tar.gz

clean:
	rm -rf build
# results are the user's and stay
distclean: clean

help:
	@./scripts/help.sh

-include $(DEPS)
