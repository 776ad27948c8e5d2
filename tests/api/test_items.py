"""Items over HTTP on a whole stack: versions, differences, closed items; and the command that loads a file into it."""

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from miniapp_api.stack import Stack
from tests.api.house import Answer, House, make_resident, until


def new_code() -> str:
    return f"T{uuid.uuid4().hex[:20]}"


def an_item(code: str, **fields: Any) -> dict[str, Any]:
    return {"code": code, "name": "临江市测试事项", "department": {"name": "临江市某局"}, "online": True, **fields}


async def publish(house: House, item: dict[str, Any], version: int = 1) -> None:
    """At the core, and seen here."""
    await house.world("POST", "/world/core/items", item)

    async def seen() -> bool:
        answer = await house.api("GET", f"/v1/items/{item['code']}")
        return answer.status == 200 and answer.json["version"] == version

    await until(seen)


async def closed(house: House, code: str, state: str) -> Answer:
    async def seen() -> Answer | None:
        answer = await house.api("GET", f"/v1/items/{code}/guide")
        return answer if answer.json.get("state") == state else None

    found: Answer = await until(seen)
    return found


async def test_versions_and_their_difference_are_told_in_chinese(house: House) -> None:
    code = new_code()
    await publish(house, an_item(code, materials=[{"name": "照片", "copies": 1}]))
    await publish(house, an_item(code, materials=[{"name": "申请表"}, {"name": "照片", "copies": 2}], handling_kind="即办件"), 2)
    versions = (await house.api("GET", f"/v1/items/{code}/versions")).json["items"]
    assert [(one["version"], one["current"]) for one in versions] == [(2, True), (1, False)]
    assert all(one["at"].endswith("+08:00") for one in versions)
    told = (await house.api("GET", f"/v1/items/{code}/diff?from=1&to=2")).json
    assert (told["from"], told["to"]) == (1, 2)
    assert {(one["path"], one["kind"]) for one in told["changes"]} == {
        ("materials[申请表]", "added"),
        ("materials[照片].copies", "changed"),
        ("handling_kind", "added"),
    }
    assert {one["label"] for one in told["changes"]} == {"申请材料：申请表", "申请材料：照片 份数", "办件类型"}
    old = (await house.api("GET", f"/v1/items/{code}?version=1")).json
    assert (old["version"], old["can_apply"], old["materials"][0]["name"]) == (1, False, "照片")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("NO-SUCH-ITEM", 404, "item_unknown"),
        ("NO-SUCH-ITEM/versions", 404, "item_unknown"),
        ("NO-SUCH-ITEM/diff", 404, "item_unknown"),
        ("KNOWN?version=99", 404, "item_version_unknown"),
        ("KNOWN/diff?from=1&to=99", 404, "item_version_unknown"),
        ("KNOWN?version=0", 422, "input_invalid"),
        ("KNOWN?version=x", 422, "input_invalid"),
        ("KNOWN/diff?from=x&to=-1&more=1", 422, "input_invalid"),
        (f"KNOWN?version={10**30}", 422, "input_invalid"),
    ],
)
async def test_what_is_unknown_or_wrong_is_refused_in_chinese(house: House, path: str, status: int, code: str) -> None:
    known = (await house.api("GET", "/v1/items?limit=1")).json["items"][0]["code"]
    answer = await house.api("GET", f"/v1/items/{path.replace('KNOWN', known)}")
    assert (answer.status, answer.json["code"]) == (status, code)
    if "more=1" in path:
        assert {one["field"] for one in answer.json["errors"]} == {"from", "to", "more"}


async def test_a_withdrawn_item_still_answers_and_can_no_longer_be_applied_for(house: House) -> None:
    code = new_code()
    await publish(house, an_item(code))
    resident = await make_resident(house)
    draft = await resident.draft(code)
    await house.world("DELETE", f"/world/core/items/{code}?replaced_by=B1")
    guide = (await closed(house, code, "withdrawn")).json
    assert (guide["name"], guide["can_apply"], guide["replaced_by"]) == ("临江市测试事项", False, ["B1"])
    assert "取消" in guide["notice"] and guide["as_of"]
    item = await house.api("GET", f"/v1/items/{code}")
    assert (item.status, item.json["state"], item.json["can_apply"]) == (200, "withdrawn", False)
    new = await resident.api("POST", "/v1/drafts", {"item_code": code})
    assert (new.status, new.json["code"]) == (409, "item_closed") and "不能再申请" in new.json["title"]
    submitted = await resident.submit(draft["id"])
    assert (submitted.status, submitted.json["code"]) == (409, "item_closed")
    assert (await resident.api("GET", f"/v1/drafts/{draft['id']}")).status == 200  # what was typed is still there


async def test_a_version_of_tomorrow_changes_nothing_today_and_one_of_the_next_second_comes_by_itself(house: House) -> None:
    code = new_code()
    await publish(house, an_item(code))
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    await house.world("POST", "/world/core/items", an_item(code, name="明天的名称") | {"effective_from": tomorrow})
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    await house.world("POST", "/world/core/items", an_item(code, name="马上的名称") | {"effective_from": soon})

    async def begun() -> bool:
        return bool((await house.api("GET", f"/v1/items/{code}")).json["name"] == "马上的名称")

    assert await until(begun)
    assert [one["version"] for one in (await house.api("GET", f"/v1/items/{code}/versions")).json["items"]] == [3, 1]


async def test_a_submission_already_on_its_way_is_seen_through_although_the_item_is_withdrawn(house: House) -> None:
    code = new_code()
    await publish(house, an_item(code))
    resident = await make_resident(house)
    draft = await resident.draft(code)
    first = await resident.submit(draft["id"])
    await house.world("DELETE", f"/world/core/items/{code}")
    await closed(house, code, "withdrawn")
    again = await resident.submit(draft["id"])
    assert (first.status, again.status) == (201, 201) and first.json["case_no"] == again.json["case_no"]


def zhangban(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "miniapp_api.cli", "content", "load", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)


def gd_file(folder: Path, *codes: str) -> Path:
    rows = [{"TASK_CODE": code, "TASK_NAME": f"临江市某事项{code[:6]}", "DEPT_NAME": "临江市某局 ", "material_intro": "无"} for code in codes]
    file = folder / "items.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows) + "{坏的一行\n")
    return file


async def test_a_file_loaded_into_the_sandbox_is_found_by_residents_and_what_was_odd_is_reported(house: House, stack: Stack, tmp_path: Path) -> None:
    code = new_code()
    file, report = gd_file(tmp_path, code, new_code(), code), tmp_path / "report.json"
    done = zhangban(str(file), "--sandbox", stack.sandbox, "--report", str(report))
    assert done.returncode == 0, done.stderr
    assert "第 4 行" in done.stdout and "DEPT_NAME" in done.stdout and "编码重复" in done.stdout
    told = json.loads(report.read_text())
    assert (told["lines"], told["loaded"], [one["line"] for one in told["bad"]]) == (4, 2, [4])
    assert {one["field"]: one["count"] for one in told["kinds"]} == {"DEPT_NAME": 3, "material_intro": 3, "code": 1}

    async def seen() -> bool:
        return (await house.api("GET", f"/v1/items/{code}/guide")).status == 200

    assert await until(seen)


def test_a_file_loaded_into_a_store_of_its_own_and_again_changes_nothing(mongo_url: str, tmp_path: Path) -> None:
    file, own = gd_file(tmp_path, new_code(), new_code()), {"MONGO_URL": mongo_url, "ZHANGBAN_MONGO_DATABASE": f"load_{uuid.uuid4().hex[:8]}"}
    first, second = (zhangban(str(file), "--to", "store", **own) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "载入 2 项，没有变化 0 项，不能载入 1 行" in first.stdout
    assert "载入 0 项，没有变化 2 项，不能载入 1 行" in second.stdout


def test_a_file_is_not_loaded_into_a_store_that_a_core_feeds(stack: Stack, tmp_path: Path) -> None:
    own = {name: stack.env[name] for name in ("MONGO_URL", "ZHANGBAN_MONGO_DATABASE")}
    done = zhangban(str(gd_file(tmp_path, new_code())), "--to", "store", **own)
    assert done.returncode == 2 and "--force" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told", "status"),
    [
        (["MISSING"], "找不到文件", 2),
        (["FILE", "--format", "xml"], "不认识的格式 xml", 2),
        (["FILE", "--to", "moon"], "--to", 2),
        (["FILE", "--to", "store"], "MONGO_URL", 2),
        (["FILE", "--sandbox", "http://127.0.0.1:9"], "沙箱没有回应", 2),
        (["FILE", "--sandbox", "ftp://x"], "http", 2),
        (["FILE", "--sandbox", "API"], "沙箱没有接受", 2),
    ],
)
def test_a_load_that_cannot_begin_says_why_in_one_sentence(arguments: list[str], told: str, status: int, stack: Stack, tmp_path: Path) -> None:
    meant = {"FILE": str(gd_file(tmp_path, new_code())), "MISSING": str(tmp_path / "none"), "API": stack.api}
    done = zhangban(*[meant.get(one, one) for one in arguments], MONGO_URL="")
    assert done.returncode == status and told in done.stderr and "Traceback" not in done.stderr


def test_a_database_that_is_away_is_said_to_be_away(tmp_path: Path) -> None:
    away = "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=200"
    done = zhangban(str(gd_file(tmp_path, new_code())), "--to", "store", MONGO_URL=away)
    assert done.returncode == 2 and "数据库没有回应" in done.stderr and "Traceback" not in done.stderr


def test_where_nothing_could_be_loaded_the_exit_code_says_so(stack: Stack, tmp_path: Path) -> None:
    file = gd_file(tmp_path)
    done = zhangban(str(file), "--sandbox", stack.sandbox)
    assert done.returncode == 1 and "第 1 行" in done.stdout
