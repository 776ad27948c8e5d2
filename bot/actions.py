"""Rasa's custom actions, over its wire protocol: which action is wanted and what was understood come in, events and one answer go out.

Shapes: rasa.com/docs, "action server". rasa-sdk is not used (docs/decisions/0019): its classes cost more to import than this costs to read.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.knowledge import Knowledge
from bot.reply import Memory
from bot.respond import FALLBACK, Heard, affirmation, give_up, mirrored, rephrase, respond

TWO_STAGES = "action_two_stage_fallback"
_STAGES = {"action_default_ask_affirmation": affirmation, "action_default_ask_rephrase": rephrase, "action_default_fallback": give_up}
_LAST = "action_default_fallback"  # without a rewind Rasa calls it again until its limit of ten
_MAY_BE_ASKED_BACK = (FALLBACK, "out_of_scope")  # any other intent is taken for the answer to the question, round and round for a minute
ACTIONS = frozenset({"action_guide", "action_progress", "action_payment", "action_human", "action_complaint", "action_small_talk", *_STAGES})


class UnknownAction(LookupError):
    """Rasa asked for an action that is not here: its domain and this code are of different versions."""


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Intent(_Shape):
    name: str | None = None


class _Metadata(_Shape):
    memory: Memory = Field(default_factory=Memory)


class _Message(_Shape):
    text: str | None = None
    intent: _Intent = Field(default_factory=_Intent)
    intent_ranking: tuple[_Intent, ...] = ()
    metadata: _Metadata = Field(default_factory=_Metadata)


class _Tracker(_Shape):
    latest_message: _Message
    slots: dict[str, Any] = Field(default_factory=dict)


class _Asked(_Shape):
    next_action: str
    tracker: _Tracker


async def act(body: bytes, knowledge: Knowledge) -> dict[str, Any]:
    """{events, responses}. Raises UnknownAction, ValueError for a body that is no action request."""
    try:
        asked = _Asked.model_validate_json(body)
    except ValidationError as exc:
        raise ValueError("not an action request") from exc
    if asked.next_action not in ACTIONS:
        raise UnknownAction(asked.next_action)
    heard = _heard(asked.tracker.latest_message)
    stage = _STAGES.get(asked.next_action)
    said = stage(heard) if stage else await respond(heard, knowledge)
    if said is None and heard.intent in _MAY_BE_ASKED_BACK:
        return {"events": [{"event": "followup", "name": TWO_STAGES}], "responses": []}
    said = said or affirmation(heard)
    events = [{"event": "rewind"}] if asked.next_action == _LAST else _changed(asked.tracker.slots, mirrored(said.memory))
    return {"events": events, "responses": [{"custom": said.model_dump(mode="json", exclude_defaults=True)}]}


def _heard(message: _Message) -> Heard:
    guesses = tuple(one.name for one in message.intent_ranking if one.name and one.name != FALLBACK)
    return Heard(message.text or "", message.intent.name or FALLBACK, message.metadata.memory, guesses)


def _changed(slots: Mapping[str, Any], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rasa goes through every event of a conversation at every turn: only what is new to it."""
    return [{"event": "slot", "name": name, "value": value, "timestamp": None} for name, value in values.items() if slots.get(name) != value]
