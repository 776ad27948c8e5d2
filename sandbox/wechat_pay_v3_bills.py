"""Statements by WeChat Pay v3: an address that lives half a minute, and behind it a file that nobody signed."""

import gzip
import hashlib
import secrets
from datetime import date

from sanic import HTTPResponse, Request

from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.wechat_pay_bills import KINDS, Statements
from sandbox.wechat_pay_v3 import Answer, wrong
from sandbox.wechat_pay_v3_gate import Gate, Problem

PATH = "/v3/billdownload/file"
LIFE = 30  # seconds of the world's clock


class V3Bills:
    def __init__(self, book: Book, statements: Statements, gate: Gate, clock: WorldClock) -> None:
        self._book = book
        self._statements = statements
        self._gate = gate
        self._clock = clock

    def trade(self, request: Request) -> Answer:
        """GET /v3/bill/tradebill?bill_date=&bill_type=&tar_type= -> {hash_type, hash_value, download_url}; the hash is of the text, also of a GZIP."""
        kind, packed = request.args.get("bill_type") or "ALL", request.args.get("tar_type") or ""
        try:
            day = date.fromisoformat(request.args.get("bill_date") or "")
        except ValueError:
            raise wrong("bill_date", request.args.get("bill_date")) from None
        if kind not in KINDS or packed not in ("", "GZIP"):
            raise wrong("bill_type" if kind not in KINDS else "tar_type", kind)
        why = self._statements.wrong_day(day)
        if why is not None:
            raise Problem(400, "INVALID_REQUEST", "账单日期应早于今天" if why == "today" else "只能下载三个月以内的账单")
        text = self._statements.text(day, kind)
        if text is None:
            raise Problem(400, "NO_STATEMENT_EXIST", "账单文件不存在")
        token = secrets.token_urlsafe(24)
        self._book.put("wxpay_bill", token, {"day": day.isoformat(), "kind": kind, "packed": packed, "until": self._clock.seconds() + LIFE})
        url = f"{request.scheme}://{request.host}{PATH}?token={token}"
        return 200, {"hash_type": "SHA1", "hash_value": hashlib.sha1(text, usedforsecurity=False).hexdigest(), "download_url": url}

    async def download(self, request: Request) -> HTTPResponse:
        """The request is signed, the answer is not."""
        try:
            self._gate.check(request)
        except Problem as problem:
            return self._gate.answer(request, problem.status, problem.body)
        asked = self._book.get("wxpay_bill", request.args.get("token") or "")
        if asked is None or self._clock.seconds() > asked["until"]:
            return self._gate.answer(request, 400, {"code": "PARAM_ERROR", "message": "账单下载地址已失效"})
        text = self._statements.text(date.fromisoformat(asked["day"]), asked["kind"]) or b""
        if asked["packed"]:
            return HTTPResponse(gzip.compress(text, mtime=0), content_type="application/octet-stream")
        return HTTPResponse(text, content_type="text/plain; charset=utf-8")
