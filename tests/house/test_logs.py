"""No log call names a field of its own like one of logging's: that is a KeyError in the very line that should have told what went wrong."""

import ast
import logging
from pathlib import Path

from tests.house.python_files import python_files

ROOT = Path(__file__).parents[2]
TAKEN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def collisions(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.keyword) and node.arg == "extra":
            keys = [key.value for one in ast.walk(node.value) if isinstance(one, ast.Dict) for key in one.keys if isinstance(key, ast.Constant)]
            found += [f"line {node.value.lineno}: {key}" for key in keys if key in TAKEN]
    return found


def test_no_extra_field_has_a_name_that_logging_uses() -> None:
    found = {path.relative_to(ROOT).as_posix(): collisions(path.read_text()) for path in python_files(ROOT)}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_collision_is_seen() -> None:
    assert collisions('log.info("x", extra={"message": 1, "ours": 2} | {"name": 3})') == ["line 1: message", "line 1: name"]
