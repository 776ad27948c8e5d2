"""Kuaidi100: the official signatures; what others carry followed with the sandbox, which signs by itself; and a pretend one that says every word."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode

import pytest

from delivery.couriers import ForgedNotice, Scan, ScanKind, UnreadableNotice
from delivery.kuaidi100 import Kuaidi100Account, Kuaidi100Courier, company_of, md5_of
from delivery.sf import SfCourier
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from tests.delivery.courier_world import HALL, HOME, Inbox, Says, courier_world, kuaidi100_account, make_booking, make_notice, scan, sf_account
from tests.listener import listening
from tests.sandbox.outside import Outside, until

World = tuple[Outside, Inbox]
SALT = "XXXXXXXXXX"
PUSHED = (
    '{"status":"polling","billstatus":"","message":"","lastResult":{"message":"ok","state":"0","status":"200","condition":"00","ischeck":"0",'
    '"com":"yuantong","nu":"V030344422","data":[{"context":"上海分拨中心/装件入车扫描 ","time":"2012-08-28 16:33:19","ftime":"2012-08-28 16:33:19"}]}}'
)


def make_courier(url: str = "https://x/poll", http: Http | None = None, salt: str = SALT) -> Kuaidi100Courier:
    return Kuaidi100Courier(http or Http([]), Kuaidi100Account(url, "CUST", "https://api.example.gov.cn/callbacks/kuaidi100", "KEY", salt))


def signed(param: str, salt: str = SALT) -> str:
    return urlencode({"sign": md5_of(param + salt), "param": param})


def test_the_official_push_is_read_and_a_query_is_signed_as_documented() -> None:
    body = urlencode({"sign": "053342C62C7226DF4D8224AF76C3B7E9", "param": PUSHED})
    (one,) = make_courier().read_notice(make_notice(body))
    assert (one.waybill, one.kind, one.text) == ("V030344422", ScanKind.IN_TRANSIT, "上海分拨中心/装件入车扫描")
    assert one.at == datetime(2012, 8, 28, 8, 33, 19, tzinfo=UTC) and one.shipment_id is None
    assert make_courier().read_notice(make_notice(body.replace("053342C62C7226DF", "053342c62c7226df"))) == (one,)
    assert md5_of('{"com":"ems","num":"em263999513jp"}' + "KEY" + "CUST") == "2C2AD7D933A3149FE21CF8146EC48F85"


# with the sandbox


@pytest.fixture(scope="module")
async def outside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with courier_world(Path(tmp_path_factory.mktemp("kuaidi100")) / "data") as world:
        yield world


@pytest.fixture
async def follower(outside: World) -> AsyncIterator[Kuaidi100Courier]:
    world, inbox = outside
    http = Http([world.process.url])
    own = Kuaidi100Courier(http, kuaidi100_account(world, f"{inbox.url}/kuaidi100"))
    inbox.answer = lambda: own.answer(taken=True)
    yield own
    await http.close()


async def test_what_a_resident_sent_by_a_courier_of_his_own_is_followed(outside: World, follower: Kuaidi100Courier) -> None:
    world, inbox = outside
    waybill = "YT7000000000001"
    assert await follower.track(waybill, HOME.phone) == ()
    for _ in range(2):
        await follower.subscribe(waybill, HOME.phone)
    await scan(world, "kuaidi100", waybill, "collect", "transit", "deliver", "pickup_point", "sign")
    asked = await follower.track(waybill, HOME.phone)
    assert {one.kind for one in asked} == {"collected", "in_transit", "delivering", "at_pickup_point", "signed"} and len(
        {one.scan_id for one in asked}
    ) == 5

    async def came() -> bool:
        return len(inbox.after(waybill)) >= 5

    assert await until(came)
    pushed: set[Scan] = set()
    for path, body in inbox.after(waybill):
        assert path == "/kuaidi100"
        pushed |= set(follower.read_notice(make_notice(body)))
    assert pushed == set(asked), "the list is pushed whole each time, and every line keeps its id"
    results = [one["result"] for one in await world.ledger("kuaidi100") if one["kind"] == "push.delivery" and one["waybill"] == waybill]
    assert set(results) == {"taken"}


async def test_a_forged_push_is_seen(outside: World, follower: Kuaidi100Courier) -> None:
    world, inbox = outside
    waybill = "YT7000000000002"
    await follower.subscribe(waybill, HOME.phone)
    await scan(world, "kuaidi100", waybill, "sign", **{"as": "forged"})

    async def came() -> bool:
        return bool(inbox.after(waybill))

    assert await until(came)
    with pytest.raises(ForgedNotice, match="wrong_signature"):
        follower.read_notice(make_notice(inbox.after(waybill)[0][1]))
    assert await follower.track(waybill, HOME.phone) == ()


async def test_a_number_of_sf_wants_the_phone_of_a_party(outside: World, follower: Kuaidi100Courier) -> None:
    world, _ = outside
    http = Http([world.process.url])
    booked = await SfCourier(http, sf_account(world)).book(make_booking())
    await scan(world, "sf", booked.waybill, "collect", "exception", "reject", "return", "returned")
    assert [one.kind for one in await follower.track(booked.waybill, HOME.phone)] == ["returned", "returning", "rejected", "exception", "collected"]
    with pytest.raises(Refused, match="refused"):
        await follower.track(booked.waybill, "13900009999")
    await http.close()


async def test_a_wrong_key_was_never_looked_at_and_a_courier_that_is_down_is_unknown(outside: World, follower: Kuaidi100Courier) -> None:
    world, inbox = outside
    http = Http([world.process.url])
    wrong = Kuaidi100Courier(http, kuaidi100_account(world, inbox.url, key="another"))
    for call in (wrong.track("YT7000000000003", ""), wrong.subscribe("YT7000000000003", "")):
        with pytest.raises(NotReached):
            await call
    async with world.faults(kuaidi100={"down": True}):
        for call in (follower.track("YT7000000000003", ""), follower.subscribe("YT7000000000003", "")):
            with pytest.raises((NotReached, Unknown)):
                await call
    await http.close()


# one that says what it is told to


@pytest.fixture
async def says() -> AsyncIterator[tuple[Kuaidi100Courier, Says]]:
    platform = Says()
    async with listening(platform.answer) as url:
        http = Http([url])
        yield make_courier(f"{url}/poll", http), platform
        await http.close()


async def test_the_requests_are_what_is_documented(says: Any) -> None:
    follower, platform = says
    platform.reply = {"result": True, "returnCode": "200", "message": "提交成功"}
    await follower.subscribe("YT7000000000001", "13900000001")
    await follower.subscribe("9999999999", "13900000001")
    (path, known), (_, unknown) = platform.asked
    assert path == "/poll" and known["schema"] == "json"
    asked, other = json.loads(known["param"]), json.loads(unknown["param"])
    assert asked["company"] == "yuantong" and asked["number"] == "YT7000000000001" and asked["key"] == "KEY"
    assert asked["parameters"] == {
        "callbackurl": "https://api.example.gov.cn/callbacks/kuaidi100",
        "salt": SALT,
        "resultv2": "4",
        "phone": "13900000001",
    }
    assert other["company"] == "" and other["parameters"]["autoCom"] == "1"
    platform.reply = {"result": False, "returnCode": "500", "message": "查询无结果"}
    assert await follower.track("9999999999", "13900000001") == ()
    path, form = platform.asked[2]
    assert path == "/poll/query.do" and form["customer"] == "CUST" and form["sign"] == md5_of(form["param"] + "KEY" + "CUST")
    assert json.loads(form["param"])["com"] == "auto" and json.loads(form["param"])["phone"] == "13900000001"


@pytest.mark.parametrize(
    ("waybill", "company"),
    [("SF1234567890123", "shunfeng"), ("JD0123456789012", "jd"), ("1136281381675", "ems"), ("EM263999513CN", "ems"), ("V030344422", ""), ("", "")],
)
def test_some_numbers_tell_their_courier(waybill: str, company: str) -> None:
    assert company_of(waybill) == company


@pytest.mark.parametrize(
    ("code", "error"), [("601", NotReached), ("503", NotReached), ("700", Refused), ("400", Refused), ("500", Unknown), ("999", Unknown)]
)
async def test_a_subscription_that_is_refused_says_why(says: Any, code: str, error: type[Exception]) -> None:
    follower, platform = says
    platform.reply = {"result": False, "returnCode": code, "message": "…"}
    with pytest.raises(error):
        await follower.subscribe("YT7000000000001", "")


LINE = {"context": "已签收", "ftime": "2026-11-29 08:30:00", "statusCode": "301"}
GARBLED: list[Any] = [
    "<html>",
    "[]",
    {},
    {"status": "200", "nu": "another", "data": [LINE]},
    {"status": "200", "data": "x"},
    {"status": "200", "data": ["x"]},
    {"status": "200", "data": [{**LINE, "ftime": "x"}]},
    {"returnCode": "999"},
]


@pytest.mark.parametrize("reply", GARBLED, ids=range(len(GARBLED)))
async def test_what_proves_nothing_is_unknown(says: Any, reply: Any) -> None:
    follower, platform = says
    platform.reply = reply
    with pytest.raises(Unknown):
        await follower.track("YT7000000000001", "")
    platform.status = 500
    with pytest.raises(Unknown):
        await follower.subscribe("YT7000000000001", "")


async def test_it_books_nothing(says: Any) -> None:
    follower, platform = says
    for call in (follower.book(make_booking()), follower.quote(HALL, HOME), follower.cancel("p-1", "V030344422")):
        with pytest.raises(Refused):
            await call
    assert await follower.find("p-1") is None and platform.asked == [] and not follower.books


def way(state: str, *lines: tuple[str, str | None, str], status: str = "polling") -> str:
    """Lines as they come: the newest first."""
    data = [{"context": text, "ftime": at, **({} if code is None else {"statusCode": code})} for at, code, text in lines]
    return json.dumps({"status": status, "message": "", "lastResult": {"state": state, "nu": "V030344422", "com": "yuantong", "data": data}})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("101", "booked"),
        ("102", "booked"),
        ("103", "collected"),
        ("203", "rejected"),
        ("206", "exception"),
        ("304", "signed"),
        ("401", "cancelled"),
        ("501", "at_pickup_point"),
        ("4", "returned"),
        ("6", "returning"),
        ("7", "in_transit"),
        ("12", "in_transit"),
        ("14", "rejected"),
        ("210", "in_transit"),
    ],
)
def test_a_code_says_what_a_line_is_and_an_unknown_one_is_on_its_way(code: str, kind: str) -> None:
    (one,) = make_courier().read_notice(make_notice(signed(way("0", ("2026-11-29 08:30:00", code, "已签收")))))
    assert one.kind == kind


def test_without_codes_the_state_belongs_to_the_newest_line_and_every_other_keeps_its_id() -> None:
    first = ("2026-11-29 08:30:00", None, "派件中")
    before = make_courier().read_notice(make_notice(signed(way("5", first))))
    after = make_courier().read_notice(make_notice(signed(way("3", ("2026-11-29 09:00:00", None, "已签收"), first))))
    assert [one.kind for one in after] == ["signed", "in_transit"] and before == after[1:]


def test_the_end_of_watching_may_bring_nothing() -> None:
    assert make_courier().read_notice(make_notice(signed(way("0", status="abort")))) == ()
    assert len(make_courier().read_notice(make_notice(signed(way("0", ("2026-11-29 08:30:00", "0", "在途"), status="abort"))))) == 1


def test_a_salt_may_be_empty_and_param_is_verified_as_it_was_decoded() -> None:
    told = way("0", ("2026-11-29 08:30:00", "0", "a+b %41 &=？"))
    body = f"sign={md5_of(told)}&param={quote_plus(told)}"
    assert make_courier(salt="").read_notice(make_notice(body))[0].text == "a+b %41 &=？"


FORGED = [
    "",
    "param",
    "sign=&param=",
    urlencode({"param": PUSHED}),
    urlencode({"sign": "0" * 32, "param": PUSHED}),
    urlencode({"sign": md5_of(PUSHED), "param": PUSHED}),
    urlencode({"sign": md5_of(PUSHED + SALT), "param": PUSHED + " "}),
    urlencode({"sign": "密", "param": PUSHED}),
    signed(PUSHED) + "&" + urlencode({"param": PUSHED}),
    urlencode({"param": "{}"}) + "&" + signed(PUSHED),
    signed(PUSHED) + "&sign=" + md5_of(PUSHED + SALT),
    "&".join(f"a{i}=1" for i in range(50)),
]


@pytest.mark.parametrize("body", FORGED, ids=range(len(FORGED)))
def test_a_push_that_is_not_signed_for_exactly_what_it_says_is_forged(body: str) -> None:
    with pytest.raises(ForgedNotice):
        make_courier().read_notice(make_notice(body))
    with pytest.raises(ForgedNotice):
        make_courier().read_notice(make_notice(b"\xff\xfe"))


@pytest.mark.parametrize("param", ["", "[]", "{}", '{"lastResult":[]}', '{"lastResult":{"nu":"<b>","data":[]}}', way("3", ("x", "301", "已签收"))])
def test_a_genuine_push_of_another_form_is_unreadable(param: str) -> None:
    with pytest.raises(UnreadableNotice):
        make_courier().read_notice(make_notice(signed(param)))


def test_the_answer_is_kuaidi100s_own_and_no_secret_shows() -> None:
    assert json.loads(make_courier().answer(taken=True)[0]) == {"result": True, "returnCode": "200", "message": "成功"}
    assert json.loads(make_courier().answer(taken=False)[0])["result"] is False
    assert "SECRET" not in repr(Kuaidi100Account("u", "c", "b", "SECRET", "SECRET"))
    assert parse_qs(signed(PUSHED))["param"] == [PUSHED]
