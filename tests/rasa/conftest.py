"""The real Rasa behind a whole stack. Its model is kept in .data between runs, so that only changed sentences are trained again."""

import json
import os
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from bot import model
from miniapp_api.stack import Stack
from tests.api.house import House

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def models() -> Path:
    """Where `make run` keeps them too. Skips where Python 3.10 cannot be had; never where ASSISTANT_NEEDED is set, as the CI does."""
    if model.python() is None:
        (pytest.fail if os.environ.get("ASSISTANT_NEEDED") else pytest.skip)(model.not_installed())
    return ROOT / ".data"


@pytest.fixture(scope="session")
def assistant(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Iterator[Stack]:
    """Stores of its own, Rasa ready. Whoever kills a part starts it again."""
    own = Stack(tmp_path_factory.mktemp("assistant"), assistant=True, models=models)
    own.start()
    try:
        own.wait_assistant()
        _greet(own)
        yield own
    finally:
        own.stop()


def _greet(stack: Stack) -> None:
    """Rasa loads some of itself at its first message."""
    body = json.dumps({"text": "你好"}).encode()
    request = urllib.request.Request(f"{stack.api}/v1/assistant/messages", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        assert reply.status == 200


@pytest.fixture
async def talking(assistant: Stack) -> AsyncIterator[House]:
    """A client for it."""
    async with aiohttp.ClientSession() as http:
        yield House(assistant, http)
