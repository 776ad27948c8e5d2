"""kill -9 at every named point of paying, eight times each: the money ends where it belongs, once, and nobody has to do anything by hand."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from kit.kill_points import VARIABLE
from kit.mongo import Mongo, connect
from miniapp_api.stack import Stack
from payments.booking import QUIET
from tests.api.desk import Desk, make_desk
from tests.api.house import House, until
from tests.api.purse import Payer, make_payer

TIMES = 8
pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("points")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, points: Path) -> Iterator[Stack]:
    own = Stack(tmp_path_factory.mktemp("crash-pay"), extra={VARIABLE: str(points), "ZHANGBAN_FEED_SECONDS": "1"})
    own.start()
    yield own
    own.stop()


@pytest.fixture
async def database(stack: Stack) -> AsyncIterator[Mongo]:
    own = connect(stack.env["MONGO_URL"], "zhangban")
    yield own
    await own.close()


@pytest.fixture
async def supervised(stack: Stack) -> AsyncIterator[None]:
    """Whoever dies is started again, as `zhangban run` and any supervisor do."""

    async def watch() -> None:
        while True:
            for name in ("api", "worker"):
                if not stack.children[name].alive:
                    stack.children[name].start()
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    yield
    watching.cancel()
    await asyncio.to_thread(stack.wait_ready)


@pytest.fixture
async def payer(house: House) -> Payer:
    await house.world("POST", "/world/clock", {"speed": 60})  # the gateways' repeats come within a second
    return await make_payer(house)


async def killed(points: Path, name: str, act: Callable[[], Awaitable[Any]]) -> None:
    """`act` brings a process to the point, where it dies."""
    (points / name).touch()
    with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError):
        await act()

    async def dead() -> bool:
        return not (points / name).exists()

    await until(dead, 30)


async def time_goes_by(database: Mongo) -> None:
    """A dead worker's lease ends, and the core has been quiet for long enough: what would take a minute."""
    back = -int((QUIET + 5) * 1000)
    earlier = {"$dateAdd": {"startDate": "$$NOW", "unit": "millisecond", "amount": back}}
    for name, field in (("orders", "settle_tried_at"), ("refunds", "reverse_tried_at")):
        await database[name].update_many({field: {"$type": "date"}}, [{"$set": {field: earlier}}])
    await database["outbox"].update_many({"state": "waiting", "kind": {"$regex": "^pay[.]"}}, [{"$set": {"due_at": "$$NOW", "held": False}}])


async def ended(payer: Payer, database: Mongo, order_no: str, state: str) -> None:
    async def there() -> bool:
        await time_goes_by(database)
        with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError):
            return bool((await payer.look(order_no))["state"] == state)
        return False

    await until(there, 60)


async def placed(payer: Payer) -> str:
    """As a resident does it: again, until it works."""

    async def ordered() -> str | None:
        with suppress(aiohttp.ClientError, TimeoutError, OSError, AssertionError):
            return await payer.placed()
        return None

    return str(await until(ordered, 60))


async def once(payer: Payer, order_no: str, *, refunded: int = 0) -> None:
    """All the books: paid once, booked once, told once, and given back exactly so much."""
    assert len(await payer.at_gateway(order_no, "pay.paid")) == 1
    assert len(await payer.at_core(order_no)) == 1
    given_back = [one["amount_fen"] for one in await payer.at_gateway(order_no, "pay.refunded")]
    taken_back = [one["amount_fen"] for one in await payer.at_core(order_no, "reversed")]
    assert given_back == taken_back == ([refunded] if refunded else [])

    async def told() -> bool:
        return len(await payer.told(order_no)) == (2 if refunded else 1)

    await until(told)


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
