"""The assistant's bench judges strictly: a right card first, the right part, nothing where there is nothing; failures are wrong everywhere."""

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bench.bot import audit, bare, dump, latency, quality, questions, talk
from bench.bot.intervals import wilson
from bench.bot.peers import default_project, rasa_defaults
from bench.bot.questions import BadQuestions, Conversation, Turn
from bench.bot.talk import Answered
from bench.bot.verdicts import Verdict, judge, offered
from sandbox import core_items

ASKS = questions.PARTS | {"other", "item_only"}
STYLES = {"plain", "colloquial", "traditional", "typo", "short", "long", "elderly", "other"}


def make_turn(*codes: str, asks: str = "fee", **fields: Any) -> Turn:
    return Turn(id="q", text="要钱吗", asks=frozenset(asks.split()), codes=frozenset(codes), style=fields.pop("style", "plain"), **fields)


def make_card(code: str = "A", part: str = "fee", kind: str = "answer") -> dict[str, Any]:
    return {"kind": kind, "item_code": code, "item_version": 1, "part": part, "as_of": "2026-11-23", "name": code}


def make_button(code: str | None) -> dict[str, Any]:
    return {"title": f"事项{code}", "text": f"事项{code}", "item_code": code}


def make_reply(*cards: dict[str, Any], text: str = "见下", buttons: tuple[str | None, ...] = (), intent: str = "fee") -> dict[str, Any]:
    one = {"text": text, "cards": list(cards), "buttons": [make_button(code) for code in buttons]}
    return {"conversation_id": "c1", "replies": [one], "intent": intent, "degraded": False}


def judged(turn: Turn, reply: dict[str, Any] | None) -> Verdict:
    return judge(Answered(turn, reply, "" if reply else "HTTP 500", 10.0))


def test_only_an_answer_from_the_right_item_with_the_asked_part_first_is_right() -> None:
    turn = make_turn("A", "B")
    right = judged(turn, make_reply(make_card("B")))
    assert right.item and right.part and right.offered and right.ask
    for reply in (
        make_reply(make_card("B", part="materials")),
        make_reply(make_card("C")),
        make_reply(make_card("B", kind="candidate")),
        make_reply(make_card("C"), make_card("B")),
        make_reply(buttons=("B",)),
    ):
        assert not judged(turn, reply).part
    assert judged(turn, make_reply(make_card("B", part="materials"))).item
    second = make_reply()
    second["replies"] += make_reply(make_card("B"))["replies"]
    assert not judged(turn, second).item and judged(turn, second).offered


def test_a_matter_alone_wants_the_overview_and_other_takes_any_part(tmp_path: Path) -> None:
    file = tmp_path / "dev_questions.jsonl"
    file.write_text(json.dumps({"id": "1", "text": "护照", "ask": "item_only", "codes": ["A"], "style": "short"}), encoding="utf-8")
    [turn] = questions.read(file)[0].turns
    assert turn.asks == {"overview"}
    assert judged(turn, make_reply(make_card(part="overview"))).part and not judged(turn, make_reply(make_card(part="process"))).part
    assert judged(make_turn("A", asks="other"), make_reply(make_card(part="visits"))).part


def test_the_first_five_seen_are_offered_cards_before_buttons() -> None:
    reply = make_reply(make_card("A"), buttons=("B", None, "A", "C", "D", "E"))
    assert offered(reply["replies"]) == ["A", "B", "A", "C", "D"]
    assert judged(make_turn("D"), reply).offered and not judged(make_turn("E"), reply).offered


def test_intents_that_are_no_part_are_read_as_other() -> None:
    for intent in ("complaint", "out_of_scope", "human", "payment", "nlu_fallback", "greet", "thanks", "overview"):
        assert judged(make_turn(asks="other"), make_reply(intent=intent)).ask, intent
        assert not judged(make_turn(asks="fee process"), make_reply(intent=intent)).ask
    assert judged(make_turn(asks="overview"), make_reply(intent="overview")).ask and not judged(make_turn(asks="other"), make_reply(intent="fee")).ask


def test_where_there_is_no_item_a_card_or_any_figure_is_invented() -> None:
    turn = make_turn()
    for reply in (
        make_reply(make_card("A")),
        make_reply(make_card("A", kind="candidate")),
        make_reply(text="工本费20元"),
        make_reply(text="两个工作日就好"),
        make_reply(text="电话0990-1234101"),
        make_reply(text="在柳湾路25号"),
        None,
    ):
        assert judged(turn, reply).invented
    assert not judged(turn, make_reply(text="没有找到，可拨打12345", buttons=("A", "B"))).invented
    assert judged(turn, make_reply(text="没有找到，可拨打12345")).hotline


def test_a_failure_is_wrong_wherever_it_counts() -> None:
    assert judged(make_turn("A"), None) == Verdict(Answered(make_turn("A"), None, "HTTP 500", 10.0), False, False, False, False, True, False)


def test_figures_have_the_names_aims_and_numbers_that_readers_know(capsys: pytest.CaptureFixture[str]) -> None:
    right, wrong = make_reply(make_card("A")), make_reply(make_card("Z"))
    follow = make_turn("A", asks="time_limit", number=2)
    conversations = [
        [judged(make_turn("A"), right), judged(follow, make_reply(make_card("A", part="time_limit")))],
        [judged(make_turn("A", style="short"), right), judged(follow, make_reply(make_card("A", part="fee")))],
        [judged(make_turn("A"), wrong), judged(follow, make_reply(make_card("A", part="time_limit")))],  # its first turn was wrong: left out
        [judged(make_turn(), make_reply(text="没有"))],
        [judged(make_turn(), None)],
    ]
    quality.tell(quality.shares("dev", conversations))
    figures = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    told = {name: (row["value"], row["n"], row["aim"], row["better"]) for name, row in figures.items()}
    assert told["bot_item_part_first_dev"] == (0.667, 3, 0.75, "higher")
    assert told["bot_item_part_first_dev_short"] == (1.0, 1, None, "higher")
    assert told["bot_offered_dev"] == (0.667, 3, 0.92, "higher")
    assert told["bot_followup_dev"] == (0.5, 2, 0.90, "higher")
    assert told["bot_oos_answered_dev"] == (0.5, 2, 0.10, "lower")
    assert told["bot_failed_dev"] == (0.125, 8, None, "lower")
    assert "95 % 0.208-0.939" in figures["bot_item_part_first_dev"]["baseline"]


def test_a_set_of_real_peoples_questions_has_its_own_names_and_aims() -> None:
    conversations = [[judged(make_turn("A", asks="fee process", labelled=True), make_reply(make_card("A")))]]
    conversations.append([judged(make_turn(asks="other", labelled=True), make_reply(intent="complaint"))])
    shares = {one.name: one for one in quality.shares("real_questions_dev", conversations)}
    assert {name: one.aim for name, one in shares.items() if one.aim} == {
        "bot_ask_real_questions_dev": 0.80,
        "bot_offered_real_questions_dev": 0.80,
        "bot_invented_real_questions_dev": 0.15,
    }
    assert shares["bot_ask_real_questions_dev"].value == 1.0 and shares["bot_invented_real_questions_dev"].value == 0.0


def test_the_table_has_interval_aim_peers_and_styles() -> None:
    conversations = [[judged(make_turn("A", style=style), make_reply(make_card("A")))] for style in ("plain", "short")]
    ours, theirs = quality.shares("dev", conversations), quality.shares("dev", [[judged(make_turn("A"), make_reply())]])
    lines = quality.table(ours, {"peer": theirs}).splitlines()
    assert lines[0] == "| figure | ours | 95 % | aim | peer | n |"
    assert lines[2] == "| `bot_item_part_first_dev` | 1.000 | 0.342–1.000 | ≥ 0.75 | 0.000 | 2 |"
    assert "`bot_item_part_first_dev` by style: plain 1.00 (1), short 1.00 (1)." in lines
    assert "| `bot_offered_…` | right item among the first five in cards and buttons |" in lines


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)]
)
def test_wilsons_interval(hits: int, n: int, low: float, high: float) -> None:
    """263: Newcombe 1998, Statistics in Medicine 17, table I, method 3."""
    assert all(math.isclose(a, b, abs_tol=6e-5) for a, b in zip(wilson(hits, n), (low, high), strict=True))


def test_conversations_are_read_in_order_and_a_lost_turn_is_told(tmp_path: Path) -> None:
    def row(text: str, **more: Any) -> str:
        return json.dumps({"id": text, "text": text, "ask": "fee", "codes": ["A"], "style": "plain", **more}, ensure_ascii=False)

    file = tmp_path / "q.jsonl"
    file.write_text("\n".join([row("二", dialog="d", turn=2), row("单"), row("一", dialog="d", turn=1)]), encoding="utf-8")
    assert [[turn.text for turn in one.turns] for one in questions.read(file)] == [["一", "二"], ["单"]]
    for bad in (row("二", dialog="d", turn=2), '{"text": 1}', "[]", "", json.dumps({"text": "一", "ask": "fee", "codes": [1]})):
        file.write_text(bad, encoding="utf-8")
        with pytest.raises(BadQuestions):
            questions.read(file)


def test_our_own_questions_are_sound_and_enough() -> None:
    codes = {item["code"] for item in core_items.read(None)}
    rows = [json.loads(line) for path in questions.OWN for line in path.read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert set(row["codes"]) <= codes and row["answerable"] is bool(row["codes"]), row["id"]
        assert {row["ask"], *row.get("ask_accept", [])} <= ASKS and row["style"] in STYLES, row["id"]
        assert row["ask"] in row.get("ask_accept", [row["ask"]]), row["id"]
    conversations = [one for path in questions.OWN for one in questions.read(path)]
    dialogues = [one for one in conversations if len(one.turns) > 1]
    assert len(dialogues) >= 60 and sum(len(one.turns) for one in dialogues) >= 130
    assert {turn.kind for one in dialogues for turn in one.turns[1:]} == {"follow", "switch", "situation", "thanks"}
    firsts = [one.first.text for one in conversations]
    assert len(set(firsts)) == len(firsts)


class Endpoint:
    """A pretend assistant that notes what it is sent; `answers`: by text, else a right reply."""

    def __init__(self, **answers: Any) -> None:
        self.heard: list[tuple[str, str | None]] = []
        self._answers = answers

    async def serve(self) -> tuple[web.AppRunner, str]:
        app = web.Application()
        app.router.add_post(talk.PATH, self._message)
        app.router.add_get("/v1/items/{code}", self._item)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _message(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.heard.append((body["text"], body.get("conversation_id")))
        answer = self._answers.get(body["text"], make_reply(make_card("A"), text="20元"))
        if isinstance(answer, int):
            return web.Response(status=answer)
        return web.json_response({**answer, "conversation_id": f"of {self.heard[0][0]}"} if isinstance(answer, dict) else answer)

    async def _item(self, request: web.Request) -> web.Response:
        known = (request.match_info["code"], request.query["version"]) == ("A", "1")
        return web.json_response({"version": 1, "fees": [{"name": "费", "amount_fen": 2000}]}, status=200 if known else 404)


def conversation(*texts: str) -> Conversation:
    return Conversation(tuple(Turn(text, text, frozenset({"fee"}), frozenset({"A"}), "plain", number) for number, text in enumerate(texts, 1)))


async def test_a_dialogue_stays_in_its_conversation_even_after_a_failed_turn() -> None:
    endpoint = Endpoint(坏=500)
    runner, base = await endpoint.serve()
    try:
        [answers] = await talk.run(base, [conversation("甲", "坏", "乙")])
    finally:
        await runner.cleanup()
    assert endpoint.heard == [("甲", None), ("坏", "of 甲"), ("乙", "of 甲")]
    assert [one.problem.partition(":")[0] for one in answers] == ["", "HTTP 500", ""] and answers[1].reply is None


@pytest.mark.parametrize(
    "broken",
    [{}, [], {**make_reply(), "replies": []}, make_reply(text=""), make_reply(text="长" * 301), make_reply({**make_card(), "item_version": None})],
    ids=["empty", "a list", "no replies", "no text", "too long", "no version"],
)
async def test_an_answer_that_breaks_the_contract_is_a_failure(broken: Any) -> None:
    runner, base = await Endpoint(甲=broken).serve()
    try:
        [[answer]] = await talk.run(base, [conversation("甲")])
    finally:
        await runner.cleanup()
    assert answer.reply is None and answer.problem


async def test_the_audit_reads_the_cited_versions_and_tells_what_they_do_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other_version = {**make_card("A"), "item_version": 2}
    endpoint = Endpoint(乙=make_reply(make_card("A"), text="30元"), 丙=make_reply(text="20元"), 丁=make_reply(other_version, text="好"))
    runner, base = await endpoint.serve()
    try:
        answers = [one for turns in await talk.run(base, [conversation(text) for text in "甲乙丙丁"]) for one in turns]
        audited = await audit.audit(base, answers)
    finally:
        await runner.cleanup()
    assert [one.loose for one in audited] == [[], ["30元"], ["20元"], ["一个引用的事项版本读不到"]]
    audit.tell(audited)
    out, err = capsys.readouterr()
    figure = json.loads(out)
    assert (figure["name"], figure["value"], figure["aim"], figure["n"]) == ("bot_grounded", 0.25, 1.0, 4) and "30元" in err
    dump.write(tmp_path / "d.jsonl", {"dev": [[judge(one) for one in answers]]}, audited)
    rows = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["text"], row["part"], row["ungrounded"]) for row in rows][:2] == [("甲", True, []), ("乙", True, ["30元"])]


def test_a_reply_that_cites_two_items_may_say_what_either_holds() -> None:
    ten, twenty = ({"fees": [{"name": "费", "amount_fen": fen}]} for fen in (1000, 2000))
    reply = make_reply(make_card("A"), make_card("B"), text="10元，或20元，或30元")["replies"][0]
    assert audit.loose(reply, [ten, twenty]) == ["30元"] and audit.loose(reply, [ten, None]) != []


async def test_talkers_hold_conversations_of_their_own_and_each_waits_for_its_answer() -> None:
    seen: dict[str | None, int] = {}
    busy = most = 0

    async def speak(text: str, conversation: str | None) -> latency.Spoken:
        nonlocal busy, most
        busy, most = busy + 1, max(most, busy + 1)
        name = conversation or f"c{len(seen)}"
        seen[name] = seen.get(name, 0) + 1
        await asyncio.sleep(0)
        busy -= 1
        return latency.Spoken(name, "degraded" if text == "b" else "", 1.0)

    load = await latency._load(speak, ["a", "b"], 0.05, 3)
    assert most == 3 and max(seen.values()) <= latency.TURNS and len(load.ms) == sum(seen.values())
    assert load.faults.count("degraded") and "degraded of" in load.told()


def test_a_side_that_gives_up_sooner_is_not_the_quicker_one() -> None:
    load = latency.Load(1.0, ms=[20.0] * 20, faults=[""] * 18 + ["degraded"] * 2)
    assert load.p95 == 20.0 and load.p95_as_asked == latency.FAILED_MS


def test_the_bare_rasa_is_ours_on_another_port() -> None:
    assert bare.at_port(["rasa", "run", "-p", "5005", "--model", "m"], 7) == ["rasa", "run", "-p", "7", "--model", "m"]


def test_the_peers_training_file_holds_our_sentences_with_names_as_entities(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fee.yml").write_text("nlu:\n- intent: fee\n  examples: |\n    - 办[护照](item)要多少钱\n    - 收费吗\n", encoding="utf-8")
    items: list[dict[str, Any]] = [
        {"code": "A", "name": "护照", "short_name": None, "everyday_names": ["出国本"]},
        {"code": "B", "name": "落户", "everyday_names": []},
    ]
    assert default_project.names(items) == {"护照": "A", "出国本": "A", "落户": "B"}
    assert default_project.write(tmp_path / "p", items, 7, tmp_path / "data") == 3
    nlu = (tmp_path / "p" / "nlu.yml").read_text(encoding="utf-8")
    assert "    - 办[护照](item)要多少钱\n" in nlu and "    - 办[出国本](item)要多少钱\n" in nlu and "- lookup: item" in nlu
    assert "epochs: 7" in (tmp_path / "p" / "config.yml").read_text(encoding="utf-8")


def test_the_peer_takes_the_name_that_shares_most_with_the_entity() -> None:
    finder = rasa_defaults.Names({"居民身份证补领": "A", "居民身份证换领": "B", "护照": "C"})
    assert finder.closest("护照") == ["C"] and finder.closest("身份证换领")[0] == "B" and finder.closest("天气") == []
    assert judged(make_turn("B"), rasa_defaults.said("fee", ["B", "A"])).part and not judged(make_turn("B"), rasa_defaults.said("greet", ["B"])).item


def test_a_slow_training_is_seen_from_its_own_progress() -> None:
    first = "Epochs:   1%|          | 1/100 [04:04<6:43:32, 244.57s/it, t_loss=6.66]\r"
    later = "Epochs:   2%|2| 2/100 [04:54<3:32:06, 129.8s/it]\rEpochs:   3%|3| 3/100 [05:44<3:32:06]\rEpochs: 40%|4| 41/100 [1:04:04<9:00]"
    assert rasa_defaults.seconds_each(first) is None
    assert rasa_defaults.seconds_each(first + later[:90]) == 50.0 and rasa_defaults.seconds_each(first + later) == 90.0
