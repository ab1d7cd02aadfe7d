# The commands of the house. `make demo` and `make test` are all a newcomer needs; both install what is missing where apt can.

SWIFT ?= swift
PROGRAM = .build/release/freshet

# The suites that look at FRESHET_DEEP.
DEEP_TESTS ?= WindowingTests|CodecTests|FeaturesTests|ProcessingTests|BatchTests|LocalTransportTests|HTTPServerTests|SimulationTests

.PHONY: all build demo test test-deep test-faults bench bench-faults lint format dependencies test-dependencies bench-dependencies clean

all: build

## build: the release program, at .build/release/freshet
build: dependencies
	$(SWIFT) build -c release --product freshet

## demo: everything at once, on this machine, in one minute
demo: build
	$(PROGRAM) demo $(DEMO_OPTIONS)

## test: all tests, against real brokers and a real Redis in processes of their own
test: test-dependencies
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build

## test-deep: the tests that go by seeds, with many more of them: 10 000 streams for the windows, 20 000 simulated histories
test-deep: test-dependencies
	$(SWIFT) build --build-tests
	FRESHET_DEEP=1 $(SWIFT) test --skip-build --filter "$(DEEP_TESTS)"

## test-faults: real processes that are killed, frozen and cut off, minutes of it; FRESHET_DEEP=1 for 100 rounds over 5 million events.
## FRESHET_FAULT_SEED, _ROUNDS and _EVENTS choose others; FRESHET_FAULT_PROGRAM=.build/release/freshet takes a program that is quicker.
test-faults: test-dependencies
	$(SWIFT) build --build-tests
	FRESHET_FAULTS=1 $(SWIFT) test --skip-build --filter '^FaultTests\.'

## bench: speed, as ratios to references measured in the same run
bench: bench-dependencies .build/window-reference
	$(SWIFT) build -c release --product freshet-bench
	.build/release/freshet-bench $(BENCH_OPTIONS)

## bench-faults: what exactly-once, checkpoints and recovery cost, how fresh values are, and memory over ten minutes: real processes, figures only.
## BENCH_FAULTS_OPTIONS="--keys 100000 throughput" chooses; Benchmarks/Operating/measure.py says what there is.
bench-faults: dependencies
	$(SWIFT) build -c release --product freshet
	$(SWIFT) build -c release --product freshet-bench
	python3 Benchmarks/Operating/measure.py $(BENCH_FAULTS_OPTIONS)

# What the window benchmark is compared with: C++ on simdjson, tuned to this machine.
.build/window-reference: Benchmarks/WindowReference/window_reference.cpp
	@mkdir -p .build
	$(CXX) -O3 -march=native -std=c++17 -Wall -Wextra $< -lsimdjson -o $@

## lint: the formatter's opinion, as errors
lint:
	$(SWIFT) format lint --recursive --strict Sources Tests Benchmarks Package.swift

format:
	$(SWIFT) format --in-place --recursive Sources Tests Benchmarks Package.swift

dependencies:
	@Scripts/install-dependencies.sh run

test-dependencies:
	@Scripts/install-dependencies.sh test

bench-dependencies:
	@Scripts/install-dependencies.sh bench

clean:
	$(SWIFT) package clean
