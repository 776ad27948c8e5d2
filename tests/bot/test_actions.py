"""The wire protocol with Rasa: what it sends, what it gets, and what is refused."""

from typing import Any

import orjson
import pytest

from bot.actions import TWO_STAGES, UnknownAction, act
from bot.asks import ask_of
from bot.reply import Memory, Said
from tests.bot.shelf import shelf


def asked(text: str, intent: str, action: str = "action_guide", **more: Any) -> bytes:
    message = {"text": text, "intent": {"name": intent, "confidence": 0.9}, "entities": [], **more}
    tracker = {"sender_id": "talk_1", "slots": message.pop("slots", {}), "latest_message": message, "events": []}
    return orjson.dumps({"next_action": action, "sender_id": "talk_1", "version": "3.6.21", "tracker": tracker, "domain": {}})


async def test_one_custom_answer_and_slots_that_follow_the_memory() -> None:
    answer = await act(asked("护照补发要多久", "time_limit", metadata={"memory": {"region": "990102"}}), shelf())
    said = Said.model_validate(answer["responses"][0]["custom"])
    assert len(answer["responses"]) == 1 and said.reply.cards[0].part == "time_limit" and said.intent == "time_limit"
    assert {one["name"]: one["value"] for one in answer["events"]} == {
        "item": said.reply.cards[0].item_code,
        "region": "990102",
        "part": "time_limit",
    }
    again = await act(
        asked("护照补发要多久", "time_limit", metadata={"memory": {"region": "990102"}}, slots={"region": "990102", "part": "fee"}), shelf()
    )
    assert {one["name"] for one in again["events"]} == {"item", "part"}


async def test_what_is_not_understood_starts_the_two_stages_and_each_has_its_words() -> None:
    answer = await act(asked("呜啦呜啦", "nlu_fallback"), shelf())
    assert answer == {"events": [{"event": "followup", "name": TWO_STAGES}], "responses": []}
    ranking = [{"name": name, "confidence": 0.1} for name in ("nlu_fallback", "fee", "greet", "location")]
    affirm = await act(asked("呜啦", "nlu_fallback", "action_default_ask_affirmation", intent_ranking=ranking), shelf())
    said = Said.model_validate(affirm["responses"][0]["custom"])
    assert [one.title for one in said.reply.buttons] == ["要多少钱", "在哪里办"] and said.memory.confused == 1
    for action in ("action_default_ask_rephrase", "action_default_fallback"):
        assert (await act(asked("呜啦", "nlu_fallback", action), shelf()))["responses"][0]["custom"]["reply"].get("cards") is None
    assert (await act(asked("呜啦", "nlu_fallback", "action_default_fallback"), shelf()))["events"] == [{"event": "rewind"}]
    number = await act(asked("3", "goodbye", "action_small_talk"), shelf())
    assert number["responses"][0]["custom"]["miss"] == "nlu_fallback" and all(one["event"] == "slot" for one in number["events"])


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"next_action": "action_guide"}', b"\xff", orjson.dumps({"next_action": 1, "tracker": {}})])
async def test_what_is_no_action_request_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not an action request"):
        await act(body, shelf())


async def test_an_action_that_is_not_here_is_told_apart() -> None:
    with pytest.raises(UnknownAction):
        await act(asked("x", "fee", "action_of_another_version"), shelf())


async def test_a_memory_nobody_of_ours_wrote_is_not_taken() -> None:
    with pytest.raises(ValueError, match="not an action request"):
        await act(asked("x", "fee", metadata={"memory": {"options": 5}}), shelf())
    assert Memory.model_validate({"item": None, "made_up": 1}) == Memory()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("护照要多少钱", "fee"),
        ("那要几天", "time_limit"),
        ("要带啥", "materials"),
        ("在哪儿办", "location"),
        ("能寄到家吗", "delivery"),
        ("要跑几趟", "visits"),
        ("电话多少", "contact"),
        ("我办到哪一步了", "progress"),
        ("外地人能不能办", "conditions"),
        ("居住证怎么办", "process"),
        ("居住证", "overview"),
        ("转人工", "human"),
        ("我要投诉窗口", "complaint"),
        ("投诉", "complaint"),
        ("给你们提个建议", "complaint"),
        ("想反馈一个问题", "complaint"),
        ("投诉电话是多少", "contact"),
        ("举报的电话号码", "contact"),
        ("你好", "greet"),
        ("谢谢啦", "thanks"),
        ("我孩子刚出生。户口本也带了。多久能拿到？", "time_limit"),
        ("asdf", "nlu_fallback"),
    ],
)
def test_keywords_hear_the_ask_while_rasa_is_away(text: str, intent: str) -> None:
    assert ask_of(text) == intent
