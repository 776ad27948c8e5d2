"""kill -9 at every named point of taking money, eight times each: it ends where it belongs, once, and nobody has to do anything by hand."""

import uuid
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from kit.mongo import Mongo
from tests.api.house import until
from tests.api.purse import Payer
from tests.crash.killing import TIMES, ended, killed, once, placed, time_goes_by

pytestmark = pytest.mark.crash


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("point", ["callback.after_verify", "callback.before_ack", "settle.before_core", "settle.after_core"])
async def test_a_kill_while_a_payment_is_taken(payer: Payer, database: Mongo, points: Path, point: str) -> None:
    for _ in range(TIMES):
        order_no = await placed(payer)
        await killed(points, point, lambda order_no=order_no: payer.thumb(order_no))  # type: ignore[misc]
        await ended(payer, database, order_no, "settled")
        await once(payer, order_no)


@pytest.mark.usefixtures("supervised")
async def test_a_kill_after_the_gateway_took_the_order(payer: Payer, database: Mongo, points: Path) -> None:
    """The resident taps again and gets the same order; nobody else's number is used up."""
    for _ in range(TIMES):
        bill = await payer.bill()
        await killed(points, "order.after_prepay", lambda bill=bill: payer.order(bill, uuid.uuid4().hex))  # type: ignore[misc]
        before = await database["orders"].find_one({"bill_id": bill})

        async def again(bill: str = bill) -> str | None:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                answer = await payer.order(bill)
                return str(answer.json["order_no"]) if answer.status == 201 else None
            return None

        order_no = await until(again, 60)
        assert before is not None and order_no == before["_id"]
        await payer.thumb(order_no)
        await ended(payer, database, order_no, "settled")
        await once(payer, order_no)


@pytest.mark.usefixtures("supervised")
async def test_a_kill_while_an_order_is_closed(payer: Payer, database: Mongo, points: Path) -> None:
    """The worker dies after the gateway closed it: it is closed here too, and the bill can be paid anew."""
    for _ in range(TIMES):
        bill = await payer.bill()
        order_no = str((await payer.order(bill)).json["order_no"])

        async def run_out(order_no: str = order_no) -> None:
            order = await database["orders"].find_one({"_id": order_no})
            assert order is not None
            await database["orders"].update_one({"_id": order_no}, {"$set": {"expires_at": order["expires_at"] - timedelta(hours=1)}})
            await time_goes_by(database)

        await killed(points, "close.after_gateway", run_out)
        await ended(payer, database, order_no, "closed")
        second = str((await payer.order(bill)).json["order_no"])
        assert second != order_no
        await payer.thumb(second)
        await ended(payer, database, second, "settled")
        await once(payer, second)
