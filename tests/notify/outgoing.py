"""A message on its way out, for the adapters' tests: every kind with values of its own types."""

from datetime import UTC, datetime
from typing import Any

from notify.channel import Outgoing
from notify.kinds import KINDS, FieldType, Value

AT = datetime(2026, 11, 23, 7, 1, tzinfo=UTC)
VALUES: dict[FieldType, Value] = {
    "words": "补领居民身份证",
    "state": "已受理",
    "count": 2,
    "money": 2000,
    "moment": AT,
    "day": AT,
    "number": "A20261123-0001",
}


def make_out(kind: str = "case_moved", message_id: str = "m_1", **more: Any) -> Outgoing:
    """`more`: fields of the kind, or `page` and `rendered`."""
    page, rendered = more.pop("page", "pages/case/detail?no=A20261123-0001"), more.pop("rendered", None)
    fields = {name: VALUES[shape] for name, shape in KINDS[kind].fields.items()}
    return Outgoing(message_id, KINDS[kind], {**fields, **more}, page, rendered)
