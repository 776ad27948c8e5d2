"""Items, forms, files and licences of a test's own, for the way from a draft to a decision."""

import itertools
import uuid
from typing import Any

import aiohttp

from tests.api.house import Answer, House, Json, Resident, an_item, until
from tests.cases.corpus import make_pdf

_SERIAL = itertools.count(1)
FORM: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "申请表",
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "申请人姓名", "x-prefill": "name", "x-section": "申请人"},
        "street": {"type": "string", "title": "街道", "minLength": 2, "x-widget": "text"},
        "floor": {"type": "integer", "title": "楼层", "minimum": 1},
    },
    "required": ["name", "street"],
    "additionalProperties": False,
}
ID_CARD: Json = {"name": "居民身份证", "required": True, "licence_type": "居民身份证", "situations": []}
CONTRACT: Json = {"name": "租赁合同", "required": True, "licence_type": None, "situations": []}


async def make_item(house: House, form: Json = FORM, materials: list[Json] | None = None, **more: Any) -> Json:
    """In the catalogue and served."""
    item = (await house.api("GET", f"/v1/items/{await an_item(house)}")).json
    item.pop("as_of")
    code = f"{item['code'][:20]}{uuid.uuid4().int % 10**7:07d}{next(_SERIAL):04d}"
    fresh = {**item, "code": code, "name": "办件测试事项", "form": form, "materials": [ID_CARD, CONTRACT] if materials is None else materials}
    fresh |= {"online": True, "situations": [], "kind": "行政许可", **more}
    return await put_item(house, fresh)


async def put_item(house: House, item: Json) -> Json:
    """The item as it is served from now on."""
    await house.world("POST", "/world/core/items", {key: value for key, value in item.items() if key not in ("as_of", "version")})
    before = item.get("version", 0) if "as_of" in item else 0

    async def served() -> Json:
        answer = await house.api("GET", f"/v1/items/{item['code']}")
        return answer.json if answer.status == 200 and answer.json["version"] > before else None

    return await until(served)


async def begin(resident: Resident, item: Json, answers: Json | None = None) -> Json:
    started = await resident.api("POST", "/v1/drafts", {"item_code": item["code"]})
    assert started.status == 201, started.body
    if answers is None:
        return started.json
    return await fill(resident, started.json, answers=answers)


async def fill(resident: Resident, draft: Json, **change: Any) -> Json:
    answer = await resident.api("PATCH", f"/v1/drafts/{draft['id']}", change)
    assert answer.status == 200, answer.body
    return answer.json


async def upload(resident: Resident, raw: bytes | None = None) -> str:
    form = aiohttp.FormData()
    form.add_field("file", make_pdf(filler=next(_SERIAL)) if raw is None else raw, filename="合同.pdf", content_type="application/pdf")
    headers = {"Authorization": f"Bearer {resident.token}"}
    async with resident.house.http.post(f"{resident.house.stack.api}/v1/files", data=form, headers=headers) as reply:
        made = await reply.json(content_type=None)
        assert reply.status == 201 and made["state"] == "ready", made
        return str(made["id"])


async def licence(house: House, person: str, kind: str = "居民身份证", **more: Any) -> Json:
    return await house.world("POST", f"/world/people/{person}/licences", {"type": kind, **more})


async def post(resident: Resident, path: str, body: Json = None, key: str | None = None, **headers: str) -> Answer:
    return await resident.api("POST", path, body or {}, headers={"Idempotency-Key": key or uuid.uuid4().hex, **headers})


async def at_core(house: House, case_no: str) -> Json:
    """The case as a clerk reads it, with what was handed in."""
    return next(one for one in (await house.world("GET", "/world/core/cases"))["cases"] if one["case_no"] == case_no)


async def core_is_back(house: House, resident: Resident) -> None:
    """Its faults are over, and the API has noticed: its breaker lets calls through again."""
    await house.faults(core={})

    async def known() -> bool:
        return bool((await resident.api("GET", "/v1/licences")).json["known"])

    await until(known)
