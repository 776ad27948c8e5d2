"""How long a question takes in a catalogue of a large city's size and of a province's, ours beside the peers in one process."""

import gc
import json
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.figures import percentile, progress, report
from bench.search.engine import Build, Engine, Item
from bench.search.grown import grow
from bench.search.questions import Question, rounds, warming

SIZES = (22_633, 226_330)
LIMIT = 10  # answers wanted
TURN = 25  # questions
SHARES = (50, 95, 99)
ENGINE_SECONDS = 30.0  # of questions to one engine at one size; then it leaves the round, and its n is smaller
BUILD_SECONDS = 120.0  # a peer that would build longer is left out
AIMS = {
    "search_p95_ms_22633": 5,
    "search_p95_ms_226330": 15,
    "index_build_s_22633": 30,
    "index_build_s_226330": 300,
    "search_rss_mb_22633": 250,
}


def measure(items: list[Item], given: Path | None, files: Mapping[Path, list[Question]], builds: Mapping[str, Build]) -> None:
    """`given`: the file that `items` come from, for the processes of their own; None for our own catalogue. `builds`: "ours" and the peers."""
    texts = [one.text for questions in files.values() for one in questions]
    random.Random(1).shuffle(texts)  # noqa: S311 - repeatable; an engine that runs out of time has had a fair sample
    took: dict[str, float] = {}
    for size in SIZES:
        progress(f"{size} 个事项：单独的进程…")
        _alone(given, files, size, len(texts))
        engines = _built(grow(items, size), builds, took)
        try:
            gc.collect()
            gc.freeze()  # what the engines hold is not searched for garbage inside somebody's question
            samples = _interleaved(engines, texts)
        finally:
            gc.unfreeze()
            for engine in engines.values():
                engine.close()
        del engines
        _report(size, samples)


def _alone(given: Path | None, files: Mapping[Path, list[Question]], size: int, asked: int) -> None:
    command = [sys.executable, "-m", "bench.search.one", "--size", str(size), *(["--items", str(given)] if given else [])]
    for file in files:
        command += ["--questions", str(file)]
    done = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603 - our own command
    _figure(f"index_build_s_{size}", done["build_s"], "s", "in memory, from items in memory, in a process of its own", 1)
    beside = f"a process with our index alone, after {asked} questions; {done['peak_mb']:.0f} MB while building, the items included"
    _figure(f"search_rss_mb_{size}", done["rss_mb"], "MB", beside, 1)
    for share in SHARES:
        alone = "in that process; beside the peers, in one process with them, see __ours_beside_peers"
        _figure(f"search_p{share}_ms_{size}", percentile(done["ms"], share / 100), "ms", alone, len(done["ms"]))


def _built(items: list[Item], builds: Mapping[str, Build], took: dict[str, float]) -> dict[str, Engine]:
    """Ours and every peer that would be ready in time. `took`: seconds an item of each peer at the size before; brought up to date."""
    engines: dict[str, Engine] = {}
    for name, build in builds.items():
        expected = took.get(name, 0.0) * len(items)
        if name != "ours" and expected > BUILD_SECONDS:
            progress(f"  {name}：按上一规模推算要 {expected:.0f} s，超过 {BUILD_SECONDS:.0f} s，不测")
            continue
        started = time.perf_counter()
        engines[name] = build(items)
        seconds = time.perf_counter() - started
        took[name] = seconds / len(items)
        progress(f"  {name}：建立 {seconds:.1f} s")
    return engines


def _interleaved(engines: dict[str, Engine], texts: list[str]) -> dict[str, list[float]]:
    """Milliseconds of every answer. The engines take turns of TURN questions, the same ones, a different engine first each time.

    A turn of one would measure the caches that the others emptied, not the engine: a process that serves has its own index warm.
    """
    for engine in engines.values():
        for text in warming(texts):
            engine.find(text, LIMIT)
    samples: dict[str, list[float]] = {name: [] for name in engines}
    spent = dict.fromkeys(engines, 0.0)
    order = list(engines)
    asked = rounds(texts)
    for turn in range(0, len(asked), TURN):
        order.append(order.pop(0))
        for name in order:
            for text in asked[turn : turn + TURN]:
                if spent[name] > ENGINE_SECONDS:
                    break
                started = time.perf_counter()
                engines[name].find(text, LIMIT)
                seconds = time.perf_counter() - started
                spent[name] += seconds
                samples[name].append(seconds * 1000)
    return samples


def _report(size: int, samples: dict[str, list[float]]) -> None:
    mine = samples.pop("ours")
    progress(f"\n{size:,} items{'p50':>10}{'p95':>10}{'p99':>10}   (ms)")
    for share in SHARES:
        theirs = {name: percentile(times, share / 100) for name, times in samples.items()}
        best = min(theirs, key=lambda one: theirs[one])
        name, value = f"search_p{share}_ms_{size}", percentile(mine, share / 100)
        _figure(f"{name}__ours_beside_peers", value, "ms", f"fastest peer {best} {theirs[best]:.2f}", len(mine))
        for peer, milliseconds in theirs.items():
            _figure(f"{name}__{peer}", milliseconds, "ms", f"ours {value:.2f}", len(samples[peer]))
    for name, times in {"ours": mine, **samples}.items():
        progress(f"{name:14}" + "".join(f"{percentile(times, share):10.2f}" for share in (0.5, 0.95, 0.99)))


def _figure(name: str, value: float, unit: str, baseline: str, n: int) -> None:
    report(name, value, unit, "lower", AIMS.get(name), baseline, n)
