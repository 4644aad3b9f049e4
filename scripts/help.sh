#!/bin/sh
# What `make help` prints.
cat <<'END'
make                    the program: build/merc
make reproduce          the main job; report at results/report/index.html
                        [MELD=DIR] [IEMOCAP=DIR] [CUES=DIR] real corpora   [RESULTS=DIR] [JOBS=N]
make check              every test, as released and under the sanitizers   [JUNIT=FILE] [TAP=FILE]
make test-NAME          one test: tests/test_NAME.c or .sh
make bench              speeds beside other programs: results/bench   [PARTS="train gemm"] [FULL=1]
                        [PEERS=DIR] the peers' scripts   [BENCHFLAGS="--clock cpu --threads 1"]
make bench-NAME         one benchmark program as it prints: tests/bench_NAME.c
make golden-torch       PyTorch's training curves anew: tests/golden/torch_curve.json
make kill-sweep         a sweep killed at random moments resumes to the same bytes   [RUNS=200]
make kill-ask           merc ask killed at random moments sends nothing twice   [RUNS=200]
make fuzz-NAME          libFuzzer on tests/fuzz/fuzz_NAME.c   [RUNS=100000]
make emulate            tests of the kernels on an emulated AVX-512 processor   [PROCESSOR=tigerlake]
make lint               layers, headers, format, static analysis, house rules
make deps               installs every Debian package used (MERC_DEPS=print|skip: never installs)
make install            [prefix=/usr/local] [DESTDIR=]; uninstall, installcheck
make dist               build/merc-VERSION.tar.gz of the commit
make clean, distclean   removes build/; results stay
Variables: MODE=debug|release|asan|ubsan|tsan   V=1 shows commands   MPI=1 (sweeps over ranks)
             CC CFLAGS CPPFLAGS LDFLAGS
END
