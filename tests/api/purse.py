"""What tests about money do again and again: a bill on a case, an order for it, a thumb on the phone, and looking at all the books."""

import uuid
from dataclasses import dataclass
from typing import Any

from tests.api.house import Answer, House, Json, Resident, make_resident, until


@dataclass(slots=True)
class Payer:
    """A resident with a case that costs something."""

    resident: Resident
    case_no: str

    @property
    def house(self) -> House:
        return self.resident.house

    async def bill(self, amount_fen: int = 2000, **more: Json) -> str:
        made = await self.house.world("POST", f"/world/core/cases/{self.case_no}/bills", {"amount_fen": amount_fen, **more})
        return str(made["bill_id"])

    async def order(self, bill_id: str, key: str | None = None, **more: Json) -> Answer:
        body = {"channel": self.resident.channel, **more}
        return await self.resident.api("POST", f"/v1/bills/{bill_id}/orders", body, headers={"Idempotency-Key": key or uuid.uuid4().hex})

    async def placed(self, amount_fen: int = 2000) -> str:
        answer = await self.order(await self.bill(amount_fen))
        assert answer.status == 201, answer.body
        return str(answer.json["order_no"])

    async def thumb(self, order_no: str, how: str = "once", **more: Json) -> Json:
        return await self.house.world("POST", f"/world/wallets/{self.resident.channel}/pay", {"order_no": order_no, "as": how, **more})

    async def look(self, order_no: str) -> Json:
        answer = await self.resident.api("GET", f"/v1/orders/{order_no}")
        assert answer.status == 200, answer.body
        return answer.json

    async def until(self, order_no: str, state: str, seconds: float = 20) -> Json:
        async def there() -> Json:
            order = await self.look(order_no)
            return order if order["state"] == state else None

        return await until(there, seconds)

    async def settled(self, amount_fen: int = 2000) -> str:
        order_no = await self.placed(amount_fen)
        await self.thumb(order_no)
        await self.until(order_no, "settled")
        return order_no

    async def ask_back(self, order_no: str, **wish: Json) -> Answer:
        wanted = {"reason": "重复缴费", **wish}
        return await self.resident.api("POST", f"/v1/orders/{order_no}/refund-requests", wanted, headers={"Idempotency-Key": uuid.uuid4().hex})

    async def at_core(self, order_no: str, kind: str = "settled") -> list[Json]:
        lines = [one for one in await self.house.ledger("core") if one["kind"] == kind]
        return [one for one in lines if one.get("order_no") == order_no or one.get("settlement_id") == f"S-{order_no}"]

    async def at_gateway(self, order_no: str, kind: str) -> list[Json]:
        lines = await self.house.ledger(self.resident.channel)
        return [one for one in lines if one["kind"] == kind and one.get("order_no") == order_no]

    async def told(self, order_no: str) -> list[Json]:
        return [one for one in await self.resident.inbox() if order_no in one["text"]]


async def make_payer(house: House, channel: str = "wechat") -> Payer:
    resident = await make_resident(house, channel)
    return Payer(resident, await resident.case())


async def due_now(database: Any, key: str) -> None:
    """The row waits no longer: as if its time had come."""
    await database["outbox"].update_one({"_id": key, "state": "waiting"}, [{"$set": {"due_at": "$$NOW", "held": False}}])
