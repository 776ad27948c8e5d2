"""Money at the core as the sandbox keeps it: bills of the clerk's desk, settlements once per id, reversals, a book by Beijing day."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from core.bills import Bill, BillList, BookPage, Reversal, Settlement
from tests.sandbox.outside import Json, Outside, Reply

Private = Callable[..., Outside]


def refusal(reply: Reply) -> tuple[int, str]:
    assert reply.kind.startswith("application/problem+json"), reply
    assert reply.json["status"] == reply.status and reply.json["title"]
    return reply.status, reply.json["code"]


async def issue(world: Outside, case: Json, **wanted: Any) -> Reply:
    return await world.call("POST", f"/world/core/cases/{case['case_no']}/bills", {"amount_fen": 12000, **wanted})


async def owed(world: Outside, person: Json = None, **wanted: Any) -> Json:
    reply = await issue(world, await world.case(person), **wanted)
    assert reply.status == 200, reply
    return reply.json


def payment(bill: Json, **other: Any) -> Json:
    order_no = secrets.token_hex(8)
    return {
        "settlement_id": f"S-{order_no}",
        "bill_id": bill["bill_id"],
        "bill_version": bill["version"],
        "order_no": order_no,
        "channel": "wechat",
        "transaction_id": "4200009901202611230000000001",
        "amount_fen": bill["amount_fen"],
        "paid_at": "2026-11-23T09:31:07+08:00",
        **other,
    }


def refund(settlement: Json, amount_fen: int, **other: Any) -> Json:
    own = f"R{secrets.token_hex(8)}"
    about = {"settlement_id": settlement["settlement_id"], "amount_fen": amount_fen, "reason": "多收", "refunded_at": "2026-11-24T10:00:00+08:00"}
    return {"reversal_id": own, **about, **other}


async def settle(world: Outside, asked: Json) -> Reply:
    return await world.core("POST", "/settlements", asked, key=asked["settlement_id"])


async def reverse(world: Outside, asked: Json) -> Reply:
    return await world.core("POST", "/reversals", asked, key=asked["reversal_id"])


async def look(world: Outside, bill: Json) -> Json:
    return (await world.core("GET", f"/bills/{bill['bill_id']}")).json


async def lines(world: Outside, kind: str, **about: Any) -> list[Json]:
    return [one for one in await world.ledger("core") if one["kind"] == kind and about.items() <= one.items()]


async def book(world: Outside, day: str) -> list[Json]:
    """The whole of a day's book."""
    entries: list[Json] = []
    page: Json = {"next_cursor": "", "has_more": True}
    while page["has_more"]:
        page = (await world.core("GET", f"/book?date={day}&cursor={page['next_cursor']}&limit=500")).json
        entries += [one.model_dump(mode="json") for one in BookPage.model_validate_json(json.dumps(page)).entries]
    return entries


# bills


async def test_a_bill_belongs_to_the_case_and_to_its_person(outside: Outside) -> None:
    person = await outside.person()
    case = await outside.case(person)
    bill = (await issue(outside, case, title="副本工本费", payee="某局", expires_at="2026-12-31T18:00:00+08:00")).json
    told = Bill.model_validate_json(json.dumps(bill))
    assert (told.person_id, told.case_no, told.version, told.state) == (person["person"], case["case_no"], 1, "unpaid")
    assert (told.item_name, told.title, told.payee, told.amount_fen) == (case["item_name"], "副本工本费", "某局", 12000)
    assert await look(outside, bill) == bill
    (issued,) = await lines(outside, "bill.issued", bill_id=bill["bill_id"])
    assert (issued["person"], issued["case_no"], issued["amount_fen"]) == (person["person"], case["case_no"], 12000)


@pytest.mark.parametrize(
    ("fees", "title"),
    [([{"name": "登记费", "amount_fen": 8000}, {"name": "工本费", "amount_fen": 1}], "登记费"), ([], "某某证办理费"), (None, "某某证办理费")],
)
async def test_who_is_paid_and_for_what_comes_from_the_item(outside: Outside, fees: Json, title: str) -> None:
    item = {"code": f"T{secrets.token_hex(6)}", "name": "某某证", "department": {"name": "某某局"}, "fees": fees}
    await outside.world("POST", "/core/items", item)
    case = (await outside.submit(await outside.submission(await outside.person(), item_code=item["code"], item_version=1))).json
    assert ((bill := (await issue(outside, case)).json)["title"], bill["payee"]) == (title, "某某局")
    await outside.world("DELETE", f"/core/items/{item['code']}")
    assert (await issue(outside, case)).json["title"] == "某某证办理费"  # the case outlives its item


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_fen": None},
        {"amount_fen": 0},
        {"amount_fen": -1},
        {"amount_fen": 1.5},
        {"amount_fen": True},
        {"amount_fen": "12000"},
        {"amount_fen": 10_000_000_001},
        {"title": ""},
        {"title": 5},
        {"payee": "某" * 501},
        {"expires_at": "2026-12-31T18:00:00"},
        {"expires_at": "明天"},
        {"state": "paid"},
    ],
)
async def test_a_bill_nobody_could_pay_is_not_issued(outside: Outside, wrong: Json) -> None:
    case = await outside.case()
    reply = await issue(outside, case, **wrong)
    assert refusal(reply) == (422, "bad_bill") and reply.json["errors"]
    assert await lines(outside, "bill.issued", case_no=case["case_no"]) == []


async def test_without_a_case_or_an_amount_there_is_no_bill(outside: Outside) -> None:
    assert refusal(await issue(outside, {"case_no": "never"})) == (404, "unknown_case")
    case = await outside.case()
    assert refusal(await outside.call("POST", f"/world/core/cases/{case['case_no']}/bills", {})) == (422, "bad_bill")


async def test_a_changed_bill_is_a_new_version(outside: Outside) -> None:
    bill = await owed(outside)
    path = f"/core/bills/{bill['bill_id']}"
    assert await outside.world("PUT", path, {"amount_fen": 9900}) == bill | {"version": 2, "amount_fen": 9900}
    assert await outside.world("PUT", path, {"expires_at": None}) == bill | {"version": 3, "amount_fen": 9900}
    assert (await outside.world("PUT", path, {"state": "cancelled"}))["state"] == "cancelled"
    assert refusal(await outside.call("PUT", f"/world{path}", {"amount_fen": 1})) == (409, "bill_cancelled")
    assert [(one["version"], one["state"]) for one in await lines(outside, "bill.changed", bill_id=bill["bill_id"])] == [
        (2, "unpaid"),
        (3, "unpaid"),
        (4, "cancelled"),
    ]


async def test_a_paid_bill_stays_as_it_is(outside: Outside) -> None:
    bill = await owed(outside)
    await settle(outside, payment(bill))
    for news in ({"amount_fen": 1}, {"state": "cancelled"}):
        assert refusal(await outside.call("PUT", f"/world/core/bills/{bill['bill_id']}", news)) == (409, "bill_already_paid")
    assert (await look(outside, bill)) == bill | {"version": 2, "state": "paid"}


@pytest.mark.parametrize("wrong", [{}, {"state": "unpaid"}, {"state": "paid"}, {"amount_fen": 0}, {"title": "只改名"}])
async def test_a_change_nobody_understands_changes_nothing(outside: Outside, wrong: Json) -> None:
    bill = await owed(outside)
    assert refusal(await outside.call("PUT", f"/world/core/bills/{bill['bill_id']}", wrong)) == (422, "bad_bill")
    assert await look(outside, bill) == bill
    assert refusal(await outside.call("PUT", "/world/core/bills/never", {"amount_fen": 1})) == (404, "unknown_bill")


async def test_a_person_sees_their_own_bills_the_newest_first(outside: Outside) -> None:
    mine, other = await outside.person(), await outside.person()
    bills = [await owed(outside, mine, amount_fen=100 + n) for n in range(3)]
    await owed(outside, other)
    await settle(outside, payment(bills[1]))

    async def listed(query: str) -> list[str]:
        found = BillList.model_validate_json((await outside.core("GET", f"/bills?{query}")).body)
        return [one.bill_id for one in found.bills]

    ids = [one["bill_id"] for one in bills]
    assert await listed(f"person_id={mine['person']}&state=all") == ids[::-1]
    assert await listed(f"person_id={mine['person']}") == await listed(f"person_id={mine['person']}&state=unpaid") == [ids[2], ids[0]]
    assert await listed("person_id=nobody&state=all") == []
    for wrong in ("state=unpaid", "state=all", f"person_id={mine['person']}&state=paid"):
        assert refusal(await outside.core("GET", f"/bills?{wrong}")) == (422, "bad_request")


# settlements


async def test_a_settlement_pays_the_bill_and_brings_an_electronic_bill(outside: Outside) -> None:
    bill = await owed(outside)
    asked = payment(bill, channel="alipay")
    reply = await settle(outside, asked)
    made = Settlement.model_validate_json(reply.body)
    assert reply.status == 201 and made.e_bill is not None
    assert (made.e_bill.code.isdigit(), len(made.e_bill.code), len(made.e_bill.number), len(made.e_bill.check_code)) == (True, 8, 10, 6)
    assert {name: value for name, value in asked.items() if name != "bill_version"}.items() <= reply.json.items()
    assert await look(outside, bill) == bill | {"state": "paid", "version": 2}
    assert (await outside.core("GET", f"/settlements/{asked['settlement_id']}")).json == reply.json
    (line,) = await lines(outside, "settled", settlement_id=asked["settlement_id"])
    about = ("settlement_id", "bill_id", "order_no", "amount_fen", "channel", "transaction_id")
    assert line["effective"] is True and {name: line[name] for name in about} == {name: asked[name] for name in about}


async def test_two_electronic_bills_never_share_a_number(outside: Outside) -> None:
    made = [(await settle(outside, payment(await owed(outside)))).json["e_bill"]["number"] for _ in range(2)]
    assert made[0] != made[1]


async def test_the_same_settlement_many_times_at_once_is_booked_once(outside: Outside) -> None:
    asked = payment(await owed(outside))
    replies = await asyncio.gather(*(settle(outside, asked) for _ in range(8)))
    assert sorted(reply.status for reply in replies) == [200] * 7 + [201]
    assert len({reply.body for reply in replies}) == 1
    assert len(await lines(outside, "settled", settlement_id=asked["settlement_id"])) == 1


async def test_of_two_payments_at_once_one_settles_the_bill(outside: Outside) -> None:
    bill = await owed(outside)
    replies = await asyncio.gather(*(settle(outside, payment(bill)) for _ in range(6)))
    assert sorted(reply.status for reply in replies) == [201] + [409] * 5
    assert {reply.json["code"] for reply in replies if reply.status == 409} == {"bill_already_paid"}
    assert len(await lines(outside, "settled", bill_id=bill["bill_id"])) == 1


async def test_an_older_version_of_the_same_amount_and_an_expired_bill_are_settled(outside: Outside) -> None:
    """The money is there; only another amount sends it back."""
    bill = await owed(outside)
    await outside.world("PUT", f"/core/bills/{bill['bill_id']}", {"expires_at": "2020-01-01T00:00:00+08:00"})
    assert (await settle(outside, payment(bill))).status == 201


async def test_what_cannot_be_settled_is_refused_and_books_nothing(outside: Outside) -> None:
    bill, cancelled, raised, done = [await owed(outside) for _ in range(4)]
    await outside.world("PUT", f"/core/bills/{cancelled['bill_id']}", {"state": "cancelled"})
    await outside.world("PUT", f"/core/bills/{raised['bill_id']}", {"amount_fen": 12001})
    assert (await settle(outside, first := payment(done))).status == 201
    count = len(await lines(outside, "settled"))
    assert refusal(await settle(outside, payment(bill, bill_id="never"))) == (404, "unknown_bill")
    assert refusal(await settle(outside, payment(cancelled))) == (409, "bill_cancelled")
    assert refusal(await settle(outside, payment(raised))) == (409, "amount_mismatch")
    assert refusal(await settle(outside, payment(done))) == (409, "bill_already_paid")
    assert refusal(await settle(outside, first | {"transaction_id": "another"})) == (422, "settlement_id_reused")
    assert refusal(await outside.core("POST", "/settlements", payment(bill), key="another")) == (422, "bad_request")
    assert refusal(await outside.core("POST", "/settlements", payment(bill))) == (422, "bad_request")
    assert len(await lines(outside, "settled")) == count and (await look(outside, bill)) == bill


@pytest.mark.parametrize(
    "wrong",
    [
        {"settlement_id": "no spaces"},
        {"bill_id": None},
        {"bill_version": 0},
        {"bill_version": True},
        {"order_no": "x" * 65},
        {"channel": "cash"},
        {"channel": {}},
        {"transaction_id": ""},
        {"amount_fen": 12000.0},
        {"amount_fen": 0},
        {"paid_at": "2026-11-23"},
        {"paid_at": "2026-11-23T09:31:07"},
        {"paid_at": 1764000000},
    ],
)
async def test_a_settlement_that_breaks_the_contract_is_refused(outside: Outside, wrong: Json) -> None:
    asked = payment(await owed(outside), **wrong)
    reply = await settle(outside, asked)
    assert refusal(reply) == (422, "bad_request") and reply.json["errors"] == list(wrong)


# reversals


async def test_what_is_given_back_in_full_is_owed_again(outside: Outside) -> None:
    bill = await owed(outside)
    first = payment(bill)
    settled = (await settle(outside, first)).json
    part, rest = refund(first, 5000), refund(first, 7000)
    made = await reverse(outside, part)
    assert made.status == 201 and part.items() <= made.json.items()
    assert Reversal.model_validate_json(made.body).amount_fen == 5000
    assert (await look(outside, bill))["state"] == "paid"
    assert refusal(await reverse(outside, refund(first, 7001))) == (409, "more_than_settled")
    assert (await reverse(outside, rest)).status == 201
    assert await look(outside, bill) == bill | {"state": "unpaid", "version": 3}
    assert refusal(await reverse(outside, refund(first, 1))) == (409, "more_than_settled")
    assert (await settle(outside, first)).json == settled  # the repeat of an old booking pays nothing again
    assert (await look(outside, bill))["state"] == "unpaid"
    assert (await settle(outside, payment(bill, bill_version=3))).status == 201
    assert (await look(outside, bill))["state"] == "paid"
    assert [one["amount_fen"] for one in await lines(outside, "reversed", settlement_id=first["settlement_id"])] == [5000, 7000]


async def test_the_same_reversal_many_times_at_once_is_booked_once(outside: Outside) -> None:
    await settle(outside, first := payment(await owed(outside)))
    asked = refund(first, 100)
    replies = await asyncio.gather(*(reverse(outside, asked) for _ in range(6)))
    assert sorted(reply.status for reply in replies) == [200] * 5 + [201]
    assert len({reply.body for reply in replies}) == 1
    assert (await outside.core("GET", f"/reversals/{asked['reversal_id']}")).json == replies[0].json
    assert len(await lines(outside, "reversed", reversal_id=asked["reversal_id"])) == 1


async def test_a_reversal_of_nothing_is_refused(outside: Outside) -> None:
    await settle(outside, first := payment(await owed(outside)))
    await reverse(outside, known := refund(first, 100))
    assert refusal(await reverse(outside, refund({"settlement_id": "S-never"}, 1))) == (404, "unknown_settlement")
    assert refusal(await reverse(outside, known | {"amount_fen": 99})) == (422, "reversal_id_reused")
    assert refusal(await reverse(outside, refund(first, 0))) == (422, "bad_request")
    assert refusal(await reverse(outside, refund(first, 1, refunded_at="昨天"))) == (422, "bad_request")
    assert refusal(await outside.core("POST", "/reversals", refund(first, 1), key="another")) == (422, "bad_request")
    assert refusal(await outside.core("GET", "/reversals/never")) == (404, "unknown_reversal")
    assert refusal(await outside.core("GET", "/settlements/never")) == (404, "unknown_settlement")
    assert refusal(await outside.core("GET", "/bills/never")) == (404, "unknown_bill")


# the book


async def test_the_book_divides_at_midnight_in_beijing_by_when_the_money_moved(outside: Outside) -> None:
    moments = {
        "2019-06-30T23:59:59.999+08:00": "2019-06-30",
        "2019-07-01T00:00:00+08:00": "2019-07-01",
        "2019-06-30T15:59:59Z": "2019-06-30",
        "2019-06-30T16:00:00+00:00": "2019-07-01",
    }
    asks = [payment(await owed(outside), paid_at=at) for at in moments]
    for asked in asks:
        assert (await settle(outside, asked)).status == 201
    backs = [refund(asks[0], 1 + n, refunded_at=at) for n, at in enumerate(moments)]
    for asked in backs:
        assert (await reverse(outside, asked)).status == 201
    for day in ("2019-06-30", "2019-07-01"):
        days = list(moments.values())
        wanted = [one["settlement_id"] for one, of in zip(asks, days, strict=True) if of == day]
        wanted += [one["reversal_id"] for one, of in zip(backs, days, strict=True) if of == day]
        found = await book(outside, day)
        assert [one["id"] for one in found] == wanted
        assert {one["order_no"] for one in found if one["kind"] == "reversed"} == {asks[0]["order_no"]}
    assert await book(outside, "2019-07-02") == [] == await book(outside, "2019-06-29")


async def test_the_last_page_may_be_asked_again_later(outside: Outside) -> None:
    at = "2018-01-05T12:00:00+08:00"
    await settle(outside, first := payment(await owed(outside), paid_at=at))
    page = (await outside.core("GET", "/book?date=2018-01-05")).json
    assert [one["id"] for one in page["entries"]] == [first["settlement_id"]] and not page["has_more"]
    await settle(outside, later := payment(await owed(outside), paid_at=at))
    page = (await outside.core("GET", f"/book?date=2018-01-05&cursor={page['next_cursor']}")).json
    assert [one["id"] for one in page["entries"]] == [later["settlement_id"]]
    assert (await outside.core("GET", f"/book?date=2018-01-05&cursor={page['next_cursor']}")).json == page | {"entries": []}


@pytest.mark.parametrize("day", ["", "20261123", "2026-W48-1", "2026-02-30", "today", "2026-11-23/"])
async def test_a_day_that_is_none_is_refused(outside: Outside, day: str) -> None:
    assert refusal(await outside.core("GET", f"/book?date={day}")) == (422, "bad_date")


async def test_a_cursor_that_is_none_is_refused(outside: Outside) -> None:
    for wrong in ("cursor=x", "limit=0", "limit=501"):
        assert refusal(await outside.core("GET", f"/book?date=2026-11-23&{wrong}")) == (422, "bad_cursor")


# the core that nobody wants


async def test_a_core_that_is_not_idempotent_books_everything_again(outside: Outside) -> None:
    await settle(outside, first := payment(await owed(outside), paid_at="2017-01-01T12:00:00+08:00"))
    back = refund(first, 12000, refunded_at="2017-01-02T12:00:00+08:00")
    async with outside.faults(core={"not_idempotent": True}):
        assert (await settle(outside, first)).status == 201
        assert refusal(await settle(outside, payment({"bill_id": first["bill_id"], "version": 1, "amount_fen": 12000}))) == (409, "bill_already_paid")
        assert [(await reverse(outside, back)).status for _ in range(2)] == [201, 201]
    settled = await lines(outside, "settled", settlement_id=first["settlement_id"])
    assert [one["effective"] for one in settled] == [True, False]
    assert [one["effective"] for one in await lines(outside, "reversed", reversal_id=back["reversal_id"])] == [True, False]
    assert [one["id"] for one in await book(outside, "2017-01-01")] == [first["settlement_id"]] * 2
    assert [one["id"] for one in await book(outside, "2017-01-02")] == [back["reversal_id"]] * 2
    assert (await settle(outside, first)).status == 200  # as good as before


async def test_a_core_that_is_slow_to_find_still_knows_what_it_has(outside: Outside) -> None:
    async with outside.faults(core={"hide_settlements_ms": 600_000}):
        bill = await owed(outside)
        await settle(outside, first := payment(bill))
        await reverse(outside, back := refund(first, 1))
        assert refusal(await outside.core("GET", f"/settlements/{first['settlement_id']}")) == (404, "unknown_settlement")
        assert refusal(await outside.core("GET", f"/reversals/{back['reversal_id']}")) == (404, "unknown_reversal")
        assert (await settle(outside, first)).status == 200 and (await look(outside, bill))["state"] == "paid"
    assert (await outside.core("GET", f"/settlements/{first['settlement_id']}")).status == 200
    assert (await outside.core("GET", f"/reversals/{back['reversal_id']}")).status == 200


async def test_a_lost_reply_and_a_killed_core_leave_exactly_one_booking(private: Private) -> None:
    world = private()
    bill = await owed(world)
    first = payment(bill)
    async with world.faults(core={"lose_replies": True}):
        with pytest.raises(aiohttp.ClientError):
            await settle(world, first)
    world.process.kill()
    world.process.start()
    found = await world.core("GET", f"/settlements/{first['settlement_id']}")
    again = await settle(world, first)
    assert (again.status, again.json) == (200, found.json)
    assert len(await lines(world, "settled", settlement_id=first["settlement_id"])) == 1
    assert [one["id"] for one in await book(world, "2026-11-23")] == [first["settlement_id"]]


# the world's view


async def test_the_page_sees_every_bill_with_what_was_settled_for_it(private: Private) -> None:
    world = private()
    old, new = await owed(world), await owed(world)
    await settle(world, first := payment(old))
    await reverse(world, refund(first, 2000))
    seen = (await world.world("GET", "/core/bills"))["bills"]
    assert [one["bill_id"] for one in seen] == [new["bill_id"], old["bill_id"]] and seen[0]["settlements"] == []
    (settled,) = seen[1]["settlements"]
    assert (settled["settlement_id"], settled["order_no"], settled["channel"]) == (first["settlement_id"], first["order_no"], "wechat")
    assert (settled["amount_fen"], settled["reversed_fen"], settled["bookings"]) == (12000, 2000, 1)
    await world.world("POST", "/reset")
    assert (await world.world("GET", "/core/bills")) == {"bills": []} and await book(world, "2026-11-23") == []
    assert refusal(await world.core("GET", f"/settlements/{first['settlement_id']}")) == (404, "unknown_settlement")


async def test_every_path_of_money_is_behind_the_cores_door(outside: Outside) -> None:
    for method, path in (
        ("GET", "/bills?person_id=x"),
        ("GET", "/bills/x"),
        ("POST", "/settlements"),
        ("GET", "/settlements/x"),
        ("POST", "/reversals"),
        ("GET", "/reversals/x"),
        ("GET", "/book?date=2026-11-23"),
    ):
        assert refusal(await outside.core(method, path, secret="not the secret")) == (401, "bad_signature")


PAID = {"thing1": "普通护照工本费", "amount2": "120.00元", "time3": "2026年11月23日 09:31", "character_string4": "20261123093012a1b2c3d4"}


@pytest.mark.parametrize("template", ["bill_paid", "bill_refunded"])
async def test_a_phone_is_told_of_money_by_templates_of_its_own(outside: Outside, template: str) -> None:
    person = await outside.person()
    message = {"touser": await outside.openid(person), "template_id": outside.accounts["wechat"]["templates"][template]}
    data = {name: {"value": value} for name, value in PAID.items()}
    for name in PAID:
        refused = await outside.subscribe_send(**message, data={one: value for one, value in data.items() if one != name})
        assert refused["errcode"] == 47003
    assert (await outside.subscribe_send(**message, data=data))["errcode"] == 0
    assert [one["template"] for one in await outside.ledger("messages") if one.get("person") == person["person"]] == [template]


async def test_a_folder_of_an_earlier_version_gets_the_templates_it_lacks(private: Private) -> None:
    world = private()
    world.process.kill()
    path = world.process.folder / "accounts.json"
    before = json.loads(path.read_text())
    kept = {key: before["wechat"]["templates"][key] for key in ("case_moved", "case_corrections")}
    path.write_text(json.dumps({**before, "wechat": {**before["wechat"], "templates": kept}}))
    world.process.start()
    after = json.loads(path.read_text())
    assert kept.items() <= after["wechat"]["templates"].items() and after["wechat"]["templates"].keys() == before["wechat"]["templates"].keys()
    assert await world.world("GET", "/accounts") == after
    assert after | {"wechat": None} == before | {"wechat": None}
