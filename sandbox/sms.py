"""The SMS gateway, Alibaba Cloud's dysmsapi of 2017-05-25: SendSms and QuerySendDetails. Refusals of the service are a 200 whose Code is not OK.

Reference: help.aliyun.com, SMS API reference and its error codes (国内消息API错误码). Assumed: that a variable the template does not have is refused.
"""

import re
import secrets
import time
import uuid
from typing import Any
from urllib.parse import parse_qsl

import orjson
from sanic import HTTPResponse, Request

from sandbox.alipay_values import beijing
from sandbox.answers import json
from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.faults import Faults
from sandbox.people import by_phone
from sandbox.sms_gate import refusal
from sandbox.templates import variables

VERSION = "2017-05-25"
LONGEST = 35  # characters of a variable
LIMITS = ((60, 1, "分钟"), (3600, 5, "小时"), (86400, 10, "天"))  # seconds, messages to one phone, as it is called
DELIVERED = 3  # SendStatus: 1 waits for the receipt, 2 failed
_PHONE = re.compile(r"(?:\+86|\+|0086|86)?(1[3-9][0-9]{9})")
_LINK = re.compile(r"(?i)https?://|www\.|[a-z0-9-]+\.(?:com|cn|net|org)\b")


class Refusal(Exception):
    """Code and Message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.body = {"Code": code, "Message": message}


class Sms:
    """One account: a signature and its templates. Whatever is accepted is on the phone at once."""

    def __init__(self, book: Book, account: dict[str, Any], clock: WorldClock, faults: Faults) -> None:
        self._book = book
        self._sign = account["sign_name"]
        self._templates = {one["code"]: (key, one["text"]) for key, one in account["templates"].items()}
        self._clock, self._faults = clock, faults

    async def call(self, request: Request) -> HTTPResponse:
        """POST, the action in a header, its parameters in the query or the form."""
        action = {"SendSms": self._send, "QuerySendDetails": self._details}.get(request.headers.get("x-acs-action", ""))
        if request.headers.get("x-acs-version") != VERSION:
            return refusal(400, "InvalidVersion", "Specified parameter Version is not valid.")
        if action is None:
            return refusal(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")
        form = request.body.decode("utf-8", "replace") if "form" in request.headers.get("content-type", "") else ""
        given = dict(parse_qsl(f"{request.query_string}&{form}", keep_blank_values=True))
        try:
            body = {"Code": "OK", "Message": "OK", **action(given)}
        except Refusal as refused:
            body = refused.body
        return json({**body, "RequestId": str(uuid.uuid4()).upper()})

    # SendSms

    def _send(self, given: dict[str, str]) -> dict[str, Any]:
        phones = [_phone(one) for one in given.get("PhoneNumbers", "").split(",")]
        if given.get("SignName") != self._sign:
            raise Refusal("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        if given.get("TemplateCode") not in self._templates:
            raise Refusal("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
        key, text = self._templates[given["TemplateCode"]]
        values = _values(variables(text), given.get("TemplateParam", ""))
        if self._faults.now["sms"]["no_balance"]:
            raise Refusal("isv.AMOUNT_NOT_ENOUGH", "账户余额不足")
        if self._faults.now["sms"]["flow_control"]:
            for phone in phones:
                self._hold_back(phone)
        for name, value in values.items():
            text = text.replace(f"${{{name}}}", value)
        biz_id = f"{secrets.randbelow(10**18):018d}^0"
        record = {"biz_id": biz_id, "out_id": given.get("OutId"), "code": given["TemplateCode"], "text": f"【{self._sign}】{text}"}
        with self._book.together():
            for phone in phones:
                self._keep(phone, key, record)
        return {"BizId": biz_id}

    def _hold_back(self, phone: str) -> None:
        """1 a minute, 5 an hour, 10 a day, by the world's clock."""
        now, sent = self._clock.seconds(), self._sent(phone)
        for seconds, most, word in LIMITS:
            if sum(now - one["tick"] < seconds for one in sent) >= most:
                raise Refusal("isv.BUSINESS_LIMIT_CONTROL", f"触发{word}级流控Permits:{most}")

    def _sent(self, phone: str) -> list[dict[str, Any]]:
        return list((self._book.get("sms_sent", phone) or {"sent": []})["sent"])

    def _keep(self, phone: str, key: str, record: dict[str, Any]) -> None:
        record = {**record, "at": time.time(), "tick": self._clock.seconds()}
        self._book.put("sms_sent", phone, {"sent": [*self._sent(phone), record]})
        person = by_phone(self._book, phone)
        about = {"channel": "sms", "person": person and person["person"], "touser": phone, "template": key, "template_id": record["code"]}
        self._book.write("messages", "message", **about, text=record["text"], out_id=record["out_id"], biz_id=record["biz_id"])

    # QuerySendDetails

    def _details(self, given: dict[str, str]) -> dict[str, Any]:
        """Of one phone and one day of Beijing, the newest first."""
        phone, day = _phone(given.get("PhoneNumber", "")), given.get("SendDate", "")
        pages = given.get("PageSize", ""), given.get("CurrentPage", "")
        if not re.fullmatch(r"[0-9]{8}", day) or not all(one.isdigit() and int(one) >= 1 for one in pages) or int(pages[0]) > 50:
            raise Refusal("isv.INVALID_PARAMETERS", "参数异常")
        size, page = int(pages[0]), int(pages[1])
        until = time.time() - self._faults.now["sms"]["hide_details_ms"] / 1000
        found = [one for one in self._sent(phone) if beijing(one["at"])[:10].replace("-", "") == day and one["at"] <= until]
        found = [one for one in reversed(found) if not given.get("BizId") or one["biz_id"] == given["BizId"]]
        shown = [_detail(phone, one) for one in found[size * (page - 1) : size * page]]
        return {"TotalCount": len(found), "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown}}


def failed() -> HTTPResponse:
    """How the gateway says that it failed itself."""
    return refusal(503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.")


def _phone(text: str) -> str:
    """Without its country code."""
    found = _PHONE.fullmatch(text)
    if found is None:
        raise Refusal("isv.MOBILE_NUMBER_ILLEGAL", "手机号码格式错误")
    return found[1]


def _values(wanted: tuple[str, ...], text: str) -> dict[str, str]:
    try:
        values = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()) or values.keys() - set(wanted):
        raise Refusal("isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值")
    if any(not values.get(name) for name in wanted):
        raise Refusal("isv.TEMPLATE_MISSING_PARAMETERS", "模板变量缺少对应参数值")
    if any(len(one) > LONGEST for one in values.values()):
        raise Refusal("isv.PARAM_LENGTH_LIMIT", "参数超过长度限制")
    if any(_LINK.search(one) for one in values.values()):
        raise Refusal("isv.PARAM_NOT_SUPPORT_URL", "变量不支持传入URL")
    return values


def _detail(phone: str, one: dict[str, Any]) -> dict[str, Any]:
    shown = {"PhoneNum": phone, "Content": one["text"], "TemplateCode": one["code"], "SendStatus": DELIVERED, "ErrCode": "DELIVERED"}
    shown |= {"SendDate": beijing(one["at"]), "ReceiveDate": beijing(one["at"])}
    return shown if one["out_id"] is None else {**shown, "OutId": one["out_id"]}
