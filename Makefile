# SPDX-License-Identifier: BSD-2-Clause
#
# A thin door to meson and ninja.  `make help` lists what there is.
#
#   BUILD=dir     where to build (build)
#   TIME=seconds  of make fuzz, for each target (30)
#   PREFIX=/usr   DESTDIR=dir     for make install (/usr/local)

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
TIME ?= 30

.PHONY: all build run test check install asan tsan valgrind clang coverage bench bench-guest fuzz lines clean help
.DEFAULT_GOAL := build

all: build

build: 		## compile (installs the packages that are missing)
	@scripts/setup build
	@scripts/build $(BUILD)

run: build	## serve a RAM disk and a file on 127.0.0.1
	@scripts/run $(BUILD)

test:		## everything: variants, fuzzing and a real Linux host in a guest
	@scripts/test $(BUILD) all

check:		## the quick half: no guest, a minute
	@scripts/test $(BUILD) quick

install: build	## nvmfd, nvmf, libnvmf, manual pages
	@scripts/install $(BUILD) $(PREFIX) $(DESTDIR)

asan:		## unit and protocol tests under the address and undefined sanitizers
	@scripts/variant asan

tsan:		## the same under the thread sanitizer
	@scripts/variant tsan

valgrind:	## the unit tests under valgrind, and nvmfd in the protocol tests
	@scripts/variant valgrind
	@scripts/variant memcheck

clang:		## the quick tests, built by clang
	@scripts/variant clang

coverage:	## what the fuzz corpora reach
	@scripts/variant coverage

bench-guest: build	## nvmfd beside the kernel's target and nbdkit in a Linux guest; SAVE=1 writes docs/bench
	@bench/guest $(BUILD) $(if $(SAVE),--save docs/bench)

bench: build	## nvmfd beside this machine's floor and SPDK=DIR; SAVE=1 writes docs/bench, ADD=1 to what is there; ONLY=CASE
	@bench/run $(BUILD) $(if $(ONLY),--only '$(ONLY)') $(if $(SAVE),--save docs/bench) $(if $(ADD),--add) $(if $(SPDK),--spdk $(SPDK))

fuzz:		## fuzz each target; TIME=SECONDS (30)
	@scripts/fuzz $(TIME)

lines:		## lines of code and of tests by room
	@scripts/lines

clean:		## remove every build folder
	rm -rf build build-*

help:		## this list
	@sed -n 's/^\([a-z]*\):[^#]*##[[:space:]]*\(.*\)/  make \1\t\2/p' Makefile | expand -t 20
