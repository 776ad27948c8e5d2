"""What python-alipay-sdk does wrong, shown on the bare library first, and then right with us."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from alipay import AliPay, DCAliPay
from alipay.exceptions import AliPayException, AliPayValidationError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from kit.alipay import Alipay
from kit.alipay_certs import root_serial_number, serial_number
from kit.clock import BEIJING
from kit.errors import Refused
from kit.http import Http
from tests.payments.alipay_merchant import (
    APP_ID,
    PAID,
    PretendGateway,
    certificates,
    key,
    make_account,
    no,
    pretending,
    private_pem,
    public_pem,
    signed,
)

METHOD = "alipay.trade.query"
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def table() -> AsyncIterator[tuple[PretendGateway, Http]]:
    async with pretending() as own:
        yield own


def bare(gateway: str = "", **more: Any) -> Any:
    made = AliPay(APP_ID, app_private_key_string=private_pem("app"), alipay_public_key_string=public_pem("platform"), **more)
    made._gateway = f"{gateway}/gateway.do"
    return made


def ours(table: tuple[PretendGateway, Http]) -> Alipay:
    gateway, http = table
    return Alipay(http, make_account(f"{gateway.url}/gateway.do"))


def is_signed(given: dict[str, str]) -> bool:
    """As the gateway sees it: what is empty was never there."""
    message = "&".join(f"{name}={given[name]}" for name in sorted(given) if name != "sign" and given[name])
    try:
        key("app").public_key().verify(base64.b64decode(given["sign"]), message.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


async def test_biz_content_is_in_the_address_and_so_in_every_access_log(table: tuple[PretendGateway, Http]) -> None:
    gateway, _ = table
    gateway.answers[METHOD] = {"out_trade_no": "Z1"}
    await asyncio.to_thread(bare(gateway.url).server_api, METHOD, {"out_trade_no": "Z1"})
    assert gateway.lines[0].startswith("GET ") and "Z1" in gateway.lines[0]

    await ours(table).call(METHOD, {"out_trade_no": "Z1"})
    assert gateway.lines[1] == "POST /gateway.do" and gateway.biz() == {"out_trade_no": "Z1"}


async def test_a_brace_inside_a_value_ends_the_signed_text_too_early(table: tuple[PretendGateway, Http]) -> None:
    gateway, _ = table
    gateway.answers[METHOD] = {"subject": 'a } brace, a { brace and a "quote"', "out_trade_no": "Z1"}
    with pytest.raises(AliPayValidationError):
        await asyncio.to_thread(bare(gateway.url).server_api, METHOD, {"out_trade_no": "Z1"})

    assert (await ours(table).call(METHOD, {"out_trade_no": "Z1"}))["subject"].startswith("a } brace")


async def test_what_is_empty_is_signed_and_the_gateway_drops_it(table: tuple[PretendGateway, Http]) -> None:
    sent = dict(parse_qsl(bare().sign_data(bare().build_body(METHOD, {"out_trade_no": "Z1"}, app_auth_token="")), keep_blank_values=True))
    assert not is_signed(sent)

    gateway, _ = table
    gateway.answers[METHOD] = {}
    await ours(table).call(METHOD, {"out_trade_no": "Z1"}, app_auth_token="")
    assert is_signed(gateway.asked[0]) and "app_auth_token" not in gateway.asked[0]


async def test_the_timestamp_is_of_the_machines_zone(table: tuple[PretendGateway, Http], monkeypatch: pytest.MonkeyPatch) -> None:
    def hours_off(timestamp: str) -> int:
        told = datetime.strptime(timestamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
        return round((told - datetime.now(UTC)).total_seconds() / 3600)

    gateway, _ = table
    gateway.answers[METHOD] = {}
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    try:
        assert hours_off(bare().build_body(METHOD)["timestamp"]) == -8

        await ours(table).call(METHOD)
        assert hours_off(gateway.asked[0]["timestamp"]) == 0
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


def test_verifying_changes_what_is_verified_and_raises_instead_of_saying_no() -> None:
    whole = signed(PAID)
    given = {name: value for name, value in whole.items() if name != "sign"}
    assert bare().verify(given, whole["sign"]) and "sign_type" not in given
    with pytest.raises(AliPayException):
        bare().verify({**PAID, "sign_type": "RSA"}, whole["sign"])
    with pytest.raises(ValueError):
        bare().verify(dict(PAID), "AAA")
    with pytest.raises(ValueError):
        bare().verify(dict(PAID), "不是base64")
    assert not bare().verify(dict(whole), whole["sign"])  # with `sign` still inside

    mine = Alipay(Http([]), make_account("http://127.0.0.1:1/gateway.do"))
    kept = dict(whole)
    assert mine.verify_notice(kept) and kept == whole
    for change in ({"sign_type": "RSA"}, {"sign": "AAA"}, {"sign": "不是base64"}, {"sign": ""}, {"charset": "martian"}, {"total_amount": "0.01"}):
        assert not mine.verify_notice({**whole, **change})
    assert not mine.verify_notice({}) and not mine.verify_notice(dict(PAID))


def test_importing_installs_a_console_handler_for_everything() -> None:
    def handlers(module: str) -> Any:
        code = f"import json, logging, {module}; own = logging.getLogger('python-alipay-sdk'); print(json.dumps([len(own.handlers), own.level]))"
        return json.loads(subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    assert handlers("alipay") == [1, 10]  # at DEBUG, so that `verbose` prints every call with its content
    assert handlers("kit.alipay")[0] == 0


async def test_a_refusal_comes_back_like_a_success(table: tuple[PretendGateway, Http]) -> None:
    gateway, _ = table
    gateway.answers[METHOD] = no("40004", "ACQ.TRADE_NOT_EXIST")
    told = await asyncio.to_thread(bare(gateway.url).server_api, METHOD, {"out_trade_no": "Z1"})
    assert told["sub_code"] == "ACQ.TRADE_NOT_EXIST"

    with pytest.raises(Refused, match=r"ACQ\.TRADE_NOT_EXIST"):
        await ours(table).call(METHOD, {"out_trade_no": "Z1"})


def test_certificate_mode_leans_on_what_pyopenssl_gives_up() -> None:
    own = certificates()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        expected = DCAliPay.get_cert_sn(own["app"])
        expected_root = DCAliPay.get_root_cert_sn(own["root"])
    assert any(issubclass(one.category, DeprecationWarning) for one in warned)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert serial_number(own["app"]) == expected
        assert root_serial_number(own["root"]) == expected_root and expected_root.count("_") == 1
