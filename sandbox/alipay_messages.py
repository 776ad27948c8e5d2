"""Alipay's subscribe messages: alipay.open.app.mini.templatemessage.send, and what people allow in the client.

Sub-codes documented (opendocs.alipay.com and Alipay's support pages in AlipayDocs/open-docs): isv.invalid-parameter, USER_TEMPLATE_ILLEGAL,
USER_KEYWORD_LENGTH_ERROR; the lengths of page, data and keywords; that the keywords must be exactly the template's. Assumed, as no page names them:
USER_NOT_SUBSCRIBE, also for an account that is nobody's here, and isv.invalid-parameter for other keywords and for a page that is none.
"""

import re
from collections.abc import Callable
from typing import Any

import orjson
from sanic import HTTPResponse, Request

from sandbox.alipay_gate import Call, Fault, failed
from sandbox.answers import body_of, json, refused
from sandbox.book import Book
from sandbox.people import by_account
from sandbox.templates import LONG_TERM, TEMPLATES

AT_ONCE = 3  # templates in one my.requestSubscribeMessage
KEYWORD, PAGE, DATA = 50, 128, 2048  # characters
_PAGE = re.compile(r"/?[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*(?:\?[^\s#]*)?")


class AlipayMessages:
    """Of one mini-program. Consents as at WeChat: `left` sends of a one-time template, 1 or 0 of a long-term one, to whichever of the two ids."""

    def __init__(self, book: Book, account: dict[str, Any]) -> None:
        self._book = book
        self._keys = {template_id: key for key, template_id in account["templates"].items()}

    def methods(self) -> dict[str, Callable[[Call], dict[str, Any]]]:
        return {"alipay.open.app.mini.templatemessage.send": self.send}

    def send(self, call: Call) -> dict[str, Any]:
        asked = call.biz()
        template, account = str(asked.get("user_template_id")), asked.get("to_open_id") or asked.get("to_user_id")
        if not isinstance(account, str) or not isinstance(asked.get("user_template_id"), str):
            raise _invalid("to_user_id、to_open_id 或 user_template_id 不正确")
        data, page = _data(asked.get("data")), asked.get("page")
        if not isinstance(page, str) or len(page) > PAGE or _PAGE.fullmatch(page) is None:
            raise _invalid("page不正确")
        if template not in self._keys:
            raise failed("USER_TEMPLATE_ILLEGAL", "模板非法")
        key = self._keys[template]
        if set(data) != {f"keyword{number}" for number in range(1, len(TEMPLATES[key].fields) + 1)}:
            raise _invalid("data的关键词与模板不一致")
        if any(len(value["value"]) > KEYWORD for value in data.values()):
            raise failed("USER_KEYWORD_LENGTH_ERROR", "关键词超长")
        person = by_account(self._book, account)
        mine = person is not None and account in (person["user_id"], person["open_id"])
        own = f"{person['person']}/{template}" if person is not None and mine else ""
        consent = self._book.get("alipay_consent", own)
        if person is None or consent is None or consent["left"] <= 0:
            raise failed("USER_NOT_SUBSCRIBE", "用户未订阅该消息模板")
        with self._book.together():
            if key not in LONG_TERM:
                self._book.put("alipay_consent", own, {**consent, "left": consent["left"] - 1})
            fields = {"channel": "alipay", "person": person["person"], "touser": account, "template": key, "template_id": template}
            self._book.write("messages", "message", **fields, data=data, page=page)
        return {"code": "10000", "msg": "Success"}

    async def tap(self, request: Request) -> HTTPResponse:
        """POST /world/alipay/consents {person, template_id or template_ids, result: accept|reject}: my.requestSubscribeMessage, or for a long-term
        template that was allowed, taking it back in Alipay. Gives {result, left, results: [{template_id, result, left}]}."""
        asked = body_of(request)
        person, result, several = self._book.get("person", str(asked.get("person"))), asked.get("result"), asked.get("template_ids")
        templates = [str(one) for one in (several if isinstance(several, list) else [asked.get("template_id")])]
        wrong = [] if person is not None else ["没有这个人"]
        wrong += [] if result in ("accept", "reject") else ["result 只能是 accept、reject"]
        wrong += [] if 1 <= len(templates) <= AT_ONCE else [f"一次问 1 到 {AT_ONCE} 个模板"]
        wrong += [f"没有消息模板 {one}" for one in templates if one not in self._keys]
        if len({self._keys[one] in LONG_TERM for one in templates if one in self._keys}) > 1:
            wrong.append("一次性模板和长期模板不能一起问")
        if person is None or wrong:
            return refused(422, "bad_request", "这次订阅授权不对", wrong)
        with self._book.together():
            given = [{"template_id": one, "result": result, "left": self._apply(person["person"], one, str(result))} for one in templates]
        return json({"result": result, "left": given[0]["left"], "results": given})

    def _apply(self, person: str, template: str, result: str) -> int:
        own = f"{person}/{template}"
        before: int = (self._book.get("alipay_consent", own) or {"left": 0})["left"]
        if self._keys[template] in LONG_TERM:
            left = int(result == "accept")
        else:
            left = before + (result == "accept")
        self._book.put("alipay_consent", own, {"left": left, "last": result})
        return left

    def allowed(self, person: str) -> list[dict[str, Any]]:
        """Every template, and what this person has left of it."""
        kept = {template: self._book.get("alipay_consent", f"{person}/{template}") or {"left": 0} for template in self._keys}
        return [
            {"key": key, "title": TEMPLATES[key].title, "template_id": own, "long_term": key in LONG_TERM, "last": None, **kept[own]}
            for own, key in self._keys.items()
        ]


def _data(text: Any) -> dict[str, dict[str, str]]:
    """`data` is JSON in a text: {"keyword1": {"value": "…"}}."""
    try:
        data = orjson.loads(text) if isinstance(text, str) and len(text) <= DATA else None
    except orjson.JSONDecodeError:
        data = None
    whole = isinstance(data, dict) and data and all(isinstance(one, dict) and isinstance(one.get("value"), str) for one in data.values())
    if not isinstance(data, dict) or not whole:
        raise _invalid("data不正确")
    return data


def _invalid(text: str) -> Fault:
    return Fault("40002", "Invalid Arguments", "isv.invalid-parameter", text)
