"""`zhangban bot ask` and `talk`: the assistant in a terminal, through the same public endpoint as the mini-program."""

import json
import readline  # noqa: F401 - input() then has a line editor and a history
import sys
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError

Json = dict[str, Any]
_SECONDS = 20


class NoAnswer(Exception):
    """One Chinese sentence: nothing that speaks our contract answered there, or it refused."""


def send(api: str, text: str, conversation: str | None = None, seconds: float = _SECONDS) -> Json:
    """One turn: {conversation_id, replies: [{text, cards, buttons}], intent, degraded}. Raises NoAnswer."""
    body = {"text": text, **({"conversation_id": conversation} if conversation else {})}
    sent = {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(f"{api}/v1/assistant/messages", json.dumps(body).encode(), sent, method="POST")  # noqa: S310 - checked below
        if request.type not in ("http", "https"):
            raise NoAnswer(f"--api 应为 http 地址，不是 {api}")
        with urllib.request.urlopen(request, timeout=seconds) as reply:  # noqa: S310 - http or https
            answer: Json = json.loads(reply.read())
    except HTTPError as exc:
        raise NoAnswer(f"没有接受（{exc.code}）：{_reason(exc.read())}") from exc
    except (URLError, HTTPException, OSError, ValueError) as exc:
        raise NoAnswer(f"API 没有回应：{api}。请先用 make run 启动，或用 --api 给出它的地址。") from exc
    if not isinstance(answer, dict) or not isinstance(answer.get("replies"), list):
        raise NoAnswer(f"在 {api} 回答的不是掌办的 API，请用 --api 给出它的地址。")
    return answer


def ask(question: str, api: str) -> int:
    """Exit code 2: no answer."""
    try:
        _show(send(api, question))
    except NoAnswer as exc:
        print(str(exc), file=sys.stderr)
        return 2
    return 0


def talk(api: str) -> int:
    """Until Ctrl-D or Ctrl-C. A refused message does not end the conversation, a server that is away does."""
    print("请直接提问；输入号码就是点按钮，Ctrl-D 结束。")
    conversation: str | None = None
    buttons: list[Json] = []
    while True:
        try:
            said = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return 0
        if not said:
            continue
        if said.isascii() and said.isdigit() and 0 < int(said) <= len(buttons):
            said = str(buttons[int(said) - 1]["text"])
            print(f"> {said}")
        try:
            answer = send(api, said, conversation)
        except NoAnswer as exc:
            print(str(exc), file=sys.stderr)
            if not isinstance(exc.__cause__, HTTPError):
                return 2
            continue
        conversation, buttons = answer.get("conversation_id"), _show(answer)


def _show(answer: Json) -> list[Json]:
    """Prints text, cards and numbered buttons; returns the buttons."""
    buttons: list[Json] = []
    for reply in answer["replies"]:
        print(reply["text"])
        for card in reply.get("cards") or []:
            about = [card.get(name) for name in ("name", "part", "item_code", "as_of")]
            print(f"  〔{card['kind']}〕 {' · '.join(str(one) for one in about if one)}")
        for button in reply.get("buttons") or []:
            buttons.append(button)
            print(f"  [{len(buttons)}] {button['title']}")
    print(f"  （意图 {answer.get('intent')}{'，降级：只用检索' if answer.get('degraded') else ''}）")
    return buttons


def _reason(raw: bytes) -> str:
    """The title of a problem document, or what there is."""
    try:
        problem = json.loads(raw)
        return str(problem["title"])
    except (ValueError, KeyError, TypeError):
        return raw[:200].decode(errors="replace")
