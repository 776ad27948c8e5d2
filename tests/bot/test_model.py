"""Which model is the right one, and what the Rasa process is told."""

import os
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from bot import model


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of the project and of the everyday names."""
    folder = tmp_path_factory.mktemp("sources")
    shutil.copytree(model.PROJECT, folder / "rasa", ignore=shutil.ignore_patterns(".venv", ".rasa", "__pycache__", "models", "words"))
    shutil.copytree(model.EVERYDAY, folder / "everyday")
    return folder / "rasa", folder / "everyday"


def test_the_same_sources_anywhere_have_the_same_model(sources: tuple[Path, Path]) -> None:
    assert model.fingerprint(*sources) == model.fingerprint()


SHAPING = ("config.yml", "domain.yml", "data/rules.yml", "words.py", "uv.lock", "pyproject.toml", "components/zh_tokenizer.py")


@pytest.mark.parametrize("name", [*SHAPING, "everyday"])
def test_a_changed_input_is_another_model(sources: tuple[Path, Path], name: str) -> None:
    project, everyday = sources
    path = sorted(everyday.glob("*.txt"))[0] if name == "everyday" else project / name
    before, was = model.fingerprint(*sources), path.read_bytes()
    path.write_bytes(was + b"\n")
    assert model.fingerprint(*sources) != before
    path.write_bytes(was)
    assert model.fingerprint(*sources) == before


def test_a_new_a_renamed_and_a_lost_file_of_sentences_are_another_model(sources: tuple[Path, Path]) -> None:
    seen, new = [model.fingerprint(*sources)], sources[0] / "data" / "nlu" / "new.yml"
    new.write_text('version: "3.1"\n')
    seen.append(model.fingerprint(*sources))
    renamed = new.rename(new.with_name("renamed.yml"))
    seen.append(model.fingerprint(*sources))
    renamed.unlink()
    assert len(set(seen)) == 3 and model.fingerprint(*sources) == seen[0]


def test_bytes_that_move_from_one_file_to_the_next_are_another_model(sources: tuple[Path, Path]) -> None:
    first, second = sources[0] / "data" / "a.yml", sources[0] / "data" / "b.yml"
    seen = set()
    for one, other in (("xy", "z"), ("x", "yz")):
        first.write_text(one)
        second.write_text(other)
        seen.add(model.fingerprint(*sources))
    first.unlink()
    second.unlink()
    assert len(seen) == 2


@pytest.mark.parametrize(
    "name", ["endpoints.yml", "credentials.yml", ".rasa/cache/x", "models/x.tar.gz", "words/matters.txt", "components/__pycache__/x.pyc"]
)
def test_addresses_and_what_training_makes_do_not_shape_the_model(sources: tuple[Path, Path], name: str) -> None:
    before, path = model.fingerprint(*sources), sources[0] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("other")
    assert model.fingerprint(*sources) == before


def test_the_rasa_process_is_told_nothing_of_ours_but_the_actions_and_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"ZHANGBAN_FIELD_KEYS": "secret", "MONGO_URL": "mongodb://m", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": "here", "VIRTUAL_ENV": "x"}
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    told = model.environment(actions_url="http://127.0.0.1:1/webhook", actions_secret="s", redis_url=f"redis://:{quote('p@ss')}@r:6380/3")
    assert not ours.keys() & told.keys()
    assert {name: told[name] for name in told if name.startswith(("RASA_REDIS", "ACTIONS"))} == {
        "ACTIONS_URL": "http://127.0.0.1:1/webhook",
        "ACTIONS_SECRET": "s",
        "RASA_REDIS_HOST": "r",
        "RASA_REDIS_PORT": "6380",
        "RASA_REDIS_DB": "3",
        "RASA_REDIS_PASSWORD": "p@ss",
    }
    assert told["PATH"] == os.environ["PATH"] and told["RASA_TELEMETRY_ENABLED"] == "false"


@pytest.mark.parametrize("url", ["rediss://r:6379/0", "redis://user@r/0", "unix:///tmp/redis.sock", ""])
def test_a_redis_that_rasa_could_not_reach_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        model.environment(actions_url="", actions_secret="", redis_url=url)


def test_rasa_is_started_on_the_loopback_address_without_its_management_api() -> None:
    command = model.command(Path("m.tar.gz"), 5005)
    assert "--enable-api" not in command
    assert command[command.index("-i") + 1] == "127.0.0.1"
