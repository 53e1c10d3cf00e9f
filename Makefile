# The developer's door. `make` lists what there is; it needs Python 3.11 or newer and nothing else.

.DEFAULT_GOAL := help
.PHONY: help run test clock replay import quarantine clean stack bench campaign planted mutations fuzz thorough lint format \
	layout gallery openapi fields shipment-states package
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11 python; do \
	$$each -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$each && break; done)

PORT ?=
STATE ?= .local
STACK ?= laptop
ONCE ?=
SEEDS ?= 20000

# A virtual environment carries the checksum of what it was made from: change a pin, and it is made again.
checksum = $(shell cat $(1) | cksum | cut -d' ' -f1)
VENV := .venv/made-from-$(call checksum,requirements.txt layers/dependencies/requirements.txt)
MINISTACK := .venv-ministack/made-from-$(call checksum,requirements-ministack.txt layers/dependencies/requirements.txt)
SAM := .venv-sam/made-from-$(call checksum,requirements-sam.txt)

export PYTHONPATH := $(CURDIR):$(CURDIR)/layers/perennial/python
python := .venv/bin/python
local := $(python) -m infra.local --state "$(STATE)"

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV) $(if $(filter ministack,$(STACK)),$(MINISTACK)) ## start it here and play events/ [ONCE=1 PORT= STATE= STACK=ministack]
	@$(local) run --stack "$(STACK)" $(if $(PORT),--port "$(PORT)") $(if $(ONCE),--once)

test: $(VENV) $(MINISTACK) lint ## everything CI runs: style, types, tests
	@$(python) -m pytest -n 2 --dist loadfile -q --ignore tests/campaign
	@$(python) -m pytest -q tests/campaign
	@$(python) -m tests.mutations --within 150

clock: $(VENV) ## move the running house's clock: make clock BY=3d
	@$(local) clock $(if $(BY),"$(BY)",$(error say by how much, for example: make clock BY=3d))

replay: $(VENV) ## feed the past [FILE=x.ndjson | OLIST=dir | ONLINE_RETAIL=dir] [UNTIL=2010-12-31]
	@$(local) replay $(if $(FILE),--file "$(FILE)") $(if $(OLIST),--olist "$(OLIST)") \
		$(if $(ONLINE_RETAIL),--online-retail "$(ONLINE_RETAIL)") $(if $(UNTIL),--until "$(UNTIL)")

import: $(VENV) ## load a merchant's past: make import FILE=orders.csv MAP=shopify-orders [ON=2026-06-15]
	@$(local) import --file "$(or $(FILE),$(error say which file: make import FILE=orders.csv MAP=shopify-orders))" \
		--map "$(MAP)" $(if $(ON),--on "$(ON)")

quarantine: $(VENV) ## what the running house did not understand [SHOW=id REPLAY=id SOURCE= REASON= | DISCARD=id BECAUSE=]
	@$(local) quarantine $(if $(SHOW),--show "$(SHOW)") $(if $(REPLAY),--replay "$(REPLAY)") \
		$(if $(SOURCE),--source "$(SOURCE)") $(if $(REASON),--reason "$(REASON)") \
		$(if $(DISCARD),--discard "$(DISCARD)" --because "$(BECAUSE)")

clean: $(VENV) ## forget the house's state (STATE=.local); not the virtual environments
	@$(local) clean

stack: $(VENV) $(MINISTACK) ## deploy template.yaml into an embedded AWS and keep it up [PORT=]
	@$(python) -m infra.local.ministack $(if $(PORT),--port "$(PORT)")

bench: $(VENV) $(MINISTACK) ## measure the budgets of docs/benchmarks.md, beside a plain assembly of the usual parts
	@$(python) -m tests.bench

campaign: $(VENV) ## the whole house under faults [SEEDS=20000 | SEED=n: one again, with its script]
	@$(python) -m tests.campaign $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

planted: $(VENV) ## take guards out, one at a time, and see the campaign notice
	@$(python) -m tests.campaign.planted

mutations: $(VENV) ## take out each guard and see a test go red; writes docs/mutations.md [ONLY=its-id]
	@$(python) -m tests.mutations $(ONLY)

fuzz: $(VENV) ## the running house under a storm of odd requests, longer than in CI
	@HYPOTHESIS_PROFILE=thorough $(python) -m pytest tests/fuzz -q

thorough: $(VENV) ## the property tests, twenty times as long as in CI
	@HYPOTHESIS_PROFILE=thorough $(python) -m pytest tests/properties -n 2 -q

lint: $(VENV) ## style and types only
	@$(python) -m ruff check
	@$(python) -m ruff format --check
	@$(python) -m mypy

format: $(VENV) ## put the code into shape
	@$(python) -m ruff check --fix
	@$(python) -m ruff format

layout: $(VENV) ## compile what an email looks like, infra/messages/email.mjml, into the HTML that runs
	@$(python) -m infra.local.layout

gallery: $(VENV) ## picture every default message in every language into docs/messages (needs Chromium) [CHROMIUM=]
	@$(python) -m infra.local.gallery

openapi: $(VENV) ## write docs/openapi.json anew
	@$(python) -m infra.local.openapi

fields: $(VENV) ## write docs/fields.md anew: what each field means, in which unit, and who gives it
	@$(python) -m infra.local.fields

shipment-states: $(VENV) ## write docs/shipment-states.md anew: every carrier's word, and ours for it
	@$(python) -m infra.local.shipment_states

package: $(SAM) ## build what is deployed, without Docker (needs python3.13), into .aws-sam
	@SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam validate --lint
	@SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam build

$(VENV): requirements = requirements.txt
$(MINISTACK): requirements = requirements-ministack.txt
$(SAM): requirements = requirements-sam.txt
$(VENV) $(MINISTACK) $(SAM):
	@$(if $(PYTHON),,$(error Python 3.11 or newer is needed, with its venv module; on Debian: apt install python3-venv))
	@"$(PYTHON)" infra/make_venv.py $(@D) $(requirements)
	@touch $@
