"""A stack of its own for each file, stores included, because its parts are killed: by their process, or at a named point."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kit.kill_points import VARIABLE
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from tests.api.house import House
from tests.api.purse import Payer, make_payer


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a point's name, laid here, kills whoever reaches the point next."""
    return tmp_path_factory.mktemp("points")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, points: Path) -> Iterator[Stack]:
    own = Stack(tmp_path_factory.mktemp("crash"), extra={VARIABLE: str(points), "ZHANGBAN_FEED_SECONDS": "1"})
    own.start()
    yield own
    own.stop()


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Mongo]:
    own = connect(stack.env["MONGO_URL"], "zhangban")
    yield own
    await own.close()


@pytest.fixture
async def supervised(stack: Stack) -> AsyncIterator[None]:
    """Whoever dies is started again, as `zhangban run` and any supervisor do."""

    async def watch() -> None:
        while True:
            for name in ("api", "worker"):
                if not stack.children[name].alive:
                    stack.children[name].start()
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    yield
    watching.cancel()
    await asyncio.to_thread(stack.wait_ready)


@pytest.fixture
async def payer(house: House) -> Payer:
    await house.world("POST", "/world/clock", {"speed": 60})  # the gateways' repeats come within a second
    return await make_payer(house)
