"""Whatever is stored has an entry that says what it holds of people: a collection nobody thought of fails here, and so does a promise nobody keeps."""

import ast
import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kit.mongo import IndexModel
from miniapp_api.personal_data import COLLECTIONS, table
from miniapp_api.privacy.erasure import AT_ONCE, LATER
from miniapp_api.privacy.held import Kept, Whose
from tests.house.python_files import python_files

ROOT = Path(__file__).parents[2]
OURS = (
    *("kit", "core", "residents", "content", "cases", "payments", "delivery", "notify", "appointments", "ratings", "complaints", "supervision"),
    *("bot", "staff", "miniapp_api"),
)
_STORES = ("mongo", "_mongo", "database")


def trees(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in python_files(root):
        name = path.relative_to(root).as_posix()
        if name.split("/")[0] in OURS and not name.startswith("bot/rasa/"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def collections_in(tree: ast.Module) -> tuple[set[str], list[int]]:
    """(names used as mongo["…"] or as keys of INDEXES, lines where the name is not written there and cannot be looked up in the file)."""
    constants = dict(one for node in tree.body if (one := _constant(node)) is not None)
    found: set[str] = set()
    unknown = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and _named(node.value) in _STORES and not isinstance(node.ctx, ast.Store):
            name = _text(node.slice, constants)
            if name is None:
                unknown.append(node.lineno)
            else:
                found.add(name)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if _named(target).endswith("INDEXES"):
                found |= {name for key in node.value.keys if key is not None and (name := _text(key, constants)) is not None}
    return found, unknown


def _constant(node: ast.stmt) -> tuple[str, str] | None:
    """(name, text) of `NAME = "text"`."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant):
        return (node.targets[0].id, node.value.value) if isinstance(node.value.value, str) else None
    return None


def _named(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _text(node: ast.expr, constants: Mapping[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.JoinedStr):
        parts = [_text(one.value if isinstance(one, ast.FormattedValue) else one, constants) for one in node.values]
        return None if None in parts else "".join(str(part) for part in parts)
    return None


def used(root: Path) -> tuple[set[str], list[str]]:
    names: set[str] = set()
    unknown = []
    for path, tree in trees(root):
        found, lines = collections_in(tree)
        names |= found
        unknown += [f"{path}:{line}" for line in lines]
    return names, unknown


# Rows of any collection, by what the registry says of it.
BY_REGISTRY = ("kit/mongo.py", "miniapp_api/privacy/store.py")


def test_every_collection_says_what_it_holds_of_people() -> None:
    names, unknown = used(ROOT)
    assert len(names) > 40
    assert sorted(names - set(COLLECTIONS)) == []
    assert sorted(set(COLLECTIONS) - names) == []
    assert [line for line in unknown if not line.startswith(BY_REGISTRY)] == []


def test_a_collection_nobody_thought_of_is_seen(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "a.py").write_text(
        'COLLECTION = "one"\nINDEXES = {"two": [], f"{COLLECTION}.x": []}\ndef f(mongo, name):\n    return mongo[COLLECTION], mongo["three"], mongo[name]\n'
    )
    assert used(tmp_path) == ({"one", "two", "three", "one.x"}, ["cases/a.py:4"])


def indexes() -> dict[str, list[IndexModel]]:
    """Those the stores really make."""
    found: dict[str, list[IndexModel]] = {}
    for path, tree in trees(ROOT):
        if any(isinstance(node, ast.Assign | ast.AnnAssign) and _named(_target(node)) == "INDEXES" for node in tree.body):
            module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
            own: Mapping[str, Sequence[IndexModel]] = module.INDEXES
            for name, some in own.items():
                found.setdefault(name, []).extend(some)
    return found


def _target(node: ast.Assign | ast.AnnAssign) -> ast.expr:
    return node.targets[0] if isinstance(node, ast.Assign) else node.target


def test_what_the_database_is_said_to_forget_it_does_forget_and_nothing_else() -> None:
    made = {}
    for name, some in indexes().items():
        for one in some:
            document: dict[str, Any] = one.document
            if "expireAfterSeconds" in document:
                made[name] = (next(iter(document["key"])), document["expireAfterSeconds"] / 86400)
    said = {name: (held.stays.since, held.stays.days) for name, held in COLLECTIONS.items() if held.stays.by == "index"}
    assert made == said


def test_what_the_job_forgets_has_a_date_and_a_time() -> None:
    assert [name for name, held in COLLECTIONS.items() if held.stays.by == "job" and not (held.stays.days and held.stays.since)] == []


def test_whatever_is_not_shown_or_not_found_says_why() -> None:
    silent = [name for name, held in COLLECTIONS.items() if not held.why and (not held.parts or any(part.shows is None for part in held.parts))]
    assert silent == []
    assert all(held.stays.ground for held in COLLECTIONS.values())


def test_nothing_of_a_person_is_found_by_nothing_or_left_as_it_is() -> None:
    """An empty query would be everybody's rows."""
    whose = (Whose("p_1", ("r_1",), "i", ("s",)), Whose(None, ("r_1",)), Whose("p_1", ("r_1",)))
    for name, held in COLLECTIONS.items():
        for part in held.parts:
            assert all(query is None or query for query in (part.find(one) for one in whose)), name
            assert part.erase == "delete" or (isinstance(part.erase, Kept) and part.erase.ids), name
    assert set(AT_ONCE) | set(LATER) <= set(COLLECTIONS)
    assert all(part.erase == "delete" for name in AT_ONCE for part in COLLECTIONS[name].parts)


def test_the_operators_manual_has_the_table_of_the_registry() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    begin, end = "<!-- zhangban privacy retention -->\n", "\n<!-- /zhangban privacy retention -->"
    assert manual.partition(begin)[2].partition(end)[0] == table()
