"""`zhangban bot ask`, `talk` and `eval` against an API that answers as the contract says, and against ones that do not."""

import http.server
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miniapp_api import bot_eval, bot_talk

Json = dict[str, Any]
PERMIT = {"kind": "answer", "item_code": "A", "item_version": 3, "part": "materials", "as_of": "2026-11-01", "name": "居住证申领"}
CARD = {"kind": "answer", "item_code": "B", "item_version": 1, "part": "fee", "as_of": "2026-11-01", "name": "身份证补领"}
TO_CARD = {"title": "身份证补领", "text": "身份证补领要多少钱", "item_code": "B"}
REPLIES: dict[str, Json] = {
    "居住证要带什么": {"text": "带身份证明。", "cards": [PERMIT], "buttons": [TO_CARD]},
    "身份证补领要多少钱": {"text": "二十元。", "cards": [CARD], "buttons": []},
    "那要什么材料": {"text": "带照片。", "cards": [{**CARD, "part": "materials"}], "buttons": []},
    "证丢了": {"text": "您要办哪一件？", "cards": [], "buttons": [{**TO_CARD, "item_code": "A"}, TO_CARD]},
}


class Api:
    def __init__(self) -> None:
        self.asked: list[Json] = []
        self.status = 200
        self.good = 1000  # answers before it breaks down

    def answer(self, body: Json) -> Json:
        self.asked.append(body)
        reply = REPLIES.get(body["text"], {"text": "没有找到。", "cards": [], "buttons": []})
        return {"conversation_id": body.get("conversation_id", "c1"), "replies": [reply], "intent": "fee", "degraded": body["text"] == "证丢了"}


@pytest.fixture
def api() -> Iterator[tuple[Api, str]]:
    own = Api()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            own.good -= 1
            own.status = own.status if own.good >= 0 else 500
            told = own.answer(body) if own.status == 200 else {"code": "too_many", "title": "请稍后再试"}
            raw = json.dumps(told if self.path == "/v1/assistant/messages" else []).encode()
            self.send_response(own.status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield own, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def type_in(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_ask_prints_text_card_and_buttons(api: tuple[Api, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert bot_talk.ask("居住证要带什么", api[1]) == 0
    said = capsys.readouterr().out
    assert "带身份证明。" in said and "居住证申领 · materials · A · 2026-11-01" in said and "[1] 身份证补领" in said


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "file:///etc", "nowhere", "http://127.0.0.1:9/somewhere"])
def test_ask_says_in_one_sentence_that_nobody_answers(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bot_talk.ask("你好", url) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_ask_knows_a_stranger(api: tuple[Api, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert bot_talk.ask("你好", f"{api[1]}/other") == 2
    assert "不是掌办" in capsys.readouterr().err


def test_in_a_talk_a_number_is_a_button_and_the_conversation_goes_on(api: tuple[Api, str], monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "居住证要带什么", "", "1", "7")
    assert bot_talk.talk(api[1]) == 0
    assert api[0].asked == [
        {"text": "居住证要带什么"},
        {"text": "身份证补领要多少钱", "conversation_id": "c1"},
        {"text": "7", "conversation_id": "c1"},  # no such button: said as it is
    ]


def test_a_refused_message_does_not_end_a_talk(api: tuple[Api, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    api[0].status = 429
    type_in(monkeypatch, "一", "二")
    assert bot_talk.talk(api[1]) == 0
    assert capsys.readouterr().err.count("没有接受（429）：请稍后再试") == 2


QUESTIONS: list[Json] = [
    {"id": "q1", "text": "居住证要带什么", "ask": "materials", "codes": ["A", "Z"]},
    {"id": "q2", "text": "居住证要带什么", "ask": "fee", "codes": ["A"]},
    {"id": "q3", "text": "居住证要带什么", "ask": "fee", "codes": ["B"]},
    {"id": "q4", "text": "证丢了", "ask": "item_only", "codes": ["B"]},
    {"id": "q5", "text": "身份证补领要多少钱", "ask": "fee", "codes": ["B"], "dialog": "d1", "turn": 1},
    {"id": "q6", "text": "那要什么材料", "ask": "materials", "codes": ["B"], "dialog": "d1", "turn": 2},
    {"id": "q7", "text": "居住证要带什么", "ask": "materials", "codes": []},
    {"id": "q8", "text": "天气怎样", "ask": "other", "codes": []},
]


def test_eval_counts_what_a_resident_sees_first(api: tuple[Api, str]) -> None:
    scores = bot_eval.run(QUESTIONS, api[1])
    counted = {name: (one.asked, one.item, one.part, one.offered) for name, one in scores.items() if one.asked}
    assert counted == {"materials": (2, 2, 2, 2), "fee": (3, 2, 1, 3), "item_only": (1, 0, 0, 1)}
    assert (scores["（没有这个事项）"].none, scores["（没有这个事项）"].invented) == (2, 1)
    assert sum(one.degraded for one in scores.values()) == 1
    assert [one.get("conversation_id") for one in api[0].asked][4:6] == [None, "c1"]  # only a dialog goes on


def test_eval_prints_a_table_and_ends_with_0(api: tuple[Api, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in QUESTIONS) + "\n\n", encoding="utf-8")
    assert bot_eval.main(file, api[1], None) == 0
    said = capsys.readouterr().out
    assert "合计" in said and "6" in said and "4 (67%)" in said and "其中给了答案的 1 题" in said


def test_eval_counts_no_answer_as_wrong_and_ends_with_1(api: tuple[Api, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in QUESTIONS[:3]), encoding="utf-8")
    api[0].good = 1
    assert bot_eval.main(file, api[1], None) == 1
    streams = capsys.readouterr()
    assert "没有得到回答的 2 题" in streams.err and "q2、q3" in streams.err and "1 (33%)" in streams.out


@pytest.mark.parametrize("content", ["", "not json", '{"text": "x"}', "[1]", '{"text": "x", "ask": "fee", "codes": null}'])
def test_eval_names_a_file_it_cannot_read(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(content)
    assert bot_eval.main(file, "http://127.0.0.1:9", None) == 2
    assert str(file) in capsys.readouterr().err
    assert bot_eval.main(tmp_path / "none.jsonl", "http://127.0.0.1:9", None) == 2
