"""What wechatpy does wrong with money, shown on the bare library first, and then right with us. (Its cipher of messages: tests/kit.)"""

import asyncio
import base64
import json
import logging
import logging.config
import random
import socket
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

import pytest
from wechatpy.client import WeChatClient
from wechatpy.crypto import RefundCrypto, WeChatRefundCrypto
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.pay import WeChatPay
from wechatpy.pay.utils import calculate_signature, calculate_signature_hmac, dict_to_xml
from wechatpy.utils import random_string

from kit.errors import NotReached, Unknown
from kit.http import Http
from kit.ids import new_nonce
from kit.redis import Redis
from kit.wechat import WeChat, WeChatAccount
from payments.gateways import Forged, PayAsk, Unreadable
from payments.wechat_pay_v2 import WeChatPayV2
from tests.payments.wechat_pay_merchant import (
    API_KEY,
    APPID,
    MCHID,
    OPENID,
    PretendGateway,
    make_account,
    v2_box,
    v2_signature,
    v2_signed,
    v2_xml,
)

NOTICE = {
    "appid": APPID,
    "mch_id": MCHID,
    "return_code": "SUCCESS",
    "result_code": "SUCCESS",
    "openid": OPENID,
    "out_trade_no": "ORDER_1",
    "transaction_id": "42",
    "total_fee": "100",
    "time_end": "20261121103456",
}
REFUND = {"out_refund_no": "R1", "out_trade_no": "A1", "refund_id": "50", "refund_fee": "1", "refund_status": "CHANGE", "total_fee": "1"}


def bare(url: str = "http://127.0.0.1:9") -> Any:
    """As its page says, with the address alone changed."""

    class Bare(WeChatPay):  # type: ignore[misc]  # the library has no types
        API_BASE_URL = f"{url}/"

    return Bare(APPID, API_KEY, MCHID, timeout=5)


def ours(http: Http | None = None, url: str = "http://127.0.0.1:9") -> WeChatPayV2:
    return WeChatPayV2(http or Http([]), make_account(url), "https://example.test/v2", "https://example.test/v2/refund")


def ask(title: str = "工本费") -> PayAsk:
    return PayAsk("ORDER_1", 100, title, OPENID, datetime.now(UTC) + timedelta(hours=1))


async def test_a_token_that_is_never_liked_is_tried_without_end(gateway: PretendGateway, http: Http, redis_url: str) -> None:
    """Number 2. Only a gateway that gives in ends it here; one that does not ends in a RecursionError after a thousand calls."""
    calls = 0

    def send(*_: Any) -> tuple[int, bytes, dict[str, str]]:
        nonlocal calls
        calls += 1
        return 200, json.dumps({"errcode": 40001 if calls < 60 else 0, "errmsg": "x"}).encode(), {}

    gateway.answers |= {
        "POST /send": send,
        "GET /cgi-bin/token": (200, b'{"access_token":"T","expires_in":7200}', {}),
        "POST /cgi-bin/stable_token": (200, b'{"access_token":"T","expires_in":7200}', {}),
    }

    class Bare(WeChatClient):  # type: ignore[misc]
        API_BASE_URL = f"{gateway.url}/"

        def fetch_access_token(self) -> Any:
            return self._fetch_access_token(url=f"{gateway.url}/cgi-bin/token", params={})

    await asyncio.to_thread(lambda: Bare("wx1", "s").post("send", data={}))
    assert calls == 60
    calls = 0
    redis = Redis(redis_url)
    wechat = WeChat(http, redis, WeChatAccount(gateway.url, f"wx{id(gateway)}", "secret"))
    with pytest.raises(NotReached, match="no_token_errcode_40001"):
        await wechat.call("/send", {})
    assert calls == 2
    await redis.forget(wechat._key)
    await redis.close()


async def test_a_reply_with_a_wrong_signature_is_taken_for_wechats(gateway: PretendGateway, http: Http) -> None:
    """Number 4."""
    forged = v2_xml({**NOTICE, "trade_state": "SUCCESS", "sign": "0" * 32})
    gateway.answers["POST /pay/orderquery"] = (200, forged, {})
    assert (await asyncio.to_thread(lambda: bare(gateway.url).order.query(out_trade_no="ORDER_1")))["trade_state"] == "SUCCESS"
    with pytest.raises(Unknown, match="bad_signature"):
        await ours(http, gateway.url).query("ORDER_1")


@pytest.mark.parametrize("way", ["HMAC-SHA256", "lower case"])
def test_a_genuine_notice_is_turned_away(way: str) -> None:
    """Number 4: MD5 in upper case is all it knows."""
    document = v2_signed(NOTICE) if way == "HMAC-SHA256" else v2_xml({**NOTICE, "sign": v2_signature(NOTICE, "MD5").lower()})
    with pytest.raises(InvalidSignatureException):
        bare().parse_payment_result(document)
    assert ours().read_notice({}, document).payment


@pytest.mark.parametrize(
    ("document", "foreign"),
    [
        (b'<!DOCTYPE x [<!ENTITY e "1">]><xml><a>&e;</a></xml>', ValueError),
        (b"<xml>" + b"<a>" * 30_000 + b"</a>" * 30_000 + b"</xml>", RecursionError),
        (b"<xml>text alone</xml>", AttributeError),
    ],
)
def test_an_unsigned_document_ends_in_a_crash(document: bytes, foreign: type[Exception]) -> None:
    """Number 5: none of these is an answer one could act on, and whoever sends them needs no key."""
    with pytest.raises(foreign):
        bare().parse_payment_result(document)
    with pytest.raises(Forged):
        ours().read_notice({}, document)


def test_an_element_that_comes_twice_becomes_a_list() -> None:
    """Number 5: whoever signs it may have meant either."""
    twice = {**NOTICE, "attach": "['a', 'b']"}
    document = v2_xml({**NOTICE, "sign": calculate_signature(twice, API_KEY)}).replace(b"</xml>", b"<attach>a</attach><attach>b</attach></xml>")
    assert bare().parse_payment_result(document)["attach"] == ["a", "b"]
    with pytest.raises(Forged, match="not_xml"):
        ours().read_notice({}, document)


@pytest.mark.parametrize("amount", ["1e2", "100.0", "none"])
def test_a_signed_amount_that_is_no_number_ends_in_a_crash(amount: str) -> None:
    """Number 5. And what int() takes, it takes: blanks, an underscore, the digits of other scripts."""
    document = v2_signed(NOTICE | {"total_fee": amount}, "MD5")
    with pytest.raises(ValueError, match="invalid literal"):
        bare().parse_payment_result(document)
    assert bare().parse_payment_result(v2_signed(NOTICE | {"total_fee": "1_0٠"}, "MD5"))["total_fee"] == 100
    for one in (document, v2_signed(NOTICE | {"total_fee": "1_0٠"})):
        with pytest.raises(Unreadable, match="bad_amount"):
            ours().read_notice({}, one)


async def test_a_title_writes_elements_of_its_own(gateway: PretendGateway, http: Http) -> None:
    """Number 6."""
    title = "x]]></body><total_fee>1</total_fee><body><![CDATA["
    injected = ElementTree.fromstring(dict_to_xml({"body": title, "openid": OPENID}))
    assert injected.findtext("total_fee") == "1"
    gateway.answers["POST /pay/unifiedorder"] = (
        200,
        v2_signed({"return_code": "SUCCESS", "result_code": "SUCCESS", "appid": APPID, "mch_id": MCHID, "prepay_id": "wx1"}),
        {},
    )
    await ours(http, gateway.url).prepay(ask(title))
    sent = ElementTree.fromstring(gateway.came[0][1])
    assert [one.text for one in sent.findall("total_fee")] == ["100"] and [one.text for one in sent.findall("body")] == [title]


def test_a_zero_is_neither_signed_nor_sent() -> None:
    """Number 6: an int 0 goes out as an empty element. With us every value is text."""
    assert dict_to_xml({"coupon_fee": 0, "a": "x"}) == "<xml>\n<a><![CDATA[x]]></a>\n<coupon_fee></coupon_fee>\n</xml>"
    assert calculate_signature_hmac({"coupon_fee": 0, "a": "x"}, API_KEY) == calculate_signature_hmac({"a": "x"}, API_KEY)
    read = {one.tag: one.text or "" for one in ElementTree.fromstring(ours()._seals.document({"coupon_fee": "0", "a": "x"}))}
    assert read["coupon_fee"] == "0" and read.pop("sign") == v2_signature(read)
    assert ours().read_notice({}, v2_signed(NOTICE | {"coupon_fee": "0"})).payment


def test_a_nonce_can_be_foretold() -> None:
    """Number 7."""
    random.seed(7)
    first, mine = random_string(32), new_nonce()
    random.seed(7)
    assert random_string(32) == first and new_nonce() != mine
    assert len(set(first)) == 32  # and no character ever comes twice


def test_a_box_with_a_broken_end_is_opened_all_the_same() -> None:
    """Number 8: as many bytes as the last one says are cut off, whatever they are; and a last byte of 0 cuts off everything."""
    plain = v2_xml(REFUND, "root")
    plain += b" " * (-len(plain) % 16)
    broken = v2_xml({"appid": APPID, "mch_id": MCHID, "req_info": v2_box(plain, pad=b"anything at all"[:15] + b"\x10")})
    empty = v2_xml({"appid": APPID, "mch_id": MCHID, "req_info": v2_box(plain, pad=b"\x00" * 16)})
    assert bare().parse_refund_notify_result(broken)["out_refund_no"] == "R1"
    with pytest.raises(ExpatError):
        bare().parse_refund_notify_result(empty)
    for document in (broken, empty):
        with pytest.raises(Forged, match="no_key_opens_it"):
            ours().read_notice({}, document)


async def test_an_order_looks_a_name_up_to_learn_its_own_address(gateway: PretendGateway, http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    """Number 9: without a resolver it waits for one."""
    asked: list[str] = []

    def found(name: str, *_: Any, **__: Any) -> str:
        asked.append(name)
        return "127.0.0.1"

    monkeypatch.setattr(socket, "gethostbyname", found)
    done = {"return_code": "SUCCESS", "result_code": "SUCCESS", "appid": APPID, "mch_id": MCHID, "prepay_id": "wx1"}
    gateway.answers["POST /pay/unifiedorder"] = (200, v2_signed(done), {})
    create = bare(gateway.url).order.create
    await asyncio.to_thread(lambda: create("JSAPI", "x", 1, "https://example.test/v2", user_id=OPENID, out_trade_no="ORDER_1"))
    assert asked == ["api.mch.weixin.qq.com"]
    asked.clear()
    await ours(http, gateway.url).prepay(ask())
    assert asked == []


def test_the_key_is_written_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Not in the list above: at DEBUG it logs what it signs, key and all. Importing our adapter ends that."""
    with caplog.at_level(logging.DEBUG):
        with caplog.at_level(logging.NOTSET, "wechatpy.pay.utils"):
            calculate_signature({"a": "b"}, API_KEY)
        assert API_KEY in caplog.text
        caplog.clear()
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as Sanic and others do at start
        calculate_signature({"a": "b"}, API_KEY)
        assert ours().read_notice({}, v2_signed(NOTICE, "MD5")).payment
        assert API_KEY not in caplog.text


# what its own code signs and seals is taken by us


@pytest.mark.parametrize("sign", [calculate_signature, calculate_signature_hmac])
def test_a_notice_signed_by_wechatpy_is_read(sign: Any) -> None:
    document = dict_to_xml(NOTICE, sign(NOTICE, API_KEY)).encode()
    assert ours().read_notice({}, document).payment


def test_a_refund_notice_sealed_by_wechatpy_is_read() -> None:
    box = RefundCrypto(WeChatRefundCrypto(API_KEY).key).encrypt(v2_xml(REFUND, "root").decode()).decode()
    notice = ours().read_notice({}, dict_to_xml({"appid": APPID, "mch_id": MCHID, "return_code": "SUCCESS", "req_info": box}).encode())
    assert notice.refund is not None and notice.id == "v2r:50:CHANGE" and base64.b64decode(box)
