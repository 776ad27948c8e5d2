"""Customer messages as the sandbox plays WeChat: the push on the wire, its repeats, the window, and the independent library's verdict."""

import asyncio
import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.utils import check_signature

from sandbox.wechat_push import encrypted, signature
from tests.sandbox.outside import Json, Outside, until
from tests.sandbox.push_server import Server


@pytest.fixture
def world(server: Server, private: Callable[..., Outside]) -> Outside:
    return private("--wechat-messages", server.url)


async def say(world: Outside, person: Json, **more: Json) -> Json:
    return await world.world("POST", "/wechat/messages", {"person": person["person"], "text": "你好", **more})


async def pushed(server: Server, count: int = 1) -> list[tuple[str, dict[str, str], bytes]]:
    async def enough() -> bool:
        return len(server.got) >= count

    await until(enough, 10)
    return server.got


async def custom_send(world: Outside, openid: str, text: str = "您好", **more: Json) -> int:
    query = urlencode({"access_token": (await world.stable_token())["access_token"]})
    message = {"touser": openid, "msgtype": "text", "text": {"content": text}, **more}
    return int((await world.call("POST", f"/cgi-bin/message/custom/send?{query}", message)).json["errcode"])


def test_the_published_vectors_are_what_the_sandbox_signs_and_seals() -> None:
    assert signature("AAAAA", "1714037059", "486452656") == "899cf89e464efb63f54ddac96b0a0a235f53aa78"
    text = (
        "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[oABC]]></FromUserName><CreateTime>1714037059</CreateTime>"
        "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[hi]]></Content><MsgId>1</MsgId></xml>"
    )
    sealed = encrypted("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wx4f4bc4dec97d474b", text, b"0123456789abcdef")
    assert signature("AAAAA", "1714112445", "415670741", sealed) == "7aa484d330eb0092f6c91eaad7eb7e3005432e47"


@pytest.mark.parametrize("form", ["xml", "json"])
@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
async def test_wechatpy_reads_what_is_pushed(world: Outside, server: Server, mode: str, form: str) -> None:
    person, own = await world.person(), world.accounts["wechat"]["messages"][0]
    said = await say(world, person, mode=mode, format=form)
    path, query, body = (await pushed(server))[0]
    assert path == "/push/miniprogram"
    check_signature(own["token"], query["signature"], query["timestamp"], query["nonce"])
    inner = body.decode()
    assert ("你好" in inner) == (mode != "safe") and ("Encrypt" in inner) == (mode != "plain")
    if mode != "plain":
        assert query["encrypt_type"] == "aes"
        sealed = json.loads(body) if form == "json" else inner
        crypto = WeChatCrypto(own["token"], own["aes_keys"][0], own["appid"])
        inner = crypto.decrypt_message(sealed, query["msg_signature"], query["timestamp"], query["nonce"])
    if form == "xml":
        message = parse_message(inner)
        assert (message.type, message.content, message.source, message.id) == ("text", "你好", said["openid"], said["message_id"])
    else:
        read = json.loads(inner)
        assert (read["MsgType"], read["Content"], read["FromUserName"], read["MsgId"]) == ("text", "你好", said["openid"], said["message_id"])


async def test_a_push_nobody_takes_comes_three_times_more_with_the_same_bytes(world: Outside, server: Server) -> None:
    await world.world("POST", "/clock", {"speed": 1000})
    server.answers = [500, 503, 404, 500]
    person = await world.person()
    await say(world, person)
    await pushed(server, 4)

    async def written_down() -> bool:
        return len([one for one in await world.ledger("wechat") if one["kind"] == "message.delivery"]) == 4

    await until(written_down)
    assert len({(path, tuple(query.items()), body) for path, query, body in server.got}) == 1
    await say(world, person)
    await pushed(server, 5)
    assert len(server.got) == 5, "taken at once, and the first one was given up"


@pytest.mark.slow
async def test_an_answer_that_takes_more_than_five_seconds_is_none(world: Outside, server: Server) -> None:
    await world.world("POST", "/clock", {"speed": 1000})
    server.gate = asyncio.Event()
    await say(world, await world.person())
    await pushed(server, 2)
    first = next(one for one in await world.ledger("wechat") if one["kind"] == "message.delivery")
    assert first["result"] == "TimeoutError" and 4900 <= first["ms"] < 8000


async def test_five_texts_for_one_message_and_48_hours(world: Outside) -> None:
    person = await world.person()
    openid = (await say(world, person))["openid"]
    assert [await custom_send(world, openid, str(number)) for number in range(6)] == [0] * 5 + [45047]
    await say(world, person)
    assert await custom_send(world, openid) == 0
    await world.pass_time(48 * 3600)
    assert await custom_send(world, openid) == 45015
    got = [one for one in await world.ledger("messages") if one["person"] == person["person"]]
    assert [one["text"] for one in got] == ["0", "1", "2", "3", "4", "您好"] and {one["kind"] for one in got} == {"reply"}


async def test_who_never_wrote_or_writes_to_another_account_cannot_be_written_to(world: Outside) -> None:
    person = await world.person()
    mine = await world.openid(person)
    assert await custom_send(world, mine) == 45015
    there = (await say(world, person, account="official"))["openid"]
    assert there != mine
    assert await custom_send(world, there) == 40003, "this token is the mini-program's"
    assert await custom_send(world, "o" + "x" * 27) == 40003


async def test_a_message_that_is_no_text_or_too_long_is_refused(world: Outside) -> None:
    openid = (await say(world, await world.person()))["openid"]
    assert await custom_send(world, openid, msgtype="image") == 40008
    assert await custom_send(world, openid, "") == 44004
    assert await custom_send(world, openid, "字" * 683) == 45002
    assert await custom_send(world, openid, "字" * 682) == 0


async def test_tokens_of_two_accounts_are_apart(world: Outside) -> None:
    official = world.accounts["wechat"]["messages"][1]
    first, other = await world.stable_token(), await world.stable_token(appid=official["appid"], secret=official["secret"])
    assert first["access_token"] != other["access_token"]
    assert (await world.stable_token())["access_token"] == first["access_token"]
    assert (await world.stable_token(appid=official["appid"]))["errcode"] == 40125


async def test_a_hand_over_is_read_and_an_answer_that_cannot_be_read_is_written_down(world: Outside, server: Server) -> None:
    person = await world.person()
    openid = await world.openid(person)
    handed = f"<xml><ToUserName>{openid}</ToUserName><MsgType>transfer_customer_service</MsgType></xml>"
    server.answers = [handed, "<xml>", ""]
    for _ in range(3):
        await say(world, person)
        await pushed(server, len(server.got) + 1)

    async def written_down() -> bool:
        return len([one for one in await world.ledger("wechat") if one["kind"] == "message.delivery"]) == 3

    await until(written_down)
    assert sorted(one["result"] for one in await world.ledger("wechat") if one["kind"] == "message.delivery") == ["200", "200", "unreadable answer"]
    assert [one["kind"] for one in await world.ledger("messages")] == ["transfer"]


async def test_what_cannot_be_said_is_told_all_at_once(world: Outside) -> None:
    reply = await world.call("POST", "/world/wechat/messages", {"person": "nobody", "text": " ", "account": "x", "mode": "x", "age": -1})
    assert reply.status == 422 and len(reply.json["errors"]) == 5


async def test_a_conversation_can_be_looked_at_and_is_gone_after_a_reset(world: Outside) -> None:
    person = await world.person()
    openid = (await say(world, person))["openid"]
    await custom_send(world, openid)
    shown = await world.world("GET", "/wechat/messages")
    assert [(one["who"], one["text"]) for one in shown["lines"]] == [("person", "你好"), ("city", "您好")]
    assert shown["accounts"] == ["miniprogram", "official"]
    await world.world("POST", "/reset", {})
    assert (await world.world("GET", "/wechat/messages"))["lines"] == []
    assert await custom_send(world, openid) == 40003
