# The ways in. `make demo` and `make test` are all that a newcomer needs; both install what they need.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

LAB := tests/lab/lab
LAB_HOME ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/plimsoll-lab
LAB_BIN ?= $(LAB_HOME)/bin
LAB_KUBECONFIG := $(LAB_HOME)/run/pki/admin.conf
HOST := x86_64-unknown-linux-gnu
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Given by the user: a cluster of his own for the demo. Everything else runs in the lab.
GIVEN_KUBECONFIG := $(KUBECONFIG)
export PATH := $(LAB_BIN):$(PATH)
export LAB_HOME LAB_BIN

.PHONY: help
help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: ## A real cluster, the operator, a service under load: watch its budget. KUBECONFIG=… uses a cluster of yours
	@KUBECONFIG='$(GIVEN_KUBECONFIG)' examples/demo/demo up

.PHONY: demo-down
demo-down: ## End the demo and leave nothing behind
	@KUBECONFIG='$(GIVEN_KUBECONFIG)' examples/demo/demo down

.PHONY: test
test: check test-cluster e2e ## Every test: fmt, clippy, unit, golden, docs, charts, promtool, cluster, end to end

.PHONY: check
check: lab-build fmt clippy test-unit doc drift charts alertmanager licences ## Everything that needs no running cluster

.PHONY: fmt
fmt:
	cargo fmt --all --check

.PHONY: clippy
clippy:
	cargo clippy --locked --all-targets -- -D warnings

.PHONY: test-unit
test-unit: ## Unit, property, golden and promtool tests
	PROMTOOL='$(LAB_BIN)/promtool' cargo test --locked --all-targets

.PHONY: doc
doc:
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --lib
	tests/docs.sh

.PHONY: generate
generate: ## Write crds/, charts/plimsoll-crds, deploy/ and docs/api-reference.md from the code
	cargo build --locked --bin plimsoll
	'$(TARGET)/debug/plimsoll' crd > crds/performanceprofiles.plimsoll.dev.yaml
	'$(TARGET)/debug/plimsoll' reference > docs/api-reference.md
	'$(TARGET)/debug/plimsoll' inhibit-rules > deploy/alertmanager/inhibit-rules.yaml
	HELM='$(LAB_BIN)/helm' hack/generate

.PHONY: drift
drift: generate ## What is generated is what is committed
	@git diff --exit-code --stat -- crds charts deploy docs/api-reference.md || \
		{ echo 'generated files differ from the code: commit what `make generate` wrote' >&2; exit 1; }

.PHONY: charts
charts: ## Helm lint, golden renderings and the values schema
	HELM="$(LAB_BIN)/helm" PLIMSOLL="$(TARGET)/debug/plimsoll" charts/test.sh

.PHONY: alertmanager
alertmanager: ## The rules for inhibition, in a real Alertmanager
	ALERTMANAGER='$(LAB_BIN)/alertmanager' AMTOOL='$(LAB_BIN)/amtool' tests/alertmanager.sh

.PHONY: licences
licences: ## Licences, bans and sources of all dependencies
	hack/licences

.PHONY: image
image: lab-build ## The static binaries and the images, loaded into the lab's node
	hack/images

.PHONY: lab-build
lab-build:
	@$(LAB) deps
	@$(LAB) build full

.PHONY: lab
lab: lab-build ## A real cluster with Prometheus on this machine
	@$(LAB) up node
	@$(LAB) monitoring up

.PHONY: lab-down
lab-down: ## Stop the cluster and leave nothing behind
	@$(LAB) down

.PHONY: test-cluster
test-cluster: lab-build ## Everything that needs the real API server and controllers, in the lab
	@$(LAB) up
	@$(LAB) monitoring crds
	KUBECONFIG='$(LAB_KUBECONFIG)' cargo test --locked --test cluster --test crd -- --ignored --test-threads=4
	KUBECONFIG='$(LAB_KUBECONFIG)' HELM='$(LAB_BIN)/helm' tests/chart.sh

.PHONY: e2e
e2e: lab image ## The demo with assertions: real pods, real HPA, real Prometheus
	KUBECONFIG='$(LAB_KUBECONFIG)' tests/e2e.sh

.PHONY: bench
bench: lab image ## Figures: memory, binary size, time to children, writes in steady state
	KUBECONFIG='$(LAB_KUBECONFIG)' tests/bench.sh
