"""A person writes in WeChat, the real push arrives, and the answer reaches the phone; and whatever else arrives at that address."""

import hashlib
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from kit.mongo import Mongo, connect
from sandbox.wechat_push import push
from tests.api.house import Answer, House, Json, make_resident, until

CALLBACK = "/callbacks/wechat/messages"


@pytest.fixture
async def person(house: House) -> Json:
    return await house.world("POST", "/world/people", {})


@pytest.fixture
async def database(house: House) -> AsyncIterator[Mongo]:
    """The stack's own."""
    own = connect(house.stack.env["MONGO_URL"], house.stack.env["ZHANGBAN_MONGO_DATABASE"])
    yield own
    await own.close()


def accounts(house: House) -> dict[str, Json]:
    return {one["name"]: one for one in json.loads(house.stack.env["ZHANGBAN_WECHAT_MESSAGES"])}


async def say(house: House, person: Json, text: str = "补办身份证要带什么", **more: Json) -> Json:
    return await house.world("POST", "/world/wechat/messages", {"person": person["person"], "text": text, **more})


async def received(house: House, person: Json, kind: str = "reply") -> list[Json]:
    return [one for one in await house.ledger("messages") if one["person"] == person["person"] and one["kind"] == kind]


async def deliveries(house: House, person: Json) -> list[Json]:
    return [one for one in await house.ledger("wechat") if one["kind"] == "message.delivery" and one["person"] == person["person"]]


async def settled(house: House, person: Json, database: Mongo, messages: int = 1) -> None:
    """Every push of this person is taken and every row of it done."""

    async def quiet() -> bool:
        return len(await deliveries(house, person)) >= messages and not await database["outbox"].count_documents(
            {"kind": "bot.wechat_reply", "state": "waiting"}
        )

    await until(quiet)


def written(house: House, account: str = "miniprogram", mode: str = "safe", form: str = "xml", **more: Any) -> tuple[str, bytes]:
    """(path, body) of a push as WeChat would make it."""
    own = accounts(house)[account]
    message = {"ToUserName": "gh_1", "FromUserName": "o" + uuid.uuid4().hex[:27], "CreateTime": int(time.time()), "MsgType": "text"}
    message |= {"Content": "你好", "MsgId": uuid.uuid4().int % 10**17, **more}
    query, body = push(own, message, mode, form, int(time.time()))
    return f"{CALLBACK}/{account}?{query}", body


async def post(house: House, path: str, body: bytes) -> Answer:
    return await house.api("POST", path, raw=body)


@pytest.mark.parametrize("account", ["miniprogram", "official"])
@pytest.mark.parametrize("form", ["xml", "json"])
async def test_who_writes_in_wechat_gets_an_answer(house: House, person: Json, account: str, form: str) -> None:
    await say(house, person, account=account, format=form)

    async def there() -> list[Json]:
        return await received(house, person)

    answers = await until(there)
    assert len(answers) == 1 and "身份证" in answers[0]["text"] and "回复数字选择" in answers[0]["text"]
    assert answers[0]["account"] == account
    assert [one["result"] for one in await deliveries(house, person)] == ["200"]


async def test_a_chat_goes_on_and_a_number_picks_a_choice(house: House, person: Json) -> None:
    answers: list[Json] = []
    for text in ("身份证丢了，补领要带什么", "2", "要多少钱"):
        await say(house, person, text)

        async def more(said: int = len(answers) + 1) -> list[Json] | None:
            found = await received(house, person)
            return found if len(found) == said else None

        answers = await until(more)
    first, second, third = (one["text"] for one in answers)
    assert "2. 孩子，未满16周岁" in first and second.startswith("您的情况（孩子，未满16周岁）") and "居民身份证补领》收费" in third


async def test_progress_is_told_in_the_chat_of_the_mini_program_to_whom_it_belongs(house: House) -> None:
    mine, other = await make_resident(house), await make_resident(house)
    await mine.case()
    for resident, account, shown in ((mine, "miniprogram", True), (other, "miniprogram", False), (mine, "official", False)):
        before = len(await received(house, resident.person))
        await say(house, resident.person, "我的办件办到哪一步了", account=account)

        async def there(who: Json = resident.person, after: int = before) -> list[Json]:
            return (await received(house, who))[after:]

        [answer] = await until(there)
        assert ("已提交" in answer["text"]) == shown


async def test_the_same_message_three_times_is_one_answer(house: House, person: Json, database: Mongo) -> None:
    await house.faults(wechat_messages={"duplicate": 2})
    await say(house, person)
    await settled(house, person, database, 3)
    assert [one["result"] for one in await deliveries(house, person)] == ["200"] * 3
    assert len(await received(house, person)) == 1


async def test_nothing_about_the_person_stays_once_it_is_answered(house: House, person: Json, database: Mongo) -> None:
    said = await say(house, person, "我要给李秀兰补办身份证")
    await settled(house, person, database)
    kept = [str(row) async for row in database["wechat_messages"].find({})] + [str(row) async for row in database["outbox"].find({})]
    assert len(kept) >= 2 and not any(said["openid"] in row or "李秀兰" in row or str(said["message_id"]) in row for row in kept)
    row = await database["wechat_messages"].find_one({"state": "done"}, sort=[("at", -1)])
    assert row is not None and not {"sender", "text"} & row.keys() and [set(one) for one in row["replies"]] == [{"outcome", "reason", "at"}]


async def test_who_asks_for_a_human_is_handed_over_in_the_same_breath_however_often_it_is_asked(house: House, person: Json, database: Mongo) -> None:
    await house.faults(wechat_messages={"duplicate": 1})
    for form in ("xml", "json"):
        await say(house, person, " 转人工。", format=form)
    await settled(house, person, database, 4)
    assert len(await received(house, person, "transfer")) == 4, "WeChat may have lost the first answer"
    assert await received(house, person) == []


async def test_an_image_gets_one_sentence_and_an_event_of_no_concern_gets_none(house: House, person: Json, database: Mongo) -> None:
    for kind in ("image", "subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event", "unsubscribe"):
        await say(house, person, kind=kind)
    await settled(house, person, database, 5)
    assert {one["result"] for one in await deliveries(house, person)} == {"200"}
    answers = await received(house, person)
    assert len(answers) == 1 and "只能看懂文字" in answers[0]["text"]


async def test_who_comes_in_is_greeted_once(house: House, person: Json, database: Mongo) -> None:
    for number in (1, 2):
        await say(house, person, kind="user_enter_tempsession", age=number)
        await settled(house, person, database, number)
    assert ["智能咨询" in one["text"] for one in await received(house, person)] == [True]


async def test_an_old_push_sent_again_is_taken_and_not_answered(house: House, person: Json, database: Mongo) -> None:
    await say(house, person, age=700)
    await settled(house, person, database)
    assert await received(house, person) == []


async def test_a_slow_wechat_delays_the_answer_and_never_the_acknowledgement(house: House, person: Json, database: Mongo) -> None:
    await house.faults(wechat={"latency_ms": 1500})
    for text in ("甲", "乙", "丙"):
        await say(house, person, f"补办身份证{text}")
    await settled(house, person, database, 3)
    taken = await deliveries(house, person)
    assert [one["result"] for one in taken] == ["200"] * 3 and max(one["ms"] for one in taken) < 1500
    assert len(await received(house, person)) == 3


async def test_an_expired_token_is_replaced_once_and_the_answer_arrives(house: House, person: Json, database: Mongo) -> None:
    await say(house, person)
    await settled(house, person, database)
    await house.world("POST", "/world/clock", {"forward": 7300})
    appid = accounts(house)["miniprogram"]["appid"]

    async def issued() -> int:
        return len([one for one in await house.ledger("wechat") if one["kind"] == "token.issued" and one.get("appid") == appid])

    before = await issued()
    for _ in range(2):
        await say(house, person)
    await settled(house, person, database, 3)
    assert len(await received(house, person)) == 3
    assert await issued() == before + 1


async def test_the_url_check_gives_back_what_wechat_sent(house: House) -> None:
    token = accounts(house)["miniprogram"]["token"]
    query = {"timestamp": "1714037059", "nonce": "486452656", "echostr": "4375120948345356249"}
    query["signature"] = hashlib.sha1("".join(sorted([token, query["timestamp"], query["nonce"]])).encode()).hexdigest()
    for path in (CALLBACK, f"{CALLBACK}/miniprogram"):
        answer = await house.api("GET", f"{path}?{urlencode(query)}")
        assert (answer.status, answer.body) == (200, b"4375120948345356249")
    assert (await house.api("GET", f"{CALLBACK}/official?{urlencode(query)}")).status == 401, "another account's token"
    assert (await house.api("GET", f"{CALLBACK}?{urlencode({**query, 'signature': '0' * 40})}")).status == 401
    assert (await house.api("GET", CALLBACK)).status == 401
    assert (await house.api("GET", f"{CALLBACK}/nobody?{urlencode(query)}")).json["code"] == "closed"


async def test_a_forged_push_changes_nothing(house: House, person: Json, database: Mongo) -> None:
    await house.faults(wechat_messages={"forge": True})
    await say(house, person)
    await settled(house, person, database, 2)
    assert {(one["forged"], one["result"]) for one in await deliveries(house, person)} == {(True, "401"), (False, "200")}
    assert len(await received(house, person)) == 1


async def test_what_is_not_a_message_of_this_account_is_refused_and_never_breaks(house: House) -> None:
    own = accounts(house)
    path, body = written(house)
    other = {**own["miniprogram"], "appid": own["official"]["appid"]}
    query, foreign = push(other, {"ToUserName": "gh_1", "FromUserName": "o1", "CreateTime": 1, "MsgType": "text"}, "safe", "xml", 1)
    plain_path, plain = written(house, mode="plain")
    half_path, half = written(house, mode="compatible")
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'
    wrong = {
        "no signature": (path.partition("?")[0], body, 401),
        "another appid inside": (f"{CALLBACK}/miniprogram?{query}", foreign, 401),
        "a byte changed": (path, body.replace(b"<Encrypt><![CDATA[", b"<Encrypt><![CDATA[A"), 401),
        "plain where it must be sealed": (plain_path, plain, 401),
        "the plain half without the sealed one": (half_path, half.partition(b"<Encrypt>")[0] + b"</xml>", 401),
        "another account's": (path.replace("/miniprogram", "/official"), body, 401),
        "too large": (path, b"<xml>" + b" " * 65_536 + b"</xml>", 413),
        "an entity bomb": (path, bomb, 422),
        "deep": (path, b"<a>" * 9_000 + b"</a>" * 9_000, 422),
        "not XML": (path, b"<xml><Encrypt>", 422),
        "not UTF-8": (path, b"<xml><Encrypt>\xff\xfe</Encrypt></xml>", 422),
        "not JSON": (path, b'{"Encrypt": ', 422),
        "empty": (path, b"", 422),
    }
    got = {what: (await post(house, where, sent)).status for what, (where, sent, _) in wrong.items()}
    assert got == {what: status for what, (_, _, status) in wrong.items()}


async def test_a_kind_nobody_knows_yet_is_acknowledged(house: House) -> None:
    for more in ({"MsgType": "hologram"}, {"MsgType": "event", "Event": "a_new_event"}, {"MsgType": "event"}):
        answer = await post(house, *written(house, **more))
        assert (answer.status, answer.body) == (200, b"success"), more


async def test_what_is_counted_is_never_named_by_the_sender(house: House) -> None:
    await post(house, *written(house, MsgType="invented-kind"))
    text = (await house.api("GET", "/metrics")).body.decode()
    assert 'zhangban_wechat_messages_total{account="miniprogram",kind="unknown"}' in text and "invented-kind" not in text
