"""FastAPI on uvicorn (uvloop, httptools): the same Motor read and encoding."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, Response
from motor.motor_asyncio import AsyncIOMotorClient

stores: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    stores["items"] = AsyncIOMotorClient(os.environ["MONGO_URL"], maxPoolSize=64)["zhangban"]["items"]
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/read/{code}")
async def read(code: str) -> Response:
    row = await stores["items"].find_one({"_id": code})
    return Response(orjson.dumps(row["item"]), media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
