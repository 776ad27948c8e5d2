"""WeChat subscribe messages (developers.weixin.qq.com, subscribeMessage.send). WeChat keeps no number of ours: what may have been sent is never repeated."""

from collections.abc import Mapping

from kit.wechat import WeChat
from notify.channel import Outgoing
from notify.templates import Registered, Template
from notify.values import wechat_data

SEND = "/cgi-bin/message/subscribe/send"


class WeChatPush(Registered[Template]):
    """Fulfils notify.channel.Channel. `templates`: by kind; `state`: the mini-program's release a tap opens, developer | trial | formal."""

    needs_consent = True
    can_be_asked = False

    def __init__(self, wechat: WeChat, templates: Mapping[str, Template], state: str = "formal") -> None:
        super().__init__(templates)
        self._wechat = wechat
        self._state = state

    async def send(self, account: str, out: Outgoing) -> str | None:
        """Raises Refused("errcode_…"); a bad token, a full quota and a busy WeChat are NotReached."""
        registered = self.templates[out.kind.template]
        content = {
            "touser": account,
            "template_id": registered.template_id,
            "page": out.page,
            "data": out.rendered if out.rendered is not None else wechat_data(out.kind, registered.places, out.fields),
            "miniprogram_state": self._state,
            "lang": "zh_CN",
        }
        answer = await self._wechat.call(SEND, content)
        own = answer.get("msgid")
        return str(own) if isinstance(own, str | int) else None

    async def took(self, account: str, out: Outgoing) -> bool | None:
        return None
