"""Alibaba Cloud's signature V3: the worked example of its documentation, and one computed step by step."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from kit.aliyun import Access, Ask, query_of, signed

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
ACCESS = Access("YourAccessKeyId", "YourAccessKeySecret")
NONCE = "3156853299f313e23d1673dc12e1703d"
AT = datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC)
QUERY = {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
EXAMPLE = Ask("POST", f"https://ecs.cn-shanghai.aliyuncs.com/?{query_of(QUERY)}", "RunInstances", "2014-05-26")


def test_the_documentations_example_is_signed_as_there() -> None:
    headers = signed(EXAMPLE, ACCESS, AT, NONCE)
    assert headers["authorization"] == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,"
        "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )
    assert headers["x-acs-date"] == "2023-10-26T10:22:32Z" and headers["x-acs-content-sha256"] == EMPTY


def test_the_moment_is_told_in_utc_wherever_it_comes_from() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=8)))
    assert signed(EXAMPLE, ACCESS, elsewhere, NONCE) == signed(EXAMPLE, ACCESS, AT, NONCE)


def test_a_path_a_body_a_port_and_further_headers_are_all_signed() -> None:
    body = "中文".encode()
    ask = Ask("POST", "http://127.0.0.1:9000/sms/", "SendSms", "2017-05-25", body, {"content-type": "text/plain "})
    digest = hashlib.sha256(body).hexdigest()
    canonical = (
        "POST\n/sms/\n\ncontent-type:text/plain\nhost:127.0.0.1:9000\nx-acs-action:SendSms\n"
        f"x-acs-content-sha256:{digest}\nx-acs-date:2023-10-26T10:22:32Z\nx-acs-signature-nonce:n\nx-acs-version:2017-05-25\n\n"
        f"content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version\n{digest}"
    )
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    expected = hmac.new(b"YourAccessKeySecret", to_sign.encode(), hashlib.sha256).hexdigest()
    assert signed(ask, ACCESS, AT, "n")["authorization"].endswith(f",Signature={expected}")


def test_every_part_of_a_request_changes_its_signature() -> None:
    others = [
        Ask("GET", EXAMPLE.url, "RunInstances", "2014-05-26"),
        Ask("POST", EXAMPLE.url + "x", "RunInstances", "2014-05-26"),
        Ask("POST", EXAMPLE.url.replace("/?", "/a?"), "RunInstances", "2014-05-26"),
        Ask("POST", EXAMPLE.url.replace("ecs.", "sms."), "RunInstances", "2014-05-26"),
        Ask("POST", EXAMPLE.url, "StopInstances", "2014-05-26"),
        Ask("POST", EXAMPLE.url, "RunInstances", "2014-05-27"),
        Ask("POST", EXAMPLE.url, "RunInstances", "2014-05-26", b"x"),
        Ask("POST", EXAMPLE.url, "RunInstances", "2014-05-26", headers={"content-type": "a/b"}),
    ]
    made = [signed(one, ACCESS, AT, NONCE)["authorization"][-64:] for one in (EXAMPLE, *others)]
    made += [signed(EXAMPLE, ACCESS, AT + timedelta(seconds=1), NONCE)["authorization"][-64:]]
    made += [signed(EXAMPLE, ACCESS, AT, "other")["authorization"][-64:], signed(EXAMPLE, Access("a", "b"), AT, NONCE)["authorization"][-64:]]
    assert len(set(made)) == len(made)


@given(st.dictionaries(st.text(min_size=1, max_size=10), st.text(max_size=20), max_size=6))
def test_a_query_is_sorted_encoded_by_rfc_3986_and_read_back_as_it_was(params: dict[str, str]) -> None:
    made = query_of(params)
    assert dict(parse_qsl(made, keep_blank_values=True)) == params
    assert not set(made) & set("+*/ {}\"'()!") and made.isascii()
    assert query_of({"b": "~ *+", "A": "1"}) == "A=1&b=~%20%2A%2B"


def test_no_key_shows_when_an_access_is_printed() -> None:
    assert "YourAccessKey" not in repr(ACCESS)
