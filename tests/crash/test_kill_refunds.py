"""kill -9 at every named point of giving money back, eight times each: it goes back once, and the core takes its booking back once."""

import uuid
from pathlib import Path

import pytest

from kit.mongo import Mongo
from tests.api.desk import Desk, make_desk
from tests.api.house import House, until
from tests.api.purse import Payer
from tests.crash.killing import TIMES, ended, killed, once, placed, time_goes_by

pytestmark = pytest.mark.crash


async def asked_back(cashier: Desk, order_no: str, amount_fen: int) -> str:
    wish = {"amount_fen": amount_fen, "reason": "多收"}
    answer = await cashier.api("POST", f"/staff/v1/orders/{order_no}/refunds", wish, headers={"Idempotency-Key": uuid.uuid4().hex})
    assert answer.status == 201, answer.body
    return str(answer.json["refund_no"])


@pytest.fixture
async def desks(house: House) -> tuple[Desk, Desk]:
    return await make_desk(house, "cashier"), await make_desk(house, "approver")


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("point", ["refund.before_gateway", "refund.after_gateway", "reverse.before_core", "reverse.after_core"])
async def test_a_kill_while_money_goes_back(payer: Payer, database: Mongo, points: Path, desks: tuple[Desk, Desk], point: str) -> None:
    cashier, approver = desks
    for _ in range(TIMES):
        order_no = await placed(payer)
        await payer.thumb(order_no)
        await ended(payer, database, order_no, "settled")
        asked = await asked_back(cashier, order_no, 700)

        async def approve(refund_no: str = asked) -> None:
            await approver.api("POST", f"/staff/v1/refunds/{refund_no}/approve", {})

        await killed(points, point, approve)

        async def taken_back(order_no: str = order_no) -> bool:
            await time_goes_by(database)
            return (
                bool(await payer.at_core(order_no, "reversed"))
                and (await database["orders"].find_one({"_id": order_no}) or {})["reversed_fen"] == 700
            )

        await until(taken_back, 60)
        await once(payer, order_no, refunded=700)
