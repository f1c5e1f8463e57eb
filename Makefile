# The workflow, in order. `make help` lists it.

# uv from the PATH, else our own in .tools/, got without root.
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
SCRIPTS := $(wildcard scripts/*.py samples/*.py benchmarks/*.py tests/run.py tools/*.py)
LOCKED := $(shell grep -l 'requires-python = ' $(SCRIPTS) 2>/dev/null)
DEST ?= $(HOME)/.agents/skills/training-orchestrator

.PHONY: help demo demo-dpo demo-stt test fuzz reliability lint fix fresh bench bench-demo bench-start-up bench-train bench-ranks bench-real bench-sizes bench-gpu bench-suite bench-gate bench-planted bench-fae-network bench-false-alarms bench-review bench-dpo bench-stt bench-gate-words bench-scans lock manifest install

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##/  make \1:/p' Makefile

demo: $(UV)  ## the whole loop on a sample database, in demo-home/
	@$(UV) run --quiet samples/demo.py

demo-dpo: $(UV)  ## learning from corrections: the same questions answered before and after
	@$(UV) run --quiet samples/demo_dpo.py

demo-stt: $(UV)  ## names that the speech recogniser mishears, before and after
	@$(UV) run --quiet samples/demo_stt.py

test: $(UV)  ## style and types, then all tests
	@$(UV) run --quiet tools/lint.py
	@$(UV) run --quiet tests/run.py -n 3 --dist loadfile --no-loadscope-reorder

fuzz: $(UV)  ## 100,000 bad inputs, spread over all readers; takes half an hour
	@FUZZ_INPUTS=100000 $(UV) run --quiet tests/run.py tests/test_bad_input.py -q -n 2 --maxschedchunk 1

reliability: $(UV)  ## faults, concurrent scripts, killed workers; takes an hour; writes docs/reliability.md
	@$(UV) run --quiet tests/run.py --version >/dev/null
	@$$($(UV) python find --script tests/run.py) tests/faults.py --together 1000 --workers 50 --write

lint: $(UV)  ## style and types (ruff, pyrefly); WHAT=style or WHAT=types for one of them
	@$(UV) run --quiet tools/lint.py $(WHAT)

fix: $(UV)  ## fix and format what ruff can
	@$(UV) run --quiet tools/lint.py --fix style

fresh: $(UV)  ## check that the locks, uv.lock.md and MANIFEST.json are up to date
	@for script in $(LOCKED); do $(UV) lock --quiet --check --script $$script || { echo "run: make lock"; exit 1; }; done
	@$(UV) run --quiet tools/describe_locks.py --check
	@$(UV) run --quiet tools/make_manifest.py --check

# These have their own targets below, since they write pages of the docs. Most take from half an hour to an hour and a half.
LONG := $(patsubst %,benchmarks/bench_%.py,train real sizes gpu suite gate demo start_up ranks fae_network false_alarms review dpo stt gate_words scans)

bench: $(UV)  ## every benchmark without a target of its own
	@for script in $(filter-out $(LONG),$(wildcard benchmarks/bench_*.py)); do \
		echo "== $$script"; $(UV) run --quiet $$script || exit 1; done

bench-demo: $(UV)  ## the demo's output; takes a minute; writes docs/demo.md
	@$(UV) run --quiet benchmarks/bench_demo.py --write docs/demo.md

bench-start-up: $(UV)  ## the start-up time of each script; writes docs/demo.md
	@$(UV) run --quiet benchmarks/bench_start_up.py --write docs/demo.md

bench-train: $(UV)  ## training against stock mlx-lm and mlx-tune; writes docs/benchmarks.md
	@$(UV) run --quiet benchmarks/bench_train.py --write docs/benchmarks.md

bench-ranks: $(UV)  ## training on 1, 2 and 4 ranks on this machine; writes docs/machines.md
	@$(UV) run --quiet benchmarks/bench_ranks.py --write docs/machines.md

bench-real: $(UV)  ## the presets on a real model and real conversations, up to 90 minutes; writes docs/benchmarks.md
	@$(UV) run --quiet benchmarks/bench_real.py --write docs/benchmarks.md

bench-suite: $(UV)  ## the scores of two small models on the capability suite; writes docs/judgement.md
	@$(UV) run --quiet benchmarks/bench_suite.py --real-model --write docs/judgement.md

bench-gate: $(UV)  ## how often the gate is wrong, by simulation; writes docs/judgement.md
	@$(UV) run --quiet benchmarks/bench_gate.py --write docs/judgement.md

bench-fae-network: $(UV)  ## Fae's own classifier network and ours; needs FAE_BENCH_AUDIO; writes docs/classifiers-measured.md
	@$(UV) run --quiet benchmarks/bench_fae_network.py --write docs/classifiers-measured.md

bench-false-alarms: $(UV)  ## whether a promised rate holds for sounds of unseen sources, an hour; needs FAE_BENCH_AUDIO; writes docs/classifiers-measured.md
	@$(UV) run --quiet benchmarks/bench_false_alarms.py --write docs/classifiers-measured.md

bench-review: $(UV)  ## whether reviewing false alarms reduces them, an hour; needs FAE_BENCH_AUDIO; writes docs/classifiers-measured.md
	@$(UV) run --quiet benchmarks/bench_review.py --write docs/classifiers-measured.md

bench-dpo: $(UV)  ## a step of preference training against one of SFT; writes docs/preferences.md
	@$(UV) run --quiet benchmarks/bench_dpo.py --write docs/preferences.md

bench-stt: $(UV)  ## training the speech recogniser against mlx-tune; writes docs/speech.md
	@$(UV) run --quiet benchmarks/bench_stt.py --write docs/speech.md

bench-gate-words: $(UV)  ## how often the gate is wrong about a few words, by simulation; writes docs/speech.md
	@$(UV) run --quiet benchmarks/bench_gate_words.py --write docs/speech.md

bench-scans: $(UV)  ## requests to forget and secrets that are found in rounds never learned from; writes docs/data.md
	@$(UV) run --quiet benchmarks/bench_scans.py --write docs/data.md

bench-planted: $(UV)  ## trainings that must not be recommended, and the demo's; writes docs/judgement.md
	@$(UV) run --quiet benchmarks/bench_planted.py --write docs/judgement.md

bench-sizes: $(UV)  ## memory of full-size models compared with the plan; needs 24 GB; writes docs/benchmarks.md
	@$(UV) run --quiet benchmarks/bench_sizes.py --write docs/benchmarks.md

bench-gpu: $(UV)  ## training on this machine's GPU; writes docs/benchmarks.md
	@$(UV) run --quiet $(if $(wildcard /dev/nvidia0),--with 'mlx[cuda13]') benchmarks/bench_gpu.py --write docs/benchmarks.md

lock: $(UV)  ## update every script's lock, and uv.lock.md
	@for script in $(LOCKED); do $(UV) lock --quiet --script $$script || exit 1; done
	@$(UV) run --quiet tools/describe_locks.py

manifest: $(UV)  ## fill in MANIFEST.json's checksums
	@$(UV) run --quiet tools/make_manifest.py

install: $(UV)  ## copy the skill to where Fae finds it; DEST=folder, or BUNDLE=Fae.app of your own build
	@$(UV) run --quiet tools/install.py $(if $(BUNDLE),--bundle "$(BUNDLE)",--to "$(DEST)")

.tools/bin/uv:
	@python3 -m venv .tools || { echo "python3 cannot make a virtual environment; on Debian: apt install python3-venv"; exit 1; }
	@.tools/bin/pip install --quiet uv
