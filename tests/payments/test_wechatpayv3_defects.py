"""What wechatpayv3 does wrong, shown on the bare library first, and then right with us. And each takes what the other signed."""

import asyncio
import base64
import json
import logging
import re
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.utils import rsa_sign, rsa_verify

from kit.errors import Refused, Unknown
from kit.http import Http
from payments.gateways import Forged, PayAsk
from payments.wechat_pay_v3 import WeChatPayV3
from tests.payments.wechat_pay_merchant import (
    APIV3_KEY,
    APPID,
    MCHID,
    OPENID,
    PUBLIC_ID,
    PretendGateway,
    a_transaction,
    boxed,
    cert_pem,
    cert_serial,
    certificate,
    key,
    make_account,
    private_pem,
    public_pem,
    seal,
)

NOTIFY = "https://example.test/v3"
JSAPI = "POST /v3/pay/transactions/jsapi"
QUERY = "GET /v3/pay/transactions/out-trade-no/ORDER_1"
CERTIFICATES = "GET /v3/certificates"


def bare(url: str = "http://127.0.0.1:9", **other: Any) -> Any:
    """Public key mode, as its page says, with the address alone changed."""
    keys = {"public_key": public_pem("platform"), "public_key_id": PUBLIC_ID} | other
    made = WeChatPay(WeChatPayType.MINIPROG, MCHID, private_pem("merchant"), "SERIAL", APPID, APIV3_KEY, notify_url=NOTIFY, timeout=5, **keys)
    made._core._gate_way = url
    return made


def by_certificate(folder: Path, url: str) -> Any:
    for n, one in enumerate((certificate("certificate"), certificate("newer certificate"))):
        (folder / f"{n}.pem").write_text(cert_pem(one))
    return bare(url, public_key=None, public_key_id=None, cert_dir=str(folder))


def ours(http: Http | None = None, url: str = "http://127.0.0.1:9", **other: Any) -> WeChatPayV3:
    return WeChatPayV3(http or Http([]), make_account(url, **other), NOTIFY)


def ask() -> PayAsk:
    return PayAsk("ORDER_1", 100, "工本费", OPENID, datetime.now(UTC) + timedelta(hours=1))


def as_sent(headers: dict[str, str]) -> dict[str, str]:
    """Without the lower case that its FastAPI branch needs."""
    return {name.title(): value for name, value in headers.items()}


def test_a_notice_of_years_ago_is_taken() -> None:
    """Number 10."""
    body = boxed(a_transaction())
    old = seal(body, at=datetime(2014, 10, 29, tzinfo=UTC).timestamp())
    assert bare().callback(old, body)["resource"]["out_trade_no"] == "ORDER_1"
    assert bare().callback(as_sent(old), body) is not None
    with pytest.raises(Forged, match="stale_timestamp"):
        ours().read_notice(old, body)


def test_a_notice_without_the_type_of_its_signature_is_a_crash() -> None:
    """Number 11."""
    body = boxed(a_transaction())
    rest = {name: value for name, value in seal(body).items() if name != "wechatpay-signature-type"}
    with pytest.raises(Exception, match="does not support this algorithm"):
        bare().callback(rest, body)
    assert ours().read_notice(rest, body).payment


async def test_every_forged_notice_makes_a_call_and_forgets_the_certificates(gateway: PretendGateway, http: Http, tmp_path: Path) -> None:
    """Number 11: a serial nobody knows is looked for at WeChat, and what was known is thrown away first."""
    gateway.answers[CERTIFICATES] = (500, b"{}", {})
    library, body = by_certificate(tmp_path, gateway.url), boxed(a_transaction())
    genuine, forged = seal(body, whose="certificate"), seal(body, serial="5F" * 20)
    assert library.callback(genuine, body) is not None
    for _ in range(3):
        assert await asyncio.to_thread(library.callback, forged, body) is None
    assert [request.path for request, _ in gateway.came] == ["/v3/certificates"] * 3
    assert await asyncio.to_thread(library.callback, genuine, body) is None  # a genuine notice now counts as forged
    gateway.came.clear()
    pay = ours(http, gateway.url)
    for _ in range(3):
        with pytest.raises(Forged, match="unknown_serial"):
            pay.read_notice(forged, body)
    assert gateway.came == [] and pay.read_notice(genuine, body).payment


async def test_an_unknown_public_key_is_a_call_and_then_a_crash(gateway: PretendGateway) -> None:
    """Number 11: the day WeChat changes its key."""
    sealed = AESGCM(APIV3_KEY.encode()).encrypt(b"fdasflkja484", cert_pem(certificate("certificate")).encode(), b"certificate")
    box = {"algorithm": "AEAD_AES_256_GCM", "nonce": "fdasflkja484", "associated_data": "certificate"}
    one = {
        "serial_no": "5F",
        "effective_time": "x",
        "expire_time": "x",
        "encrypt_certificate": box | {"ciphertext": base64.b64encode(sealed).decode()},
    }
    gateway.answers[CERTIFICATES] = (200, json.dumps({"data": [one]}).encode(), {"Content-Type": "application/json"})
    body = boxed(a_transaction())
    unknown = seal(body, serial="PUB_KEY_ID_2")
    with pytest.raises(ValueError, match="PUB_KEY_ID_2"):
        await asyncio.to_thread(bare(gateway.url).callback, unknown, body)
    assert len(gateway.came) == 1
    with pytest.raises(Forged, match="unknown_serial"):
        ours().read_notice(unknown, body)
    both = ours(platform_keys={PUBLIC_ID: public_pem("stranger"), "PUB_KEY_ID_2": public_pem("platform")})
    assert both.read_notice(unknown, body).payment  # the next one is held beforehand


def test_both_kinds_of_key_at_once_are_one_too_many(tmp_path: Path) -> None:
    """Number 11: in the week of the change notices come under either, and its public key mode loads no certificate."""
    (tmp_path / "one.pem").write_text(cert_pem(certificate("certificate")))
    body = boxed(a_transaction())
    mixed = seal(body, whose="certificate")
    library = bare("http://127.0.0.1:9", cert_dir=str(tmp_path))
    with pytest.raises(Exception, match="Connection refused"):
        library.callback(mixed, body)
    assert ours().read_notice(mixed, body).payment and ours().read_notice(seal(body), body).payment


async def test_a_signature_probe_is_a_bare_exception_or_nothing_at_all(gateway: PretendGateway, http: Http) -> None:
    """Number 12."""
    body = boxed(a_transaction())
    probe = "WECHATPAY/SIGNTEST/" + base64.b64encode(b"x" * 240).decode()
    assert bare().callback(seal(body, signature=probe), body) is None
    with pytest.raises(Forged, match="signature_probe"):
        ours().read_notice(seal(body, signature=probe), body)
    gateway.says(QUERY, a_transaction(), signature=probe)
    with pytest.raises(Exception, match="failed to verify the signature") as caught:
        await asyncio.to_thread(lambda: bare(gateway.url).query(out_trade_no="ORDER_1"))
    assert type(caught.value) is Exception
    with pytest.raises(Unknown, match="signature_probe"):
        await ours(http, gateway.url).query("ORDER_1")


async def test_a_genuine_reply_of_another_charset_counts_as_forged(gateway: PretendGateway, http: Http) -> None:
    """Number 13: it verifies the text that requests guesses, and not the bytes that were signed."""
    body = json.dumps(a_transaction(trade_state_desc="支付成功"), ensure_ascii=False).encode()
    gateway.answers[QUERY] = lambda *_: (200, body, seal(body) | {"Content-Type": "text/plain"})
    with pytest.raises(Exception, match="failed to verify the signature"):
        await asyncio.to_thread(lambda: bare(gateway.url).query(out_trade_no="ORDER_1"))
    assert (await ours(http, gateway.url).query("ORDER_1")) not in ("waiting", "closed", "absent")


async def test_who_pays_and_how_we_sign_is_written_into_the_log(gateway: PretendGateway, http: Http, caplog: pytest.LogCaptureFixture) -> None:
    """Number 13."""
    gateway.says(JSAPI, {"prepay_id": "wx1"})
    gateway.says(QUERY, a_transaction())
    with caplog.at_level(logging.DEBUG):
        library = bare(gateway.url, logger=logging.getLogger("shop"))
        await asyncio.to_thread(lambda: library.pay("x", "ORDER_1", {"total": 1}, {"openid": OPENID}))
        assert OPENID in caplog.text and "WECHATPAY2-SHA256-RSA2048 mchid=" in caplog.text
        caplog.clear()
        await ours(http, gateway.url).prepay(ask())
        await ours(http, gateway.url).query("ORDER_1")
        body = boxed(a_transaction())
        ours().read_notice(seal(body), body)
        said = "".join(str(vars(record)) for record in caplog.records if record.name != "aiohttp.access")  # that one is the pretend gateway's
    assert "wechat_pay" in said
    assert not any(part in said for part in (OPENID, "WECHATPAY2", "ORDER_1", "工本费", APIV3_KEY))


def test_the_end_of_a_certificate_is_read_in_a_way_that_is_going(tmp_path: Path) -> None:
    """Number 13."""
    library = by_certificate(tmp_path, "http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="not_valid_after_utc"):
        library._core._last_certificate()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        body = boxed(a_transaction())
        assert ours().read_notice(seal(body, whose="certificate"), body).payment


async def test_a_refusal_comes_back_as_if_it_were_a_result(gateway: PretendGateway, http: Http) -> None:
    """Number 14."""
    gateway.says(JSAPI, {"code": "OUT_TRADE_NO_USED", "message": "商户订单号重复"}, 403)
    status, text = await asyncio.to_thread(lambda: bare(gateway.url).pay("x", "ORDER_1", {"total": 1}, {"openid": OPENID}))
    assert status == 403 and "OUT_TRADE_NO_USED" in text
    with pytest.raises(Refused, match="order_no_used"):
        await ours(http, gateway.url).prepay(ask())


# each takes what the other signed


def test_a_notice_signed_by_wechatpayv3_is_read() -> None:
    resource = {"algorithm": "AEAD_AES_256_GCM", "nonce": "fdasflkja484", "associated_data": "transaction", "original_type": "transaction"}
    sealed = AESGCM(APIV3_KEY.encode()).encrypt(b"fdasflkja484", json.dumps(a_transaction()).encode(), b"transaction")
    envelope = {"id": "EV-2", "event_type": "TRANSACTION.SUCCESS", "resource_type": "encrypt-resource"}
    text = json.dumps(envelope | {"resource": resource | {"ciphertext": base64.b64encode(sealed).decode()}})
    timestamp = str(int(datetime.now(UTC).timestamp()))
    signature = rsa_sign(key("platform"), f"{timestamp}\nNONCE\n{text}\n")
    headers = {"Wechatpay-Serial": PUBLIC_ID, "Wechatpay-Timestamp": timestamp, "Wechatpay-Nonce": "NONCE", "Wechatpay-Signature": signature}
    headers["Wechatpay-Signature-Type"] = "WECHATPAY2-SHA256-RSA2048"
    assert bare().callback(headers, text)["resource"] == a_transaction()
    notice = ours().read_notice({name.lower(): value for name, value in headers.items()}, text.encode())
    assert notice.id == "EV-2" and notice.payment is not None and notice.payment.amount_fen == 100


async def test_what_we_sign_is_what_wechatpayv3_signs_and_checks(gateway: PretendGateway, http: Http) -> None:
    gateway.says(JSAPI, {"prepay_id": "wx1"})
    given = await ours(http, gateway.url).prepay(ask())
    assert given["paySign"] == bare().sign([APPID, given["timeStamp"], given["nonceStr"], given["package"]])
    [(request, body)] = gateway.came
    parts = dict(re.findall(r'(\w+)="([^"]*)"', request.headers["Authorization"]))
    signed = f"POST\n{request.raw_path}\n{parts['timestamp']}"
    assert rsa_verify(signed, parts["nonce_str"], body.decode(), parts["signature"], key("merchant").public_key())
    assert parts["serial_no"] == cert_serial(certificate("merchant"))
