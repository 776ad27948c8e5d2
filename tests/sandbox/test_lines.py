"""A file of items line by line, and the world control that takes lines while the world runs."""

import subprocess
import sys
import uuid
from typing import Any

import orjson
import pytest

from sandbox.lines import converted
from tests.sandbox.outside import Outside

GD = {"TASK_CODE": "11990100T0000000014000000000001", "TASK_NAME": "临江市某事项办理", "DEPT_NAME": "临江市某局", "material_intro": "无"}
OWN = {"code": "A1", "name": "某事项", "department": {"name": "某局"}}


def line(record: Any) -> str:
    return orjson.dumps(record).decode()


def test_a_bad_line_is_named_by_its_number_and_the_rest_go_on() -> None:
    lines = [line(GD), "", "{not json", line([]), line({"TASK_CODE": "X"}), line({"TASK_CODE": 5, "TASK_NAME": "x", "DEPT_NAME": "y"}), line(OWN)]
    found = list(converted(lines, first=11))
    assert [(one["line"], one.get("code")) for one in found] == [(11, GD["TASK_CODE"]), (13, None), (14, None), (15, None), (16, None), (17, "A1")]
    assert ["item" in one for one in found] == [True, False, False, False, False, True]
    assert all(one["why"] for one in found if "item" not in one) and "TASK_NAME" in found[3]["why"]
    assert [one["field"] for one in found[0]["odd"]] == ["material_intro"]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert [one["code"] for one in converted([b"\xef\xbb\xbf" + line(OWN).encode()])] == ["A1"]


def test_as_a_process_it_turns_a_file_into_items_and_knows_its_formats() -> None:
    def run(format: str, text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "sandbox.lines", format], input=text, capture_output=True, text=True, check=False)

    made = run("gd", f"{line(GD)}\n{line(OWN)}\n")
    assert made.returncode == 0
    first, second = (orjson.loads(row) for row in made.stdout.splitlines())
    assert first["item"]["name"] == GD["TASK_NAME"] and second == {"line": 2, "why": "缺少 TASK_CODE"}
    assert run("xml", "").returncode == 2


async def test_lines_loaded_while_the_world_runs_are_in_the_feed_and_the_same_again_change_nothing(outside: Outside) -> None:
    code = uuid.uuid4().hex[:31]
    asked = {"lines": [line(GD | {"TASK_CODE": code}), "{"], "format": "gd", "batch": "first", "first": 5}
    done = await outside.world("POST", "/core/items/load", asked)
    assert (done["loaded"], done["unchanged"], done["good"]) == (1, 0, [{"line": 5, "code": code}])
    assert [one["line"] for one in done["bad"]] == [6]
    assert [(one["line"], one["code"], one["field"]) for one in done["odd"]] == [(5, code, "material_intro")]
    again = await outside.world("POST", "/core/items/load", asked)
    assert (again["loaded"], again["unchanged"]) == (0, 1)
    records = await feed_of(outside, code)
    assert [(one["version"], one["batch"]) for one in records] == [(1, "first")]


@pytest.mark.parametrize("asked", [{}, {"lines": "x"}, {"lines": [1]}, {"lines": [], "format": "xml"}, {"lines": [], "first": 0}])
async def test_a_load_that_makes_no_sense_is_refused_with_every_reason(outside: Outside, asked: Any) -> None:
    reply = await outside.call("POST", "/world/core/items/load", asked)
    assert reply.status == 422 and reply.json["errors"]


async def test_a_version_still_to_come_leaves_the_one_in_force_in_the_feed_and_a_tombstone_names_successors(outside: Outside) -> None:
    code = uuid.uuid4().hex[:31]
    await outside.world("POST", "/core/items", OWN | {"code": code})
    later = {"code": code, "name": "新名称", "effective_from": "2999-01-01T00:00:00+08:00", "replaced_by": ["B1"]}
    await outside.world("POST", "/core/items", OWN | later)
    first, second = await feed_of(outside, code)
    assert (first["version"], second["version"], second["effective_from"], second["replaced_by"]) == (1, 2, later["effective_from"], ["B1"])
    assert "effective_from" not in second["item"]
    await outside.world("DELETE", f"/core/items/{code}?replaced_by=B1&replaced_by=B2")
    (only,) = await feed_of(outside, code)
    assert (only["op"], only["replaced_by"]) == ("remove", ["B1", "B2"])


async def feed_of(outside: Outside, code: str) -> list[Any]:
    cursor, found = "", []
    while True:
        page = (await outside.core("GET", f"/items?cursor={cursor}&limit=500")).json
        found += [one for one in page["records"] if one["code"] == code]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return found
