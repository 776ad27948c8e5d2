"""SMS by Alibaba Cloud (help.aliyun.com/zh/sms, SendSms and QuerySendDetails of 2017-05-25), to mobile numbers of the mainland.

The gateway does not know a message sent twice, so ours carries its id (OutId), and after a lost reply the day's messages of that number are
looked through. Their place is the query of the address, as documented: it is signed, encrypted on its way and logged nowhere here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from kit import aliyun
from kit.clock import BEIJING, now
from kit.errors import NotReached, Outside, Refused, Unknown
from kit.http import Http
from kit.ids import new_nonce
from notify.channel import Outgoing
from notify.values import for_sms

PARTY = "sms"
VERSION = "2017-05-25"
BAD_NUMBER = "isv.MOBILE_NUMBER_ILLEGAL"
_MAINLAND = re.compile(r"1[3-9][0-9]{9}")
_CODE = re.compile(r"[A-Za-z0-9._:-]{1,80}")
_PROVES_NOTHING = frozenset({"isp.SYSTEM_ERROR", "isp.UNKNOWN", "isp.GATEWAY_ERROR", "InternalError", "ServiceUnavailable"})
_HEADERS = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}  # without one aiohttp sends one that is not signed
_PAGE, _PAGES = 50, 10  # rows of one page of QuerySendDetails (its most), and how many are looked through


@dataclass(frozen=True, slots=True)
class SmsAccount:
    """`url` with its path, https://dysmsapi.aliyuncs.com/ in production; `sign_name` without its brackets."""

    url: str
    access: aliyun.Access
    sign_name: str


class SmsPush:
    """Fulfils notify.channel.Channel; an account is a mobile number. `templates`: kind -> the gateway's code of its text."""

    needs_consent = False
    can_be_asked = True

    def __init__(self, http: Http, account: SmsAccount, templates: Mapping[str, str]) -> None:
        self._http = http
        self._account = account
        self._templates = templates

    def template(self, kind: str) -> str | None:
        return self._templates.get(kind)

    def kinds_by_template(self) -> Mapping[str, str]:
        return {code: kind for kind, code in self._templates.items()}

    def is_long_term(self, kind: str) -> bool:
        return False

    async def send(self, account: str, out: Outgoing) -> str | None:
        """Gives the gateway's BizId. Raises Refused with its code; a number that is none of the mainland is refused as the gateway would."""
        if _MAINLAND.fullmatch(account) is None:
            raise Refused(PARTY, BAD_NUMBER)
        values = {name: for_sms(out.kind.fields[name], out.fields[name]) for name in out.kind.sms_fields}
        asked = {
            "PhoneNumbers": account,
            "SignName": self._account.sign_name,
            "TemplateCode": self._templates[out.kind.key],
            "OutId": out.message_id,
            **({"TemplateParam": orjson.dumps(values).decode()} if values else {}),
        }
        answer = await self._call("SendSms", asked)
        own = answer.get("BizId")
        return own if isinstance(own, str) else None

    async def took(self, account: str, out: Outgoing) -> bool | None:
        """Looks through every Beijing day on which this kind can have been sent. The gateway's list may lag: ask a minute after the sending."""
        today, first = now().astimezone(BEIJING), (now() - timedelta(hours=out.kind.hours + 1)).astimezone(BEIJING)
        try:
            for back in range((today.date() - first.date()).days + 1):
                if await self._stands_in(account, (today - timedelta(days=back)).strftime("%Y%m%d"), out.message_id):
                    return True
        except Outside:
            return None
        return False

    async def _stands_in(self, account: str, day: str, out_id: str) -> bool:
        """Whether a day's list of this number has our id. Raises Unknown for a list that cannot be read to its end."""
        seen = 0
        for page in range(1, _PAGES + 1):
            asked = {"PhoneNumber": account, "SendDate": day, "PageSize": str(_PAGE), "CurrentPage": str(page)}
            total, rows = _listed(await self._call("QuerySendDetails", asked))
            if any(row.get("OutId") == out_id for row in rows):
                return True
            seen += len(rows)
            if seen >= total:
                return False
            if not rows:
                break
        raise Unknown(PARTY, "list_has_no_end")

    async def _call(self, action: str, asked: Mapping[str, str]) -> dict[str, Any]:
        """A reply whose Code is OK. Raises NotReached, Unknown, Refused with the gateway's code."""
        url = f"{self._account.url}?{aliyun.query_of(asked)}"
        ask = aliyun.Ask("POST", url, action, VERSION, headers=_HEADERS)
        headers = aliyun.signed(ask, self._account.access, now(), new_nonce())
        reply = await self._http.send(PARTY, "POST", url, headers=headers, exact=True)
        if reply.status >= 500:
            raise Unknown(PARTY, f"http_{reply.status}")
        answer: dict[str, Any] = reply.json()
        code = answer.get("Code")
        if not isinstance(code, str) or _CODE.fullmatch(code) is None:
            raise Unknown(PARTY, "garbled_reply")
        if code == "OK":
            if reply.status != 200:
                raise Unknown(PARTY, f"http_{reply.status}")
            return answer
        if code.startswith("Throttling"):  # turned away at the door
            raise NotReached(PARTY, "too_many_calls")
        if code in _PROVES_NOTHING:
            raise Unknown(PARTY, code)
        raise Refused(PARTY, code)


def _listed(answer: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """(TotalCount, the page's rows). Raises Unknown for a list of another shape: it must not read as "not sent"."""
    total, rows = answer.get("TotalCount"), answer.get("SmsSendDetailDTOs")
    if isinstance(rows, dict):
        rows = rows.get("SmsSendDetailDTO", [])
    if isinstance(total, str) and total.isdecimal():
        total = int(total)
    if not isinstance(total, int) or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unknown(PARTY, "garbled_reply")
    return total, rows
