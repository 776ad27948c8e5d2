"""Subscribe messages: which templates the mini-program has, who allowed which, and what is sent by WeChat's rules.

Reference: developers.weixin.qq.com, subscribe messages (订阅消息): sendMessage, getMessageTemplateList, the guide's section on events.
"""

import re
import secrets
from typing import Any

from sanic import HTTPResponse, Request

from sandbox.answers import body_of, json, refused
from sandbox.book import Book
from sandbox.faults import Faults
from sandbox.people import by_account
from sandbox.templates import LONG_TERM, TEMPLATES
from sandbox.wechat_messages import CustomerMessages
from sandbox.wechat_tokens import Tokens
from sandbox.wechat_values import FIELDS, error, kind_of, wrong_value

RESULTS = ("accept", "reject", "ban", "filter", "acceptWithAudio")  # what wx.requestSubscribeMessage gives for a template
AT_ONCE = 5  # templates in one dialogue; WeChat's page said 3 before
_PAGE = re.compile(r"/?[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*(?:\?[^\s#]*)?")  # a path of our own, never an address
_TEXTS = {
    40003: "invalid openid",
    40037: "invalid template_id",
    41030: "invalid page",
    43101: "user refuse to accept the msg",
    43116: "user refuse to accept the msg",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit  mustslower  retry next minute",
    45168: "the content of message contains sensitive words",
}
_EXAMPLES = {
    "thing": "补领居民身份证",
    "phrase": "已受理",
    "time": "2026年1月2日 15:04",
    "date": "2026年1月2日",
    "number": "2",
    "amount": "20.00元",
    "character_string": "A20260102-0001",
}


class Subscriptions:
    """Of one mini-program. What a person has allowed is kept as `left`: sends of a one-time template, 1 or 0 of a long-term one."""

    def __init__(self, book: Book, account: dict[str, Any], tokens: Tokens, faults: Faults, events: CustomerMessages) -> None:
        self._book = book
        self._account = account
        self._keys = {template_id: key for key, template_id in account["templates"].items()}
        self._tokens, self._faults, self._events = tokens, faults, events

    # what the server calls

    async def send(self, request: Request) -> HTTPResponse:
        """POST /cgi-bin/message/subscribe/send: what is accepted reaches the phone, which is the ledger "messages". The msgid is not documented, but
        given (github.com/silenceper/wechat/issues/758), and stands in the event that follows."""
        if (wrong := self._tokens.wrong_token(request)) is not None:
            return json(wrong)
        asked = body_of(request)
        if (wrong := self._wrong(asked, self._tokens.appid_of(request))) is not None:
            return json(wrong)
        person, template = by_account(self._book, asked["touser"]) or {}, str(asked["template_id"])
        own, key, msgid = f"{asked['touser']}/{template}", self._keys[template], 10**18 + secrets.randbelow(10**18)
        consent = self._book.get("consent", own) or {"left": 0}
        if consent["left"] <= 0:
            return json(error(43101, _TEXTS[43101]))
        with self._book.together():
            if key not in LONG_TERM:
                self._book.put("consent", own, {**consent, "left": consent["left"] - 1})
            sent = {name: asked.get(name) for name in ("touser", "template_id", "data", "page")}
            self._book.write("messages", "message", channel="wechat", person=person["person"], template=key, msgid=msgid, **sent)
        about = {"TemplateId": template, "MsgID": msgid, "ErrorCode": 0, "ErrorStatus": "success"}
        self._events.tell(person["person"], "subscribe_msg_sent_event", [about])
        return json({"errcode": 0, "errmsg": "ok", "msgid": msgid})

    def _wrong(self, asked: dict[str, Any], appid: str) -> dict[str, Any] | None:
        on = self._faults.now["wechat"]
        code = 45009 if on["quota_used"] else int(on["send_errcode"])
        if code:
            return error(code, _TEXTS.get(code, "system error"))
        person = by_account(self._book, str(asked.get("touser")))
        if person is None or person["openid"] != asked.get("touser") or appid != self._account["appid"]:
            return error(40003, _TEXTS[40003])
        template, data, page = str(asked.get("template_id")), asked.get("data"), asked.get("page")
        if template not in self._keys:
            return error(40037, _TEXTS[40037])
        wrong = wrong_value(FIELDS[self._keys[template]], data) if isinstance(data, dict) else "argument invalid! data is not an object"
        if wrong is not None:
            return error(47003, wrong)
        wrong_page = bool(page) and (not isinstance(page, str) or _PAGE.fullmatch(page) is None)
        return error(41030, _TEXTS[41030]) if wrong_page else None

    async def templates(self, request: Request) -> HTTPResponse:
        """GET /wxaapi/newtmpl/gettemplate"""
        if (wrong := self._tokens.wrong_token(request)) is not None:
            return json(wrong)
        return json({"errcode": 0, "errmsg": "ok", "data": [_shown(key, own) for own, key in self._keys.items()]})

    # what people do

    async def tap(self, request: Request) -> HTTPResponse:
        """POST /world/wechat/consents {person, template_id and result, template_ids and result, or results: {template_id: result}; where?:
        dialogue|settings}: a tap in WeChat's dialogue, or 拒收 in its settings. To turn down a long-term template that was allowed is always the
        latter: there is no dialogue for it any more. Gives {result, left, results: [{template_id, result, left}]}."""
        asked = body_of(request)
        person, results = self._book.get("person", str(asked.get("person"))), _results(asked)
        wrong = self._problems(person, results, asked.get("where", "dialogue"))
        if person is None or wrong:
            return refused(422, "bad_request", "这次订阅授权不对", wrong)
        given, popup, change = [], [], []
        with self._book.together():
            for template, result in results.items():
                before, left = self._apply(person["openid"], template, result, asked.get("where") == "settings")
                given.append({"template_id": template, "result": result, "left": left})
                taken = result in ("reject", "ban") and before > 0 and self._keys[template] in LONG_TERM
                if asked.get("where") == "settings" or taken:
                    change.append({"TemplateId": template, "SubscribeStatusString": "reject"})
                elif result in ("accept", "acceptWithAudio", "reject"):  # what is filtered or banned is not in the dialogue
                    popup.append({"TemplateId": template, "SubscribeStatusString": "reject" if result == "reject" else "accept", "PopupScene": 0})
        for event, entries in (("subscribe_msg_popup_event", popup), ("subscribe_msg_change_event", change)):
            if entries:
                self._events.tell(person["person"], event, entries)
        return json({"result": given[0]["result"], "left": given[0]["left"], "results": given})

    def _problems(self, person: dict[str, Any] | None, results: dict[str, Any], where: Any) -> list[str]:
        wrong = [] if person is not None else ["没有这个人"]
        if not 1 <= len(results) <= AT_ONCE:
            wrong.append(f"一次问 1 到 {AT_ONCE} 个模板")
        wrong += [f"没有消息模板 {template}" for template in results if template not in self._keys]
        known = {self._keys[template] in LONG_TERM for template in results if template in self._keys}
        if len(known) > 1:
            wrong.append("一次性模板和长期模板不能一起问（微信客户端错误 20002）")
        if where not in ("dialogue", "settings"):
            wrong.append("where 只能是 dialogue、settings")
        allowed = ("reject", "ban") if where == "settings" else RESULTS
        if any(result not in allowed for result in results.values()):
            wrong.append(f"result 只能是 {'、'.join(allowed)}")
        return wrong

    def _apply(self, openid: str, template: str, result: str, settings: bool = False) -> tuple[int, int]:
        """(left before, left now): an accept is one more send or for good, a reject changes nothing but ends what was for good, a ban ends all."""
        own = f"{openid}/{template}"
        before: int = (self._book.get("consent", own) or {"left": 0})["left"]
        for_good = self._keys[template] in LONG_TERM
        if result in ("accept", "acceptWithAudio"):
            left = 1 if for_good else before + 1
        else:
            left = 0 if result == "ban" or (result == "reject" and (for_good or settings)) else before
        self._book.put("consent", own, {"left": left, "last": result})
        return before, left

    def allowed(self, openid: str) -> list[dict[str, Any]]:
        """Every template, and what this person has left of it."""
        kept = {template: self._book.get("consent", f"{openid}/{template}") or {"left": 0} for template in self._keys}
        return [
            {"key": key, "title": TEMPLATES[key].title, "template_id": own, "long_term": key in LONG_TERM, "last": None, **kept[own]}
            for own, key in self._keys.items()
        ]


def _results(asked: dict[str, Any]) -> dict[str, Any]:
    if isinstance(asked.get("results"), dict):
        return dict(asked["results"])
    several = asked.get("template_ids")
    return {str(one): asked.get("result") for one in (several if isinstance(several, list) else [asked.get("template_id")])}


def _shown(key: str, own: str) -> dict[str, Any]:
    template = TEMPLATES[key]
    content = "".join(f"{label}:{{{{{field}.DATA}}}}\n" for field, label in template.fields.items())
    example = "".join(f"{label}:{_EXAMPLES[kind_of(field)]}\n" for field, label in template.fields.items())
    return {"priTmplId": own, "title": template.title, "content": content, "example": example, "type": 3 if key in LONG_TERM else 2}
