"""kill -9 again and again while a broadcast is told: nobody is told twice, nobody is left out, and the row counts what the inboxes hold."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from cases import people_store
from kit import outbox
from kit.kill_points import VARIABLE
from kit.mongo import Mongo
from miniapp_api import audience
from notify import broadcast_store
from notify import store as notify_store
from residents import store as residents_store
from tests.notify.crowd import approved, at_work, lease_ends, make_people

ROOT = Path(__file__).parents[2]
PEOPLE, POINTS = 400, ["broadcast.before_commit", "broadcast.after_commit"] * 2  # batches of 50


@pytest.mark.crash
async def test_a_broadcast_whose_workers_are_killed_again_and_again(mongo: Mongo, mongo_url: str, redis_url: str, tmp_path: Path) -> None:
    for module in (residents_store, people_store, notify_store, broadcast_store, outbox):
        await mongo.create_indexes(module.INDEXES)
    people = await make_people(mongo, PEOPLE)
    async with at_work(mongo_url, redis_url, mongo.database.name) as deps:
        own = await approved(deps.broadcasts, audience.of(deps))
    command = [sys.executable, "-m", "tests.crash.broadcast_once", mongo_url, redis_url, mongo.database.name, own]
    env = {**os.environ, VARIABLE: str(tmp_path), "PYTHONPATH": str(ROOT)}
    for killed, point in enumerate([*POINTS, None], 1):
        if point:
            (tmp_path / point).touch()
        child = await asyncio.create_subprocess_exec(*command, env=env, cwd=ROOT)
        assert await child.wait() == (-signal.SIGKILL if point else 0), point
        row = await mongo["broadcasts"].find_one({"_id": own}) or {}
        inboxes = [one["person_id"] async for one in mongo["messages"].find({"broadcast_id": own})]
        assert row["told"] == len(inboxes) == len(set(inboxes)) == await mongo["outbox"].count_documents({}), killed
        await lease_ends(mongo)
    assert sorted(inboxes) == people and (row["state"], row["already"]) == ("done", 0)
