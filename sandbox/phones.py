"""What one person's phone shows: which messages they have allowed, at WeChat and at Alipay."""

from sanic import HTTPResponse, Request

from sandbox.alipay_messages import AlipayMessages
from sandbox.answers import json, refused
from sandbox.book import Book
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
