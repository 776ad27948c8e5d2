"""The operators' file: what is wrong is said with its place, and a broken file never takes the good one away."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from content.operators_file import BrokenFile
from content.package_file import BUILT_IN, PackageFile, read
from kit.errors import Unavailable
from tests.content.items import own_items

GOOD: dict[str, Any] = {
    "same_material": {"居民身份证": ["身份证"]},
    "packages": [
        {
            "id": "open-shop",
            "name": "开店",
            "audience": ["自然人"],
            "description": "开一家店",
            "steps": [{"title": "办照", "items": [{"name": "登记"}]}],
        }
    ],
}


def changed(**fields: Any) -> bytes:
    """The good file with its only package changed."""
    return json.dumps({**GOOD, "packages": [{**GOOD["packages"][0], **fields}]}).encode()


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{\n "packages": [\n  {"id": "a",}\n ]\n}', "line 3"),
        (b"\xff\xfe", "not UTF-8 at byte 0"),
        (b"[]", "file:"),
        (b'{"packages": []}', "packages: "),
        (b'{"packages": 1, "packages": 2}', "key used twice: packages"),
        (b"[" * 100_000, ""),
        (changed(name=""), "packages[0].name: "),
        (changed(id="开店"), "packages[0].id: "),
        (changed(audience="自然人"), "packages[0].audience: "),
        (changed(color="red"), "packages[0].color: "),
        (changed(steps=[{"title": "办照", "items": []}]), "packages[0].steps[0].items: "),
        (changed(steps=[{"title": "办照", "items": [{"name": "登记", "codes": [5]}]}]), "packages[0].steps[0].items[0].codes[0]: "),
        (json.dumps({**GOOD, "packages": GOOD["packages"] * 2}).encode(), "id used twice: open-shop"),
        (json.dumps({**GOOD, "same_material": {"甲": ["丙"], "乙": ["《丙》"]}}).encode(), "丙 stands for two papers"),
        (json.dumps({**GOOD, "same_material": {"甲": ["乙"], "乙": ["丙"]}}).encode(), "乙 stands for two papers"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(raw: bytes, place: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        read(raw)
    assert any(place in problem for problem in caught.value.problems) and len(caught.value.problems) == 1


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(BrokenFile) as caught:
        read(changed(name="", description=5, steps=[]))
    assert len(caught.value.problems) == 3


def test_a_file_saved_by_an_editor_that_marks_utf_8_is_read() -> None:
    assert read(b"\xef\xbb\xbf" + changed()).packages[0].name == "开店"


async def names(file: PackageFile) -> list[str]:
    return [one.name for one in (await file.book()).packages]


def replace(path: Path, raw: bytes) -> None:
    """As an editor does it: a new file takes the old one's name."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(raw)
    os.replace(fresh, path)


async def test_a_changed_file_is_read_again_and_a_broken_one_keeps_the_old_serving(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "content.operators_file")
    path = tmp_path / "packages.json"
    path.write_bytes(changed())
    file = PackageFile(path, look_again=0)
    assert await names(file) == ["开店"] and file.edition == 1
    assert await names(file) == ["开店"] and file.edition == 1, "an unchanged file is not read again"
    replace(path, changed(name="开饭店"))
    assert await names(file) == ["开饭店"] and file.edition == 2
    replace(path, changed(name=""))
    assert await names(file) == await names(file) == ["开饭店"] and file.edition == 2
    path.unlink()
    assert await names(file) == await names(file) == ["开饭店"]
    replace(path, changed(name="开茶馆"))
    assert await names(file) == ["开茶馆"] and file.edition == 3
    complaints = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(complaints) == 2, "each trouble is complained about once, not at every reader"
    assert "packages[0].name" in vars(complaints[0])["problems"][0] and vars(complaints[0])["old_kept"] is True


async def test_a_file_that_was_never_good_is_an_answer_to_try_later_until_it_is_mended(tmp_path: Path) -> None:
    file = PackageFile(tmp_path / "packages.json", look_again=0)
    with pytest.raises(Unavailable):
        await file.book()
    (tmp_path / "packages.json").write_bytes(b"{")
    with pytest.raises(Unavailable):
        await file.book()
    replace(tmp_path / "packages.json", changed())
    assert await names(file) == ["开店"]


async def test_the_file_is_looked_at_only_now_and_then(tmp_path: Path) -> None:
    path = tmp_path / "packages.json"
    path.write_bytes(changed())
    file = PackageFile(path, look_again=3600)
    await file.book()
    replace(path, changed(name="开饭店"))
    assert await names(file) == ["开店"]


def test_the_built_in_file_is_good_and_every_code_in_it_is_one_of_our_own_items() -> None:
    book = read(BUILT_IN.read_bytes())
    assert len(book.packages) >= 12
    codes = {code for package in book.packages for step in package.steps for item in step.items for code in item.codes}
    assert codes - {item["code"] for item in own_items()} == set()
