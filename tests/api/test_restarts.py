"""How `zhangban run` starts again what died, and how it holds a Rasa that others started."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import model
from miniapp_api.run import LONGEST_PAUSE, Restarts
from miniapp_api.stack_assistant import Assistant


def test_what_keeps_dying_young_waits_longer_each_time() -> None:
    restarts, now, pauses = Restarts(), 1000.0, []
    assert restarts.is_due(now)
    for _ in range(7):
        began = now
        while not restarts.is_due(now):
            now += 0.5
        pauses.append(now - began)
    assert pauses == [2.5, 4.5, 8.5, 16.5, 32.5, 60.5, 60.5] and LONGEST_PAUSE == 60


def test_what_lived_long_starts_again_at_once() -> None:
    restarts = Restarts()
    assert all(restarts.is_due(now) for now in (0.0, 3.0, 200.0, 400.0))
    assert not restarts.is_due(401.0) and restarts.is_due(402.5)


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A server that says 200 at /, as Rasa does."""

    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def make_assistant(folder: Path, **env: str) -> Assistant:
    return Assistant(folder, folder, {"REDIS_URL": "redis://r:6379/0", "ZHANGBAN_ACTIONS_SECRET": "s", **env}, {})


def test_a_given_rasa_is_used_and_nothing_is_started(tmp_path: Path, elsewhere: str) -> None:
    assistant, said = make_assistant(tmp_path, RASA_URL=elsewhere, ZHANGBAN_ACTIONS_PORT="5056"), list[str]()
    assert assistant.settings() == {"RASA_URL": elsewhere, "ZHANGBAN_ACTIONS_PORT": "5056", "ZHANGBAN_ACTIONS_SECRET": "s"}
    assistant.begin(said.append)
    assert assistant.state == "ready" and len(said) == 1
    assistant.stop()
    assert not list(tmp_path.iterdir())


def test_a_given_rasa_that_is_away_is_waited_for(tmp_path: Path) -> None:
    assistant = make_assistant(tmp_path, RASA_URL="http://127.0.0.1:9")
    assistant.begin(lambda _: None)
    assistant.tend(lambda _: None)
    assert assistant.state == "starting"


def test_without_its_environment_the_assistant_is_off_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "PROJECT", tmp_path)
    assistant, said = make_assistant(tmp_path), list[str]()
    assistant.begin(said.append)
    assistant.tend(said.append)
    assert assistant.state == "off" and said == [model.not_installed()]
    assert assistant.settings() == {"RASA_URL": "", "ZHANGBAN_ACTIONS_PORT": "0"}


def test_a_redis_that_rasa_cannot_use_switches_it_off(tmp_path: Path) -> None:
    if model.python() is None:
        pytest.skip(model.not_installed())
    assistant = make_assistant(tmp_path, REDIS_URL="rediss://r:6379/0")
    assert assistant.state == "off" and "TLS" in assistant.why
