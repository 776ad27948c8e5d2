"""Which templates to ask the resident for now, and what they answered. One-time consents: each accept is one send."""

from typing import Any

from kit.errors import Invalid
from notify.messages import TEMPLATES
from notify.store import Messages


async def to_ask(store: Messages, resident_id: str, channel: str, template_ids: dict[str, str]) -> list[dict[str, Any]]:
    """[{template_key, template_id, channel, title, remaining, last_result, ask}] for the caller's channel."""
    given = await store.consents(resident_id)
    asked = []
    for key, title in TEMPLATES.items():
        if key not in template_ids:
            continue
        row = given.get((channel, key), {})
        remaining, last = row.get("remaining", 0), row.get("last_result")
        entry = {"template_key": key, "template_id": template_ids[key], "channel": channel, "title": title}
        asked.append({**entry, "remaining": remaining, "last_result": last, "ask": remaining < 3 and last != "ban"})
    return asked


async def answered(store: Messages, resident_id: str, channel: str, answers: list[tuple[str, str]], template_ids: dict[str, str]) -> None:
    """Keep (template_key, result) pairs. Raises Invalid for a template this channel does not have."""
    unknown = [key for key, _ in answers if key not in template_ids]
    if unknown:
        raise Invalid("template_unknown", "没有这个消息模板，请刷新小程序后再试")
    for key, result in answers:
        await store.give_consent(resident_id, channel, key, "accept" if result == "acceptWithAudio" else "reject" if result == "filter" else result)
