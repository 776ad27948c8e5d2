"""The gate of EMS' open platform (api.ems.com.cn, 协议客户): every message sealed with SM4, every answer's retCode read.

Source: 中小电商企业接口规范 V2.7 as independent implementations have it; it has no table of retCodes, so a no that is not known here is told by its words.
"""

import base64
import binascii
import hmac
import logging
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson

from delivery import courier_values as values
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from kit.http import Http
from kit.sm4 import CannotDecrypt, Sm4Ecb

log = logging.getLogger(__name__)

PARTY = "ems"
MARK = "|$4|"
OK = "00000"
# What a retMsg has in it -> our word; the first that fits. "turned_away": by the platform, before anybody looked at the order.
WORDS = (
    (("签名", "解密", "授权", "客户号", "权限", "IP", "流量", "频繁"), "turned_away"),
    (("系统异常", "系统错误", "系统繁忙", "超时", "稍后"), "proves_nothing"),
    (("已取消", "已撤", "已作废"), "cancelled"),
    (("已收寄", "已揽收", "已揽件", "已封发"), "already_collected"),
    (("已存在", "重复"), "order_exists"),
    (("超范围", "服务范围", "不派送", "不可达", "无法投递", "不通邮"), "not_reachable"),
    (("地址",), "address_refused"),
    (("不存在", "无此", "查无", "未查询到", "未找到", "无查询信息", "无邮件信息", "没有找到", "无结果"), "shipment_unknown"),
)
_FORM = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}
_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class EmsAccount:
    """`url` with its path, https://api.ems.com.cn/amp-prod-api/f/amp/api/open in production; `sign_key`: base64 of the 16 bytes of the SM4 key."""

    url: str
    sender_no: str
    authorization: str = field(repr=False)
    sign_key: str = field(repr=False)


class Said(Refused):
    """EMS' own no: `word` is one of WORDS or "refused", `reason` one of the couriers'."""

    def __init__(self, word: str, code: str) -> None:
        super().__init__(PARTY, word if word in _COURIERS_WORDS else "refused")
        self.word, self.code = word, code


class EmsGate:
    """Calls of one account. Raises ValueError for a key that is none."""

    def __init__(self, http: Http, account: EmsAccount) -> None:
        self._http = http
        self.account = account
        self._cipher = Sm4Ecb(base64.b64decode(account.sign_key, validate=True))

    async def ask(self, api: str, asked: object) -> Any:
        """retBody, opened. Raises NotReached, Unknown, Said."""
        form = {
            "apiCode": api,
            "senderNo": self.account.sender_no,
            "authorization": self.account.authorization,
            "timeStamp": values.in_beijing(now()),
            "msgType": "0",
            "version": "V1.0.0",
            "logitcsInterface": self.seal(orjson.dumps(asked)),  # the platform's own spelling
        }
        reply = await self._http.send(PARTY, "POST", self.account.url, headers=_FORM, body=urlencode(form).encode(), seconds=_SECONDS)
        if reply.status != 200:
            raise Unknown(PARTY, f"http_{reply.status}")
        answer: dict[str, Any] = reply.json()
        code, told = values.code_of(answer.get("retCode")), values.words(answer.get("retMsg"))
        if code == OK:
            return self._opened(answer.get("retBody"))
        if not code:
            raise Unknown(PARTY, "garbled_reply")
        word = next((word for marks, word in WORDS if any(mark in told for mark in marks)), "refused")
        log.info("ems said no", extra={"code": code, "word": word})
        if word == "turned_away":
            raise NotReached(PARTY, f"code_{code}")
        if word == "proves_nothing":
            raise Unknown(PARTY, f"code_{code}")
        raise Said(word, code)

    def seal(self, message: bytes) -> str:
        """`|$4|` and base64 of the message with the base64 key behind it."""
        return MARK + base64.b64encode(self._cipher.encrypt(message + self.account.sign_key.encode())).decode()

    def unseal(self, sealed: object) -> Any:
        """The JSON within; the key behind it may be missing, as in EMS' own pushes. Raises CannotDecrypt: not written with our key."""
        if not isinstance(sealed, str):
            raise CannotDecrypt("no text")
        try:
            plain = self._cipher.decrypt(base64.b64decode(sealed.removeprefix(MARK), validate=True))
            return orjson.loads(plain.removesuffix(self.account.sign_key.encode()))
        except (binascii.Error, orjson.JSONDecodeError) as exc:
            raise CannotDecrypt("not ours") from exc

    def is_ours(self, sender_no: object) -> bool:
        return isinstance(sender_no, str) and hmac.compare_digest(sender_no.encode(), self.account.sender_no.encode())

    def _opened(self, body: object) -> Any:
        """retBody: JSON, JSON in a string, or sealed. Raises Unknown."""
        if not isinstance(body, str):
            return body
        try:
            return self.unseal(body) if body.startswith(MARK) else orjson.loads(body) if body.strip() else None
        except (CannotDecrypt, orjson.JSONDecodeError) as exc:
            raise Unknown(PARTY, "garbled_reply") from exc


_COURIERS_WORDS = frozenset(("not_reachable", "address_refused", "already_collected", "shipment_unknown"))
