"""WeChat subscribe messages. Their codes in the table, our words below; what was sent cannot be sent twice, so an unknown outcome stays unknown."""

from typing import Protocol

from kit.errors import Refused
from kit.wechat import WeChat

# subscribeMessage.send, errcode -> our word. Everything not here is our own fault and is stopped, not repeated.
_REFUSALS = {
    "errcode_43101": "no_consent_at_platform",
    "errcode_43116": "no_consent_at_platform",
    "errcode_40003": "account_unknown",
    "errcode_40037": "template_unknown",
    "errcode_47003": "values_refused",
    "errcode_41030": "page_unknown",
    "errcode_45168": "text_refused",
}


class Push(Protocol):
    """One channel that can carry a message to a phone. Raises NotReached (try later), Unknown (never repeat), Refused (our word)."""

    async def send(self, account: str, template_key: str, values: dict[str, dict[str, str]], page: str) -> None: ...


class WeChatPush:
    """`templates`: our template key -> the id WeChat gave it."""

    def __init__(self, wechat: WeChat, templates: dict[str, str], state: str = "formal") -> None:
        self._wechat = wechat
        self._templates = templates
        self._state = state

    async def send(self, account: str, template_key: str, values: dict[str, dict[str, str]], page: str) -> None:
        content = {
            "touser": account,
            "template_id": self._templates[template_key],
            "page": page,
            "data": values,
            "miniprogram_state": self._state,
            "lang": "zh_CN",
        }
        try:
            await self._wechat.call("/cgi-bin/message/subscribe/send", content)
        except Refused as exc:
            raise Refused(exc.party, _REFUSALS.get(exc.reason, exc.reason)) from exc
