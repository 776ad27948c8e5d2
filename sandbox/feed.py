"""The core's feeds: numbered records, read page by page from where the reader stopped."""

from sanic import HTTPResponse, Request

from sandbox.answers import json, refused
from sandbox.book import Book


def page(book: Book, kind: str, request: Request, *, usual: int = 200, name: str = "records", within: str = "") -> HTTPResponse:
    """GET …?cursor=&limit=: what of this `kind` comes after the cursor, under `name`; `usual` is the limit of who gives none.

    `within`: only keys that begin so; the number stands after it.
    """
    cursor, limit = request.args.get("cursor") or "", request.args.get("limit") or str(usual)
    if (cursor and not cursor.isdecimal()) or not limit.isdecimal() or not 1 <= int(limit) <= 500:
        return refused(422, "bad_cursor", "cursor 应为上一页给出的值，limit 应为 1 到 500")
    found = book.every(kind, within + (cursor.zfill(12) if cursor else ""), int(limit) + 1)
    rows = [(key, body) for key, body in found if key.startswith(within)]
    shown = rows[: int(limit)]
    after = str(int(shown[-1][0].removeprefix(within))) if shown else cursor
    return json({name: [body for _, body in shown], "next_cursor": after, "has_more": len(rows) > len(shown)})


def next_seq(book: Book, feed: str) -> int:
    """Inside the caller's transaction."""
    seq = int((book.get("counter", feed) or {"n": 0})["n"]) + 1
    book.put("counter", feed, {"n": seq})
    return seq
