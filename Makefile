# merc: two commands do everything
#   make reproduce   the main job: corpora, systems, report (results/report/index.html)
#   make check       every test
# make [MODE=debug|release|asan|ubsan|tsan] [all|check|lint|install|clean]
MODE ?= release
CC   ?= cc

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wundef -Wstrict-prototypes -Wmissing-prototypes \
        -Wpointer-arith -Wwrite-strings -Wformat=2 -Wswitch-enum -Werror
FLAGS_debug   := -O1 -g
FLAGS_release := -O3 -g -fno-math-errno -ffp-contract=off
FLAGS_asan    := -O1 -g -fsanitize=address -fno-omit-frame-pointer -Wno-format-truncation
FLAGS_ubsan   := -O1 -g -fsanitize=undefined -fno-sanitize-recover=all -Wno-format-truncation
FLAGS_tsan    := -O1 -g -fsanitize=thread
ifeq ($(FLAGS_$(MODE)),)
$(error MODE must be debug, release, asan, ubsan or tsan)
endif

PKGS := libavformat libavcodec libavutil libswscale libswresample openblas libcjson libxxhash
ALL_CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -I. $(WARN) $(FLAGS_$(MODE)) $(CFLAGS)
LDLIBS     := -lavformat -lavcodec -lswscale -lswresample -lavutil -lopenblas -lcjson -lcsv -lxxhash -lpthread -lm
TESTLIBS   := -lcmocka

# the flags name the folder, so that changing them can never mix objects
HASH := $(shell printf '%s' '$(CC) $(ALL_CFLAGS) $(LDFLAGS)' | cksum | cut -d' ' -f1)
B    := build/$(MODE)-$(HASH)

LIB  := $(shell find harness models datasets -name '*.c' ! -path 'harness/cli/*' | LC_ALL=C sort)
CLI  := $(shell find harness/cli -name '*.c' | LC_ALL=C sort)
TEST := $(sort $(wildcard tests/test_*.c))
HDR  := $(shell find harness models datasets tests -name '*.h' | LC_ALL=C sort)
OBJ  := $(LIB:%.c=$B/%.o)
BIN  := $(TEST:%.c=$B/%)

all: $B/merc
	@ln -sfn $(notdir $B)/merc build/merc
$B/libmerc.a: $(OBJ)
	@rm -f $@
	ar rcs $@ $^
$B/merc: $(CLI:%.c=$B/%.o) $B/libmerc.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$B/tests/test_%: $B/tests/test_%.o $B/libmerc.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(TESTLIBS)
tests: $(BIN)
# one test program by name: make test-json
test-%: $B/tests/test_%
	$<
lint:
	./scripts/check-layers.sh
	@set -e; for h in $(HDR); do $(CC) $(ALL_CFLAGS) -fsyntax-only -x c $$h; done
clean:
	rm -rf build
.PHONY: all tests lint clean
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
