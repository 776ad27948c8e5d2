"""A bare Sanic app: the same Motor read and encoding without our gate, and the same bytes from memory."""

import os
import sys
import urllib.request
from typing import Any

import orjson
from motor.motor_asyncio import AsyncIOMotorClient
from sanic import HTTPResponse, Request, Sanic

app = Sanic("bare", configure_logging=False)
BYTES = {"guide": b""}


@app.before_server_start
async def open_store(app: Sanic[Any, Any]) -> None:
    app.ctx.items = AsyncIOMotorClient(os.environ["MONGO_URL"], maxPoolSize=64)["zhangban"]["items"]


@app.get("/read/<code:str>")
async def read(request: Request, code: str) -> HTTPResponse:
    row = await app.ctx.items.find_one({"_id": code})
    return HTTPResponse(orjson.dumps(row["item"]), content_type="application/json")


@app.get("/bytes")
async def from_memory(request: Request) -> HTTPResponse:
    return HTTPResponse(BYTES["guide"], content_type="application/json")


if __name__ == "__main__":
    port, guide_url = int(sys.argv[1]), sys.argv[2]
    BYTES["guide"] = urllib.request.urlopen(guide_url, timeout=10).read()  # noqa: S310 - loopback
    app.run("127.0.0.1", port, single_process=True, access_log=False, motd=False)
