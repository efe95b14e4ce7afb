.PHONY: run build dist dist-check test prove fuzz bench bench-nodes soak screenshots image

run:
	go run ./cmd/seshd

build:
	CGO_ENABLED=0 go build -trimpath -o seshd ./cmd/seshd

# What is released: static binaries for linux/amd64, linux/arm64 and darwin/arm64, and their SHA-256, in dist/.
dist:
	sh .ci/dist

# Whether they have the same bytes wherever they are built: another build, from nothing, some minutes.
dist-check:
	sh .ci/dist-check

# Everything CI does; installs what is missing through apt.
test:
	sh .ci/test

# The tests that a short run cuts down (SIGKILL rounds, tabs, writes, seeds), at their full counts.
prove:
	SESHD_PROVE=1 go test -count=1 -timeout 60m ./...

# make fuzz TIME=10m
TIME ?= 1m
fuzz:
	sh .ci/fuzz $(TIME)

# seshd beside bare gorilla, Centrifuge and a bare log, on this machine, which should do nothing else for the half hour that it
# takes: writes docs/BENCH.md and docs/bench.svg. make bench BENCH='--runs 1' takes a part of that.
bench:
	go run ./cmd/seshd/bench/compare $(BENCH)

# One to three seshd on one Redis beside seshd alone, in twenty minutes: writes docs/BENCH-NODES.md. Needs redis-server.
bench-nodes:
	go run ./cmd/seshd/bench/compare --nodes $(BENCH)

# Half an hour of visitors, faults and restarts, while memory, goroutines, files and disk must stay flat: writes docs/SOAK.md and
# docs/soak.svg. make soak SOAK='--for 3m' is shorter.
soak:
	go run ./cmd/seshd/bench/soak $(SOAK)

# The pictures of the live view in the README, from the server as it is; needs Chromium.
screenshots:
	go run ./cmd/seshd/screenshots

image:
	docker build --build-arg VERSION="$$(git describe --tags --always --dirty)" -t seshd .
