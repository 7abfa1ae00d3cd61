# `make help` lists what there is. Everything runs with Go and, where it needs
# servers or a browser, with Debian's packages, which .ci/deps installs.

GO      ?= go
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo unknown)
SOURCES := $(shell find . -name '*.go' -o -name '*.templ' -o -name '*.sql' -o -name '*.lua' -o -name '*.css' -o -name '*.js' | grep -v '^./bin/')

.DEFAULT_GOAL := help

## build: bin/exchequer
build: bin/exchequer

bin/exchequer: $(SOURCES) go.mod go.sum
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./cmd/exchequer

## licenses: bin/licenses, those of all that is linked into the program
licenses:
	.ci/licenses bin/licenses ./cmd/exchequer
	cp LICENSE NOTICE static/vendor/idiomorph.LICENSE bin/licenses/

## release: bin/release, for Linux, macOS and Windows on amd64 and arm64, with checksums and bills of materials
release:
	$(GO) run ./deploy/release -version $(VERSION) -out bin/release

## demo: a simulated town on an embedded Postgres, at http://127.0.0.1:8080
demo: build
	@.ci/deps postgres || true # the program fetches it then, or says what to do
	bin/exchequer demo

## run: serve your own ledger (DATABASE_URL, or an embedded Postgres)
run: build
	@.ci/deps postgres || true
	bin/exchequer serve

# The longest packages are the first, so that none is left alone at the end. Browsers and the
# fleet, which have seconds to keep, have the machine for themselves.
## test: everything, on real Postgres, MariaDB, Redis and Chromium, with the race detector
test:
	@.ci/deps postgres redis mariadb chromium curl podman caddy systemd race
	$(GO) test -race -vet=off -p 3 -timeout 20m ./web ./aggregates ./cmd/exchequer ./ledger/importer ./ledger \
		$$($(GO) list ./... | grep -v -e '/e2e$$' -e /e2e/fleet -e /deploy/release)
	$(GO) test -race -vet=off -timeout 15m -p 1 -parallel 4 ./e2e ./e2e/fleet

## test-citus: the suites of the ledger and the aggregates in schemas of a Citus cluster: make test-citus CITUS_URL=postgres://…, its coordinator
test-citus:
	@[ -n "$(CITUS_URL)" ] || { echo "set CITUS_URL to a database of a coordinator, as CONTRIBUTING.md says"; exit 1; }
	CITUS_URL="$(CITUS_URL)" $(GO) test -vet=off -count=1 -p 1 -timeout 40m ./ledger ./aggregates

## lint: gofmt, vet, staticcheck, templ fmt; with the race detector, for which the tests are compiled too
lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not gofmt-ed:"; echo "$$out"; exit 1; }
	$(GO) vet -race ./...
	checker=$$($(GO) tool -n staticcheck) && GOFLAGS="$$($(GO) env GOFLAGS) -race" $$checker ./...
	$(GO) tool templ fmt -fail views

## check: a release, and the files of deploy by the programs' own types (Compose, Kubernetes, Grafana, Prometheus); minutes of compiling
check:
	$(GO) test -timeout 20m ./deploy/release
	cd deploy/check && $(GO) vet ./... && $(GO) test -count=1 ./... # it reads files outside its module

## bench: measure what docs/benchmarks.md reports, and print the table
bench:
	@.ci/deps postgres redis wrk
	$(GO) test -run 'PageWeights|HitRatio' -v ./bench
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 80m ./bench

## generate: the Go code of the templates
generate:
	$(GO) tool templ generate -path views

## verify: the generated code is fresh, go.mod is tidy, all that is linked has a licence
verify:
	@.ci/verify

## audit: known vulnerabilities (by Go's list, over the network), changed modules, missing licences
audit:
	$(GO) mod verify
	.ci/audit ./...
	.ci/licenses bin/licenses ./cmd/exchequer

## clean: what build made
clean:
	rm -rf bin

## help: this list
help:
	@sed -n 's/^## //p' Makefile

.PHONY: build licenses release demo run test test-citus lint check bench generate verify audit clean help
