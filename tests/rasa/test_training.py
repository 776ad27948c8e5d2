"""Training: once per change, whole or not at all, and no two in each other's way."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot import model
from miniapp_api.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("models")]


class Training:
    """`zhangban bot train` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "miniapp_api.cli", "bot", "train", "--data", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.lines: list[str] = []

    def until(self, words: str) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line)
            if words in line:
                return
        raise AssertionError((words, self.lines))

    def rest(self) -> int:
        self.lines += self.process.communicate(timeout=model.TRAIN_SECONDS)[0].splitlines()
        return self.process.returncode


def rasas_in(folder: Path) -> list[str]:
    """Command lines of processes that run in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")).is_relative_to(folder):
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def wait_none(folder: Path) -> None:
    until = time.monotonic() + 10
    while rasas_in(folder):
        assert time.monotonic() < until, rasas_in(folder)
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_training_leaves_nothing_that_counts_and_of_two_at_once_one_trains(tmp_path: Path) -> None:
    killed = Training(tmp_path)
    killed.until("学习")
    assert rasas_in(tmp_path)
    killed.process.kill()
    killed.rest()
    wait_none(tmp_path)  # Rasa died with it
    assert not list(tmp_path.glob("models/*.tar.gz"))

    both = [Training(tmp_path), Training(tmp_path)]
    assert [one.rest() for one in both] == [0, 0], [one.lines for one in both]
    assert sum(any("训练智能助手 1/" in line for line in one.lines) for one in both) == 1
    assert [path.name for path in tmp_path.glob("models/*.tar.gz")] == [f"{model.fingerprint()}.tar.gz"]
    assert not list(tmp_path.glob("models/training-*"))

    made = model.model_file(tmp_path).stat().st_mtime_ns
    again = Training(tmp_path)
    assert again.rest() == 0 and "已是最新" in "".join(again.lines)
    assert model.model_file(tmp_path).stat().st_mtime_ns == made


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_that_is_told_to_stop_stops_and_cleans_up(tmp_path: Path, number: signal.Signals) -> None:
    training = Training(tmp_path)
    training.until("训练智能助手 1/")
    training.process.send_signal(number)
    assert training.rest() == 130, training.lines
    wait_none(tmp_path)
    assert not list(tmp_path.glob("models/training-*")) and not list(tmp_path.glob("models/*.tar.gz"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_stack_is_ready_before_its_assistant_is_trained_and_stops_in_the_middle_of_it(tmp_path: Path) -> None:
    own = Stack(tmp_path / "data", assistant=True)
    said: list[str] = []
    own.start()
    try:
        assert own.assistant_state == "starting"
        until = time.monotonic() + 60
        while not any("训练智能助手 1/" in line for line in said):
            own.tend(said.append)
            assert time.monotonic() < until, said
            time.sleep(0.05)
        began = time.monotonic()
    finally:
        own.stop()
    assert time.monotonic() - began < 30
    wait_none(tmp_path)
    assert not list(tmp_path.glob("data/models/*.tar.gz"))


def test_rasa_that_was_killed_is_ready_again_once_started(assistant: Stack) -> None:
    rasa = assistant.children["rasa"]
    rasa.kill()
    assert assistant.assistant_state == "starting"
    rasa.start()
    assistant.wait_assistant()
    assert assistant.assistant_state == "ready"
