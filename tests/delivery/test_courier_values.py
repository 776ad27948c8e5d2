"""What couriers write in their own ways, and that whatever they send leaves an adapter as one of our own errors."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery import courier_values as values
from delivery.couriers import Courier, ForgedNotice, Scan, ScanKind, UnreadableNotice
from delivery.ems import EmsCourier
from delivery.ems_gate import EmsAccount, EmsGate
from delivery.kuaidi100 import Kuaidi100Account, Kuaidi100Courier, md5_of
from delivery.sf import SfCourier
from delivery.sf_gate import SfAccount
from kit.errors import Outside
from kit.http import Http, Reply
from tests.delivery.courier_world import HALL, HOME, make_booking, make_notice

EMS = EmsAccount("https://x/open", "9900000000001", "auth", "MDEyMzQ1Njc4OWFiY2RlZg==")
KUAIDI100 = Kuaidi100Account("https://x/poll", "CUST", "https://y/callbacks/kuaidi100", "KEY", "salt")


def test_times_are_beijings() -> None:
    at = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)
    assert values.beijing("2026-11-29 08:30:00") == values.beijing("2026-11-29 08:30:00.0") == at and values.in_beijing(at) == "2026-11-29 08:30:00"


@pytest.mark.parametrize("value", ["", "x", None, 7, "2026-13-01 00:00:00", "2026-11-29", "0001-01-01 00:00:00", ["2026-11-29 08:30:00"]])
def test_what_is_no_time_is_told(value: object) -> None:
    with pytest.raises(values.Unreadable):
        values.beijing(value)


@pytest.mark.parametrize(("told", "fen"), [(12, 1200), ("18.00", 1800), (0.07, 7), (119.5, 11950), ("12.345", 1235), (0, 0), ("0.001", 1)])
def test_amounts_are_fen_and_a_part_of_one_is_rounded_up(told: object, fen: int) -> None:
    assert values.fen_of(told) == fen


@pytest.mark.parametrize("told", ["", "x", None, True, -1, "-0.01", "NaN", "Infinity", float("inf"), 10**9, [], "1e9"])
def test_what_is_no_amount_is_told(told: object) -> None:
    with pytest.raises(values.Unreadable):
        values.fen_of(told)


def test_a_scan_is_told_from_every_other_by_its_number_time_and_code() -> None:
    at = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)
    told = {values.scan_id(*one) for one in (("SF1", at, "50"), ("SF2", at, "50"), ("SF1", at + timedelta(seconds=1), "50"), ("SF1", at, "54"))}
    assert len(told) == 4 and values.scan_id("SF1", at.replace(microsecond=9), "50") in told


def test_phones_go_where_couriers_want_them() -> None:
    assert values.phone_fields("13900000001", "mobile", "tel") == {"mobile": "13900000001"}
    assert values.phone_fields("020-88886666", "mobile", "tel") == {"tel": "020-88886666"} and values.last_four("020-88886666-01") == "6601"


# whatever comes

ATOMS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
TIMES = st.sampled_from(["2026-11-29 08:30:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "x"])
NAMES = (
    "Body WaybillRoute mailno acceptTime opCode remark responseItems waybillNo opTime lastResult nu data state statusCode ftime status context "
    "orderid reasonName apiResultCode apiResultData success errorCode msgData routeResps routes mailNo retCode retBody retMsg returnCode result "
    "waybillNoInfoList filterResult orderId deliverTmDto fee deliverTime totalFee orderStatus logisticsOrderNo"
).split()
WORDS = st.sampled_from(
    ["A1000", "S0000", "00000", "200", "8016", "8019", "3", "80", "SF1000000000001", "1136281381675", "abort", "true", "[]", "{}"]
)
ANYTHING = st.recursive(
    ATOMS | TIMES | WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6), max_leaves=25
)
LINE = st.fixed_dictionaries(
    dict.fromkeys("mailno waybillNo acceptTime opTime ftime opCode statusCode remark opDesc context".split(), ATOMS | TIMES | WORDS)
)
TOP = "apiResultCode apiResultData retCode retBody retMsg returnCode status nu data state accessToken".split()
SAID = ANYTHING | st.fixed_dictionaries(dict.fromkeys(TOP, ANYTHING))


def read(courier: Courier, body: str | bytes) -> Sequence[Scan]:
    try:
        return courier.read_notice(make_notice(body))
    except (ForgedNotice, UnreadableNotice):
        return ()


def sound(scans: Sequence[Scan]) -> bool:
    return all(values.is_waybill(one.waybill) and one.at.tzinfo == UTC and len(one.text) <= 500 and isinstance(one.kind, ScanKind) for one in scans)


@settings(max_examples=60)
@given(ANYTHING, st.lists(LINE, max_size=3))
def test_whatever_is_pushed_is_scans_or_one_of_our_own_errors(told: Any, lines: list[Any]) -> None:
    gate, following = EmsGate(Http([]), EMS), Kuaidi100Courier(Http([]), KUAIDI100)
    for content in (told, lines):
        plain = json.dumps(content)
        sf = json.dumps({"Body": {"WaybillRoute": content}})
        ems = json.dumps({"logitcsInterface": gate.seal(plain.encode())})
        way = json.dumps({"lastResult": {"nu": "V030344422", "state": "3", "data": content}})
        assert sound(read(SfCourier(Http([]), SfAccount("https://x/std/service", "P", "w", "s")), sf))
        assert sound(read(EmsCourier(Http([]), EMS), ems))
        for param in (plain, way):
            assert sound(read(following, urlencode({"sign": md5_of(param + "salt"), "param": param})))


@given(st.binary(max_size=60))
def test_whatever_bytes_come_are_one_of_our_own_errors(body: bytes) -> None:
    for courier in (
        SfCourier(Http([]), SfAccount("https://x/std/service", "P", "w", "s")),
        EmsCourier(Http([]), EMS),
        Kuaidi100Courier(Http([]), KUAIDI100),
    ):
        assert read(courier, body) == ()


class Answers(Http):
    """Gives one answer to every call."""

    def __init__(self, body: bytes) -> None:
        super().__init__([])
        self._body = body

    async def send(self, party: str, method: str, url: str, **more: Any) -> Reply:
        return Reply(party, 200, {}, self._body)


@settings(max_examples=60)
@given(SAID, st.booleans())
def test_whatever_is_answered_is_an_answer_or_one_of_our_own_errors(told: Any, within: bool) -> None:
    if within:
        inner = {"success": True, "errorCode": "S0000", "msgData": told}
        told = {
            "apiResultCode": "A1000",
            "apiResultData": json.dumps(inner),
            "retCode": "00000",
            "retBody": told,
            "status": "200",
            "nu": "V030344422",
            "data": told,
        }
    http = Answers(json.dumps(told).encode())
    couriers: tuple[Courier, ...] = (
        SfCourier(http, SfAccount("https://x/std/service", "P", "w", "s")),
        EmsCourier(http, EMS),
        Kuaidi100Courier(http, KUAIDI100),
    )

    async def every() -> None:
        for courier in couriers:
            for call in (
                lambda one: one.book(make_booking("p-1")),
                lambda one: one.find("p-1"),
                lambda one: one.cancel("p-1", "SF1000000000001"),
                lambda one: one.track("V030344422", "0001"),
                lambda one: one.quote(HALL, HOME),
                lambda one: one.subscribe("V030344422", "0001"),
            ):
                try:
                    await call(courier)  # type: ignore[no-untyped-call]  # a lambda
                except Outside:
                    pass

    asyncio.run(every())
