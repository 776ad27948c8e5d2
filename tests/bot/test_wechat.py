"""Reading pushes of all modes and formats, and conversations without buttons."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.wechat import Account, Signed, is_transfer, read, transfer_reply
from bot.wechat_texts import LONGEST, numbered
from kit.wechat_crypto import ForgedPush, UnreadablePush, WeChatCrypto
from sandbox.wechat_push import answered, push

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
OLD = "GFEDCBA9876543210zyxwvutsrqponmlkjihgfedcba"
AT = 1_790_000_000


def make_account(mode: Any = "safe", keys: tuple[str, ...] = (KEY, OLD)) -> Account:
    return Account("mini", "miniprogram", "wx1", mode, WeChatCrypto("TOKEN", keys, "wx1"))


def make_push(mode: str = "safe", form: str = "xml", key: str = KEY, **more: Any) -> tuple[Signed, bytes]:
    message = {"ToUserName": "gh_1", "FromUserName": "oABC", "CreateTime": AT, "MsgType": "text", "Content": "你好", "MsgId": 7, **more}
    query, body = push({"token": "TOKEN", "aes_keys": [key], "appid": "wx1"}, message, mode, form, int(time.time()))
    found = dict(pair.split("=") for pair in query.split("&"))
    return Signed(*(found.get(name, "") for name in ("signature", "timestamp", "nonce", "msg_signature"))), body


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
def test_a_text_is_the_same_whatever_mode_and_format_it_came_in(mode: str, form: str) -> None:
    message = read(make_account(mode), *make_push(mode, form))
    assert (message.own, message.kind, message.sender, message.text, message.created) == ("id 7", "text", "oABC", "你好", AT)
    assert message.is_json == (form == "json") and message.key == (None if mode == "plain" else 0)


def test_in_compatible_mode_only_the_sealed_half_counts() -> None:
    query, body = make_push("compatible")
    changed = body.replace("你好".encode(), "转人工".encode())
    assert changed != body and read(make_account("compatible"), query, changed).text == "你好"


def test_an_account_that_still_is_plain_takes_what_is_sealed_already() -> None:
    assert read(make_account("plain"), *make_push("safe")).key == 0
    with pytest.raises(ForgedPush, match="not_encrypted"):
        read(make_account("safe"), *make_push("plain"))
    with pytest.raises(ForgedPush, match="no_key_opens_it"):
        read(make_account("plain", ()), *make_push("safe"))


def test_nothing_is_parsed_before_the_url_is_signed() -> None:
    query, _ = make_push()
    with pytest.raises(UnreadablePush):
        read(make_account(), query, b"<xml>")
    with pytest.raises(ForgedPush):
        read(make_account(), Signed("0" * 40, query.timestamp, query.nonce, ""), b"<xml>")


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("key", [KEY, OLD])
def test_the_hand_over_is_sealed_with_the_key_that_opened_the_message(form: str, key: str) -> None:
    account = make_account()
    message = read(account, *make_push("safe", form, key, Content="转人工"))
    assert message.kind == "transfer" and message.key == [KEY, OLD].index(key)
    body, kind = transfer_reply(account, message)
    got = answered({"token": "TOKEN", "aes_keys": [key], "appid": "wx1"}, body)
    assert got is not None and ("json" in kind) == (form == "json")
    assert (got["ToUserName"], got["FromUserName"], got["MsgType"]) == ("oABC", "gh_1", "transfer_customer_service")
    assert abs(int(got["CreateTime"]) - time.time()) < 60


def test_a_plain_hand_over_is_plain() -> None:
    account = make_account("plain")
    for form in ("xml", "json"):
        body, _ = transfer_reply(account, read(account, *make_push("plain", form, Content="人工")))
        got = answered({"token": "TOKEN", "aes_keys": [], "appid": "wx1"}, body)
        assert got is not None and got["MsgType"] == "transfer_customer_service"


@pytest.mark.parametrize(
    ("more", "kind", "what"),
    [
        ({"Content": "  补办 身份证 "}, "text", "text"),
        ({"Content": "字" * 500}, "text", "text"),
        ({"Content": "字" * 501}, "long", "text"),
        ({"Content": " \n"}, "other", "text"),
        ({"MsgType": "image"}, "other", "image"),
        ({"MsgType": "miniprogrampage"}, "other", "miniprogrampage"),
        ({"MsgType": "event", "Event": "subscribe"}, "greeting", "event:subscribe"),
        ({"MsgType": "event", "Event": "user_enter_tempsession"}, "greeting", "event:user_enter_tempsession"),
        ({"MsgType": "event", "Event": "subscribe_msg_popup_event"}, "ignored", "event:subscribe_msg_popup_event"),
        ({"MsgType": "event", "Event": "never seen"}, "ignored", "unknown"),
        ({"MsgType": "hologram"}, "ignored", "unknown"),
    ],
)
def test_every_kind_has_its_treatment(more: dict[str, str], kind: str, what: str) -> None:
    message = read(make_account(), *make_push(**more))
    assert (message.kind, message.what) == (kind, what)


def test_events_have_no_number_and_are_told_apart_by_sender_second_and_name() -> None:
    events: list[dict[str, Any]] = [
        {"MsgType": "event", "Event": event, "MsgId": "", "FromUserName": sender, "CreateTime": at}
        for event, sender, at in (("subscribe", "o1", 1), ("unsubscribe", "o1", 1), ("subscribe", "o2", 1), ("subscribe", "o1", 2))
    ]
    assert len({read(make_account(), *make_push(**one)).own for one in events}) == 4


@pytest.mark.parametrize("more", [{"FromUserName": ""}, {"FromUserName": "o]]>x"}, {"ToUserName": "a b"}, {"CreateTime": "soon"}])
def test_a_message_without_sender_receiver_or_time_is_unreadable(more: dict[str, str]) -> None:
    with pytest.raises(UnreadablePush):
        read(make_account(), *make_push(form="json", **more))


@pytest.mark.parametrize(("text", "yes"), [("转人工", True), (" 人 工 ", True), ("人工客服！", True), ("人工智能政策", False), ("我要转人工", False)])
def test_only_the_very_words_hand_over(text: str, yes: bool) -> None:
    assert is_transfer(text) is yes


# without buttons

BUTTONS = [
    {"title": "居民身份证补领", "text": "补领身份证"},
    {"title": "居民身份证换领", "text": "换领身份证"},
    {"title": "临时身份证", "text": "临时身份证"},
]


def test_choices_are_numbered_below_the_text() -> None:
    made = numbered({"text": "您要办哪一个？", "buttons": BUTTONS})
    assert made == "您要办哪一个？\n\n回复数字选择：\n1. 居民身份证补领\n2. 居民身份证换领\n3. 临时身份证"
    assert numbered({"text": "没有了", "buttons": []}) == "没有了" == numbered({"text": " 没有了 "})
    assert numbered({"text": "", "buttons": BUTTONS[:1]}) == "回复数字选择：\n1. 居民身份证补领"


@given(st.text(max_size=2000), st.lists(st.text(max_size=200), max_size=9))
def test_a_rendered_reply_fits_and_keeps_its_choices(text: str, titles: list[str]) -> None:
    made = numbered({"text": text, "buttons": [{"title": title, "text": title} for title in titles]})
    assert len(made) <= LONGEST
    assert not titles or f"\n{min(len(titles), 5)}. " in made
