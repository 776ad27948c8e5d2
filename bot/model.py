"""Rasa, which lives in an interpreter of its own (bot/rasa): is it installed, which model is the right one, train it, how it is started.

Nothing of Rasa is imported here: it runs as a child process. A model is named by the hash of everything that shapes it, so that a model that
is there is always the right one, and it appears whole or not at all.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import unquote, urlsplit

from kit.embedded import MissingPart, child_options

PROJECT = Path(__file__).resolve().parent / "rasa"
EVERYDAY = PROJECT.parents[1] / "content" / "defaults" / "everyday"  # words.py makes the tokenizer's words from it
WORDS = Path("words/matters.txt")  # made by training, in its own folder; see words.py
KEPT = 3  # models; going back to yesterday's code is then quick
TRAIN_SECONDS = 900.0  # measured 29–63 s on two busy cores
_NOT_SHAPING = {"endpoints.yml", "credentials.yml", "README.md", "tests", "words", "models"}  # addresses, prose, and what training makes
_MILESTONE = re.compile(r"Starting to train component '(\w+)'|(Validating intents)|(trained and saved)")
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "LD_LIBRARY_PATH")


class NotTrained(Exception):
    """One sentence in Chinese that names the log."""


def python() -> Path | None:
    """Rasa's interpreter; None where tools/setup.sh could not install it."""
    binaries = PROJECT / ".venv" / "bin"
    return binaries / "python" if (binaries / "python").exists() and (binaries / "rasa").exists() else None


def fingerprint(project: Path = PROJECT, everyday: Path = EVERYDAY) -> str:
    """sha256 over the names and bytes of all that shapes the model: configuration, domain, sentences, components, words, lock."""
    found = hashlib.sha256()
    for root, paths in ((project, _shaping(project)), (everyday, sorted(everyday.glob("*.txt")))):
        for path in paths:
            content = path.read_bytes()
            found.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def model_file(folder: Path) -> Path:
    """Where the model of today's sources is or will be."""
    return folder / "models" / f"{fingerprint()}.tar.gz"


def train(folder: Path, say: Callable[[str], None], at: Callable[[int, int], None] = lambda _done, _of: None) -> Path:
    """The model of today's sources, trained if it is not there. `say` hears one Chinese line per step, `at` (steps done, of how many).

    Blocks, about half a minute. Whoever comes while another process trains waits for that one's model. Raises MissingPart, NotTrained.
    """
    model = model_file(folder)
    if model.exists():
        return model
    interpreter = python()
    if interpreter is None:
        raise MissingPart(not_installed())
    model.parent.mkdir(parents=True, exist_ok=True)
    with _alone(model.parent / "lock", say):
        if not model.exists():
            for left in model.parent.glob("training-*"):  # of a training that was killed: only the holder of the lock has one
                shutil.rmtree(left, ignore_errors=True)
            scratch = Path(mkdtemp(prefix="training-", dir=model.parent))
            try:
                _train(interpreter, scratch, model, _Steps(say, at))
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            _prune(model)
    return model


def not_installed() -> str:
    """Why there is no assistant, for people: Chinese, then English."""
    chinese = "智能助手的环境没有装上（要 Python 3.10）：助手只用检索回答。运行 tools/setup.sh bot 可看到原因"
    return f"{chinese}。 / The assistant's environment is not there (it needs Python 3.10), so it answers from the search alone: tools/setup.sh bot says why."


def command(model: Path, port: int) -> list[str]:
    """To be run in the folder PROJECT, where the components are. On the loopback address and without --enable-api: only our API may speak to it."""
    rasa = [str(python() or PROJECT / ".venv" / "bin" / "python"), "-m", "rasa", "run", "--quiet", "-i", "127.0.0.1", "-p", str(port)]
    files = ["--endpoints", str(PROJECT / "endpoints.yml"), "--credentials", str(PROJECT / "credentials.yml")]
    return [*rasa, "--model", str(model), *files]


def environment(*, actions_url: str, actions_secret: str, redis_url: str) -> dict[str, str]:
    """All that the Rasa process is told: none of the service's own keys. `redis_url`: redis://[:password@]host[:port][/db]. Raises ValueError."""
    redis = urlsplit(redis_url)
    if redis.scheme != "redis" or redis.username or not redis.hostname:
        raise ValueError("redis://[:password@]host[:port][/db] is all that Rasa's settings can say")
    return {
        **_plain_environment(),
        "ACTIONS_URL": actions_url,
        "ACTIONS_SECRET": actions_secret,
        "RASA_REDIS_HOST": redis.hostname,
        "RASA_REDIS_PORT": str(redis.port or 6379),
        "RASA_REDIS_DB": redis.path.strip("/") or "0",
        "RASA_REDIS_PASSWORD": unquote(redis.password or ""),
        "SANIC_WORKERS": "1",
        "MAX_NUMBER_OF_PREDICTIONS": "6",  # actions a message may lead to; more is a loop, and the turn degrades
    }


class _Steps:
    """What the log of a training says, told to people."""

    def __init__(self, say: Callable[[str], None], at: Callable[[int, int], None]) -> None:
        names = re.findall(r"^ *- name:", (PROJECT / "config.yml").read_text(encoding="utf-8"), re.MULTILINE)
        self._say, self._at, self._done, self._of = say, at, 0, len(names) + 2
        self._began = time.monotonic()

    def next(self, what: str) -> None:
        self._at(self._done, self._of)
        self._done = min(self._done + 1, self._of)
        self._say(f"训练智能助手 {self._done}/{self._of}：{what}（第 {time.monotonic() - self._began:.0f} 秒）")

    def read(self, line: str) -> None:
        if seen := _MILESTONE.search(line):
            component, checking, _saved = seen.groups()
            self.next(f"学习 {component}" if component else "核对例句" if checking else "保存模型")

    def finish(self, model: Path) -> None:
        self._at(self._of, self._of)
        self._say(f"智能助手训练完毕：{time.monotonic() - self._began:.0f} 秒，{model.stat().st_size / 1024:.0f} KB")


def _train(interpreter: Path, scratch: Path, model: Path, steps: _Steps) -> None:
    """In a copy of the sources: nothing that an earlier training cached is used, and a change made while it runs is found at the end."""
    steps.next("整理词表")
    for path in _shaping(PROJECT):
        copy = scratch / path.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    log = model.parent / "training.log"
    options = "--config config.yml --domain domain.yml --data data --out out --fixed-model-name model".split()
    with log.open("wb", buffering=0) as written:
        for one in ([str(interpreter), "words.py", str(EVERYDAY), str(WORDS)], [str(interpreter), "-m", "rasa", "train", *options]):
            if code := _watched(one, scratch, written.write, steps.read):
                raise NotTrained(f"智能助手没有训练成功（退出码 {code}），原因见 {log}")
    made = scratch / "out" / "model.tar.gz"
    if not made.exists():
        raise NotTrained(f"智能助手没有训练成功（没有写出模型），原因见 {log}")
    if model_file(model.parents[1]) != model:
        raise NotTrained("训练期间例句或设置有改动，没有留下模型：请重新训练")
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(model)
    steps.finish(model)


def _watched(command: list[str], folder: Path, write: Callable[[bytes], object], read: Callable[[str], None]) -> int:
    """Runs it to its end, killed after TRAIN_SECONDS or when we are told to stop. Returns the exit code."""
    options = {**child_options(), "env": {**_plain_environment(), "PYTHONUNBUFFERED": "1"}, "cwd": folder}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as child:  # noqa: S603 - our own command
        overdue = threading.Timer(TRAIN_SECONDS, child.kill)
        overdue.daemon = True
        overdue.start()
        try:
            for line in child.stdout or ():
                write(line)
                read(line.decode(errors="replace"))
            return child.wait()
        finally:
            overdue.cancel()
            child.kill()  # boring when it has ended


@contextmanager
def _alone(lock: Path, say: Callable[[str], None]) -> Iterator[None]:
    """One training per folder; a killed holder's lock is gone with it."""
    with lock.open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("另一个进程正在训练智能助手，等它完成…")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prune(newest: Path) -> None:
    """Two trainings may want to remove the same one."""
    models = sorted(newest.parent.glob("*.tar.gz"), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in [one for one in models if one != newest][KEPT - 1 :]:
        with suppress(FileNotFoundError):
            old.unlink()


def _shaping(project: Path) -> list[Path]:
    """The files of the project that training reads; hidden ones (.venv, .rasa) are not."""
    found = []
    for top in sorted(project.iterdir()):
        if top.name.startswith(".") or top.name in _NOT_SHAPING:
            continue
        inside = [top] if top.is_file() else sorted(path for path in top.rglob("*") if path.is_file())
        found += [path for path in inside if "__pycache__" not in path.parts and not path.name.startswith(".")]
    return found


def _plain_environment() -> dict[str, str]:
    """No PYTHONDONTWRITEBYTECODE (it costs 16 CPU-seconds at every start), no other environment's PYTHONPATH, no usage reports."""
    kept = {name: value for name in _PASSED_ON if (value := os.environ.get(name))}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "SQLALCHEMY_SILENCE_UBER_WARNING": "1", "PYTHONWARNINGS": "ignore"}
    # A classifier of two megabytes: more threads only wait for each other, and spin while they do.
    single = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS")} | {f"TF_{one}_OP_PARALLELISM_THREADS": "1" for one in ("INTRA", "INTER")}
    return {"LANG": "C.UTF-8", **kept, **quiet, **single, "PYTHONUTF8": "1", "RASA_TELEMETRY_ENABLED": "false"}
