#!/usr/bin/env python3
"""What exactly-once costs and how fresh values are, with real processes: a broker, a redis-server and `freshet`, all on this machine. Prints figures and
never judges them: they depend on what else the machine does. `make bench-faults` builds what it needs.

usage: measure.py [--events N] [--keys N] [--partitions N] [--runs N] [--rate N] [--freshness SECONDS] [--soak SECONDS] [WHAT...]

  throughput   Kafka -> Redis over a topic that lies ready, with fences and checkpoints and with `checkpoint: { store: none }`, in turns
  checkpoint   the same with a checkpoint every two seconds against one in an hour, with every key in the state
  recovery     kill -9 with all keys in the state; from the start of the next process to its first row, by what it says on the way
  freshness    event -> visible at half of the highest rate, by polling Redis for keys that have few events
  probes       what `freshet probe` says beside what Tests/Oracles/probes.py has seen of the same markers, and of events of its own, at that rate
  monitor      what `freshet monitor` says of the lane nrt beside what Tests/Oracles/probes.py has seen of the same events, all of them its own
  soak         resident memory over --soak seconds at that rate

Rates are wall clock; beside them stands the CPU time per event, which other work on the machine disturbs less.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "Tests", "Oracles"))
from resp import Redis

FRESHNESS_USERS = 100
RELEASE = os.path.join(ROOT, ".build", "release")


class Place:
    """A broker with one topic, a Redis, and a folder; gone with the `with` block."""

    def __init__(self, options):
        self.options = options

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="freshet-measure-")
        path = self.folder.name
        self.broker = subprocess.Popen(
            [f"{self.options.build}/freshet-bench", "--serve-broker", "clicks", str(self.options.partitions)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.servers = self.broker.stdout.readline().strip()
        self.redis_address = f"redis+unix://{path}/redis.sock"
        self.redis_server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", f"{path}/redis.sock", "--save", "", "--dir", path], stdout=subprocess.DEVNULL
        )
        while True:
            try:
                self.redis = Redis(self.redis_address, timeout=60)
                self.redis.call("PING")
                break
            except OSError:
                time.sleep(0.02)
        with open(os.path.join(HERE, "events.yaml")) as file:
            text = file.read().replace("count: 1000000", f"count: {self.options.keys}")
        self.schema = os.path.join(path, "events.yaml")
        with open(self.schema, "w") as file:
            file.write(text)
        return self

    def __exit__(self, *_):
        self.redis_server.kill()
        self.redis_server.wait()
        self.broker.stdin.close()
        self.broker.wait()
        self.folder.cleanup()

    def generate(self, *arguments):
        """Starts a generator into the topic."""
        target = f"kafka://{self.servers}/clicks"
        return subprocess.Popen([f"{self.options.build}/freshet", "generate", self.schema, "--to", target, "-X", "compression.codec=lz4", *arguments], stderr=subprocess.PIPE, text=True)

    def fill(self, count):
        """Puts `count` events into the topic, a minute of event time."""
        generator = self.generate("--count", str(count), "--rate", f"{max(1, count // 60)}/s", "--from", "2026-01-01T00:00:00Z")
        _, errors = generator.communicate()
        if f"delivered {count}, failed 0" not in errors:
            sys.exit(f"the generator failed: {errors}")

    def process(self, group, *arguments, **settings):
        """Starts a processor of a group of its own; what it says goes to a file."""
        log = open(os.path.join(self.folder.name, f"{group}.log"), "a+")
        environment = os.environ | {"KAFKA_BROKERS": self.servers, "REDIS_URL": self.redis_address, "GROUP": group, "FRESHET_LOG": "info"}
        process = subprocess.Popen(
            [f"{self.options.build}/freshet", "process", os.path.join(HERE, "features.yaml"), "-X", "session.timeout.ms=6000", *arguments],
            env=environment | settings, stdout=log, stderr=log,
        )  # fmt: skip
        process.log = log
        return process

    def said(self, process):
        process.log.seek(0)
        return process.log.read()

    def written_bytes(self):
        """Bytes that Redis has been sent so far."""
        return int(re.search(r"total_net_input_bytes:(\d+)", self.redis.call("INFO", "stats").decode())[1])

    def wait_for_writes(self, process):
        """When the first rows came, by the monotonic clock."""
        before = self.written_bytes()
        while self.written_bytes() < before + 100_000:
            if process.poll() is not None:
                sys.exit(f"the processor ended: {self.said(process)}")
            time.sleep(0.005)
        return time.monotonic()

    def sampled(self, seed=1, count=400):
        """The bytes that ask for the last event of some users."""
        names = random.Random(seed).sample(range(1, self.options.keys + 1), count)
        return b"".join(Redis.encode("HGET", f"load:activity:u{name:07}", "_last_event") for name in names), count

    def ask(self, request, count):
        self.redis.send(request)
        return [self.redis.read() for _ in range(count)]

    def run(self, group, **settings):
        """One run over all that lies in the topic: events per second until no row changes any more, and CPU ns per event."""
        self.redis.call("FLUSHALL")
        process = self.process(group, "--until-idle", "3s", **settings)
        first = last = self.wait_for_writes(process)
        # Events come in no order of users, so the last change of some of them is close to the last of all.
        request, count = self.sampled()
        seen = None
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                break
            time.sleep(0.1)
            now = self.ask(request, count)
            if now != seen:
                seen, last = now, time.monotonic()
        if process.returncode:
            sys.exit(f"the processor ended with {process.returncode}: {self.said(process)}")
        if f"processed {self.options.events} events" not in self.said(process):
            sys.exit(f"not all events were read: {self.said(process)}")
        return self.options.events / (last - first), (usage.ru_utime + usage.ru_stime) / self.options.events * 1e9


def compare(place, what, variants):
    """Runs variants in turns and prints the best of each, and the ratio of the first to the second."""
    best = {}
    for turn in range(place.options.runs):
        for name, settings in variants:
            rate, cpu = place.run(f"{what}-{name}-{turn}".replace(" ", "-"), **settings)
            print(f"  {what}, {name}: {rate / 1000:.0f}k events/s, {cpu:.0f} ns of CPU per event", flush=True)
            old = best.get(name, (0, float("inf")))
            best[name] = max(rate, old[0]), min(cpu, old[1])
    (first, _), (second, _) = variants
    print(f"{what}: {first} against {second}: {best[first][0] / best[second][0]:.2f} of the rate, {best[first][1] / best[second][1]:.2f} of the CPU")
    return best[first][0]


def throughput(options):
    with Place(options) as place:
        place.fill(options.events)
        return compare(place, "throughput", [("exactly once", {}), ("at least once", {"CHECKPOINT_STORE": "none"})])


def checkpoint(options):
    with Place(options) as place:
        place.fill(options.events)
        compare(place, "checkpoint", [("every 2s", {"CHECKPOINT_EVERY": "2s"}), ("never", {"CHECKPOINT_EVERY": "1h"})])


def recovery(options):
    with Place(options) as place:
        place.fill(options.events)
        process = place.process("recovery", "--until-idle", "5s")
        if process.wait():
            sys.exit(f"the processor ended with {process.returncode}: {place.said(process)}")
        keys = place.redis.call("DBSIZE")
        process = place.process("recovery")
        wait_for_partitions(place, process)
        process.kill()
        process.wait()
        started = time.monotonic()
        process = place.process("recovery")
        spent = wait_for_partitions(place, process) - started
        print(f"recovery: {keys} rows in Redis; {spent:.2f} s from start to the first read, of which the program says:")
        for line in place.said(process).splitlines():
            if re.search("assigned|checkpoint|recover|replay|load", line):
                print(f"  {line}")
        process.kill()
        process.wait()


def wait_for_partitions(place, process):
    """When the processor has its partitions and their state."""
    before = place.said(process).count("partitions assigned")
    while place.said(process).count("partitions assigned") <= before:
        if process.poll() is not None:
            sys.exit(f"the processor ended: {place.said(process)}")
        time.sleep(0.01)
    return time.monotonic()


def percentile(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


def freshness(options):
    """Keys get an event every few seconds, so that nearly every change of one is one event: what a poll sees for the first time is as old as it is late."""
    with Place(options) as place:
        process = place.process("freshness")
        generator = place.generate("--rate", f"{options.rate}/s", "--for", f"{options.freshness}s")
        place.wait_for_writes(process)
        # Few users and pauses: asking must not take the processor time that is to be measured.
        request, count = place.sampled(count=FRESHNESS_USERS)
        seen, delays = [None] * count, []
        while generator.poll() is None:
            replies = place.ask(request, count)
            now = time.time() * 1000
            for index, reply in enumerate(replies):
                if reply is not None and reply != seen[index]:
                    if seen[index] is not None:
                        delays.append(now - int(reply))
                    seen[index] = reply
            time.sleep(0.005)
        process.terminate()
        process.wait()
        delays = sorted(delays[len(delays) // 5 :])  # the first fifth is the group that forms and what has piled up meanwhile
        shares = ", ".join(f"p{share * 100:g} {percentile(delays, share):.0f} ms" for share in (0.5, 0.9, 0.99, 0.999))
        print(f"freshness at {options.rate}/s, emit.every 200 ms, {options.keys} keys: event -> visible {shares}, of {len(delays)} events")


def probes(options):
    """The prober's figures beside those of somebody who shares no code with it, over the same markers in the same run."""
    with Place(options) as place:
        process = place.process("probes", EMIT_EVERY="100ms")
        generator = place.generate("--rate", f"{options.rate}/s", "--for", f"{options.freshness + 20}s")
        place.wait_for_writes(process)
        time.sleep(3)
        environment = os.environ | {"KAFKA_BROKERS": place.servers, "REDIS_URL": place.redis_address, "EMIT_EVERY": "100ms"}
        prober = subprocess.Popen(
            [f"{options.build}/freshet", "probe", os.path.join(HERE, "features.yaml"), "--every", "500ms", "--for", f"{options.freshness}s", "--output", "json"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        keys = []
        while len(keys) < options.partitions and prober.poll() is None:
            time.sleep(0.1)
            keys = [key.decode().removeprefix("load:activity:") for key in place.redis.keys("load:activity:_freshet_probe_*")]
        checker = subprocess.Popen(
            [sys.executable, os.path.join(ROOT, "Tests", "Oracles", "probes.py"), place.redis_address, "load:activity", str(options.freshness - 4)]
            + [word for key in keys for word in ("--key", key)]
            + ["--kafka", place.servers.split(",")[0], "clicks", str(options.partitions), "user", "at", "--extra", '{"price": 1, "page": 1}', "--every", "1"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        seen = json.loads(checker.communicate()[0])
        said, errors = prober.communicate()
        if prober.returncode:
            sys.exit(f"the prober ended with {prober.returncode}: {errors}")
        said = json.loads(said)["delay"]
        print(f"probes at {options.rate}/s, emit.every 100 ms, {options.partitions} partitions; looks were {seen['pauses']['p50']:.1f} ms apart, {seen['pauses']['p99']:.1f} ms at the 99th percentile")
        judge("the prober", said, "the same markers, seen by Python", seen["markers"])
        print(f"  events of Python's own: {shown(seen['own'])}")
        generator.terminate()
        generator.wait()
        process.terminate()
        process.wait()


def shown(values):
    return ", ".join(f"{part} {values[part]:.1f} ms" for part in ("p50", "p90", "p99", "max")) + f", of {values['count']}"


def judge(name, said, other, seen):
    """Two measurements of the same events, and whether they agree."""
    print(f"  {name}: {shown(said)}\n  {other}: {shown(seen)}")
    for part in ("p50", "p90", "p99"):
        difference = said[part] - seen[part]
        fits = abs(difference) <= max(2, 0.05 * seen[part])
        print(f"  {part}: {name} is off by {difference:+.1f} ms, {'within' if fits else 'NOT within'} 5 % or 2 ms")


def monitor(options):
    """Events stamped by a script that also sees them become visible, and no others: what it has seen and what the monitor says are about the same events."""
    with Place(options) as place:
        process = place.process("monitor", "--listen", "127.0.0.1:0", EMIT_EVERY="100ms")
        wait_for_partitions(place, process)
        address = re.search(r"http=([\w.:]+)", place.said(process))[1]
        seconds = min(options.freshness, 55)
        watcher = subprocess.Popen(
            [f"{options.build}/freshet", "monitor", f"http://{address}", "--for", f"{seconds + 4}s", "--output", "json"], stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        time.sleep(1)
        # Two events of a key lie further apart than emit.every: each is seen by itself.
        checker = subprocess.run(
            [sys.executable, os.path.join(ROOT, "Tests", "Oracles", "probes.py"), place.redis_address, "load:activity", str(seconds)]
            + ["--kafka", place.servers.split(",")[0], "clicks", str(options.partitions), "user", "at", "--extra", '{"price": 1, "page": 1}', "--every", "0.5"],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        seen = json.loads(checker.stdout)
        lanes = json.loads(watcher.communicate()[0].strip().split("\n")[-1])["lanes"]
        said = next(lane["latency"] for lane in lanes if lane["lane"] == "nrt")
        print(f"the monitor, emit.every 100 ms, {options.partitions} partitions; looks were {seen['pauses']['p50']:.1f} ms apart, {seen['pauses']['p99']:.1f} ms at the 99th percentile")
        judge("the monitor", said, "the same events, seen by Python", seen["own"])
        process.terminate()
        process.wait()


def soak(options):
    with Place(options) as place:
        process = place.process("soak")
        generator = place.generate("--rate", f"{options.rate}/s", "--for", f"{options.soak}s")
        started, series = time.monotonic(), []
        while generator.poll() is None:
            time.sleep(min(10, options.soak / 20))
            with open(f"/proc/{process.pid}/status") as status:
                resident = int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) // 1024
            series.append(resident)
            print(f"  {time.monotonic() - started:.0f} s: {resident} MiB", flush=True)
        process.terminate()
        process.wait()
        half = len(series) // 2
        print(f"soak at {options.rate}/s over {options.soak} s: {series[half]} MiB after half of it, {series[-1]} MiB at the end, {max(series)} MiB at most")


def main():
    kinds = {"throughput": throughput, "checkpoint": checkpoint, "recovery": recovery, "freshness": freshness, "probes": probes, "monitor": monitor, "soak": soak}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"all of them where none is given: {', '.join(kinds)}")
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=32)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--soak", type=int, default=600)
    parser.add_argument("--freshness", type=int, default=60, help="seconds of the freshness measurement")
    parser.add_argument("--rate", type=int, help="events per second for freshness and soak; half of the throughput where not given")
    parser.add_argument("--build", default=RELEASE, help="the folder of the programs, the release build's where not given")
    options = parser.parse_args()
    what = options.what or list(kinds)
    if unknown := set(what) - set(kinds):
        parser.error(f"expected some of {', '.join(kinds)}, found {', '.join(unknown)}")
    highest = throughput(options) if "throughput" in what else None
    if options.rate is None and {"freshness", "probes", "soak"} & set(what):
        if highest is None:
            parser.error("freshness, probes and soak need --rate, or throughput before them")
        options.rate = int(highest / 2)
    for name in what:
        if name != "throughput":
            kinds[name](options)


if __name__ == "__main__":
    main()
