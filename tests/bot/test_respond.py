"""Conversations over the real search and guides of the sandbox's catalogue, with what was understood given."""

from bot import texts
from bot.reply import Memory, Said
from bot.respond import Heard, give_up, respond, without_rasa
from tests.bot.shelf import Shelf, shelf
from tests.content.items import make_item


async def say(text: str, intent: str, memory: Memory | None = None, where: Shelf | None = None) -> Said:
    said = await respond(Heard(text, intent, memory or Memory()), where or shelf())
    assert said is not None
    return said


async def test_a_clear_question_gets_its_part_of_its_item_in_one_turn() -> None:
    said = await say("护照丢了补办要多少钱", "fee")
    [card] = said.reply.cards
    assert (card.kind, card.part, shelf().items[str(card.item_code)]["name"]) == ("answer", "fee", "普通护照换发、补发")
    assert card.item_version == 1 and card.as_of is not None and "120.00 元" in said.reply.text


async def test_what_follows_keeps_the_item_until_another_is_named() -> None:
    first = await say("护照丢了补办要多少钱", "fee")
    second = await say("那要多久", "time_limit", first.memory)
    assert second.reply.cards[0].item_code == first.reply.cards[0].item_code and second.reply.cards[0].part == "time_limit"
    third = await say("居住证申领要什么材料", "materials", second.memory)
    assert third.reply.cards[0].name == "居住证申领"
    assert (await say("要跑几趟", "visits", third.memory)).reply.cards[0].name == "居住证申领"


async def test_a_situation_told_or_tapped_trims_the_materials() -> None:
    first = await say("身份证丢了补领要带什么", "materials")
    assert [one.title for one in first.reply.buttons] == ["本人，已满16周岁", "孩子，未满16周岁"]
    mine = await say("1", "nlu_fallback", first.memory)
    assert "监护人" not in mine.reply.text and "您的情况（本人，已满16周岁）" in mine.reply.text
    assert "您的情况（孩子，未满16周岁）" in (await say("孩子，未满16周岁", "nlu_fallback", first.memory)).reply.text
    told = await say("孩子没满岁数，未满16周岁，身份证丢了补领要带什么", "materials")
    assert "您的情况（孩子，未满16周岁）" in told.reply.text


async def test_nothing_like_it_gets_no_card_and_no_figure() -> None:
    for text, intent in (("火星移民要多少钱", "fee"), ("我想饲养非洲大象", "process")):
        said = await say(text, intent)
        assert said.reply.cards == () and not any(one.isdigit() for one in said.reply.text.replace("12345", "")), said.reply.text
        assert said.miss in ("unsure", "nothing")


async def test_a_matter_nobody_has_heard_of_is_not_taken_for_the_one_before() -> None:
    first = await say("护照丢了补办要多少钱", "fee")
    said = await say("火星移民要多少钱", "fee", first.memory)
    assert said.reply.cards == () and "120" not in said.reply.text
    assert (await say("护照丢了的要多久", "time_limit", said.memory)).reply.cards[0].item_code == first.reply.cards[0].item_code


async def test_an_unsure_search_offers_at_most_five_and_the_tapped_one_is_answered_with_what_was_asked() -> None:
    items = [
        make_item(f"I{number}", name=f"{kind}经营许可证核发", fees=[]) for number, kind in enumerate(("食品", "药品", "烟草", "图书", "典当", "燃气"))
    ]
    where = Shelf(items)
    memory = Memory()
    said = await say("我有点事想问问经营的那个", "fee", memory, where)
    assert 3 <= len(said.reply.buttons) <= 5
    tapped = await say(said.reply.buttons[1].text, "fee", said.memory, where)
    assert tapped.reply.cards[0].item_code == said.reply.buttons[1].item_code and tapped.reply.cards[0].part == "fee"


async def test_without_an_item_a_bare_ask_is_asked_back_in_one_short_question() -> None:
    said = await say("要多久", "time_limit")
    assert said.reply.text == texts.WHICH_ITEM and said.reply.cards == ()
    assert (await say("居住证申领", "overview", said.memory)).reply.cards[0].name == "居住证申领"


async def test_a_matter_in_many_districts_asks_for_the_place_once_and_remembers() -> None:
    places = [("990102", "江东区"), ("990103", "江西区"), ("990104", "江南区")]
    items = [
        make_item(f"I{code}", name="老年人优待证办理", region={"code": code, "name": name}, places=[{"address": f"{name}一号"}])
        for code, name in places
    ]
    where = Shelf(items)
    first = await say("老年人优待证办理在哪里办", "location", None, where)
    assert [one.title for one in first.reply.buttons] == ["江东区", "江西区", "江南区"] and first.reply.cards == ()
    second = await say("江西区", "overview", first.memory, where)
    assert second.reply.cards[0].item_code == "I990103" and "江西区一号" in second.reply.text
    again = await say("老年人优待证办理在哪里办", "location", second.memory, where)
    assert again.reply.cards[0].item_code == "I990103"
    moved = await say("我在江南区", "overview", again.memory, where)
    assert moved.reply.cards[0].item_code == "I990104" and "江南区一号" in moved.reply.text


async def test_an_item_that_was_taken_down_meanwhile_is_said_to_be_gone() -> None:
    first = await say("居住证申领要什么材料", "materials")
    said = await respond(Heard("要多久", "time_limit", first.memory), Shelf([make_item("OTHER", name="别的事项")]))
    assert said is not None and said.reply.text == texts.ITEM_GONE and said.memory.item is None


async def test_a_situation_the_item_no_longer_has_does_no_harm() -> None:
    code = shelf().code_of("居民身份证补领")
    said = await say("要带什么", "materials", Memory(item=code, options=("gone",)))
    assert said.reply.cards[0].item_code == code


async def test_trouble_is_sent_to_people_with_the_number_of_the_matter_at_hand() -> None:
    rude = (await say("你们态度太差了", "complaint")).reply
    assert rude.text == texts.COMPLAINT and [one.action for one in rude.buttons] == ["complaint"]
    assert (await say("退款没到账", "payment")).reply.buttons == ()
    code = shelf().code_of("居住证申领")
    said = await say("我要投诉他们", "complaint", Memory(item=code))
    assert said.reply.cards[0].part == "contact" and str(shelf().items[code]["complaint_phone"]) in said.reply.text
    assert (await say("转人工", "human")).lookup == "human"


async def test_the_stages_of_not_understanding_end_with_a_person() -> None:
    memory, replies = Memory(), []
    for _ in range(3):
        said = without_rasa(Heard("呜啦呜啦", "nlu_fallback", memory))
        memory = said.memory
        replies.append(said.reply.text)
    assert replies == [texts.AFFIRMATION, texts.REPHRASE, texts.GIVE_UP]
    assert give_up(Heard("", "", memory)).reply.buttons[0].text == "转人工"


async def test_small_talk_and_other_worlds_keep_what_is_remembered() -> None:
    memory = Memory(item=shelf().code_of("居住证申领"), part="fee")
    assert (await say("谢谢", "thanks", memory)).memory == memory
    weather = await say("今天天气怎么样", "out_of_scope", memory)
    assert weather.reply.text == texts.OUT_OF_SCOPE and weather.memory == memory
