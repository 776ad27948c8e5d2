"""One sandbox process for the whole run, and a factory for private ones."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.sandbox.outside import Outside, Process
from tests.sandbox.push_server import Server

Private = Callable[..., Outside]


@pytest.fixture(scope="session")
def shared_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(tmp_path_factory.mktemp("sandbox") / "data").start()
    yield process
    process.kill()


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Every call on a connection of its own, as a killed process leaves half-dead ones."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as own:
        yield own


@pytest.fixture(scope="session")
async def outside(shared_process: Process, http: aiohttp.ClientSession) -> Outside:
    """Shared: tests bring their own people and leave no fault on."""
    return Outside(shared_process, http)


@pytest.fixture
async def private(tmp_path: Path, http: aiohttp.ClientSession) -> AsyncIterator[Private]:
    """private(*arguments) starts a world of the test's own; stopped afterwards."""
    made: list[Process] = []

    def start(*arguments: str) -> Outside:
        process = Process(tmp_path / f"world{len(made)}", arguments)
        made.append(process)
        return Outside(process.start(), http)

    yield start
    for process in made:
        if process.running is not None:
            process.kill()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    own, app = Server(), web.Application()
    app.router.add_post("/push/{account}", own.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    own.url = f"http://127.0.0.1:{runner.addresses[0][1]}/push"
    yield own
    if own.gate is not None:
        own.gate.set()
    await runner.cleanup()
