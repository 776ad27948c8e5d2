"""kill -9 around the call that files a complaint: one complaint at the core, under one number, and nothing that was written is lost."""

import uuid
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from kit.mongo import Mongo
from tests.api.applying import post
from tests.api.house import House, Json, make_resident, until
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
