"""The payment bench measures what it says: its notices are genuine, the limit writes what we write, and a double is not counted as once."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bench.pay import limit, prepared
from bench.pay.notices import PATH, Teller
from bench.pay.posting import LOST, in_turn, on_time
from bench.pay.storm import settled_once
from kit.crypto import Keyring
from kit.http import Http
from kit.ids import new_id
from kit.mongo import Mongo, connect
from kit.outbox import Outbox
from miniapp_api.after_payment import AfterPayment
from payments.gateways import Forged, Payment
from payments.order_store import Orders
from payments.refund_store import Refunds
from payments.wechat_pay_account import WeChatPayAccount
from payments.wechat_pay_v3 import WeChatPayV3
from sandbox.accounts import accounts

COLLECTIONS = ("orders", "ledger_entries", "outbox")


def make_bills(count: int) -> list[Any]:
    return prepared.made_up_bills(count)


@pytest.fixture
async def beside(mongo_url: str) -> AsyncIterator[Mongo]:
    """The limit's own empty database."""
    own = connect(mongo_url, new_id("limit"))
    await limit.indexes(own)
    yield own
    await own.client.drop_database(own.database.name)
    await own.close()


@pytest.fixture
async def ours(mongo: Mongo) -> Mongo:
    await limit.indexes(mongo)
    return mongo


def after_payment(mongo: Mongo, keys: Keyring) -> AfterPayment:
    return AfterPayment(mongo, Orders(mongo, keys), Refunds(mongo), Outbox(mongo))


async def stored(mongo: Mongo) -> dict[str, list[dict[str, Any]]]:
    return {name: [row async for row in mongo[name].find().sort("_id", 1)] for name in COLLECTIONS}


async def one_order(mongo: Mongo, keys: Keyring) -> tuple[Payment, dict[str, Any]]:
    (payment,) = await prepared.prepare(mongo, keys, make_bills(1), limit.MERCHANT)
    return payment, cast("dict[str, Any]", await mongo["orders"].find_one({"_id": payment.order_no}))


# notices


async def test_our_adapter_takes_a_notice_made_here_and_none_that_was_changed(tmp_path: Path, ours: Mongo, keys: Keyring) -> None:
    wechat = accounts(tmp_path)["wechat"]
    given = {name: value for name, value in wechat["pay"].items() if name in WeChatPayAccount.__dataclass_fields__}
    adapter = WeChatPayV3(
        cast("Http", None), WeChatPayAccount(**given | {"url": "http://127.0.0.1:1", "appid": wechat["appid"]}), "http://127.0.0.1:1/x"
    )
    payment, _ = await one_order(ours, keys)
    teller = Teller.of(tmp_path)
    body, headers = teller.told(payment)
    lower = {name.lower(): value for name, value in headers.items()}
    assert adapter.read_notice(lower, body).payment == payment
    with pytest.raises(Forged, match="bad_signature"):
        adapter.read_notice(lower, body.replace(b"EV-Z", b"EV-Y"))
    again, signed_again = teller.told(payment)
    assert again != body and signed_again["Wechatpay-Signature"] != headers["Wechatpay-Signature"]


async def test_a_request_is_whole_on_the_wire(tmp_path: Path, ours: Mongo, keys: Keyring) -> None:
    accounts(tmp_path)
    payment, _ = await one_order(ours, keys)
    head, _, body = Teller.of(tmp_path).request("http://127.0.0.1:8000", payment).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    named = dict(line.split(": ", 1) for line in lines)
    assert first == f"POST {PATH} HTTP/1.1" and named["Host"] == "127.0.0.1:8000" and int(named["Content-Length"]) == len(body)
    assert json.loads(body)["event_type"] == "TRANSACTION.SUCCESS" and {"Wechatpay-Signature", "Wechatpay-Serial"} <= named.keys()


# the limit


async def test_the_limit_leaves_the_same_documents_as_we_do(ours: Mongo, beside: Mongo, keys: Keyring) -> None:
    payment, order = await one_order(ours, keys)
    await beside["orders"].insert_one(order)
    written = limit.writes(order, payment)
    assert await after_payment(ours, keys).paid(payment, "notice") == "paid_now"
    await limit.settle(beside, written)
    mine, bare = await stored(ours), await stored(beside)
    assert {name: len(rows) for name, rows in mine.items()} == {"orders": 1, "ledger_entries": 1, "outbox": 2}
    for name in COLLECTIONS:
        for own, other in zip(mine[name], bare[name], strict=True):
            assert list(own) == list(other) and [type(value) for value in own.values()] == [type(value) for value in other.values()]
            clock = {"written_at", "created_at", "due_at"} if name != "orders" else set()
            assert {key: own[key] for key in own if key not in clock} == {key: other[key] for key in other if key not in clock}


async def test_the_limit_asks_the_database_for_the_same_writes_as_we_do(ours: Mongo, beside: Mongo, keys: Keyring) -> None:
    payment, order = await one_order(ours, keys)
    await beside["orders"].insert_one(order)
    written = limit.writes(order, payment)
    for mongo in (ours, beside):
        await mongo.database.command("profile", 2)
    await after_payment(ours, keys).paid(payment, "notice")
    await limit.settle(beside, written)
    mine, bare = await asked(ours), await asked(beside)
    assert bare == [one for one in mine if one[0] != "find"]
    assert [(kind, name) for kind, name, _ in mine] == [
        ("find", "orders"),  # ours alone: is it a payment of that order at all?
        ("findAndModify", "orders"),
        ("insert", "ledger_entries"),
        ("insert", "outbox"),
        ("insert", "outbox"),
    ]


async def asked(mongo: Mongo) -> list[tuple[str, str, Any]]:
    """(command, collection, the compare-and-set's filter and change) in the order the database carried them out."""
    await mongo.database.command("profile", 0)
    found = list[tuple[str, str, Any]]()
    async for row in mongo["system.profile"].find({"ns": {"$in": [f"{mongo.database.name}.{name}" for name in COLLECTIONS]}}).sort("$natural", 1):
        command = row["command"]
        kind = next(name for name in ("find", "findAndModify", "findandmodify", "insert", "update", "delete") if name in command)
        detail = {key: command.get(key) for key in ("query", "update", "new", "upsert")} if kind.lower() == "findandmodify" else None
        found.append(("findAndModify" if kind == "findandmodify" else kind, command[kind], detail))
    return found


async def test_the_limit_stops_at_an_order_that_is_not_waiting(beside: Mongo) -> None:
    _, (one,) = await limit.ready(beside, 1)
    await limit.settle(beside, one)
    with pytest.raises(LookupError):
        await limit.settle(beside, one)


async def test_the_limit_settles_what_it_prepared(beside: Mongo) -> None:
    payments, written = await limit.ready(beside, 7)
    assert await prepared.paid(beside, payments) == 0
    await limit.run(beside, written, callers=3)
    assert await prepared.paid(beside, payments) == 7


async def test_an_order_without_all_that_must_follow_does_not_count_as_paid(beside: Mongo) -> None:
    payments, written = await limit.ready(beside, 4)
    await limit.run(beside, written, callers=2)
    await beside["outbox"].delete_one({"_id": f"tell:paid:{payments[0].order_no}"})
    await beside["ledger_entries"].delete_one({"_id": f"paid:{payments[1].order_no}"})
    await beside["orders"].update_one({"_id": payments[2].order_no}, {"$set": {"state": "closed"}})
    assert await prepared.paid(beside, payments) == 1


async def test_a_prepared_order_is_taken_by_the_real_story(ours: Mongo, keys: Keyring) -> None:
    payment, _ = await one_order(ours, keys)
    story = after_payment(ours, keys)
    assert [await story.paid(payment, "notice"), await story.paid(payment, "notice")] == ["paid_now", "already_paid"]
    assert await prepared.paid(ours, [payment]) == 1


async def test_a_payment_of_another_amount_is_none_of_a_prepared_order(ours: Mongo, keys: Keyring) -> None:
    payment, _ = await one_order(ours, keys)
    with pytest.raises(Exception, match="wrong_amount"):
        await after_payment(ours, keys).paid(replace(payment, amount_fen=payment.amount_fen + 1), "notice")


# counting


def booked(no: str, *, effective: bool = True) -> dict[str, Any]:
    return {"kind": "settled", "order_no": no, "effective": effective}


def test_what_was_booked_or_told_twice_or_never_is_not_settled_once() -> None:
    ledger = [{"kind": "bill.issued"}, booked("Z1"), booked("Z2"), booked("Z2", effective=False), booked("Z3"), booked("Z5"), booked("Z6")]
    ledger += [booked("Z6"), booked("Z7", effective=False)]
    texts = [
        "已缴费，订单 Z1。",
        "已缴费，订单 Z2。",
        "已缴费，订单 Z3。",
        "已缴费，订单 Z3。",
        "已缴费，订单 Z4。",
        "已缴费，订单 Z6。",
        "已缴费，订单 Z7。",
    ]
    assert settled_once([f"Z{n}" for n in range(1, 8)], ledger, texts) == {"Z1"}


# the client


async def serving(answer: bytes, *, hang_up: bool = False) -> tuple[asyncio.Server, str, list[bytes]]:
    came = list[bytes]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            came.append(await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])))
            if hang_up:
                break
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", came


def requests(count: int) -> list[bytes]:
    return [b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n%02d" % n for n in range(count)]


@pytest.mark.parametrize(("answer", "status"), [(b"HTTP/1.1 204 No Content\r\n\r\n", 204), (b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad", 500)])
async def test_every_request_is_sent_once_and_its_answer_counted(answer: bytes, status: int) -> None:
    server, base, came = await serving(answer)
    async with server:
        sent = await in_turn(base, requests(20), connections=4)
        acks = await on_time(base, requests(20), seconds=0.1)
    assert sent.statuses == {status: 20} and [one.status for one in acks] == [status] * 20
    assert sorted(came) == sorted([b"%02d" % n for n in range(20)] * 2)


async def test_a_request_that_gets_no_answer_is_no_acknowledgement() -> None:
    server, base, _ = await serving(b"", hang_up=True)
    async with server:
        acks = await on_time(base, requests(3), seconds=0.05)
    assert [one.status for one in acks] == [LOST] * 3
