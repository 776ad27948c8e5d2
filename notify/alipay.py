"""Alipay's messages of mini-programs (opendocs.alipay.com, alipay.open.app.mini.templatemessage.send), without a form_id: by subscription.

Alipay keeps no number of ours: what may have been sent is never repeated.
"""

import re
from collections.abc import Mapping

import orjson

from kit.alipay import PARTY, Alipay
from kit.errors import Refused, Unknown
from notify.channel import Outgoing
from notify.templates import AlipayTemplate, Registered
from notify.values import for_alipay

SEND = "alipay.open.app.mini.templatemessage.send"
_USER_ID = re.compile(r"2088[0-9]{12}")


class AlipayPush(Registered[AlipayTemplate]):
    """Fulfils notify.channel.Channel. `templates`: by kind."""

    needs_consent = True
    can_be_asked = False

    def __init__(self, alipay: Alipay, templates: Mapping[str, AlipayTemplate]) -> None:
        super().__init__(templates)
        self._alipay = alipay

    async def send(self, account: str, out: Outgoing) -> str | None:
        """`account`: user_id or open_id. Raises Refused with Alipay's sub_code; what its own side could not do (20000, isp.*) is Unknown."""
        registered = self.templates[out.kind.template]
        values = {
            f"keyword{place}": {"value": for_alipay(out.kind.fields[name], out.fields[name])} for place, name in enumerate(registered.keywords, 1)
        }
        asked = {
            "to_user_id" if _USER_ID.fullmatch(account) else "to_open_id": account,
            "user_template_id": registered.template_id,
            "page": out.page,
            "data": orjson.dumps(values).decode(),
        }
        try:
            await self._alipay.call(SEND, asked)
        except Refused as exc:
            if exc.reason.startswith("isp."):
                raise Unknown(PARTY, exc.reason) from exc
            raise
        return None

    async def took(self, account: str, out: Outgoing) -> bool | None:
        return None
