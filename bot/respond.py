"""From what was heard to what is said. The same rules whether Rasa understood the message or keywords did; every fact comes from a live guide."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast, get_args

import orjson

from bot import asks, offers, parts, texts
from bot.cleaning import plain
from bot.knowledge import Candidate, Findings, Knowledge
from bot.reply import LONGEST, MOST_OFFERED, Button, Card, Lookup, Memory, Offer, Part, Reply, Said

ASKS = frozenset(get_args(Part))
FALLBACK = "nlu_fallback"
_SMALL_TALK = {"greet": texts.GREETING, "thanks": texts.THANKS, "goodbye": texts.GOODBYE, "affirm": texts.AFFIRM, "deny": texts.DENY}
_BETWEEN = re.compile(r"[，,、；;：:（）()/]")
_BY_PLACE = ("location", "contact", "process", "overview")  # parts that differ from district to district
_SMALL = 8  # characters; what is longer is heard out, whatever it sounds like
_NAMES_SOMETHING = 4  # characters beside the ordinary words
_SHARED = 0.5  # of their pairs, that stand in the guide at hand
_FEWEST_REGIONS = 3  # with fewer, the nearest is answered and the other offered


@dataclass(frozen=True, slots=True)
class Heard:
    """A cleaned message. `guesses`: intents in the order of their likelihood, for asking back."""

    text: str
    intent: str
    memory: Memory
    guesses: tuple[str, ...] = ()

    @property
    def part(self) -> Part | None:
        return cast(Part, self.intent) if self.intent in ASKS else None


async def respond(heard: Heard, knowledge: Knowledge) -> Said | None:
    """None: not understood; whoever called asks back in the way it has."""
    memory = heard.memory
    if not heard.text:
        return _plainly(heard, texts.EMPTY)
    if (offer := offers.chosen(heard.text, memory)) is not None:
        return await _chosen(heard, offer, knowledge)
    if offers.is_number(heard.text):
        return None  # nothing is offered that it could pick
    if heard.intent in _SMALL_TALK and len(heard.text) <= _SMALL:
        return _plainly(heard, _SMALL_TALK[heard.intent])
    if heard.intent == "human":
        return Said(reply=Reply(text=texts.HUMAN_AWAY), memory=memory, intent="human", lookup="human")
    if (region := knowledge.region_in(heard.text)) is not None:
        memory = memory.model_copy(update={"region": region})
        heard = replace(heard, memory=memory)
    findings = await _found(heard, knowledge)
    if heard.intent in ("payment", "complaint"):
        return await _trouble(heard, findings, knowledge)
    if memory.item is not None and _is_about_the_same(memory.item, findings):
        if region is not None and not findings.topical and heard.part in (None, "overview"):
            return await _moved(heard, memory.item, region, knowledge)
        return await _followed_up(heard, memory.item, knowledge)
    if findings.certain:
        return await _answered(_likeliest(heard), findings, knowledge)
    if heard.intent in _SMALL_TALK:
        return _plainly(heard, _SMALL_TALK[heard.intent])
    return _asked_back(heard, findings)


def _likeliest(heard: Heard) -> Heard:
    """Small talk that names a matter was none: the next likeliest ask. What was not understood gets the overview."""
    if heard.intent not in _SMALL_TALK:
        return heard
    return replace(heard, intent=next((one for one in heard.guesses if one in ASKS), "overview"))


async def _found(heard: Heard, knowledge: Knowledge) -> Findings:
    """What the words of a message belong to: the matter at hand, where its guide has them; else one nobody here has heard of is a matter too."""
    findings = knowledge.find(heard.text, heard.memory.region)
    if findings.certain or (findings.topical and heard.memory.item is None):
        return findings
    matter = asks.matter_of(heard.text)
    pairs = {matter[place : place + 2] for place in range(len(matter) - 1)}
    guide = await knowledge.guide(heard.memory.item) if heard.memory.item else None
    at_hand = orjson.dumps(dict(guide)).decode() if guide else ""
    known = sum(pair in at_hand for pair in pairs)
    if guide and known >= _SHARED * len(pairs):
        return replace(findings, topical=False)
    return replace(findings, topical=findings.topical or (len(matter) >= _NAMES_SOMETHING and not known))


def _is_about_the_same(item: str, findings: Findings) -> bool:
    """The message names nothing of its own, or names what the talk is about already."""
    if not findings.topical:
        return True
    return not findings.certain and any(one.code == item for one in findings.candidates[:2])


async def _chosen(heard: Heard, offer: Offer, knowledge: Knowledge) -> Said:
    memory = heard.memory
    item, part = offer.item or memory.item, offer.part or memory.part or "overview"
    same = item == memory.item
    options = (*(memory.options if same else ()), *((offer.option,) if offer.option else ()))
    memory = memory.model_copy(update={"item": item, "region": offer.region or memory.region, "options": options})
    if item is None:
        return _plainly(heard, texts.WHICH_ITEM)
    return await _part_of(item, part, replace(heard, memory=memory), knowledge)


async def _followed_up(heard: Heard, item: str, knowledge: Knowledge) -> Said | None:
    memory = await _with_situation(heard, item, knowledge)
    if heard.part in (None, "overview") and memory.options != heard.memory.options:
        return await _part_of(item, "materials", replace(heard, memory=memory), knowledge)
    if heard.intent == "out_of_scope":
        return _plainly(heard, texts.OUT_OF_SCOPE, "out_of_scope")
    if heard.part is None:
        return None
    return await _part_of(item, heard.part, replace(heard, memory=memory), knowledge)


async def _moved(heard: Heard, item: str, region: str, knowledge: Knowledge) -> Said:
    """Only a place was named: the same matter there, and the same part of it."""
    guide = await knowledge.guide(item)
    there = knowledge.find(guide["name"], region).candidates if guide else ()
    code = next((one.code for one in there if guide and one.name == guide["name"]), item)
    return await _part_of(code, heard.memory.part or "overview", heard, knowledge)


async def _answered(heard: Heard, findings: Findings, knowledge: Knowledge) -> Said:
    """The first candidate's part; its near neighbours as buttons."""
    best = findings.candidates[0]
    part = heard.part or "overview"
    same = best.code == heard.memory.item
    memory = heard.memory if same else heard.memory.model_copy(update={"item": best.code, "options": ()})
    heard = replace(heard, memory=memory)
    heard = replace(heard, memory=await _with_situation(heard, best.code, knowledge))
    siblings = [one for one in findings.candidates if one.name == best.name]
    if part in _BY_PLACE and not heard.memory.region and not heard.memory.region_asked:
        regions = {one.region for one in siblings if one.region}
        if len(regions) >= _FEWEST_REGIONS:
            return await _asked_for_region(heard, part, siblings, knowledge)
    return await _part_of(best.code, part, heard, knowledge, findings.candidates[1:MOST_OFFERED])


async def _asked_for_region(heard: Heard, part: Part, siblings: list[Candidate], knowledge: Knowledge) -> Said:
    buttons, given = [], []
    for one in siblings[:MOST_OFFERED]:
        guide = await knowledge.guide(one.code)
        if guide is not None and guide["region"]:
            title = plain(guide["region"]["name"], offers.TITLE)
            buttons.append(Button(title=title, text=title, item_code=one.code))
            given.append(Offer(text=title, item=one.code, region=one.region))
    memory = heard.memory.model_copy(update={"part": part, "offers": tuple(given), "region_asked": True, "item": None, "confused": 0})
    text = texts.WHICH_REGION.format(name=f"《{plain(siblings[0].name, 60)}》")
    return Said(reply=Reply(text=text, buttons=tuple(buttons)), memory=memory, intent=heard.intent)


async def _with_situation(heard: Heard, item: str, knowledge: Knowledge) -> Memory:
    """What the message tells of the resident's situation, in the item's own words: "我是未满16周岁" answers a question of the item."""
    guide = await knowledge.guide(item)
    if guide is None:
        return heard.memory
    said = "".join(heard.text.split())
    options = list(heard.memory.options)
    for question in guide["situations"]:
        told = [one["id"] for one in question["options"] if any(piece in said for piece in _own_pieces(one, question))]
        if len(told) == 1:
            options = [one for one in options if one not in {other["id"] for other in question["options"]}] + told
    return heard.memory.model_copy(update={"options": tuple(options)})


def _own_pieces(option: Mapping[str, Any], question: Mapping[str, Any]) -> list[str]:
    """Pieces of an option's title between punctuation that no other option of the question has."""
    others = [one["title"] for one in question["options"] if one is not option]
    pieces = ["".join(one.split()) for one in _BETWEEN.split(option["title"])]
    return [one for one in pieces if len(one) > 2 and not any(one in other for other in others)]


async def _part_of(item: str, part: Part, heard: Heard, knowledge: Knowledge, near: tuple[Candidate, ...] = ()) -> Said:
    guide = await knowledge.guide(item, heard.memory.options)
    if guide is None:
        memory = heard.memory.model_copy(update={"item": None, "offers": (), "options": ()})
        return Said(reply=Reply(text=texts.ITEM_GONE), memory=memory, intent=heard.intent, miss="item_gone")
    text = parts.told(guide, part, heard.memory.options)
    buttons, given = offers.of_candidates(near, part)
    if part == "materials":
        question, options, choices = offers.of_situation(guide)
        asked = texts.WHICH_SITUATION.format(question=question) if question else ""
        if asked and len(text) + len(asked) <= LONGEST:
            text, buttons, given = text.rstrip() + asked, options, choices
    elif part == "overview" and not near:
        buttons, given = offers.of_parts(item)
    memory = heard.memory.model_copy(update={"item": item, "part": part, "offers": given, "confused": 0})
    miss = None if parts.is_recorded(guide, part) else "not_recorded"
    lookup: Lookup | None = "progress" if part == "progress" else None
    return Said(
        reply=Reply(text=text.rstrip(), cards=(_card(guide, part),), buttons=buttons), memory=memory, intent=heard.intent, lookup=lookup, miss=miss
    )


def _card(guide: Mapping[str, Any], part: Part) -> Card:
    return Card(kind="answer", item_code=guide["code"], item_version=guide["version"], part=part, as_of=guide["as_of"], name=guide["name"])


def _asked_back(heard: Heard, findings: Findings) -> Said | None:
    """One short question: which item, or which of these. No card and no figure: nothing is known yet."""
    memory = heard.memory
    if heard.intent == "progress" and not findings.topical:
        return Said(reply=Reply(text=texts.LOG_IN), memory=memory, intent="progress", lookup="progress")
    if heard.intent == "out_of_scope" and not findings.topical:
        return _plainly(heard, texts.OUT_OF_SCOPE, "out_of_scope")
    if not findings.topical or not findings.candidates:
        if heard.part is None:
            return None
        memory = memory.model_copy(update={"part": heard.part, "offers": ()})
        text = texts.NOTHING if findings.topical else texts.WHICH_ITEM
        return Said(reply=Reply(text=text), memory=memory, intent=heard.intent, miss="nothing" if findings.topical else None)
    buttons, given = offers.of_candidates(findings.candidates, heard.part)
    memory = memory.model_copy(update={"part": heard.part or "overview", "offers": given})
    return Said(reply=Reply(text=texts.NOT_FOUND, buttons=buttons), memory=memory, intent=heard.intent, miss="unsure")


async def _trouble(heard: Heard, findings: Findings, knowledge: Knowledge) -> Said:
    """Payment trouble and complaints: whom to turn to; the item's own number where the talk is about one."""
    text = texts.PAYMENT if heard.intent == "payment" else texts.COMPLAINT
    lookup: Lookup | None = "bills" if heard.intent == "payment" else None
    named = findings.candidates[0].code if findings.certain and heard.intent == "payment" else None
    item = named or heard.memory.item
    guide = await knowledge.guide(item) if item else None
    number = guide and guide["parts"]["contact"]["complaint" if heard.intent == "complaint" else "consult"]
    buttons = (offers.of_complaint(item),) if heard.intent == "complaint" else ()
    if guide is None or not number:
        return Said(reply=Reply(text=text, buttons=buttons), memory=heard.memory, intent=heard.intent, lookup=lookup)
    label = "监督投诉电话" if heard.intent == "complaint" else "咨询电话"
    more = f"{parts.named(guide)}的{label}：{parts.phone_of(number)}。"
    reply = Reply(text=plain(f"{text}{more}", LONGEST), cards=(_card(guide, "contact"),), buttons=buttons)
    return Said(reply=reply, memory=heard.memory, intent=heard.intent, lookup=lookup)


def _plainly(heard: Heard, text: str, miss: str | None = None) -> Said:
    return Said(reply=Reply(text=text), memory=heard.memory, intent=heard.intent, miss=miss)


def affirmation(heard: Heard) -> Said:
    """Two-stage fallback, first: the likeliest asks as buttons."""
    likely = [cast(Part, one) for one in heard.guesses if one in ASKS and one != "overview"][:3]
    buttons, given = offers.of_parts(heard.memory.item, likely) if likely else offers.of_parts(heard.memory.item)
    memory = heard.memory.model_copy(update={"offers": given, "confused": heard.memory.confused + 1})
    return Said(reply=Reply(text=texts.AFFIRMATION, buttons=buttons), memory=memory, intent=FALLBACK, miss=FALLBACK)


def rephrase(heard: Heard) -> Said:
    """Second: in other words, please."""
    memory = heard.memory.model_copy(update={"offers": (), "confused": heard.memory.confused + 1})
    return Said(reply=Reply(text=texts.REPHRASE), memory=memory, intent=FALLBACK, miss=FALLBACK)


def give_up(heard: Heard) -> Said:
    """Last: to a person."""
    memory = heard.memory.model_copy(update={"offers": (), "confused": 0})
    button = Button(title="转人工", text="转人工")
    return Said(reply=Reply(text=texts.GIVE_UP, buttons=(button,)), memory=memory, intent=FALLBACK, miss=FALLBACK)


def without_rasa(heard: Heard) -> Said:
    """The stages of the fallback, counted here while Rasa is away."""
    return (affirmation, rephrase, give_up)[min(heard.memory.confused, 2)](heard)


def mirrored(memory: Memory) -> dict[str, Any]:
    """Slots of Rasa that follow our memory."""
    return {"item": memory.item, "region": memory.region, "part": memory.part, "options": list(memory.options) or None}
