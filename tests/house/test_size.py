"""A file is read in one sitting: 300 lines, tests 500. And its name says what is in it."""

from pathlib import Path

from tests.house.python_files import python_files

ROOT = Path(__file__).parents[2]
LINES, TEST_LINES = 300, 500
NAMELESS = {"utils", "util", "helpers", "helper", "common", "service", "services", "manager", "base"}


def sources(root: Path) -> list[tuple[str, Path]]:
    return [(path.relative_to(root).as_posix(), path) for path in python_files(root)]


def too_long(root: Path) -> list[str]:
    counted = [(name, len(path.read_text(encoding="utf-8").splitlines())) for name, path in sources(root)]
    return [f"{name}: {lines} lines" for name, lines in counted if lines > (TEST_LINES if name.startswith("tests/") else LINES)]


def nameless(root: Path) -> list[str]:
    return [name for name, _ in sources(root) if NAMELESS & {part.removesuffix(".py") for part in name.split("/")}]


def test_no_file_is_too_long() -> None:
    assert too_long(ROOT) == []


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    assert nameless(ROOT) == []


def test_a_long_file_and_a_nameless_one_are_seen(tmp_path: Path) -> None:
    for name, lines in {"kit/a.py": 301, "kit/b.py": 300, "tests/c.py": 501, "tests/d.py": 500, "cases/utils.py": 1, "common/e.py": 1}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n" * lines)
    assert too_long(tmp_path) == ["kit/a.py: 301 lines", "tests/c.py: 501 lines"]
    assert nameless(tmp_path) == ["cases/utils.py", "common/e.py"]
