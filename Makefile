# waitscope: one Makefile for everything. `make help` lists the targets.
#
# Sources are found by wildcard: to add one, add the file.
#   BUILD=DIR   where everything that is made goes (default: build)
#   V=1         show the commands
#   WERROR=1    warnings are errors (also when CI is set)
#   SAN=1       AddressSanitizer and UBSan, in $(BUILD)/san; alone: runs unit and golden tests
#   PARTS="…"   only these folders of src/ and their unit tests: PARTS="base capture" test-unit
#   DESTDIR, PREFIX=/usr/local   for install

BUILD ?= build
PREFIX ?= /usr/local

# Where things go. Not BUILD itself, so that a sub-make that inherits BUILD does not add san twice.
O := $(BUILD)$(if $(SAN),/san)

.DEFAULT_GOAL := $(if $(SAN),test-san,all)
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
FORCE:
.PHONY: FORCE

Q := $(if $(V),,@)
say = @printf '  %-7s %s\n'

# All cores, unless told otherwise or asked to remove and build at once.
ifeq ($(MAKELEVEL)$(filter clean,$(MAKECMDGOALS))$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

# ---- tools and flags

CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
CLANG ?= clang
BPFTOOL ?= $(or $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool)),bpftool)
CLANG_FORMAT ?= $(or $(shell command -v clang-format-14),clang-format)
CLANG_TIDY ?= $(or $(shell command -v clang-tidy-14),clang-tidy)
# Set by users; kept apart from what the build needs.
CFLAGS ?= -O2 -g

WARNINGS := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla \
	-Wwrite-strings -Wpointer-arith -fno-common
comma := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer)
ERRORS := $(if $(CI)$(WERROR),-Werror)
# The generated skeleton comes as a system header: its warnings are not ours.
INCLUDES := -I. -Isrc -isystem $(O)
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE $(CFLAGS) $(WARNINGS) $(SANFLAGS) $(INCLUDES) $(CPPFLAGS)
LINK = $(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -Wl,--as-needed
LIBS := $(or $(shell pkg-config --libs libbpf libelf zlib json-c 2>/dev/null),-lbpf -lelf -lz -ljson-c)

ARCH ?= $(shell uname -m | sed 's/aarch64/arm64/; s/x86_64/x86/')
# -target bpf does not look into Debian's multiarch folder, where <asm/types.h> lies.
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_FLAGS = -g -O2 -target bpf -mcpu=v3 -Wall -Werror -I. \
	$(if $(MULTIARCH),-idirafter /usr/include/$(MULTIARCH))

# ---- what there is

# src/agent is a library of its own, which the program carries.
PARTS ?= $(filter-out agent,$(notdir $(patsubst %/,%,$(wildcard src/*/))))
LIB_SRC := $(foreach part,$(PARTS),$(wildcard src/$(part)/*.c))
LIB_SRC += $(if $(filter file,$(origin PARTS)),$(filter-out %/agent.c,$(wildcard src/agent/*.c)))
LIB_OBJ := $(LIB_SRC:%.c=$(O)/obj/%.o)
LIB := $(O)/libwaitscope.a
PROGRAM := $(if $(filter file,$(origin PARTS)),$(if $(wildcard src/main.c),$(O)/waitscope))

SAMPLE_SRC := $(wildcard samples/*.c)
SAMPLES := $(patsubst %.c,$(O)/%,$(filter-out samples/common.c,$(SAMPLE_SRC)))

# tests/unit/test_*.c is one program each, tests/unit/*.c else is shared by all of them;
# in the other folders of tests/ every .c is a program of its own.
UNIT_SRC := $(wildcard $(if $(filter file,$(origin PARTS)),tests/unit/test_*.c,\
	$(PARTS:%=tests/unit/test_%_*.c)))
UNIT_SHARED := $(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c))
UNIT_TESTS := $(UNIT_SRC:%.c=$(O)/%)
TOOL_SRC := $(if $(filter file,$(origin PARTS)),$(filter-out tests/unit/%,$(wildcard tests/*/*.c)))
TOOLS := $(TOOL_SRC:%.c=$(O)/%)

C_SRC := $(wildcard src/*/*.c src/*.c samples/*.c tests/*/*.c)
C_ALL := $(C_SRC) $(wildcard bpf/*.[ch] src/*/*.h samples/*.h tests/*/*.h)

# ---- targets for people

.PHONY: all
all: $(PROGRAM) $(SAMPLES) $(if $(PROGRAM),,$(LIB)) ## build waitscope and the samples (default)

.PHONY: help
help: ## print this
	@awk -F ':.*## ' '/^#   / { print substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' Makefile

.PHONY: deps deps-build
deps: ## install what is missing from Debian: to build, test and lint
	@.ci/deps build test lint
deps-build: ## install only what building needs
	@.ci/deps build

.PHONY: tests
tests: $(UNIT_TESTS) $(TOOLS) ## build every test, bench and fuzz program

.PHONY: test test-unit test-golden test-live test-viewer test-san
test: ## install, build and run every test; the last line is "N passed, N failed"
	+@MAKE='$(MAKE)' tests/run $(O) all
test-unit: $(UNIT_TESTS) ## run the unit tests
	@UNIT_SRC='$(UNIT_SRC)' tests/run $(O) unit
test-golden: all $(filter $(O)/tests/golden/% $(O)/tests/fuzz/%,$(TOOLS)) ## run captures through the analysis and compare
	@tests/run $(O) golden
test-live: all $(filter $(O)/tests/live/%,$(TOOLS)) ## record real servers (needs root)
	@tests/run $(O) live
test-viewer: all $(filter $(O)/tests/viewer/%,$(TOOLS)) ## open reports in a real browser
	@tests/run $(O) viewer
test-san: all $(UNIT_TESTS) $(filter $(O)/tests/golden/% $(O)/tests/fuzz/%,$(TOOLS)) # what SAN=1 alone does
	@tests/run $(O) unit golden

.PHONY: bench bench-runtimes bench-viewer
BENCH_TOOLS := $(filter $(O)/tests/bench/% $(O)/tests/live/%,$(TOOLS))
bench: all $(BENCH_TOOLS) ## measure what recording costs, and other tracers beside it: 13 minutes
	@.ci/deps build test bench
	@tests/bench/peers $(O)
	@tests/bench/run $(O)
bench-runtimes: all $(BENCH_TOOLS) ## measure what Python's and Kotlin's hooks cost: ten minutes
	@tests/bench/run $(O) fastapi: kotlin:
bench-viewer: deps all $(O)/tests/bench/gen_timeline ## measure the page on up to five million intervals
	@node tests/viewer/bench.mjs $(O)

.PHONY: demo
demo: deps-build ## show blocking and non-blocking servers side by side
	+@$(MAKE) --no-print-directory all
	@samples/demo.sh $(O)

.PHONY: install uninstall
install: $(O)/waitscope ## install waitscope under $(DESTDIR)$(PREFIX)
	$(say) INSTALL $(DESTDIR)$(PREFIX)/bin/waitscope
	$(Q)install -D -m 755 $< $(DESTDIR)$(PREFIX)/bin/waitscope
uninstall: ## remove it again
	$(say) REMOVE $(DESTDIR)$(PREFIX)/bin/waitscope
	$(Q)rm -f $(DESTDIR)$(PREFIX)/bin/waitscope

.PHONY: clean
clean: ## remove everything that was built
	$(say) CLEAN $(BUILD)
	$(Q)rm -rf $(BUILD)

# ---- lint

# Each check of each file leaves a stamp: only what changed is checked again.
SHELL_SCRIPTS := $(shell grep -lE '^\#!.*[/ ](ba)?sh( |$$)' $(wildcard .ci/* samples/* viewer/* \
	tests/* tests/*/*) /dev/null 2>/dev/null)
TIDY_SRC := $(C_SRC) $(wildcard bpf/*.bpf.c)
FORMAT_OK := $(C_ALL:%=$(O)/lint/%.format)
TIDY_OK := $(TIDY_SRC:%=$(O)/lint/%.tidy)
SHELL_OK := $(SHELL_SCRIPTS:%=$(O)/lint/%.shellcheck)

.PHONY: lint lint-all lint-viewer format check-layers
lint: deps ## check style, find faults by static analysis, prove the layers
	+@$(MAKE) --no-print-directory --keep-going --output-sync=target lint-all
	@echo 'lint: clean'
lint-all: $(FORMAT_OK) $(TIDY_OK) $(O)/lint/cppcheck $(SHELL_OK) bpf-arm64 check-layers lint-viewer

format: ## lay out the C files by .clang-format
	$(Q)$(CLANG_FORMAT) -i $(C_ALL)
check-layers: ## prove who includes whom, and that each folder says what it is for
	@tests/check-layers

$(O)/lint/%.format: % .clang-format
	@mkdir -p $(@D)
	$(Q)$(CLANG_FORMAT) $< | diff -u --label $< --label 'make format' $< - && touch $@

define tidy
@mkdir -p $(@D)
$(say) TIDY $<
$(Q)$(CLANG_TIDY) --quiet $(TIDY_CHECKS) $< -- $1 2>$@.log || { cat $@.log >&2; exit 1; }
$(Q)$(CLANG) $1 -MM -MP -MT $@ -MF $@.d $< && touch $@
endef

$(O)/lint/%.bpf.c.tidy: %.bpf.c .clang-tidy
	$(call tidy,$(BPF_FLAGS) -D__TARGET_ARCH_$(ARCH))
$(O)/lint/%.c.tidy: %.c .clang-tidy
	$(call tidy,-std=c11 -D_GNU_SOURCE $(WARNINGS) $(INCLUDES))
$(patsubst %,$(O)/lint/%.tidy,$(wildcard src/record/*.c)): | $(O)/bpf/waitscope.skel.h
# The generated skeleton, which is looked into from here, is not ours to mend.
$(O)/lint/src/record/probes.c.tidy: TIDY_CHECKS := --checks=-clang-analyzer-unix.Malloc
-include $(wildcard $(TIDY_OK:=.d))

# comparePointers: what .incbin put into the binary lies between two symbols.
$(O)/lint/cppcheck: $(C_SRC) $(wildcard src/*/*.h samples/*.h bpf/*.h)
	@mkdir -p $@.cache
	$(say) CHECK cppcheck
	$(Q)cppcheck -q -j2 --error-exitcode=1 --inline-suppr --std=c11 --cppcheck-build-dir=$@.cache \
		--enable=warning,performance,portability --suppress=missingInclude --suppress=comparePointers \
		-D_GNU_SOURCE -I. -Isrc $(C_SRC) && touch $@

$(O)/lint/%.shellcheck: %
	@mkdir -p $(@D)
	$(Q)shellcheck $< && touch $@

# ESLint and tsc, as tests/viewer/package.json says.
lint-viewer:
ifeq ($(wildcard tests/viewer/package.json),)
	@echo 'lint: the viewer is not checked: tests/viewer/package.json is missing'
else
	$(say) LINT viewer
	$(Q)npm run --silent --prefix tests/viewer lint
endif

# ---- compiling

# Rebuilds what other flags or another list of files would make different. -Werror is left out:
# it changes no object, and `make` and `make test` would undo each other's work.
$(O)/flags: FORCE
	@for tool in $(firstword $(CC)) $(CLANG) $(BPFTOOL); do command -v $$tool >/dev/null || \
		{ echo "$$tool is missing: run make deps" >&2; exit 1; }; done
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(COMPILE) $(LINK))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(COMPILE) $(LINK))' >$@
$(O)/list: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_OBJ)' | cmp -s - $@ || echo '$(LIB_OBJ)' >$@

# An object that came with warnings leaves OBJECT.warned, and where warnings are errors it is
# compiled again: a warning cannot slip through an earlier build.
define compile
@mkdir -p $(@D)
$(say) CC $<
$(Q)$(COMPILE) $(ERRORS) $1 -MMD -MP -c -o $@ $< 2>$@.warned || { cat $@.warned >&2; exit 1; }
@cat $@.warned >&2; test -s $@.warned || rm -f $@.warned
endef

$(O)/obj/%.o: %.c $(O)/flags
	$(call compile)

# The viewer's page is put into the binary by .incbin, which the assembler looks up.
$(O)/obj/src/output/page.o: src/output/page.c $(O)/viewer/page.html $(O)/flags
	$(call compile,-Wa$(comma)-I$(O))

$(O)/obj/src/record/agent.o: src/record/agent.c $(O)/agent/libwaitscope-agent.so $(O)/flags
	$(call compile,-Wa$(comma)-I$(O))

# It runs in another program: no libc of its own, and nothing that is not asked for.
$(O)/agent/libwaitscope-agent.so: $(wildcard src/agent/*.c src/agent/*.h) $(O)/flags
	@mkdir -p $(@D)
	$(say) AGENT $@
	$(Q)$(CC) -std=c11 -O2 $(WARNINGS) $(ERRORS) -Isrc -fPIC -fvisibility=hidden \
		-fno-stack-protector -shared -nostdlib -Wl,-z,noexecstack -s -o $@ $(filter %.c,$^)

$(O)/viewer/page.html: viewer/bundle.sh $(wildcard viewer/*.html viewer/*.js viewer/*.css)
	@mkdir -p $(@D)
	$(say) PAGE $@
	$(Q)viewer/bundle.sh $@

# Not through -MMD, which leaves system headers out.
$(patsubst %.c,$(O)/obj/%.o,$(wildcard src/record/*.c)): $(O)/bpf/waitscope.skel.h

OBJECTS := $(C_SRC:%.c=$(O)/obj/%.o)
-include $(OBJECTS:.o=.d)
ifneq ($(ERRORS),)
$(patsubst %.warned,%,$(wildcard $(OBJECTS:=.warned))): FORCE
endif

# ---- probes

define compile_bpf
@mkdir -p $(@D)
$(say) BPF $@
$(Q)$(CLANG) $(BPF_FLAGS) -D__TARGET_ARCH_$1 -MMD -MP -MT $@ -MF $@.d -c -o $@ $<
endef

$(O)/bpf/raw-%.o: bpf/waitscope.bpf.c
	$(call compile_bpf,$*)
-include $(wildcard $(O)/bpf/raw-*.o.d)

# The linker drops the DWARF that only BTF was made from: 10 times less to carry in the binary.
$(O)/bpf/waitscope.bpf.o: $(O)/bpf/raw-$(ARCH).o
	$(Q)$(BPFTOOL) gen object $@ $<
$(O)/bpf/waitscope.skel.h: $(O)/bpf/waitscope.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name waitscope_bpf >$@

.PHONY: bpf-arm64
bpf-arm64: $(if $(wildcard bpf/waitscope.bpf.c),$(O)/bpf/raw-arm64.o) ## compile the probes for arm64 too

# ---- linking

$(LIB): $(LIB_OBJ) $(O)/list
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $(LIB_OBJ)

define link
@mkdir -p $(@D)
$(say) LINK $@
$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $1
endef

$(O)/waitscope: $(O)/obj/src/main.o $(LIB)
	$(call link,$(LIBS) -lm)
$(SAMPLES): $(O)/samples/%: $(O)/obj/samples/%.o \
		$(patsubst %.c,$(O)/obj/%.o,$(wildcard samples/common.c))
	$(call link,-pthread -lm)
$(UNIT_TESTS): $(O)/tests/unit/%: $(O)/obj/tests/unit/%.o $(UNIT_SHARED:%.c=$(O)/obj/%.o) $(LIB)
	$(call link,-lcmocka $(LIBS) -pthread -lm)
$(TOOLS): $(O)/%: $(O)/obj/%.o $(LIB)
	$(call link,$(LIBS) $(TOOL_LIBS) -pthread -lm)
$(O)/tests/live/slowfs: TOOL_LIBS := -lfuse3
