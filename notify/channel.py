"""What carries a message to a phone, as the walk through the channels sees it. One adapter per supplier: notify/wechat.py, alipay.py, sms.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from notify.kinds import Kind, Value


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as an adapter needs it. `rendered`: WeChat's values as a release before this one wrote them down."""

    message_id: str
    kind: Kind
    fields: Mapping[str, Value]
    page: str
    rendered: Mapping[str, Any] | None = None


class Channel(Protocol):
    """`needs_consent`: a person allows each template, once or for good (notify/consents.py). `can_be_asked`: the platform can tell afterwards
    whether it took a message of ours; where it cannot, a message whose reply was lost is never sent again on that channel."""

    needs_consent: bool
    can_be_asked: bool

    def template(self, kind: str) -> str | None:
        """The platform's id of the template registered for this kind; None: nothing of this kind goes out here."""

    def kinds_by_template(self) -> Mapping[str, str]:
        """The platform's ids of templates -> our kinds."""

    def is_long_term(self, kind: str) -> bool:
        """The template is one that a person allows once for good (长期订阅)."""

    async def send(self, account: str, out: Outgoing) -> str | None:
        """Gives the platform's own id of the message where it has one. Raises NotReached (nothing happened), Unknown (it may have),
        Refused with the platform's code (notify/answers.py says what it means)."""

    async def took(self, account: str, out: Outgoing) -> bool | None:
        """After an unknown outcome: whether the platform took it; None while it cannot say. Never called unless `can_be_asked`."""
