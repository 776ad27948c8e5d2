"""The push's signature and envelope: the published vectors hold, and each gap of wechatpy's is shown on the bare library and closed here."""

import base64
import random
import struct
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import PrpCrypto
from wechatpy.crypto import WeChatCrypto as Bare
from wechatpy.exceptions import WeChatException
from wechatpy.replies import TransferCustomerServiceReply
from wechatpy.utils import check_signature

from kit.wechat_crypto import MAX_BODY, ForgedPush, UnreadablePush, WeChatCrypto, aes_key, fields, xml_of
from sandbox.wechat_push import encrypted

TOKEN, APPID = "AAAAA", "wx4f4bc4dec97d474b"
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
OLD = "GFEDCBA9876543210zyxwvutsrqponmlkjihgfedcba"
STAMP, NONCE = "1714112445", "415670741"
MESSAGE = (
    "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oABC]]></FromUserName><CreateTime>1714037059</CreateTime>"
    "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[hi]]></Content><MsgId>1</MsgId></xml>"
)
OURS = WeChatCrypto(TOKEN, [KEY, OLD], APPID)
BARE = Bare(TOKEN, KEY, APPID)


def signed(encrypt: str) -> str:
    return OURS._signature(STAMP, NONCE, encrypt)


def sealed(plain: bytes, key: str = KEY) -> str:
    """AES of exactly these bytes, padding and all."""
    raw = base64.b64decode(key + "=")
    sealing = Cipher(algorithms.AES(raw), modes.CBC(raw[:16])).encryptor()
    return base64.b64encode(sealing.update(plain) + sealing.finalize()).decode()


def body(text: bytes = b"<xml></xml>", appid: str = APPID, length: int | None = None) -> bytes:
    return b"r" * 16 + struct.pack(">I", len(text) if length is None else length) + text + appid.encode()


def padded(plain: bytes) -> bytes:
    count = 32 - len(plain) % 32
    return plain + bytes([count]) * count


def test_the_published_signature_is_ours() -> None:
    assert OURS.is_signed("899cf89e464efb63f54ddac96b0a0a235f53aa78", "1714037059", "486452656")
    assert not OURS.is_signed("899cf89e464efb63f54ddac96b0a0a235f53aa79", "1714037059", "486452656")
    assert not OURS.is_signed("", "1714037059", "486452656") and not OURS.is_signed("é" * 40, "1714037059", "486452656")


def test_the_vector_of_the_envelope_opens_and_the_sandbox_makes_the_same_bytes() -> None:
    encrypt = encrypted(KEY, APPID, MESSAGE, b"0123456789abcdef")
    assert signed(encrypt) == "7aa484d330eb0092f6c91eaad7eb7e3005432e47"
    opened = OURS.open(encrypt, "7aa484d330eb0092f6c91eaad7eb7e3005432e47", STAMP, NONCE)
    assert (opened.text, opened.key) == (MESSAGE, 0)
    assert BARE.decrypt_message({"Encrypt": encrypt}, signed(encrypt), STAMP, NONCE) == MESSAGE


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300), st.integers(0, 1))
def test_what_is_sealed_opens_again_with_the_same_key_here_and_in_the_library(text: str, key: int) -> None:
    made = OURS.seal(text, key, STAMP)
    opened = OURS.open(made["Encrypt"], made["MsgSignature"], made["TimeStamp"], made["Nonce"])
    assert (opened.text, opened.key) == (text, key)
    library = Bare(TOKEN, [KEY, OLD][key], APPID)
    assert library.decrypt_message({"Encrypt": made["Encrypt"]}, made["MsgSignature"], made["TimeStamp"], made["Nonce"]) == text


def test_the_key_before_still_opens() -> None:
    encrypt = encrypted(OLD, APPID, MESSAGE)
    assert OURS.open(encrypt, signed(encrypt), STAMP, NONCE).key == 1


GARBLED: dict[str, str] = {
    "another appid": sealed(padded(body(appid="wx0000000000000000"))),
    "no appid": sealed(padded(body(appid=""))),
    "another key": encrypted("9" * 43, APPID, MESSAGE),
    "not whole blocks": base64.b64encode(b"x" * 31).decode(),
    "nothing": "",
    "not base64": "####",
    "a length beyond the end": sealed(padded(body(length=2**31))),
    "shorter than its own head": sealed(padded(b"r" * 10)),
    "not UTF-8": sealed(padded(body(text=b"\xff\xfe\xfd"))),
    "padding of 0": sealed(body(text=b"x" * (64 - 20 - len(APPID) - 1)) + b"\0"),
    "padding beyond a block": sealed(padded(body())[:-1] + b"\xc8"),
    "padding of unlike bytes": sealed(padded(body())[:-2] + b"\0" + padded(body())[-1:]),
}


@pytest.mark.parametrize("what", GARBLED)
def test_a_garbled_envelope_is_forged_and_nothing_else(what: str) -> None:
    encrypt = GARBLED[what]
    with pytest.raises(ForgedPush):
        OURS.open(encrypt, signed(encrypt), STAMP, NONCE)


def test_the_library_lets_some_of_them_through_and_breaks_on_others() -> None:
    """Signed by whoever knows the token: a bare call answers an exception that is not the library's own, or the text."""

    def bare(what: str) -> object:
        try:
            return BARE.decrypt_message({"Encrypt": GARBLED[what]}, signed(GARBLED[what]), STAMP, NONCE)
        except Exception as exc:
            return type(exc) if not isinstance(exc, WeChatException) else "refused"

    assert bare("padding of unlike bytes") == "<xml></xml>", "accepted: the padding is never looked at"
    broken = {what for what in GARBLED if isinstance(bare(what), type)}
    assert {"another key", "not whole blocks", "not base64", "not UTF-8", "padding of 0", "nothing"} <= broken


@given(st.binary(max_size=300))
def test_no_bytes_at_all_break_the_opening(raw: bytes) -> None:
    encrypt = base64.b64encode(raw).decode()
    with pytest.raises(ForgedPush):
        OURS.open(encrypt, signed(encrypt), STAMP, NONCE)


def test_the_library_draws_its_random_bytes_from_a_seeded_generator_and_we_do_not() -> None:
    def twice(make: Callable[[], object]) -> bool:
        random.seed(7)
        first = make()
        random.seed(7)
        return first == make()

    key = aes_key(KEY)
    assert twice(lambda: PrpCrypto(key).encrypt("x", APPID))
    assert not twice(lambda: OURS.seal("x", 0, STAMP)["Encrypt"])


def test_the_library_stops_comparing_at_the_first_difference_and_we_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched(str):
        """A signature that notices being compared with `!=`."""

        compared = 0

        def __ne__(self, other: object) -> bool:
            Watched.compared += 1
            return str.__ne__(self, other)

        __hash__ = str.__hash__

    right = Watched("899cf89e464efb63f54ddac96b0a0a235f53aa78")
    check_signature(TOKEN, right, "1714037059", "486452656")
    assert Watched.compared == 1
    assert OURS.is_signed(right, "1714037059", "486452656")
    assert Watched.compared == 1


@pytest.mark.parametrize("key", ["", "short", "9" * 44, "9" * 42 + "=", "/" * 43])
def test_a_key_of_the_wrong_form_is_refused_at_start(key: str) -> None:
    with pytest.raises(ValueError, match="43 letters and digits"):
        WeChatCrypto(TOKEN, [key], APPID)


# documents


def test_a_message_is_read_from_xml_and_from_json_alike() -> None:
    found = {"ToUserName": "gh_1", "FromUserName": "oABC", "CreateTime": "1714037059", "MsgType": "text", "Content": "hi", "MsgId": "1"}
    assert fields(MESSAGE) == found
    as_json = b'{"ToUserName":"gh_1","FromUserName":"oABC","CreateTime":1714037059,"MsgType":"text","Content":"hi","MsgId":1}'
    assert fields(as_json) == found
    assert fields(b'{"Content":"a","List":[1],"Deep":{"Content":"b"},"Yes":true,"No":null}') == {"Content": "a"}


@pytest.mark.parametrize("count", [1, 2])
def test_lists_of_one_and_of_many_are_passed_over(count: int) -> None:
    one = "<List><TemplateId>t</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List>"
    assert fields(f"<xml><Event>e</Event><SubscribeMsgPopupEvent>{one * count}</SubscribeMsgPopupEvent></xml>") == {"Event": "e"}


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><xml><Content>&b;</Content></xml>'
UNREADABLE = {
    "a document type": BOMB,
    "an outside entity": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Content>&a;</Content></xml>',
    "deep": "<a>" * 7 + "</a>" * 7,
    "a name twice": "<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>",
    "cut off": "<xml><Content>",
    "two documents": "<xml></xml><xml></xml>",
    "an unknown entity": "<xml><Content>&nbsp;</Content></xml>",
    "too large": "<xml>" + " " * MAX_BODY + "</xml>",
    "deep JSON": '{"a":' * 5000 + "1" + "}" * 5000,
    "no JSON": '{"a": NaN}',
    "nothing": "",
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_is_no_message_is_unreadable_and_nothing_else(what: str) -> None:
    with pytest.raises(UnreadablePush):
        fields(UNREADABLE[what])


@given(st.binary(max_size=200) | st.text(max_size=200, alphabet='<>/xmlab&;![]CDAT{}":, \n'))
def test_no_document_at_all_breaks_the_reading(raw: bytes | str) -> None:
    try:
        fields(raw)
    except UnreadablePush:
        pass


def test_the_library_breaks_on_an_entity_with_an_exception_it_does_not_expect() -> None:
    with pytest.raises(ValueError, match="entities are disabled"):
        BARE.decrypt_message(f"<!DOCTYPE x [<!ENTITY a 'ha'>]>{MESSAGE}", "s", STAMP, NONCE)


def test_a_value_that_ends_its_section_stays_a_value_here_and_becomes_markup_in_the_library() -> None:
    evil = "oABC]]></ToUserName><X>1</X><ToUserName><![CDATA["
    reply = TransferCustomerServiceReply(source="gh_1", target=evil, time=1)
    assert ElementTree.fromstring(reply.render()).findtext("X") == "1"
    assert fields(xml_of({"ToUserName": evil})) == {"ToUserName": evil}


def test_two_seals_of_one_text_are_unlike() -> None:
    assert len({OURS.seal("x", 0, STAMP)["Encrypt"] for _ in range(5)}) == 5
