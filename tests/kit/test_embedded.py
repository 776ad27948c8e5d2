"""The private stores, with the real binaries."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from kit import embedded, ports
from kit.embedded import DidNotStart, FolderInUse, MissingPart, Mongod, Redis, find_mongod, find_redis_server, free_port


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with Mongod(tmp_path_factory.mktemp("mongo")) as running:
        yield running


def client_of(mongod: Mongod) -> MongoClient[dict[str, Any]]:
    return MongoClient(mongod.url, serverSelectionTimeoutMS=5000)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie has ended too; without an init that reaps, an orphan stays one.
    return ") Z" not in Path(f"/proc/{pid}/stat").read_text() if sys.platform == "linux" else True


def wait_until_gone(pid: int, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while is_running(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.02)


def test_mongod_is_primary_and_does_transactions_once_started(mongod: Mongod) -> None:
    with client_of(mongod) as client:
        assert client.admin.command("hello")["isWritablePrimary"]
        with client.start_session() as session, session.start_transaction():
            client.town.cases.insert_one({"no": 1}, session=session)
        assert client.town.cases.count_documents({"no": 1}) == 1


def test_mongod_killed_with_9_comes_back_on_the_same_port_with_its_data(mongod: Mongod) -> None:
    with client_of(mongod) as client:
        client.town.paid.insert_one({"order": "A1"})
    port, pid = mongod.port, mongod.pid
    mongod.kill()
    assert not mongod.alive and mongod.pid is None
    mongod.restart()
    assert (mongod.port, mongod.pid != pid) == (port, True)
    with client_of(mongod) as client:
        assert client.town.paid.count_documents({"order": "A1"}) == 1


def test_a_second_runner_on_the_same_folder_is_refused_with_a_sentence(mongod: Mongod) -> None:
    with pytest.raises(FolderInUse, match=rf"{os.getpid()}.*ZHANGBAN_DATA"):
        Mongod(mongod.folder).start()
    assert mongod.alive


def test_a_folder_whose_port_was_taken_meanwhile_moves_to_another_port_with_its_data(tmp_path: Path) -> None:
    with Mongod(tmp_path) as first, client_of(first) as client:
        client.town.paid.insert_one({"order": "B1"})
        port = first.port
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", port))
        with Mongod(tmp_path) as second, client_of(second) as client:
            assert second.port != port
            assert client.town.paid.count_documents({"order": "B1"}) == 1


def test_stop_leaves_no_process_and_gives_the_folder_back(tmp_path: Path) -> None:
    redis = Redis(tmp_path).start()
    pid, port = redis.pid, redis.port
    assert pid is not None
    redis.stop()
    redis.stop()
    wait_until_gone(pid)
    with Redis(tmp_path) as again:
        assert again.port == port


def test_redis_answers_and_forgets_when_killed(tmp_path: Path) -> None:
    with Redis(tmp_path) as redis:
        assert ask(redis, b"SET a 1\r\n") == b"+OK\r\n"
        port = redis.port
        redis.kill()
        redis.restart()
        assert redis.url == f"redis://127.0.0.1:{port}/0"
        assert ask(redis, b"GET a\r\n") == b"$-1\r\n"
        assert not list(tmp_path.glob("*.rdb"))


def ask(redis: Redis, command: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", redis.port), timeout=5) as connection:
        connection.sendall(command)
        return connection.recv(64)


def test_restart_on_a_port_that_another_program_took_is_an_error_not_another_server(tmp_path: Path) -> None:
    redis = Redis(tmp_path).start()
    redis.stop()
    with socket.create_server(("127.0.0.1", redis.port)), pytest.raises(DidNotStart, match=str(redis.port)):
        redis.restart()


def test_a_binary_that_ends_at_once_is_reported_with_its_log(tmp_path: Path) -> None:
    false = tmp_path / "redis-server"
    false.write_text("#!/bin/sh\necho broken config\nexit 3\n")
    false.chmod(0o755)
    with pytest.raises(DidNotStart, match=r"exit 3.*redis\.log"):
        Redis(tmp_path / "data", binary=false).start()
    assert (tmp_path / "data/redis.log").read_text() == "broken config\n"


@pytest.mark.parametrize(("find", "variable"), [(find_mongod, "MONGO_URL"), (find_redis_server, "REDIS_URL")])
def test_a_missing_binary_gives_one_sentence_that_says_what_to_do(find: Any, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingPart, match=rf"not installed.*{variable}") as refused:
        find(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_mongod_without_its_libraries_gives_the_loaders_reason_in_that_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin:/usr/bin" if not any(Path(d, "mongod").exists() for d in ("/bin", "/usr/bin")) else str(tmp_path))
    binary = tmp_path / "fiftyone/db/bin/mongod"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\necho 'mongod: error while loading shared libraries: libcurl.so.4: cannot open' >&2\nexit 127\n")
    binary.chmod(0o755)
    with pytest.raises(MissingPart, match=r"libcurl\.so\.4: cannot open.*MONGO_URL"):
        find_mongod(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_kill_9_of_the_runner_leaves_no_orphan(tmp_path: Path) -> None:
    program = f"""if True:
        import time; from pathlib import Path; from kit.embedded import Redis
        print(Redis(Path({str(tmp_path)!r})).start().pid, flush=True); time.sleep(60)"""
    root = Path(embedded.__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        pid = int(runner.stdout.readline())
        assert is_running(pid)
        runner.send_signal(signal.SIGKILL)
    wait_until_gone(pid)
    with Redis(tmp_path) as again:  # and the folder is free at once
        assert again.alive


def test_free_ports_lie_below_the_range_from_which_clients_are_given_theirs() -> None:
    assert {free_port() < 32000 for _ in range(5)} == {True}


def test_two_who_choose_a_port_at_once_do_not_choose_the_same() -> None:
    port = free_port()
    program = f"from kit import ports; print(ports.claim({port}), ports.claim({port + 1}), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=Path(embedded.__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline().split() == ["False", "True"]
        assert not ports.claim(port + 1), "it lives, and has not opened it yet"
        other.kill()
    assert ports.claim(port + 1)
