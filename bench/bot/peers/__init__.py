"""What else a city could have put there, asked the same questions; each peer answers in the endpoint's shape and is judged like it."""

from typing import Any


def reply(text: str, intent: str, answer: tuple[str, str] | None, offered: list[str]) -> dict[str, Any]:
    """`answer`: (item code, part) of the card, None for none. `offered`: codes of the buttons."""
    cards = [{"kind": "answer", "item_code": answer[0], "item_version": 1, "part": answer[1]}] if answer else []
    buttons = [{"title": code, "text": code, "item_code": code} for code in offered]
    return {"conversation_id": "", "intent": intent, "degraded": False, "replies": [{"text": text, "cards": cards, "buttons": buttons}]}
