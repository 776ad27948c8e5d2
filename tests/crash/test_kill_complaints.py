"""kill -9 around the calls that file a complaint, ask again and judge the reply: each once at the core, and nothing that was written is lost."""

import uuid
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from kit.mongo import Mongo
from tests.api.applying import post
from tests.api.house import House, Json, Resident, make_resident, until
from tests.crash.killing import killed, steady

pytestmark = pytest.mark.crash
TIMES = 4
TEXT = "窗口让我把同一份材料交了三次。"


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("point", ["complaints.before_file", "complaints.after_file"])
async def test_a_kill_while_a_complaint_is_filed(house: House, database: Mongo, points: Path, point: str) -> None:
    resident = await steady(lambda: make_resident(house))
    for n in range(TIMES):
        words = {"kind": "complaint", "title": "窗口推诿", "text": f"{TEXT}第 {n} 次"}
        key = uuid.uuid4().hex
        await killed(points, point, lambda words=words, key=key: post(resident, "/v1/complaints", words, key))  # type: ignore[misc]

        async def all_numbered(count: int = n + 1) -> Json:
            await database["outbox"].update_many({"state": "waiting", "kind": "complaint.core"}, [{"$set": {"due_at": "$$NOW"}}])
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                found = (await resident.api("GET", "/v1/complaints")).json["items"]
                return found if len(found) == count and all(one["number"] for one in found) else None
            return None

        found = await until(all_numbered, 60)
        held = {one["complaint_id"]: one["number"] for one in (await house.world("GET", "/world/core/complaints"))["complaints"]}
        filed = [line["complaint_id"] for line in await house.ledger("core") if line["kind"] == "complaint.filed"]
        for one in found:
            assert held[one["id"]] == one["number"] and filed.count(one["id"]) == 1


async def is_now(resident: Resident, database: Mongo, own: str, state: str) -> Json:
    """The page, once nothing that was done about it waits for the core any more."""

    async def there() -> Json:
        await database["outbox"].update_many({"state": "waiting", "kind": "complaint.act"}, [{"$set": {"due_at": "$$NOW", "held": False}}])
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            found = (await resident.api("GET", f"/v1/complaints/{own}")).json
            return found if found["state"] == state and all(one["registered"] == "told" for one in found["acts"]) else None
        return None

    return await until(there, 60)


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("point", ["complaints.before_act", "complaints.after_act"])
async def test_a_kill_while_the_reply_is_asked_about_and_judged(house: House, database: Mongo, points: Path, point: str) -> None:
    resident = await steady(lambda: make_resident(house))
    filed = await post(resident, "/v1/complaints", {"kind": "complaint", "title": "窗口推诿", "text": TEXT})
    own = filed.json["id"]
    await until(lambda: _has_number(resident, own))
    steps: list[tuple[str, str, Json, str]] = [  # the reply, what is done about it, and what that makes of it
        ("已增开窗口。", "questions", {"text": "周六也开吗？"}, "reopened"),
        ("周六也开。", "satisfaction", {"grade": 4}, "closed"),
    ]
    for reply, path, said, state in steps:
        await house.world("POST", f"/world/core/complaints/{own}/moves", {"to": "replied", "text": reply})
        await is_now(resident, database, own, "replied")
        await killed(points, point, lambda path=path, said=said: post(resident, f"/v1/complaints/{own}/{path}", said))  # type: ignore[misc]
        shown = await is_now(resident, database, own, state)
    assert [move["state"] for move in shown["timeline"]] == ["received", "replied", "reopened", "replied", "closed"]
    assert [(one["kind"], one["grade"]) for one in shown["acts"]] == [("question", None), ("satisfaction", 4)]
    await _at_core_once(house, own)
    assert len([one for one in await resident.inbox() if one["kind"] == "complaint_moved"]) == 4, "each step once"


async def _has_number(resident: Resident, own: str) -> bool:
    return (await resident.api("GET", f"/v1/complaints/{own}")).json["number"] is not None


async def _at_core_once(house: House, own: str) -> None:
    held = next(one for one in (await house.world("GET", "/world/core/complaints"))["complaints"] if one["complaint_id"] == own)
    assert [one["text"] for one in held["follow_ups"]] == ["周六也开吗？"] and [one["grade"] for one in held["satisfactions"]] == [4]
    lines = [line for line in await house.ledger("core") if line.get("complaint_id") == own]
    assert [line["to"] for line in lines if line["kind"] == "complaint.moved"] == ["replied", "reopened", "replied", "closed"]
    assert len([line for line in lines if line["kind"] == "complaint.rated"]) == 1
