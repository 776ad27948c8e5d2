"""How long a turn takes at 1 and 8 talkers, beside a bare Rasa turn in the same minutes; start, memory and training of Rasa."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.bot import bare, talk, together
from bench.bot.questions import Conversation
from bench.figures import median, percentile, progress, report, rss_mb
from bot import model
from miniapp_api.stack import Stack

TALKERS = 8
ALONE_SECONDS, ROUND_SECONDS, ROUNDS = 20.0, 8.0, 7
TURNS = 4  # of one conversation before a talker starts another
# What a turn counts at least: an answer in 20 ms because Rasa was given up on is no quick turn.
DEGRADED_MS, FAILED_MS = 1500.0, 10_000.0  # how long Rasa is waited for; our own client's patience
AIMS = {"bot_turn_p95_ms_1": 250, "bot_p95_vs_bare_rasa": 1.3, "bot_training_s": 90}
Speak = Callable[[str, str | None], Awaitable["Spoken"]]


@dataclass(frozen=True, slots=True)
class Spoken:
    """`conversation`: its id from now on. `fault`: "" | failed | degraded."""

    conversation: str | None
    fault: str
    ms: float


@dataclass(slots=True)
class Load:
    seconds: float = 0.0
    ms: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def p95(self) -> float:
        return percentile(self.ms, 0.95)

    @property
    def p95_as_asked(self) -> float:
        """Where a turn that Rasa did not answer counts as never answered: of two sides, the one that gives up sooner shall not look quicker."""
        return percentile([FAILED_MS if fault else ms for ms, fault in zip(self.ms, self.faults, strict=True)], 0.95)

    def told(self) -> str:
        return f"{self.faults.count('failed')} failed and {self.faults.count('degraded')} degraded of {len(self.ms)}"


def measure(stack: Stack, conversations: Sequence[Conversation], folder: Path) -> None:
    """`conversations`: whose texts are said. Three minutes, and the training."""
    texts = [turn.text for one in conversations for turn in one.turns]
    asyncio.run(_ours(stack, texts, ALONE_SECONDS / 4, TALKERS))  # warm: connections, caches
    alone = asyncio.run(_ours(stack, texts, ALONE_SECONDS, 1))
    _times(alone, 1)
    if not together.with_rasa(stack):
        progress("  没有由我们启动的 Rasa：不与裸 Rasa 比较，也不测训练")
        _times(asyncio.run(_ours(stack, texts, ALONE_SECONDS, TALKERS)), TALKERS)
        return
    _beside_bare(stack, texts, folder)
    report("bot_rasa_rss_mb", rss_mb(stack.children["rasa"].pid), "MB", "lower", None, "the Rasa process after the rounds", 1)
    report("bot_api_rss_mb", rss_mb(stack.children["api"].pid), "MB", "lower", None, "the API process after the rounds", 1)
    _training(folder)


def _beside_bare(stack: Stack, texts: list[str], folder: Path) -> None:
    mine, ratios, theirs = Load(), [], Load()
    with bare.running(stack, folder) as (base, start):
        report("bot_rasa_start_s", start, "s", "lower", None, "a trained Rasa from its start to taking messages, API and sandbox running", 1)
        asyncio.run(_bare(base, texts, ROUND_SECONDS / 2, TALKERS))
        sides: list[Callable[[], Load]] = [
            lambda: asyncio.run(_ours(stack, texts, ROUND_SECONDS, TALKERS)),
            lambda: asyncio.run(_bare(base, texts, ROUND_SECONDS, TALKERS)),
        ]
        for turn in range(ROUNDS):
            loads = {side: sides[side]() for side in ((0, 1) if turn % 2 == 0 else (1, 0))}
            ours, other = loads[0], loads[1]
            ratios.append(ours.p95_as_asked / other.p95_as_asked)
            progress(f"  {turn + 1}/{ROUNDS}: p95 {ours.p95:.0f} ms（{ours.told()}），裸 Rasa {other.p95:.0f} ms（{other.told()}）")
            for whole, part in ((mine, ours), (theirs, other)):
                whole.seconds += part.seconds
                whole.ms += part.ms
                whole.faults += part.faults
        alone = asyncio.run(_bare(base, texts, ALONE_SECONDS / 2, 1))
    _times(mine, TALKERS)
    report(
        f"bot_turn_p95_ms_{TALKERS}__bare_rasa",
        theirs.p95,
        "ms",
        "lower",
        None,
        f"p50 {percentile(theirs.ms, 0.5):.1f}; {theirs.told()}",
        len(theirs.ms),
    )
    report("bot_turn_p95_ms_1__bare_rasa", alone.p95, "ms", "lower", None, f"p50 {percentile(alone.ms, 0.5):.1f}; {alone.told()}", len(alone.ms))
    about = f"a turn of the same Rasa alone with constant actions, {TALKERS} talkers; a turn without Rasa counts as 10 s; rounds " + " ".join(
        f"{one:.2f}" for one in ratios
    )
    report("bot_p95_vs_bare_rasa", median(ratios), "ratio of p95", "lower", AIMS["bot_p95_vs_bare_rasa"], about, ROUNDS)


def _times(load: Load, talkers: int) -> None:
    for share in (50, 95):
        name = f"bot_turn_p{share}_ms_{talkers}"
        report(
            name,
            percentile(load.ms, share / 100),
            "ms",
            "lower",
            AIMS.get(name),
            f"{talkers} talkers, {load.told()}, each counted as the patience at least",
            len(load.ms),
        )
    report(
        f"bot_turns_per_s_{talkers}",
        len(load.ms) / load.seconds,
        "turns/s",
        "higher",
        None,
        f"{talkers} talkers, one after the other each",
        len(load.ms),
    )


def _training(folder: Path) -> None:
    progress("  训练…")
    fresh = folder / "training"
    fresh.mkdir()
    started = time.monotonic()
    model.train(fresh, progress)
    report("bot_training_s", time.monotonic() - started, "s", "lower", AIMS["bot_training_s"], "from our sentences to a model, in a fresh folder", 1)


async def _ours(stack: Stack, texts: list[str], seconds: float, talkers: int) -> Load:
    async with aiohttp.ClientSession(stack.api) as http:

        async def speak(text: str, conversation: str | None) -> Spoken:
            reply, _, ms = await talk.ask(http, text, conversation)
            if reply is None:
                return Spoken(conversation, "failed", max(ms, FAILED_MS))
            fault = "degraded" if reply["degraded"] else ""
            return Spoken(reply["conversation_id"], fault, max(ms, DEGRADED_MS) if fault else ms)

        return await _load(speak, texts, seconds, talkers)


async def _bare(base: str, texts: list[str], seconds: float, talkers: int) -> Load:
    async with aiohttp.ClientSession(base) as http:

        async def speak(text: str, conversation: str | None) -> Spoken:
            sender = conversation or f"bare-{uuid.uuid4()}"
            right, ms = await bare.turn(http, text, sender)
            return Spoken(sender, "" if right else "failed", ms)

        return await _load(speak, texts, seconds, talkers)


async def _load(speak: Speak, texts: list[str], seconds: float, talkers: int) -> Load:
    """Each talker waits for an answer before saying the next thing, in a conversation of its own; every TURNS turns in a new one."""
    load, started = Load(), time.perf_counter()

    async def talker(said: Iterator[str]) -> None:
        conversation: str | None = None
        for turn in itertools.count():
            if time.perf_counter() - started > seconds:
                return
            spoken = await speak(next(said), conversation if turn % TURNS else None)
            conversation = spoken.conversation
            load.ms.append(spoken.ms)
            load.faults.append(spoken.fault)

    step = max(1, len(texts) // talkers)
    await asyncio.gather(*(talker(itertools.cycle(texts[place * step :] + texts[: place * step])) for place in range(talkers)))
    load.seconds = time.perf_counter() - started
    return load
