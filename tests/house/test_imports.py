"""Imports go one way: miniapp_api -> features -> core -> kit. No arrow between two features; bot/rasa and sandbox stand alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.python_files import python_files

ROOT = Path(__file__).parents[2]
FEATURES = (
    *("residents", "content", "cases", "payments", "delivery", "notify"),
    *("appointments", "ratings", "complaints", "supervision", "bot", "staff"),
)
FLOORS = {"kit": 0, "core": 1, **dict.fromkeys(FEATURES, 2), "miniapp_api": 3}
ALONE = ("sandbox", "bot/rasa")
EXEMPT = ("tests", "bench", "tools", "docs", "client")


def house_of(path: str) -> str:
    return next((alone for alone in ALONE if path.startswith(f"{alone}/")), path.partition("/")[0])


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, wherever it stands. Relative ones stay inside their house and are left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def wrong_arrows(root: Path) -> list[str]:
    found = []
    for path in python_files(root):
        name = path.relative_to(root).as_posix()
        here = house_of(name)
        if here in EXEMPT:
            continue
        if here not in FLOORS and here not in ALONE:
            found.append(f"{name}: {here} has no floor in this test; give it one")
            continue
        for line, module in imported(ast.parse(path.read_text(encoding="utf-8"))):
            there = house_of(module.replace(".", "/") + "/")
            if there == here or (there not in FLOORS and there not in ALONE):
                continue
            if here in ALONE or there in ALONE or FLOORS[there] >= FLOORS[here]:
                found.append(f"{name}:{line}: {here} must not import {there}")
    return found


def test_imports_go_one_way() -> None:
    assert wrong_arrows(ROOT) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("kit/ids.py", "from core.types import Item"),
        ("core/client.py", "import miniapp_api.settings"),
        ("cases/submit.py", "from notify import messages"),
        ("cases/submit.py", "def late():\n    import payments.settle"),
        ("miniapp_api/run.py", "import sandbox.app"),
        ("sandbox/app.py", "from kit import clock"),
        ("bot/rasa/actions.py", "import bot.client"),
        ("bot/client.py", "from bot.rasa import tokenizer"),
        ("somewhere/new.py", "x = 1"),
    ],
)
def test_a_wrong_arrow_is_seen(tmp_path: Path, file: str, line: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(line)
    assert len(wrong_arrows(tmp_path)) == 1


def test_right_arrows_are_let_pass(tmp_path: Path) -> None:
    for file, line in {
        "miniapp_api/wiring.py": "import cases.store, core.client, kit.mongo, json",
        "cases/submit.py": "from cases import store\nfrom core.types import Item\nfrom . import drafts",
        "bot/rasa/actions.py": "import rasa_sdk",
        "tests/test_all.py": "import sandbox, kit, cases",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(line)
    assert wrong_arrows(tmp_path) == []
