"""Search alone: GET /v1/items?q= with the message; where the search is sure its first hit with an overview, else up to five to choose from."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from bench.bot.peers import reply
from bench.bot.questions import Conversation, Turn
from bench.bot.talk import Answered
from miniapp_api.stack import Stack


def ask(stack: Stack, sets: Mapping[str, Sequence[Conversation]], folder: Path) -> dict[str, list[list[Answered]]]:
    """It remembers nothing: a second turn is a question like any other."""
    return asyncio.run(_asked(stack.api, sets))


async def _asked(base: str, sets: Mapping[str, Sequence[Conversation]]) -> dict[str, list[list[Answered]]]:
    async with aiohttp.ClientSession(base) as http:
        return {name: [[await _turn(http, turn) for turn in one.turns] for one in conversations] for name, conversations in sets.items()}


async def _turn(http: aiohttp.ClientSession, turn: Turn) -> Answered:
    async with http.get("/v1/items", params={"q": turn.text[:100], "limit": 5}) as answer:
        found: dict[str, Any] = await answer.json() if answer.status == 200 else {}
    if not found:
        return Answered(turn, None, f"HTTP {answer.status}", 0.0)
    codes = [one["code"] for one in found["items"]]
    sure = bool(found["sure"] and codes)
    said = reply("找到的事项", "overview" if sure else "out_of_scope", (codes[0], "overview") if sure else None, codes[sure:])
    return Answered(turn, said, "", 0.0)
