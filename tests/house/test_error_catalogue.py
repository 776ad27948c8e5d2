"""docs/errors.md and the code tell of the same problem codes, each with the status the code gives it."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.house.python_files import python_files

ROOT = Path(__file__).parents[2]
OURS = (
    *("kit", "core", "residents", "content", "cases", "delivery", "notify", "bot", "staff", "payments"),
    *("appointments", "ratings", "complaints", "supervision", "miniapp_api"),
)
_ROW = re.compile(r"^\| `(\w+)` \| ([\dx/]+) \| .+ \| .+ \| .+ \| (yes|no) \|$", re.MULTILINE)

# Where a code is handed on in a variable: the class whose literals it takes, and where that one is raised.
HANDED_ON = {("miniapp_api/routes/core_callbacks.py", "Unauthorized"): ("Forged", ("core/", "miniapp_api/routes/core_callbacks.py"))}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in python_files(ROOT):
        name = path.relative_to(ROOT).as_posix()
        if name.split("/")[0] in OURS and not name.startswith("bot/rasa/"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def refusals() -> dict[str, str]:
    """Class name -> HTTP status ("" where only the call knows it) of AppError and everything below it."""
    found = {"AppError": "500"}
    classes = [node for _, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in classes * 2:  # twice: a class may stand before its base
        for base in node.bases:
            name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
            if name in found and node.name not in found:
                found[node.name] = next((status for line in node.body if (status := _status(line))), "")
    return found


def _status(line: ast.stmt) -> str:
    """The literal of `status = 409` in a class body, else ""."""
    if not (isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and isinstance(line.value, ast.Constant)):
        return ""
    return str(line.value.value) if line.targets[0].id == "status" else ""


def made(names: set[str]) -> Iterator[tuple[str, str, ast.Call]]:
    """(file, class, call) of every place that makes one of these classes with a code."""
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in names:
                    yield path, name, node


def codes_in_the_code() -> dict[str, set[str]]:
    """code -> statuses; a status only known when it happens is left out."""
    statuses, found = refusals(), defaultdict[str, set[str]](set)
    for path, name, call in made(set(statuses)):
        first = call.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            given = statuses[name] or next(
                (str(one.value) for one in call.args[2:] if isinstance(one, ast.Constant)),
                "",
            )
            found[first.value] |= {given} - {""}
            continue
        other, places = HANDED_ON[path, name]
        for file, _, source in made({other}):
            if file.startswith(places) and isinstance(source.args[0], ast.Constant):
                found[str(source.args[0].value)].add(statuses[name])
    return found


def catalogue() -> dict[str, tuple[set[str], str]]:
    rows = _ROW.findall((ROOT / "docs" / "errors.md").read_text())
    assert len({code for code, _, _ in rows}) == len(rows), "a code stands twice in docs/errors.md"
    return {code: (set(status.split("/")), retryable) for code, status, retryable in rows}


def test_every_code_the_code_can_give_is_in_the_catalogue() -> None:
    assert sorted(set(codes_in_the_code()) - set(catalogue())) == []


def test_every_code_in_the_catalogue_is_given_somewhere() -> None:
    assert sorted(set(catalogue()) - set(codes_in_the_code())) == []


def test_the_catalogue_states_the_status_the_code_gives() -> None:
    written = catalogue()
    assert {code: given for code, given in codes_in_the_code().items() if not given <= written[code][0]} == {}


def test_the_catalogue_says_retry_exactly_where_the_answer_says_so() -> None:
    """InFlight, TooMany and Unavailable are retryable; nothing else is."""
    retryable = {"InFlight", "TooMany", "Unavailable"}
    said = {str(call.args[0].value) for _, _, call in made(retryable) if isinstance(call.args[0], ast.Constant)}
    assert {code for code, (_, answer) in catalogue().items() if answer == "yes"} == said
