# Everything a contributor runs, by name. The longer steps are in internal/scripts.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The packages that run the conformance suite, each with a report of its own.
BACKENDS = memory mongo dynamodb fauna redis redis/upstash
REPORTS  = $(BACKENDS:%=build/reports/%.json)

# The engines that the backends run on: make test sees to Docker and an image of
# each. ENGINES= leaves that out, for servers that the environment names.
ENGINES = mongo dynamodb fauna redis

# Not in go.mod, so that those who import authstore don't get it.
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

GOLANGCI    = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

FUZZTIME     = 5s
TIME         = 10m
MIN_COVERAGE = 95
BACKEND      = redis

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

.PHONY: bench
bench: setup ## Run the benchmarks: each store beside its bare client, and with many users
	go test -run '^$$' -bench . -benchmem ./memory
	go test -run '^$$' -bench . -benchtime 1x -timeout 40m ./mongo
	go test -run '^$$' -bench . -benchtime 1x -timeout 40m ./redis
	go test -run '^$$' -bench . -benchtime 1x -timeout 40m ./dynamodb
	go test -run '^$$' -bench . -benchtime 1x -timeout 40m ./fauna

.PHONY: interop
interop: setup ## Run the tests with the published Auth.js adapters, and print how many cases passed
	go test -race -count=1 -timeout 15m -v -run Interop ./interop | grep -Ev '^ *(--- PASS|=== )'

.PHONY: robust
robust: setup ## Look for histories that break the contract, for TIME on each engine
	go test -count=1 -timeout 0 -v -run 'TestHistories' ./internal/robust -robust.time $(TIME) | grep -v '^=== '

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
lint: ## Check the format, go vet, staticcheck and go.mod
	@files=$$(gofmt -l .); if [[ -n $$files ]]; then echo "not formatted (make fmt):" $$files; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...
	go mod tidy -diff

.PHONY: golangci
golangci: ## Run golangci-lint, whose build takes minutes (.golangci.yml)
	$(GOLANGCI) run ./...

.PHONY: fmt
fmt: ## Format the Go code and tidy go.mod
	gofmt -w .
	go mod tidy
