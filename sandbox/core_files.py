"""Files brought to the core, known by the SHA-256 of their bytes. Bytes lie in a folder, the book says which are there."""

import hashlib
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sanic import HTTPResponse, Request, raw

from sandbox.answers import json, refused
from sandbox.book import Book, stamp

_SHA = re.compile(r"[0-9a-f]{64}")


class Files:
    def __init__(self, book: Book, folder: Path) -> None:
        self._book = book
        self._folder = folder

    async def put(self, request: Request, sha256: str) -> HTTPResponse:
        """PUT /core/v1/files/{sha256}: 201 the first time, 200 again."""
        if not _SHA.fullmatch(sha256) or hashlib.sha256(request.body).hexdigest() != sha256 or not request.body:
            return refused(422, "wrong_hash", "文件内容与 SHA-256 不符，或是空文件")
        told = {"sha256": sha256, "size": len(request.body)}
        if self.kept(sha256) is not None:
            return json(told)
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f"{sha256}.part"
        part.write_bytes(request.body)
        part.replace(self._folder / sha256)
        media_type = request.headers.get("content-type") or "application/octet-stream"
        name = unquote(request.headers.get("x-core-file-name") or sha256[:12])[:255]
        with self._book.together():
            self._book.put("core_file", sha256, {**told, "name": name, "media_type": media_type, "at": stamp()})
            self._book.write("core", "file.received", **told, media_type=media_type)
        return json(told, 201)

    async def look(self, request: Request, sha256: str) -> HTTPResponse:
        """GET /core/v1/files/{sha256}: whether the bytes are here; never the bytes."""
        known = self.kept(sha256)
        return refused(404, "unknown_file", "没有收到这个文件") if known is None else json({name: known[name] for name in ("sha256", "size")})

    async def download(self, request: Request, sha256: str) -> HTTPResponse:
        """World control: GET /world/core/files/{sha256}: what a clerk opens. Never shown in the page itself: it came from anybody."""
        known = self.kept(sha256)
        if known is None:
            return refused(404, "unknown_file", "没有收到这个文件")
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(known['name'], safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        }
        return raw((self._folder / sha256).read_bytes(), content_type="application/octet-stream", headers=headers)

    def kept(self, sha256: Any) -> dict[str, Any] | None:
        return self._book.get("core_file", sha256) if isinstance(sha256, str) else None

    def forget(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
