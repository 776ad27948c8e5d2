"""Verbs of tests about parcels: a case whose licence is ready, asking for a parcel, playing the courier, looking at the courier's book."""

import uuid
from dataclasses import dataclass
from typing import Any

from tests.api.applying import FORM, make_item
from tests.api.house import Answer, House, Json, Resident, make_resident, until

HOME: Json = {"province": "广东省", "city": "深圳市", "county": "南山区", "detail": "科技园路 1 号 3 栋 1602", "phone": "13800001234"}
PAPER: Json = {"name": "近期免冠照片", "required": False, "licence_type": None, "situations": []}


@dataclass(slots=True)
class Mail:
    """A resident and a case of theirs."""

    resident: Resident
    case_no: str
    item: Json

    @property
    def house(self) -> House:
        return self.resident.house

    async def ask(self, key: str | None = None, **wish: Any) -> Answer:
        asked = {"direction": "to_resident", "address": HOME, "courier": "sf", "consent": await consent(self.house), **wish}
        asked = {name: value for name, value in asked.items() if value is not None}
        return await self.resident.api("POST", f"/v1/cases/{self.case_no}/parcels", asked, headers={"Idempotency-Key": key or uuid.uuid4().hex})

    async def asked(self, **wish: Any) -> Json:
        answer = await self.ask(**wish)
        assert answer.status == 201, answer.body
        return answer.json

    async def look(self, own: str) -> Json:
        answer = await self.resident.api("GET", f"/v1/parcels/{own}")
        assert answer.status == 200, answer.body
        return answer.json

    async def until(self, own: str, state: str, seconds: float = 30) -> Json:
        async def there() -> Json:
            parcel = await self.look(own)
            return parcel if parcel["state"] == state else None

        return await until(there, seconds)

    async def scan(self, parcel: Json, *kinds: str, courier: str = "") -> None:
        for kind in kinds:
            await self.scanned(parcel, courier=courier, kind=kind)

    async def scanned(self, parcel: Json, courier: str = "", **how: Any) -> None:
        """As the desk takes it: kind (or several), times, shuffle, as."""
        await self.house.world("POST", f"/world/couriers/{courier or parcel['courier']}/parcels/{parcel['waybill']}/scans", how)

    async def orders(self, own: str, courier: str = "sf", kind: str = "order.created") -> list[Json]:
        """What the courier's own book says of this parcel."""
        lines = await self.house.ledger(courier)
        return [one for one in lines if one["kind"] == kind and str(one.get("order_no", "")).startswith(f"{own}-")]

    async def at_core(self, own: str, kind: str) -> list[Json]:
        return [one for one in await self.house.ledger("core") if one["kind"] == kind and one.get("delivery_id") == own]

    async def told(self, own: str, kind: str = "") -> list[Json]:
        """Entries of the inbox about parcels of this case."""
        kinds = [kind] if kind else ["parcel_moved", "parcel_problem", "papers_arrived"]
        return [one for one in await self.resident.inbox() if one["kind"] in kinds and one["case_no"] == self.case_no]

    async def until_told(self, own: str, words: str, seconds: float = 20) -> Json:
        async def said() -> Json:
            return next((one for one in await self.told(own) if words in one["text"]), None)

        return await until(said, seconds)


async def consent(house: House) -> Json:
    """To giving data to a courier, as the client shows it."""
    policies = (await house.api("GET", "/v1/policies")).json["items"]
    one = next(policy for policy in policies if policy["purpose"] == "courier")
    return {"version": one["version"], "text_hash": one["text_hash"]}


async def make_mail(house: House, channel: str = "wechat", *, to: str = "issued", resident: Resident | None = None, **item: Any) -> Mail:
    """A case in the state `to`; by default its licence is ready and the city pays."""
    made = await make_item(house, FORM, [PAPER], **{"delivery": True, "delivery_payer": "city", "materials_by_courier": True, **item})
    somebody = resident or await make_resident(house, channel)
    started = await somebody.api("POST", "/v1/drafts", {"item_code": made["code"]})
    draft = (await somebody.api("PATCH", f"/v1/drafts/{started.json['id']}", {"answers": {"street": "和平路"}})).json
    filed = await somebody.submit(draft["id"])
    assert filed.status == 201, filed.body
    case_no = str(filed.json["case_no"])
    way = {"issued": ("accepted", "approved", "issued"), "accepted": ("accepted",), "submitted": ()}[to]
    for state in way:
        await house.move(case_no, state)

    async def there() -> bool:
        return bool((await somebody.api("GET", f"/v1/cases/{case_no}")).json["state"] == to)

    await until(there)
    return Mail(somebody, case_no, made)
