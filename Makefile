# newsmill: `make help` lists the targets. Output goes to build/$(MODE)/.

MODE ?= release
PREFIX ?= /usr/local
CC   ?= cc
JOBS := $(shell nproc)
OUT  := build/$(MODE)
OBJ  := $(OUT)/obj

MODE_FLAGS_release := -O2 -D_FORTIFY_SOURCE=2
# With clang: gcc's UBSan cannot report to a file (see tests/with-findings).
MODE_FLAGS_asan    := -O1 -DNEWSMILL_SANITIZED -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
MODE_FLAGS_debug   := -O0
MODE_FLAGS_fuzz    := -O1 -DNEWSMILL_SANITIZED -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(MODE_FLAGS_$(MODE)),)
$(error MODE=$(MODE) is not one of release, asan, debug, fuzz)
endif

WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef
ifdef CI
WARNINGS += -Werror
endif
VERSION  := $(shell cat VERSION 2>/dev/null || echo 0)
# Debian 12 calls it msgpack, Debian 13 msgpack-c.
MSGPACK  := $(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
PACKAGES := hiredis libevent libcjson libcurl sqlite3 libpcre2-8 libconfuse libcrypto libsystemd $(MSGPACK)

CFLAGS  ?= -g
NM_CFLAGS = -std=c11 -D_GNU_SOURCE -I. -I$(OUT)/gen -DNEWSMILL_VERSION='"$(VERSION)"' $(WARNINGS) \
            $(MODE_FLAGS_$(MODE)) -fstack-protector-strong -fPIE -MMD -MP \
            $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null) $(CFLAGS)
NM_LDFLAGS = $(MODE_FLAGS_$(MODE)) -pie -Wl,-z,relro,-z,now $(LDFLAGS)

# --- what is built from what -------------------------------------------------------------------
COMMON_SRC  := $(wildcard common/*.c)
NER_SRC     := $(filter-out %/simd.c,$(wildcard workers/ner/*.c))
STORE_SRC   := $(wildcard store/*.c)
GATEWAY_SRC := $(wildcard gateway/*.c)
WORKERS_SRC := $(wildcard workers/*.c)
SAVERS_SRC  := $(wildcard savers/*.c)
CLI_SRC     := $(wildcard cli/*.c)
HARNESS_SRC := $(wildcard tests/harness/*.c)
UNIT_SRC    := $(wildcard tests/unit/*.c)
INTEGRATION_SRC := $(wildcard tests/integration/*.c)

# workers/ner/simd.c, once for each set of instructions. kernels.c asks the processor for just these
# before it takes one. Under ASan it is left as it is, or the tests would take an hour: they put its
# rows at the end of memory instead, and the fuzzers have it with the sanitizers.
LEVEL_FLAGS_baseline :=
LEVEL_FLAGS_avx2     := -mavx2 -mfma
LEVEL_FLAGS_avx512   := $(LEVEL_FLAGS_avx2) -mavx512f -mavx512vl -mavx512bw -mavx512dq
SIMD_FLAGS := -ffp-contract=fast -fno-math-errno $(if $(filter-out debug,$(MODE)),-O3) \
              $(if $(filter asan,$(MODE)),-fno-sanitize=all)
LEVELS := baseline $(if $(filter x86_64%,$(shell $(CC) -dumpmachine 2>/dev/null)),avx2 avx512)
SIMD_OBJECTS := $(LEVELS:%=$(OBJ)/workers/ner/simd-%.o)

objects = $(patsubst %.c,$(OBJ)/%.o,$(1))

COMMON_LIBS  := -lhiredis -lcjson -lunistring -lconfuse -lcrypto -levent -lsystemd
NER_LIBS     := -lpcre2-8 $(shell pkg-config --libs $(MSGPACK) 2>/dev/null) -lcjson -lunistring -lm
GATEWAY_LIBS := -lz
STORE_LIBS   := -lsqlite3 -lcurl -lcjson -lcrypto
TEST_LIBS    := -lcunit -levent_openssl -lssl -lz
CLI_LIBS     := -lcurl -larchive -lcsv

PROGRAMS := newsmill-gateway newsmill-workers newsmill-savers newsmill
TESTS    := test-unit test-integration

all: $(addprefix $(OUT)/,$(PROGRAMS))
tests: all $(addprefix $(OUT)/,$(TESTS))

$(OUT)/libcommon.a: $(call objects,$(COMMON_SRC))
$(OUT)/libner.a:    $(call objects,$(NER_SRC)) $(SIMD_OBJECTS)
$(OUT)/libstore.a:  $(call objects,$(STORE_SRC))
$(OUT)/%.a:
	@rm -f $@
	$(AR) rcs $@ $^

$(OUT)/newsmill-gateway: $(call objects,$(GATEWAY_SRC)) $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) -o $@ $^ $(GATEWAY_LIBS) $(COMMON_LIBS)
$(OUT)/newsmill-workers: $(call objects,$(WORKERS_SRC)) $(OUT)/libner.a $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) -o $@ $^ $(NER_LIBS) $(COMMON_LIBS)
$(OUT)/newsmill-savers: $(call objects,$(SAVERS_SRC)) $(OUT)/libstore.a $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) -o $@ $^ $(STORE_LIBS) $(COMMON_LIBS)
$(OUT)/newsmill: $(call objects,$(CLI_SRC)) $(OUT)/libner.a $(OUT)/libstore.a $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) -o $@ $^ $(CLI_LIBS) $(STORE_LIBS) $(NER_LIBS) $(COMMON_LIBS)

# Tests may look inside a role: they link its objects, all but its main. Calls of PCRE2 go through
# tests/unit/test_tokenizer_steps.c.
COUNTED := pcre2_compile_8 pcre2_match_8
ROLE_PARTS := $(filter-out %/main.c,$(GATEWAY_SRC) $(WORKERS_SRC) $(SAVERS_SRC) $(CLI_SRC))
$(OUT)/test-unit: $(call objects,$(UNIT_SRC) $(HARNESS_SRC) $(ROLE_PARTS)) \
                  $(OUT)/libner.a $(OUT)/libstore.a $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) $(COUNTED:%=-Wl,--wrap=%) -o $@ $^ $(TEST_LIBS) $(CLI_LIBS) $(STORE_LIBS) $(NER_LIBS) \
	  $(COMMON_LIBS)
$(OUT)/test-integration: $(call objects,$(INTEGRATION_SRC) $(HARNESS_SRC)) $(OUT)/libner.a \
                         $(OUT)/libstore.a $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) -o $@ $^ $(TEST_LIBS) $(CLI_LIBS) $(STORE_LIBS) $(NER_LIBS) \
	  $(COMMON_LIBS)

# The kernels with their tests as one static program, for processors that are only emulated here.
ALONE_SRC := $(addprefix workers/ner/,simd.c kernels.c floats.c) common/err.c tests/unit/test_kernels.c tests/alone/main.c
AARCH64_CC := $(shell command -v aarch64-linux-gnu-gcc)
tests: $(if $(AARCH64_CC),$(OUT)/kernels-aarch64)
$(OUT)/kernels-aarch64: $(ALONE_SRC) workers/ner/kernels.h tests/alone/CUnit/CUnit.h
	$(AARCH64_CC) -std=c11 -D_GNU_SOURCE -I. -Itests/alone $(WARNINGS) -O3 $(SIMD_FLAGS) -static -o $@ \
	  -DKERNELS=kernels_baseline -DLEVEL='"baseline"' -DSHAPE_STEP=5 $(ALONE_SRC) -lm

# The fuzz targets (MODE=fuzz and clang; `make fuzz` sees to both).
FUZZERS := $(patsubst tests/fuzz/%.c,$(OUT)/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzzers: $(FUZZERS)
$(OUT)/fuzz_%: $(OBJ)/tests/fuzz/fuzz_%.o $(OBJ)/tests/fuzz/fuzz.o $(OBJ)/tests/harness/golden.o \
               $(OBJ)/tests/harness/article_reference.o \
               $(OUT)/libner.a $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) $(NER_LIBS) \
	  $(GATEWAY_LIBS) $(COMMON_LIBS)
$(OUT)/fuzz_http: $(call objects,gateway/head.c gateway/body.c)
$(OUT)/fuzz_bulk: $(call objects,tests/unit/bulk_model.c gateway/bulk_parse.c gateway/bulk_answer.c \
                    gateway/fault.c gateway/digest.c gateway/gunzip.c)

# What `make bench-ner` measures; see the first lines of each file.
BENCH_NER := bench-engine bench-stages $(LEVELS:%=bench-bound-%)
STAGES := tokenizer_run lexeme_fill embed_rows encoder_run scorer_run decode_run
$(OUT)/bench-engine: $(OBJ)/tests/bench/engine.o $(OUT)/libner.a $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) -o $@ $^ $(NER_LIBS) $(COMMON_LIBS)
$(OUT)/bench-worst: $(OBJ)/tests/bench/worst.o $(OUT)/libner.a $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) -o $@ $^ $(NER_LIBS) $(COMMON_LIBS)
$(OUT)/bench-stages: tests/bench/engine.c tests/bench/stages.h $(OUT)/libner.a $(OUT)/libcommon.a
	$(CC) $(NM_CFLAGS) -MF $(OBJ)/bench-stages.d -DSTAGES $(NM_LDFLAGS) $(STAGES:%=-Wl,--wrap=%) -o $@ \
	  $< $(OUT)/libner.a $(OUT)/libcommon.a $(NER_LIBS) $(COMMON_LIBS)
$(LEVELS:%=$(OUT)/bench-bound-%): $(OUT)/bench-bound-%: tests/bench/bound.c
	$(CC) -std=c11 -D_GNU_SOURCE -O3 $(WARNINGS) $(SIMD_FLAGS) $(LEVEL_FLAGS_$*) -o $@ $<

# What `make parity-scores` compares: the one program that knows a BLAS.
WRAPPED := kernels_choose product_new product_window_new scorer_weights_new scorer_run
OPENBLAS = $(shell $(CC) -print-multiarch 2>/dev/null || dpkg-architecture -qDEB_HOST_MULTIARCH)/openblas-serial
$(OUT)/parity-scores: $(OBJ)/tests/parity/scores.o $(OUT)/libner.a $(OUT)/libcommon.a
	$(CC) $(NM_LDFLAGS) $(WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(NER_LIBS) $(COMMON_LIBS) \
	  -L/usr/lib/$(OPENBLAS) -Wl,-rpath,/usr/lib/$(OPENBLAS) -lopenblas
$(OBJ)/tests/parity/scores.o: NM_CFLAGS += -I/usr/include/$(OPENBLAS)

$(OBJ)/%.o: %.c | packages
	@mkdir -p $(@D)
	$(CC) $(NM_CFLAGS) -c -o $@ $<
$(SIMD_OBJECTS): $(OBJ)/workers/ner/simd-%.o: workers/ner/simd.c | packages
	@mkdir -p $(@D)
	$(CC) $(NM_CFLAGS) $(SIMD_FLAGS) $(LEVEL_FLAGS_$*) \
	  -DKERNELS=kernels_$* -DLEVEL='"$*"' -c -o $@ $<

# One line in place of a compiler's many, where nothing was installed yet.
packages:
	@pkg-config --exists $(PACKAGES) 2>/dev/null || { \
	  echo "make: libraries are missing; \`deploy/install-packages run\` installs them" >&2; exit 1; }

# A text becomes a C string of the same name: claim.lua -> claim_lua. Redis hashes a script at each
# EVAL, so comments stay here.
TEXTS := $(wildcard common/*.lua gateway/*.lua cli/*.lua gateway/*.json gateway/*.html)
$(OUT)/gen/%.h:
	@mkdir -p $(@D)
	@{ printf 'static const char %s[] =\n' $*; \
	   sed $(if $(filter %.lua,$<),-e '/^ *--/d') -e 's/@VERSION@/$(VERSION)/' -e 's/[\\"?]/\\&/g' -e 's/.*/    "&\\n"/' $<; printf ';\n'; } > $@
text_header = $(OUT)/gen/$(subst .,_,$(notdir $(1))).h
define text_rule
$(call text_header,$(1)): $(1) VERSION
endef
$(foreach t,$(TEXTS),$(eval $(call text_rule,$(t))))
TEXT_HEADERS := $(foreach t,$(TEXTS),$(call text_header,$(t)))
$(call objects,$(COMMON_SRC) $(GATEWAY_SRC) $(CLI_SRC)): | $(TEXT_HEADERS)

# --- what people type --------------------------------------------------------------------------
run:            ## install, build, get the model, start everything, count the sample (ONCE=1: and end)
	@deploy/install-packages run
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@deploy/get-model
	@ONCE=$(ONCE) STORE=$(STORE) deploy/run $(OUT)

test:           ## install, lint, unit, integration and parity tests
	@deploy/install-packages test
	@tests/prepare
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory -s -j$(JOBS) tests
	@$(MAKE) --no-print-directory -s fuzz FUZZ_SECONDS=3
	@tests/run-all $(OUT)

test-asan:      ## unit and integration tests under ASan and UBSan: a finding in any process fails them
	@deploy/install-packages test
	@tests/prepare
	@$(MAKE) --no-print-directory -s -j$(JOBS) MODE=asan CC=clang tests
	@tests/run-all build/asan

install:        ## programs, units and settings to PREFIX (/usr/local) and /etc; starts nothing
	@deploy/install-packages run
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) deploy/install $(OUT)

lint:           ## formatting, includes, banned calls
	@deploy/install-packages test
	@tests/lint/lint

parity:         ## compare with spaCy itself, in a venv (CORPUS=file.csv for any other text)
	@deploy/install-packages test
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@deploy/get-model
	@tests/parity/compare $(OUT) $(CORPUS)

parity-all:     ## the same with three public models and trained ones, on every corpus we have
	@deploy/install-packages test
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@$(MAKE) --no-print-directory -s -j$(JOBS) MODE=debug all
	@deploy/get-model
	@tests/parity/all $(OUT) build/debug $(CORPUS)

test-aarch64:   ## the kernels' tests under an emulator of aarch64, which it installs
	@deploy/install-packages test-aarch64
	@$(MAKE) --no-print-directory -s -j$(JOBS) tests
	@$(OUT)/test-unit kernels_aarch64

parity-scores:  ## how much the scores depend on the kernels, next to OpenBLAS, which it installs
	@deploy/install-packages parity-scores
	@$(MAKE) --no-print-directory -s -j$(JOBS) $(OUT)/newsmill $(OUT)/parity-scores
	@deploy/get-model
	@tests/parity/scores $(OUT) $(CORPUS)

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 600
fuzz:           ## libFuzzer under ASan and UBSan (FUZZ_SECONDS=600 a target; FUZZ_TARGET=fuzz_…)
	@deploy/install-packages test
	@deploy/get-model
	@$(MAKE) --no-print-directory -s -j$(JOBS) MODE=fuzz CC=$(FUZZ_CC) fuzzers
	@python3 -B tests/fuzz/make_seeds.py build/fuzz
	@tests/fuzz/run build/fuzz $(FUZZ_SECONDS) $(FUZZ_TARGET)

bench-ner:      ## the engine against spaCy, one core each (CORPUS=file.csv; ROUNDS=5)
	@deploy/install-packages bench
	@$(MAKE) --no-print-directory -s -j$(JOBS) $(BENCH_NER:%=$(OUT)/%) $(OUT)/newsmill-workers
	@deploy/get-model
	@ROUNDS=$(ROUNDS) tests/bench/bench-ner $(OUT) $(CORPUS)

bench-worst:    ## the processor time of the longest article made of the texts that cost most
	@deploy/install-packages bench
	@$(MAKE) --no-print-directory -s -j$(JOBS) $(OUT)/bench-worst
	@deploy/get-model
	@$(OUT)/bench-worst var/models/en_core_web_sm

bench-savers:   ## increments a second into Google's Firestore emulator, against the original's way
	@deploy/install-packages bench
	@$(MAKE) --no-print-directory -s -j$(JOBS) all
	@tests/bench/bench-savers $(OUT)

bench-gateway:  ## articles a second by HTTP, single and bulk (WEBDIS=path; ROUNDS=5; AOF="off always")
	@deploy/install-packages bench
	@$(MAKE) --no-print-directory -s -j$(JOBS) $(OUT)/newsmill-gateway $(OUT)/newsmill
	@tests/bench/bench-gateway $(OUT)

format:         ## rewrite the sources with clang-format
	@deploy/install-packages test
	@git ls-files '*.c' '*.h' | xargs "$$(dirname "$$(tests/lint/venv)")/clang-format" -i

clean:          ## remove build/; var/ (data and model) stays
	rm -rf build

help:           ## this list
	@sed -n 's/^\([a-z-]*\): *[a-z ]*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

.PHONY: all tests packages fuzzers run test test-asan test-aarch64 install lint parity parity-all parity-scores bench-ner bench-worst bench-savers bench-gateway \
	fuzz format clean help
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
