"""A whole conversation with the real Rasa, through the public endpoint; and what happens when Rasa is killed in the middle of one."""

import asyncio
import socket
import time
from typing import Any

import pytest

from miniapp_api.stack import Stack
from tests.api.house import House, make_resident, until
from tests.api.test_assistant import INJECTED

pytestmark = pytest.mark.slow

# (what is typed, intent heard or None, item, part): twelve turns, as a resident would go on.
TALK: list[tuple[str, str | None, str | None, str | None]] = [
    ("你好", "greet", None, None),
    ("我身份证丢了，补领要带什么材料", "materials", "居民身份证补领", "materials"),
    ("本人，已满16周岁", None, "居民身份证补领", "materials"),
    ("要多少钱", "fee", "居民身份证补领", "fee"),
    ("那多久能办好", "time_limit", "居民身份证补领", "time_limit"),
    ("在哪里办理", "location", "居民身份证补领", "location"),
    ("可以寄到家里吗", "delivery", "居民身份证补领", "delivery"),
    ("居住证怎么申请", "process", "居住证申领", "process"),
    ("外地人符合什么条件才能办", "conditions", "居住证申领", "conditions"),
    ("咨询电话是多少", "contact", "居住证申领", "contact"),
    ("今天天气怎么样", "out_of_scope", None, None),
    ("谢谢你", "thanks", None, None),
]


async def ask(house: House, text: str, conversation: str | None = None) -> Any:
    body = {"text": text} | ({"conversation_id": conversation} if conversation else {})
    answer = await house.api("POST", "/v1/assistant/messages", body)
    assert answer.status == 200, answer.body
    return answer.json


async def test_twelve_turns_keep_the_item_and_change_it_when_another_is_named(talking: House) -> None:
    conversation = None
    for text, intent, item, part in TALK:
        told = await ask(talking, text, conversation)
        conversation = told["conversation_id"]
        [reply] = told["replies"]
        shown = [(card["name"], card["part"]) for card in reply["cards"]]
        assert not told["degraded"] and (intent is None or told["intent"] == intent), (text, told)
        assert shown == ([(item, part)] if item else []), (text, told)


async def test_rasa_killed_in_the_middle_is_not_missed_and_not_waited_for_when_it_is_back(assistant: Stack, talking: House) -> None:
    first = await ask(talking, "护照丢了补办要多少钱")
    assert not first["degraded"]
    rasa = assistant.children["rasa"]
    rasa.kill()
    try:
        started = time.monotonic()
        second = await ask(talking, "那要多久", first["conversation_id"])
        assert second["degraded"] and second["replies"][0]["cards"][0]["part"] == "time_limit" and time.monotonic() - started < 2
        assert second["replies"][0]["cards"][0]["item_code"] == first["replies"][0]["cards"][0]["item_code"]
        assert (await talking.api("GET", "/readyz?assistant=1")).status == 503 and (await talking.api("GET", "/readyz")).status == 200
    finally:
        rasa.start()

    async def back() -> bool:
        return (await talking.api("GET", "/readyz?assistant=1")).status == 200

    await until(back, 120)

    async def whole() -> Any:
        told = await ask(talking, "在哪里办理", first["conversation_id"])
        return None if told["degraded"] else told

    third = await until(whole, 20)
    assert third["replies"][0]["cards"][0]["item_code"] == first["replies"][0]["cards"][0]["item_code"]


@pytest.mark.parametrize("text", INJECTED)
async def test_nothing_typed_is_a_command_for_rasa(talking: House, text: str) -> None:
    before = await ask(talking, "护照丢了补办要多少钱")
    told = await ask(talking, text, before["conversation_id"])
    assert told["conversation_id"] == before["conversation_id"] and told["replies"][0]["text"]
    after = await ask(talking, "那要多久", before["conversation_id"])
    assert after["replies"][0]["cards"], "a typed command has wiped the conversation out"


async def test_what_is_not_understood_is_asked_back_in_two_stages_and_ends_with_a_person(talking: House) -> None:
    conversation, seen = None, []
    for text in ("噶呜咕", "咕噜噶", "哒哒嘟"):
        told = await ask(talking, text, conversation)
        conversation = told["conversation_id"]
        seen.append(told["replies"][0]["text"])
        assert not told["degraded"] and not told["replies"][0]["cards"], told
    assert len(seen) == 3


async def test_two_messages_at_once_do_not_wait_on_rasas_lock(talking: House) -> None:
    conversation = (await ask(talking, "居住证怎么申请"))["conversation_id"]
    started = time.monotonic()
    told = await asyncio.gather(*(ask(talking, text, conversation) for text in ("要多久", "要多少钱")))
    assert {one["intent"] for one in told} == {"time_limit", "fee"} and not any(one["degraded"] for one in told)
    assert time.monotonic() - started < 4


async def test_progress_is_looked_up_as_the_resident_who_asks(talking: House) -> None:
    mine, other = await make_resident(talking), await make_resident(talking)
    case_no = await mine.case()
    own = (await mine.api("POST", "/v1/assistant/messages", {"text": "我的办件办到哪一步了"})).json
    assert [card["case_no"] for card in own["replies"][0]["cards"]] == [case_no]
    theirs = await other.api("POST", "/v1/assistant/messages", {"text": f"办件{case_no}办到哪一步了"})
    assert case_no not in theirs.body.decode()


def test_rasa_and_its_actions_listen_on_loopback_alone(assistant: Stack) -> None:
    outside = _own_address()
    if outside is None:
        pytest.skip("this machine has no address but loopback to try from")
    for port in (int(assistant.env["RASA_URL"].rsplit(":", 1)[1]), int(assistant.env["ZHANGBAN_ACTIONS_PORT"])):
        with socket.socket() as inner:
            assert inner.connect_ex(("127.0.0.1", port)) == 0
        with socket.socket() as outer:
            outer.settimeout(2)
            assert outer.connect_ex((outside, port)) != 0


def _own_address() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # no packet is sent
        except OSError:
            return None
        own = str(probe.getsockname()[0])
    return None if own.startswith("127.") else own
