# The commands of the project. Each one installs what it needs: npm packages from package-lock.json,
# and Debian packages if root or sudo allows it.
.DEFAULT_GOAL := build
.PHONY: help build targets install install-systemd install-sysvinit install-procd release release-check \
	 check format docs test unit integration e2e sim matrix powercut systemd size demo bench backend fuzz setup setup-debian \
	 setup-pypi clean

SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)
# Program=package: a package is installed if its program is missing.
PROGRAMS := swupdate=swupdate file=file openssl=openssl cpio=cpio curl=curl readelf=binutils \
	fallocate=util-linux qemu-system-aarch64=qemu-system-arm mkfs.ext4=e2fsprogs \
	strace=strace xz=xz-utils zstd=zstd bzip2=bzip2 /usr/bin/time=time \
	systemd-analyze=systemd shellcheck=shellcheck mandoc=mandoc kas=kas busybox=busybox \
	chromium=chromium pip3=python3-pip
# What runs the ARM Nodes, to make their code caches.
EMULATORS := qemu-arm-static=qemu-user-static qemu-aarch64-static=qemu-user-static \
	/usr/aarch64-linux-gnu/lib/libstdc++.so.6=libstdc++6-arm64-cross \
	/usr/arm-linux-gnueabihf/lib/libstdc++.so.6=libstdc++6-armhf-cross \
	/usr/arm-linux-gnueabihf/lib/libatomic.so.1=libatomic1-armhf-cross
PROGRAMS += $(EMULATORS)
MISSING = $(strip $(foreach p,$(PROGRAMS),$(if $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v \
	$(firstword $(subst =, ,$p))),,$(lastword $(subst =, ,$p)))))

help: ## list the targets
	@sed -n 's/^\([a-z0-9%-]*\):.*## /\1 /p' $(MAKEFILE_LIST) | \
	 awk '{ n = $$1; sub("%", "NAME", n); $$1 = ""; printf "  make %-12s%s\n", n, $$0 }'

build: node_modules/.stamp ## the executable for this machine: build/linux-x64/sota-agent
	$(if $(filter backend,$(MAKECMDGOALS)),env -u NODE) node build.mjs linux-x64

targets: node_modules/.stamp ## the executables for linux-x64, linux-arm64 and linux-armv7l
	node build.mjs linux-x64 linux-arm64 linux-armv7l

target-%: node_modules/.stamp ## one of them; NODE=/path takes another Node (docs/internals/build.md)
	node build.mjs $*

# The directories of `make install`, and the executable.
PREFIX := /usr/local
SYSCONFDIR := /etc
TARGET := linux-x64
INIT := systemd
D = $(DESTDIR)$(PREFIX)

install: ## DESTDIR= PREFIX=/usr SYSCONFDIR=/etc TARGET=linux-arm64 INIT=systemd, sysvinit or procd
	@[ -n "$(filter systemd sysvinit procd,$(INIT))" ] || { \
	 echo "INIT=$(INIT): give systemd, sysvinit or procd"; exit 2; }
	@[ -x build/$(TARGET)/sota-agent ] || $(MAKE) target-$(TARGET)
	install -D -m 755 build/$(TARGET)/sota-agent $(D)/bin/sota-agent
	install -D -m 644 targets/man/sota-agent.1 $(D)/share/man/man1/sota-agent.1
	install -D -m 644 -t $(D)/share/doc/sota-agent LICENSE README.md targets/config/config.toml
	[ -e $(DESTDIR)$(SYSCONFDIR)/sota-agent/config.toml ] || install -D -m 644 \
	  targets/config/config.toml $(DESTDIR)$(SYSCONFDIR)/sota-agent/config.toml
	@$(MAKE) --no-print-directory install-$(INIT)

install-systemd:
	install -D -m 644 -t $(D)/share/doc/sota-agent targets/systemd/unprivileged.conf
	install -d $(D)/lib/systemd/system
	sed 's,/usr/bin/,$(PREFIX)/bin/,' targets/systemd/sota-agent.service \
	  >$(D)/lib/systemd/system/sota-agent.service

install-sysvinit install-procd:
	install -d $(DESTDIR)$(SYSCONFDIR)/init.d
	sed 's,/usr/bin/sota,$(PREFIX)/bin/sota,' targets/init.d/sota-agent$(if $(filter procd,$(INIT)),.procd) \
	  >$(DESTDIR)$(SYSCONFDIR)/init.d/sota-agent
	chmod 755 $(DESTDIR)$(SYSCONFDIR)/init.d/sota-agent

release: PROGRAMS := $(EMULATORS)
release: export CODE_CACHE := required
release: release-check setup-debian targets ## build/release: the tarballs; recipes get version and checksums
	node targets/release.mjs build/release
	node targets/layer.mjs build/release

release-check:
	node targets/layer.mjs --check

check: node_modules/.stamp ## types, format, lint, and the rules of the tree
	node_modules/.bin/tsc --noEmit
	node_modules/.bin/biome check
	node test/run.mjs test/tidy.test.ts test/words.test.ts test/lint.test.ts \
	  test/locale.test.ts test/commits.test.ts

format: node_modules/.stamp ## format the code as `make check` expects it
	node_modules/.bin/biome format --write

docs: node_modules/.stamp ## write the pages of docs/reference from the sources
	@node test/run.mjs --script test/docs/reference/main.ts

test: setup ## every test; coverage, the cost of each tier, and the sum at the end
	@node test/run.mjs

unit: node_modules/.stamp ## the pure tests, in one process, in seconds
	@node test/run.mjs --tier unit

integration: setup ## the tests with real processes, sockets and files
	@node test/run.mjs --tier integration

e2e: setup ## the tests that run only the executable
	@node test/run.mjs --tier e2e

sim: node_modules/.stamp ## the simulator; SEED= CUT= JOURNEY= replay, LONG=1 for hours
	node test/run.mjs --script test/sim/main.ts

matrix: build ## every node, server and dialect through every event, and the table; CELLS='S-A.*start'
	@node test/run.mjs --script test/matrix/main.ts -- $(if $(CELLS),'$(CELLS)')

fuzz: build ## hostile input; WAY= SEED= INPUTS= replay a failure, LONG=1 sends ten million
	@node test/run.mjs --script test/fuzz/main.ts

powercut: setup targets ## real power losses in an emulated ARM machine; CUTS=100 SEED= TARGET= PACKAGE= MUTANT=
	node test/run.mjs --script test/powercut/main.ts

systemd: PROGRAMS += useradd=passwd
systemd: setup targets ## the unit and a session with SWUpdate under a real systemd; PART=unit
	@node test/run.mjs --script test/systemd/main.ts -- $(PART)

size: PROGRAMS := $(EMULATORS) xz=xz-utils zstd=zstd mksquashfs=squashfs-tools cpio=cpio \
	qemu-system-aarch64=qemu-system-arm mkfs.ext4=e2fsprogs
size: setup targets ## what the executables take on flash and in memory; ONLY=memory
	@node test/run.mjs --script test/size/main.ts

# The demo needs fewer programs than the tests.
demo: PROGRAMS := swupdate=swupdate openssl=openssl cpio=cpio fallocate=util-linux
demo: setup build ## a whole session, printed as it runs; ARGS='--mib 16 --chunk-ms 25'
	@node test/run.mjs --script test/demo/demo.ts -- $(ARGS)

bench: setup build ## speed, memory and bytes, each with its aim; ONLY=upstream,resume
	@node test/run.mjs --script test/bench/bench.ts

# NODE is a release of the RVI node here, not the Node in the executable.
backend: build ## to try the agent by hand: PACKAGE=FILE NODE=0.4 SERVER=S-C DIALECT=P1 TRANSPORT=ws ARGS=
	@node test/run.mjs --script test/backend/main.ts -- $(if $(PACKAGE),'$(PACKAGE)') \
	  $(if $(NODE),--node $(NODE)) $(if $(SERVER),--server $(SERVER)) \
	  $(if $(DIALECT),--dialect $(DIALECT)) $(if $(TRANSPORT),--transport $(TRANSPORT)) $(ARGS)

setup: node_modules/.stamp setup-debian setup-pypi ## what the tests need: npm, Debian, PyPI

setup-debian:
	@[ -z "$(MISSING)" ] || { mkdir -p build; \
	 echo "installing Debian packages: $(MISSING)"; \
	 { $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive \
	   apt-get install -y -qq --no-install-recommends $(MISSING); } >build/apt.log 2>&1 || { \
	 tail -n 3 build/apt.log; \
	 echo "cannot install $(MISSING) here: what needs them is skipped (in CI it fails)"; \
	 echo "by hand: apt-get install $(MISSING)"; \
	 [ "$$CI" != true ]; }; }

BITBAKE := build/bitbake
setup-pypi: setup-debian
	@cmp -s test/yocto/requirements.txt $(BITBAKE)/requirements.txt || { \
	 echo "installing bitbake's parser from PyPI into $(BITBAKE)"; rm -rf $(BITBAKE); mkdir -p build; \
	 pip3 install --quiet --no-deps --require-hashes --target $(BITBAKE) \
	   -r test/yocto/requirements.txt >build/pip.log 2>&1 && \
	   cp test/yocto/requirements.txt $(BITBAKE)/ || { tail -n 3 build/pip.log; \
	 echo "cannot install bitbake here: what needs it is skipped (in CI it fails)"; \
	 [ "$$CI" != true ]; }; }

clean: ## remove what was built (the fetched Nodes stay in build/cache)
	rm -rf build/linux-* build/release build/test build/try build/*.cjs build/meta.json build/*.log

NODE_NEEDED := const [a, b] = process.versions.node.split(".").map(Number); \
	process.exit(a > 20 || (a === 20 && b >= 11) ? 0 : 1)

node_modules/.stamp: package.json package-lock.json
	@node -e '$(NODE_NEEDED)' 2>/dev/null || { \
	 echo "needed: Node 20.11 or newer, with npm, in PATH; found: $$(node --version 2>&1)"; exit 1; }
	npm ci --no-fund --no-audit
	@touch $@
