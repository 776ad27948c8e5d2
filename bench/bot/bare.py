"""A bare Rasa beside ours: the same command, model and stores on another port, with actions that answer a constant and look nothing up."""

import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from kit.embedded import free_port
from miniapp_api.child import Child
from miniapp_api.stack import Stack

START_SECONDS = 180.0
CONSTANT = {"events": [], "responses": [{"custom": {"reply": {"text": "好的", "cards": [], "buttons": []}, "memory": {}, "lookup": None}}]}
ADDRESS = "webhooks/rest/webhook"


@contextmanager
def running(stack: Stack, folder: Path) -> Iterator[tuple[str, float]]:
    """(base address, seconds from its start to its first answer) of a second Rasa; both processes are gone afterwards."""
    ours = stack.children["rasa"]
    actions_port, port = free_port(), free_port()
    actions = Child("bare-actions", [sys.executable, "-m", "bench.bot.bare", str(actions_port)], dict(stack.env), folder / "bare-actions.log")
    env = {**ours.env, "ACTIONS_URL": f"http://127.0.0.1:{actions_port}/"}
    rasa = Child("bare-rasa", at_port(ours.command, port), env, folder / "bare-rasa.log", ours.folder)
    base = f"http://127.0.0.1:{port}"
    try:
        actions.start()
        _wait(actions, "127.0.0.1", actions_port)
        started = time.monotonic()
        rasa.start()
        _wait(rasa, "127.0.0.1", port)
        yield base, time.monotonic() - started
    finally:
        rasa.stop()
        actions.stop()


def at_port(command: list[str], port: int) -> list[str]:
    """The command with `-p`/`--port` changed."""
    place = next(n for n, one in enumerate(command) if one in ("-p", "--port"))
    return [*command[: place + 1], str(port), *command[place + 2 :]]


async def turn(http: aiohttp.ClientSession, text: str, sender: str) -> tuple[bool, float]:
    """(whether it answered with our constant, milliseconds)."""
    started = time.perf_counter()
    try:
        async with http.post(f"/{ADDRESS}", json={"sender": sender, "message": text}, timeout=aiohttp.ClientTimeout(total=10)) as answer:
            right = answer.status == 200 and bool(json.loads(await answer.read()))
    except (aiohttp.ClientError, TimeoutError, ValueError):
        right = False
    return right, (time.perf_counter() - started) * 1000


def _wait(child: Child, host: str, port: int) -> None:
    """Until it takes connections: Rasa does so once its model is loaded."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and child.alive:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex((host, port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"{child.name} 没有启动，请看 {child.log}")


async def _constant(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response(CONSTANT)


if __name__ == "__main__":
    app = web.Application(client_max_size=10_000_000)
    app.router.add_post("/{path:.*}", _constant)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
