"""What Alipay signs, and what is believed without it: replies, notices, certificates."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from kit.alipay import Alipay, AlipayAccount, Signer
from kit.alipay_certs import public_keys, root_serial_number, serial_number
from kit.errors import NotReached, Outside, Refused, Unknown
from kit.http import Http
from tests.payments.alipay_merchant import (
    APP_ID,
    PAID,
    PretendGateway,
    certificate,
    certificates,
    key,
    make_account,
    no,
    pretending,
    private_pem,
    public_pem,
    sign,
    signed,
)

METHOD, NAME = "alipay.trade.query", "alipay_trade_query_response"
NOWHERE = "http://127.0.0.1:1/gateway.do"
# the documents' sample notice, as the string that is signed
SAMPLE = (
    "app_id=2015102700040153&body=大乐透2.1&buyer_id=2088102116773037&charset=utf-8&gmt_close=2016-07-19 14:10:46&gmt_create=2016-07-19 14:10:44"
    "&gmt_payment=2016-07-19 14:10:47&notify_id=4a91b7a78a503640467525113fb7d8bg8e&notify_time=2016-07-19 14:10:49&notify_type=trade_status_sync"
    "&out_trade_no=0719141034-6418&refund_fee=0.00&seller_id=2088102119685838&subject=大乐透2.1&total_amount=2.00"
    "&trade_no=2016071921001003030200089909&trade_status=TRADE_SUCCESS&version=1.0"
)
REQUEST = (
    'app_id=2014072300007148&biz_content={"out_trade_no":"A1"}&charset=utf-8&format=JSON&method=alipay.trade.query&sign_type=RSA2'
    "&timestamp=2014-07-24 03:07:50&version=1.0"
)

Make = Callable[..., Alipay]


@pytest.fixture
async def table() -> AsyncIterator[tuple[PretendGateway, Http]]:
    async with pretending() as own:
        yield own


@pytest.fixture
def gateway(table: tuple[PretendGateway, Http]) -> PretendGateway:
    return table[0]


@pytest.fixture
def make(table: tuple[PretendGateway, Http]) -> Make:
    return lambda **more: Alipay(table[1], make_account(f"{table[0].url}/gateway.do", **more))


def unsent(**more: Any) -> Alipay:
    return Alipay(Http([]), make_account(NOWHERE, **more))


# replies


async def test_what_was_signed_is_what_is_read_and_a_second_object_of_that_name_is_not(gateway: PretendGateway, make: Make) -> None:
    genuine = '{"code":"10000","trade_status":"WAIT_BUYER_PAY"}'
    forged = '{"code":"10000","trade_status":"TRADE_SUCCESS"}'
    gateway.answers[METHOD] = f'{{"{NAME}":{genuine},"{NAME}":{forged},"sign":"{sign("platform", genuine.encode())}"}}'
    assert (await make().call(METHOD))["trade_status"] == "WAIT_BUYER_PAY"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (f'{{"{NAME}":{{"code":"10000","trade_status":"TRADE_SUCCESS"}}}}', Unknown),
        ('{"error_response":{"code":"10000","trade_status":"TRADE_SUCCESS"}}', Unknown),  # a success that nobody signed, in an error's clothes
        ('{"error_response":{"trade_status":"TRADE_SUCCESS"}}', Unknown),
        ('{"error_response":{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}}', Unknown),
        ('{"error_response":{"code":"40002","sub_code":"isv.invalid-signature"}}', Refused),
        ('{"error_response":{"code":"40005","sub_code":"isv.app-call-limited"}}', NotReached),
        ('{"error_response":{"code":"20000","sub_code":"isp.unknow-error"}}', Unknown),
        (f'{{"{NAME}":"encrypted","sign":"AAAA"}}', Unknown),
        ("[]", Unknown),
    ],
)
async def test_a_reply_without_a_signature_proves_nothing_about_a_trade(
    gateway: PretendGateway, make: Make, reply: str, error: type[Outside]
) -> None:
    gateway.answers[METHOD] = reply
    with pytest.raises(error):
        await make().call(METHOD)


@pytest.mark.parametrize("answer", [no("20000", "isp.unknow-error"), no("40004", "ACQ.SYSTEM_ERROR"), no("40004", "AQC.SYSTEM_ERROR")])
async def test_an_error_of_the_system_leaves_it_open_what_happened(gateway: PretendGateway, make: Make, answer: dict[str, str]) -> None:
    gateway.answers[METHOD] = answer
    with pytest.raises(Unknown):
        await make().call(METHOD)


async def test_a_reply_signed_by_somebody_else_is_refused(gateway: PretendGateway, make: Make) -> None:
    gateway.answers[METHOD], gateway.signer = {"trade_status": "TRADE_SUCCESS"}, "stranger"
    with pytest.raises(Unknown, match="bad_signature"):
        await make().call(METHOD)


# requests and notices, by the documents' samples


def test_the_string_that_is_signed_is_the_documents_own() -> None:
    account = AlipayAccount(NOWHERE, "2014072300007148", private_pem("app"), public_pem("platform"))
    given = {
        **{"version": "1.0", "timestamp": "2014-07-24 03:07:50", "sign_type": "RSA2", "method": METHOD, "format": "JSON", "charset": "utf-8"},
        **{"biz_content": {"out_trade_no": "A1"}, "app_id": account.app_id},
    }
    assert dict(parse_qsl(Signer(account).sign_data(given)))["sign"] == sign("app", REQUEST.encode())


def test_the_documents_notice_is_verified_without_sign_and_sign_type() -> None:
    given = {**PAID, "sign_type": "RSA2", "sign": sign("platform", SAMPLE.encode())}
    assert unsent().verify_notice(given)
    assert not unsent().verify_notice({**given, "sign": sign("platform", (SAMPLE + "&sign_type=RSA2").encode())})
    assert not unsent().verify_notice({**given, "sign": sign("stranger", SAMPLE.encode())})


def test_an_empty_value_that_was_sent_is_part_of_what_is_signed() -> None:
    given = signed({**PAID, "passback_params": ""})
    assert unsent().verify_notice(given)
    assert not unsent().verify_notice({name: value for name, value in given.items() if name != "passback_params"})


@pytest.mark.parametrize("charset", ["GBK", "gbk", "GB2312", "gb18030"])
def test_a_notice_in_gbk_is_verified_over_gbk_bytes(charset: str) -> None:
    fields = {**PAID, "charset": charset}
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    assert unsent().verify_notice({**fields, "sign_type": "RSA2", "sign": sign("platform", text.encode("gbk"))})
    assert not unsent().verify_notice({**fields, "sign_type": "RSA2", "sign": sign("platform", text.encode())})


def test_what_no_charset_can_write_is_false_and_no_exception() -> None:
    assert not unsent().verify_notice({**signed(PAID), "subject": "\ud800"})


# certificates


def test_a_certificates_number_is_the_documents_own() -> None:
    """An issuer and serial numbers whose SNs were computed with Alipay's tools; the key plays no part in it."""
    for serial, expected in ((1234567890123456789, "33f1d0b497f5f8a9b719b3186ba33a2c"), (195936478, "ff86729667125c72e84233b889e4ff29")):
        pem = certificate(key("stranger").public_key(), serial)
        assert serial_number(pem) == expected and root_serial_number(pem) == expected


def test_of_the_root_file_only_rsa_signatures_count_and_of_alipays_own_no_authority() -> None:
    own = certificates()
    assert len(root_serial_number(own["root"]).split("_")) == 2
    assert root_serial_number(own["root"].replace("\n\n", "\n")) == root_serial_number(own["root"])
    assert list(public_keys(own["platform"] + own["authority"])) == [serial_number(own["platform"])]
    curve = ec.generate_private_key(ec.SECP256R1())
    ecdsa = certificate(curve.public_key(), 3, by=curve)
    for read, pem in ((root_serial_number, ecdsa), (public_keys, ecdsa), (public_keys, own["authority"]), (serial_number, "no certificate")):
        with pytest.raises(ValueError):
            read(pem)


async def test_in_certificate_mode_every_call_carries_both_numbers(gateway: PretendGateway, make: Make) -> None:
    own = certificates()
    gateway.answers[METHOD], gateway.serial = {"out_trade_no": "Z1"}, serial_number(own["platform"])
    assert (await make(certified=True).call(METHOD))["out_trade_no"] == "Z1"
    assert gateway.asked[0]["app_cert_sn"] == serial_number(own["app"])
    assert gateway.asked[0]["alipay_root_cert_sn"] == root_serial_number(own["root"])


async def test_a_reply_by_a_certificate_that_is_not_held_is_never_taken(gateway: PretendGateway, make: Make) -> None:
    gateway.answers[METHOD], gateway.serial, gateway.signer = {}, serial_number(certificates()["next"]), "next"
    with pytest.raises(Unknown, match="unknown_certificate"):
        await make(certified=True).call(METHOD)
    gateway.serial = serial_number(certificates()["platform"])  # a number that is known, over a signature that is not its own
    with pytest.raises(Unknown, match="bad_signature"):
        await make(certified=True).call(METHOD)
    gateway.serial = ""
    with pytest.raises(Unknown, match="bad_signature"):
        await make(certified=True).call(METHOD)


async def test_while_alipay_changes_over_both_certificates_are_taken(gateway: PretendGateway, make: Make) -> None:
    own = certificates()
    both = make(certified=True, alipay_cert=own["platform"] + own["authority"] + own["next"])
    for whose in ("platform", "next"):
        gateway.answers[METHOD], gateway.serial, gateway.signer = {"by": whose}, serial_number(own[whose]), whose
        assert (await both.call(METHOD))["by"] == whose
        assert both.verify_notice(signed(PAID, by=whose))
    gateway.serial = serial_number(own["platform"])
    with pytest.raises(Unknown, match="bad_signature"):
        await both.call(METHOD)


def test_certificates_that_do_not_belong_together_stop_the_start() -> None:
    own, fine = certificates(), make_account(NOWHERE, certified=True)
    assert fine.has_certificates and not make_account(NOWHERE).has_certificates
    wrong = [
        ("all three", {"app_cert": own["app"]}),
        ("another key", {"app_cert": own["next"], "alipay_cert": own["platform"], "alipay_root_cert": own["root"]}),
        ("PEM", {"alipay_public_key": ""}),
    ]
    for why, fields in wrong:
        with pytest.raises(ValueError, match=why):
            Signer(AlipayAccount(NOWHERE, APP_ID, private_pem("app"), **fields))


def test_no_key_and_no_certificate_is_ever_printed() -> None:
    for account in (make_account(NOWHERE), make_account(NOWHERE, certified=True)):
        assert "BEGIN" not in repr(account) and APP_ID in repr(account)
