# meson and ninja do the work; this is for the habit of typing make.
PREFIX = /usr/local
DESTDIR =
CLIENT_ARGS ?= --threads=2 --iterations=1000
BENCH_ARGS ?=
TEST_BUILDS = build-gcc build-clang build-address build-thread

all: build/build.ninja
	@ninja -C build

build/build.ninja:
	@tools/setup --check
	@mkdir -p build
	@meson setup --prefix=$(abspath $(PREFIX)) --libdir=lib build >build/setup.log || { cat build/setup.log; exit 1; }

run: setup
	@$(MAKE) --no-print-directory build/build.ninja
	@ninja -C build programs
	@tools/run build --summary $(CLIENT_ARGS)

# What it prints is for others to read: all else goes to stderr.
qemu:
	@tools/setup >&2
	@tools/setup qemu >&2
	@$(MAKE) --no-print-directory build/build.ninja >&2
	@ninja -C build guest >build/guest.log || { cat build/guest.log >&2; exit 1; }
	@tools/qemu build $(CLIENT_ARGS)

test: setup-test
	@tools/setup qemu || echo "No guest can be booted; its tests are skipped."
	@tools/test

bench: setup
	@[ -f build-bench/build.ninja ] || meson setup --buildtype=release build-bench >/dev/null
	@ninja -C build-bench bench-programs
	@mkdir -p build
	@build-bench/bench/bench --output=build/bench.json $(BENCH_ARGS)
	@bench/draw build/bench.json build/bench.svg

bench-peers: setup
	@[ -f build-bench/build.ninja ] || meson setup --buildtype=release build-bench >/dev/null
	@ninja -C build-bench programs bench/peers/measure bench/peers/hello
	@bench/peers/peers.py $(PEERS_ARGS) build-bench

sanitize: setup-test
	@tools/test address thread

install: can-install build/build.ninja
	@meson configure build -Dprefix=$(abspath $(PREFIX))
	@ninja -C build
	@meson install -C build --no-rebuild --quiet $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))
	@$(if $(DESTDIR),,[ "$$(id -u)" != 0 ] || ldconfig)

can-install:
	@folder=$(if $(DESTDIR),$(abspath $(DESTDIR)))$(abspath $(PREFIX)); \
	place=$$folder; until [ -e "$$place" ]; do place=$$(dirname "$$place"); done; \
	[ -d "$$place" ] && [ -w "$$place" ] || { \
		echo "Cannot install into $$folder: $$place takes no files of ours." >&2; \
		echo "Install as root, or elsewhere: make install PREFIX=\$$HOME/mett" >&2; exit 1; }

setup:
	@tools/setup

setup-test:
	@tools/setup test

format:
	@test/check-format --list | xargs clang-format -i

clean:
	rm -rf build build-bench $(TEST_BUILDS)

help:
	@echo "make               build, into build/"
	@echo "make run           build, start a server, measure it, stop it"
	@echo "                   (CLIENT_ARGS='$(CLIENT_ARGS)' SERVER_ARGS='')"
	@echo "make qemu          the same in a guest of its own; prints the client's block, ends with"
	@echo "                   its status (CLIENT_ARGS='--threads=8 --iterations=100'"
	@echo "                   QEMU_OPTIONS='-smp 8' SERVER_ARGS='--core-policy refuse' QEMU_VERBOSE=1)"
	@echo "make test          every test; the last line counts them"
	@echo "make bench         what an invocation costs, beside what waking and forking cost"
	@echo "                   (BENCH_ARGS='--quick'); build/bench.json, build/bench.svg"
	@echo "make bench-peers   what else one could use, beside ours; what is missing goes below build/"
	@echo "                   (PEERS_ARGS='--quick --only fork,crun', see PEERS_ARGS=--help)"
	@echo "make sanitize      the tests under the sanitizers only"
	@echo "make install       (PREFIX=$(PREFIX) DESTDIR=)"
	@echo "make format        lay the sources out by .clang-format"
	@echo "make setup         install missing packages on Debian 12; run and test do so too"
	@echo "make clean         remove what was built"

.PHONY: all run qemu test bench bench-peers sanitize install can-install setup setup-test format clean help
