"""What a person's phone shows: which messages they have allowed at WeChat and at Alipay, and what stands in a message where."""

from sanic import HTTPResponse, Request

from sandbox.alipay_messages import AlipayMessages
from sandbox.answers import json, refused
from sandbox.book import Book
from sandbox.templates import TEMPLATES
from sandbox.wechat_subscribe import Subscriptions


class Phones:
    def __init__(self, book: Book, wechat: Subscriptions, alipay: AlipayMessages) -> None:
        self._book, self._wechat, self._alipay = book, wechat, alipay

    async def consents(self, request: Request, person: str) -> HTTPResponse:
        """GET /world/people/{person}/consents -> {wechat, alipay: [{key, title, template_id, long_term, left, last}]}"""
        body = self._book.get("person", person)
        if body is None:
            return refused(404, "unknown_person", "没有这个人")
        return json({"wechat": self._wechat.allowed(body["openid"]), "alipay": self._alipay.allowed(person)})

    async def templates(self, request: Request) -> HTTPResponse:
        """GET /world/templates -> {templates: {key: {title, fields: [{field, keyword, label}]}}}"""
        shown = {
            key: {
                "title": one.title,
                "fields": [
                    {"field": field, "keyword": f"keyword{number}", "label": label} for number, (field, label) in enumerate(one.fields.items(), 1)
                ],
            }
            for key, one in TEMPLATES.items()
        }
        return json({"templates": shown})
