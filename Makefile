# Everything a contributor runs, by name. The longer steps are in internal/scripts.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The backends, whose internal/tests run the conformance suite, each with a report of its own.
BACKENDS = memory mongo dynamodb fauna redis redis/upstash redis/betterauth
REPORTS  = $(BACKENDS:%=build/reports/%.json)

# The engines that the backends run on: make test sees to Docker and an image of
# each. ENGINES= leaves that out, for servers that the environment names.
ENGINES = mongo dynamodb fauna redis

# Not in go.mod, so that those who import authstore don't get it.
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

GOLANGCI    = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK = go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
LAMBDA_RIE  = github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie@v0.0.0-20261030222936-bef5c4ba774d

# Packages whose tests need no server and take seconds.
QUICK = ./adapter ./authhttp ./authhttp/limit ./authhttp/signin ./authhttp/emaillink ./authhttp/oauth ./authhttp/oidc ./authhttp/passkey ./authhttp/internal/... \
        ./authjshttp ./memory ./internal/attempt ./internal/attribute ./internal/batch ./internal/layers \
        ./internal/lenient ./internal/repair ./internal/transfer ./internal/transfer/foreign ./cmd/authstore ./cmd/bench-plot ./cmd/conformance-table

FORMATTED = @files=$$(gofmt -l .); if [[ -n $$files ]]; then echo "not formatted (make fmt):" $$files; exit 1; fi

FUZZTIME     = 50000x
TIME         = 10m
STARTS       = 20
MIN_COVERAGE = 95
BACKEND      = redis
USERS        = 1000000

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Start the sign-in example
	go run ./examples/signin

.PHONY: setup
setup: ## Install what the tests need beside Go
	@internal/scripts/setup.sh $(ENGINES)

.PHONY: up
up: ## Start the engines on local ports (docker-compose.yml)
	internal/scripts/compose.sh up

.PHONY: down
down: ## Stop what make up started
	internal/scripts/compose.sh down

.PHONY: test
test: setup ## Run every test under the race detector, the suite on every backend
	internal/scripts/test.sh all $(BACKENDS)

.PHONY: table
table: setup ## Run the backends' tests and write the results into README.md
	internal/scripts/test.sh backends $(BACKENDS)
	go run ./cmd/conformance-table $(REPORTS)

.PHONY: check-table
check-table: ## Check that README.md has the results of the last make test
	go run ./cmd/conformance-table -check $(REPORTS)

BENCH = go test -run '^$$' -skip Soak -timeout 40m -bench .

.PHONY: bench
bench: setup ## Run the benchmarks into build/bench.txt, and draw docs/callers-light.svg and -dark.svg
	@mkdir -p build
	{ $(BENCH) ./authhttp ./authjshttp; \
	  $(BENCH) -benchmem ./memory/internal/tests; \
	  $(BENCH) -benchtime 1x $(patsubst %,./%/internal/tests,mongo redis dynamodb fauna) ./interop; } | tee build/bench.txt
	go run ./cmd/bench-plot build/bench.txt

.PHONY: bench-lambda
bench-lambda: setup ## Measure STARTS cold starts of examples/lambda in Lambda's emulator, beside the bare SDK
	GOBIN=$(CURDIR)/build go install $(LAMBDA_RIE)
	go test -run '^$$' -bench ColdStart -benchtime $(STARTS)x ./examples/lambda | tr '\t' '\n'

.PHONY: scale
scale: setup ## Compare each operation of BACKEND with USERS users and with a thousand
	go test -run '^$$' -bench Scale -benchtime 1x -timeout 0 ./$(BACKEND)/internal/tests -measure.users $(USERS)

.PHONY: transfer
transfer: setup ## Copy USERS users through three engines and back, killed by kill -9 on the way
	go test -count=1 -v -timeout 0 -run TestTransfer ./cmd/authstore/internal/tests -transfer.users $(USERS)

.PHONY: soak
soak: setup ## Load BACKEND for TIME, and fail if memory, goroutines or connections grow
	go test -run '^$$' -bench Soak -benchtime 1x -timeout 0 ./$(BACKEND)/internal/tests -measure.soak $(TIME)

.PHONY: conformance-run
conformance-run: setup ## Run the suite on each engine by authstore conformance run, and compare with the reports of make test
	go test -count=1 -v -timeout 0 -run TestConformanceRun ./cmd/authstore/internal/tests -conformance.reports $(CURDIR)/build/reports

.PHONY: interop
interop: setup ## Run the tests with the published Auth.js adapters, and print how many cases passed
	go test -race -count=1 -timeout 15m -v -run Interop ./interop | grep -Ev '^ *(--- PASS|=== )'

.PHONY: layouts
layouts: setup ## Run the suite on MongoDB under every layout
	go test -race -count=1 -timeout 60m -run TestConformanceLayouts ./mongo/internal/tests -layouts.all -conformance.timeout=5m

.PHONY: robust
robust: setup ## Look for histories that break the contract, for TIME on each engine
	go test -count=1 -timeout 0 -v -run 'TestHistories' ./internal/robust -robust.time $(TIME) | grep -v '^=== '

.PHONY: engines
engines: setup ## Run the suite on other engines, built from packages (docs/engines.md)
	internal/scripts/engines.sh

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	internal/scripts/fuzz.sh $(FUZZTIME)

.PHONY: cover
cover: ## Check how much of adapter and memory the suite alone covers
	internal/scripts/cover.sh $(MIN_COVERAGE)

.PHONY: mutants
mutants: ## Check that the suite fails a backend with a planted bug
	go test -count=1 -timeout 10m -run Mutants -v ./conformance/...

.PHONY: backend-mutants
backend-mutants: setup ## Check that the tests of BACKEND (redis, mongo, …) fail with a bug in its code or scripts
	go test -count=1 -timeout 0 -v -run TestBackendMutants ./internal/backendmutants -mutants.backend $(BACKEND) | grep -v '^=== '

.PHONY: lint
lint: ## Check the format, go vet, staticcheck, go.mod and the scripts
	$(FORMATTED)
	go vet ./...
	$(STATICCHECK) ./...
	go mod tidy -diff
	internal/scripts/lint.sh

.PHONY: pre-commit
pre-commit: ## Check in a minute what most changes break: no server is needed
	$(FORMATTED)
	go vet ./...
	internal/scripts/lint.sh
	go test $(QUICK)

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in what is imported (vuln.go.dev must be reached)
	$(GOVULNCHECK) ./...

.PHONY: golangci
golangci: ## Run golangci-lint, whose build takes minutes (.golangci.yml)
	$(GOLANGCI) run ./...

.PHONY: release
release: ## Tag VERSION=v1.2.3 with its part of the changelog (RELEASING.md)
	internal/scripts/release.sh $(VERSION)

.PHONY: fmt
fmt: ## Format the Go code and tidy go.mod
	gofmt -w .
	go mod tidy
