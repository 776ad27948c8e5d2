"""Shapes of the inbox, of what became of each message, and of consents for pushes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from kit.clock import at_edge
from miniapp_api.shapes import Asked, Line, Told
from notify import receipts


class ChannelOutcome(Told):
    """What became of a message on one channel, and when."""

    channel: str = Field(description="inbox、wechat、alipay、sms")
    outcome: str
    reason: str | None = Field(default=None, description="为什么没有用这个渠道，或为什么没有送到")
    text: str = Field(description="结果和原因，可以直接显示给居民")
    answer: str | None = Field(default=None, description="平台的回答：它的消息编号或错误代码")
    receipt: str | None = Field(default=None, description="平台后来的回执：delivered，或没有送达的代码")
    at: str | None = None


class MessageEntry(Told):
    id: str
    kind: str
    case_no: str | None
    text: str
    at: str
    read: bool
    channels: list[ChannelOutcome]


class MessageList(Told):
    items: list[MessageEntry]
    next_cursor: str | None


class ConsentAnswer(Asked):
    template_key: Annotated[Line, Field(min_length=1, max_length=64)]
    result: Literal["accept", "reject", "ban", "filter", "acceptWithAudio"]


class ConsentsQuery(Asked):
    moment: Literal["", "apply", "pay", "licence", "appointment", "delivery", "account"] = Field(
        default="", description="居民正要做什么；与此有关的模板先问"
    )


class ConsentState(Told):
    """`ask`: ask for it now. One call takes those marked, all of them one-time or all long-term."""

    template_key: str
    template_id: str
    channel: str
    title: str
    long_term: bool
    allowed: bool = Field(description="现在可以发送")
    remaining: int = Field(description="一次性订阅还剩几次")
    last_result: str | None
    ask: bool


class Consents(Told):
    items: list[ConsentState]
    at_once: int = Field(description="一次最多请求几个模板")


class SentEntry(Told):
    """For staff: what was sent and what became of it, without words or person."""

    id: str
    kind: str
    at: str
    read: bool
    channels: list[ChannelOutcome]


class SentList(Told):
    items: list[SentEntry]


def channel_outcome(name: str, one: Mapping[str, Any]) -> ChannelOutcome:
    at = one.get("at")
    words = receipts.in_words(one["outcome"], one.get("reason"))
    when = at_edge(at) if isinstance(at, datetime) else None
    more = {key: one.get(key) for key in ("reason", "answer", "receipt")}
    return ChannelOutcome(channel=name, outcome=one["outcome"], text=words, at=when, **more)
