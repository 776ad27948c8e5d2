"""Rasa as it fails: slow, silent, garbled or away. Each is told apart from an answer, and none takes longer than a resident waits."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from bot.client import Rasa
from bot.reply import Memory, Reply, Said
from kit.errors import NotReached, Unknown
from kit.http import Http
from tests.listener import listening

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
SAID = Said(reply=Reply(text="好的"), memory=Memory(item="I1"), intent="fee")


class Stand:
    """A listener in Rasa's place whose answer a test sets; it keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.asked: list[Any] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(await request.json() if request.can_read_body else request.path)
        answered = self.answer
        if callable(answered):
            return await answered(request)  # type: ignore[no-any-return]
        return web.Response(body=answered if isinstance(answered, bytes) else orjson.dumps(answered), content_type="application/json")


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    own = Stand()
    async with listening(own.serve) as own.url:
        yield own


@pytest.fixture
async def rasa(stand: Stand) -> AsyncIterator[Rasa]:
    http = Http([stand.url])
    yield Rasa(http, stand.url, patience=0.5)
    await http.close()


async def test_it_hears_the_conversation_the_text_and_what_is_remembered_and_nothing_else(stand: Stand, rasa: Rasa) -> None:
    stand.answer = [{"recipient_id": "talk_1", "custom": SAID.model_dump(mode="json")}]
    assert await rasa.said("talk_1", "要多少钱", Memory(region="990102")) == SAID
    [asked] = stand.asked
    assert set(asked) == {"sender", "message", "metadata"} and asked["metadata"] == {"memory": {"region": "990102"}}


@pytest.mark.parametrize(
    "answer",
    [[], [{"recipient_id": "x", "text": "hello"}], {}, [1], [{"custom": {"reply": {}}}], [{"custom": None}], b"", b"<html>", b"[{"],
    ids=["empty", "no custom", "an object", "a number", "half a reply", "null", "nothing", "html", "cut off"],
)
async def test_what_is_no_answer_is_a_failure(stand: Stand, rasa: Rasa, answer: Any) -> None:
    stand.answer = answer
    with pytest.raises(Unknown):
        await rasa.said("talk_1", "x", Memory())


async def test_a_500_and_a_slow_one_are_failures_within_its_patience(stand: Stand, rasa: Rasa) -> None:
    async def broken(_: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    async def slow(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3)
        return web.Response(body=b"[]")

    for answer in (broken, slow):
        stand.answer = answer
        started = time.monotonic()
        with pytest.raises(Unknown):
            await rasa.said("talk_1", "x", Memory())
        assert time.monotonic() - started < 2
    assert not await Rasa(rasa._http, "").is_ready()


async def test_without_an_address_nobody_is_asked(stand: Stand) -> None:
    http = Http([])
    with pytest.raises(NotReached):
        await Rasa(http, "").said("talk_1", "x", Memory())
    assert stand.asked == []
    await http.close()


async def test_looking_whether_it_is_back_does_not_keep_it_from_being_asked(stand: Stand) -> None:
    """Its breaker is of its own: an orchestrator that looks twice a second must not hold the turns off."""
    http = Http(["http://127.0.0.1:9"])
    away = Rasa(http, "http://127.0.0.1:9")
    for _ in range(20):
        assert not await away.is_ready()
    assert not http.is_open("rasa")
    await http.close()
