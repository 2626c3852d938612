# SPDX-License-Identifier: MIT
# The front door: every target is one script. `make help` says what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run shell test bugs bench build deps spec builder-calls user qemu module guest lint fuzz coverage tidy format install uninstall deb clean distclean

help: ## say what there is
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 18
	@echo
	@echo '  make run ARGS="--help"    its options; make test SUITE=unit,lint    only these suites'

run: ## boot the guest, run a kernel on the accelerator, verify it (builds what is missing)
	@guest/first-light $(ARGS)

shell: build ## boot the guest with a shell in it
	@guest/run

test: build ## run every test that does not need hours
	@tests/run $(if $(SUITE),--suite '$(SUITE)')

bugs: build ## make every mistake of tests/bugs, and show what the first command says of it (ARGS="NAME...")
	@tests/bugs/boot.sh $(ARGS)

bench: build ## run the benchmarks
	@tools/build/deps.sh bench
	@tests/run --bench $(if $(SUITE),--suite '$(SUITE)')

build: ## build everything that run and test use
	@tools/build/all.sh

deps: ## install the Debian packages that are missing
	@tools/build/deps.sh

spec: ## write the headers and documents generated from spec/
	@/usr/bin/python3 spec/generate.py --out build/spec --docs

builder-calls: user
	@cp build/user/libneuron/kernel/neuron/builder/builder-calls.md docs/reference/

user: deps ## build the chip, the HAL, the tools and the test programs
	@tools/build/user.sh

qemu: user ## build QEMU with the device in it
	@qemu-device/qemu/build.sh

module: deps ## build the kernel module for the guest's kernel
	@tools/build/module.sh

guest: deps ## fetch the guest's kernel
	@guest/kernel.sh

lint: deps ## check style, licences and the module's sources
	@tests/run --suite lint

fuzz: deps ## fuzz the chip for long (ARGS="TARGET SECONDS"; default: all, 10 minutes each)
	@tests/fuzz/explore.py $(ARGS)

coverage: build ## say which error paths of the driver fault plans reach (ARGS=--plans: without its tests)
	@tests/coverage/run $(ARGS)

tidy: user ## run clang-tidy over user space (minutes)
	@tools/build/tidy.sh

format: deps ## bring the C++ into style
	@tests/lint/clang-format.sh -i

install: user qemu ## install user space and QEMU below PREFIX, the module for DKMS
	@tools/build/install.sh

uninstall: ## remove what install has installed with the same PREFIX
	@tools/build/uninstall.sh

deb: build ## make Debian packages of what is built
	@tools/build/deb.sh

clean: ## remove what was built here
	rm -rf build

distclean: clean ## remove the cache too (QEMU's tree, the kernels)
	@tools/build/distclean.sh
