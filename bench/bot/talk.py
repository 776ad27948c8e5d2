"""Feeds conversations to the public endpoint, each in its own, turn after turn; whatever goes wrong is kept as the turn's answer."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from bench.bot.questions import Conversation, Turn

PATH = "/v1/assistant/messages"
TIMEOUT = aiohttp.ClientTimeout(total=10)  # seconds; what comes later counts as wrong


@dataclass(frozen=True, slots=True)
class Answered:
    """`reply`: the endpoint's answer, None when there was none that keeps the contract; `problem` then says why."""

    turn: Turn
    reply: dict[str, Any] | None
    problem: str
    ms: float


async def ask(http: aiohttp.ClientSession, text: str, conversation: str | None) -> tuple[dict[str, Any] | None, str, float]:
    """One message; (reply, "", ms) or (None, what was wrong, ms)."""
    body = {"text": text, **({"conversation_id": conversation} if conversation else {})}
    started = time.perf_counter()
    try:
        async with http.post(PATH, json=body, timeout=TIMEOUT) as answer:
            raw = await answer.read()
            problem = "" if answer.status == 200 else f"HTTP {answer.status}: {raw[:200].decode(errors='replace')}"
    except (aiohttp.ClientError, TimeoutError) as exc:
        raw, problem = b"", repr(exc)
    ms = (time.perf_counter() - started) * 1000
    if problem:
        return None, problem, ms
    try:
        reply = json.loads(raw)
    except ValueError as exc:
        return None, f"no JSON: {exc}", ms
    problem = out_of_shape(reply)
    return (None, problem, ms) if problem else (reply, "", ms)


async def run(
    base: str, conversations: Sequence[Conversation], talkers: int = 2, done: Callable[[int], None] = lambda _: None
) -> list[list[Answered]]:
    """Answers in the order of `conversations`; `talkers` at once, never two turns of one conversation."""
    answers: list[list[Answered]] = [[] for _ in conversations]
    waiting = iter(enumerate(conversations))
    async with aiohttp.ClientSession(base) as http:

        async def talker() -> None:
            for place, conversation in waiting:
                name: str | None = None
                for turn in conversation.turns:
                    reply, problem, ms = await ask(http, turn.text, name)
                    name = reply["conversation_id"] if reply else name
                    answers[place].append(Answered(turn, reply, problem, ms))
                done(place)

        await asyncio.gather(*(talker() for _ in range(talkers)))
    return answers


def out_of_shape(reply: Any) -> str:
    """ "" for a reply that keeps the contract, else what does not; a client would stumble over it, so it counts as a failure."""
    try:
        if not isinstance(reply["conversation_id"], str) or not isinstance(reply["intent"], str) or not isinstance(reply["degraded"], bool):
            return "conversation_id, intent or degraded"
        if not reply["replies"]:
            return "no replies"
        for one in reply["replies"]:
            if not isinstance(one["text"], str) or not one["text"].strip() or len(one["text"]) > 300:
                return "text is empty or longer than 300"
            for card in one["cards"]:
                if not all(card[name] for name in ("kind", "part", "item_code", "item_version")) and card["kind"] not in ("progress", "bill"):
                    return f"card {card}"
            for button in one["buttons"]:
                if not button["title"] or not button["text"]:
                    return f"button {button}"
    except (KeyError, TypeError) as exc:
        return f"{exc!r} in the reply"
    return ""
