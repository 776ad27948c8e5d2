"""kill -9 while a file is taken in: nobody sees half of it, nothing stays on the disk, and the sweep finds what lies in the store."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from cases import file_store, files
from cases.file_check import Checker, Limits
from cases.file_keeping import Filekeeping
from cases.file_store import SEEN, Files
from kit import blobs as blobs_module
from kit import outbox as outbox_module
from kit.blobs import GridBlobs
from kit.clock import now
from kit.crypto import Keyring
from kit.kill_points import VARIABLE
from kit.mongo import Mongo
from kit.outbox import Outbox

ROOT = Path(__file__).parents[2]


@pytest.mark.crash
@pytest.mark.parametrize("kind", ["jpeg", "pdf"])
@pytest.mark.parametrize("point", ["file_begun", "file_stored", None])
async def test_a_process_killed_while_it_takes_a_file_in_leaves_nothing_to_see(
    mongo: Mongo, mongo_url: str, tmp_path: Path, kind: str, point: str | None
) -> None:
    for module in (file_store, blobs_module, outbox_module):
        await mongo.create_indexes(module.INDEXES)
    field, index = os.urandom(32), os.urandom(32)
    points, uploads = tmp_path / "points", tmp_path / "uploads"
    points.mkdir()
    uploads.mkdir()
    if point:
        (points / point).touch()
    env = {**os.environ, VARIABLE: str(points), "FIELD_KEY": field.hex(), "INDEX_KEY": index.hex(), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.crash.upload_once", mongo_url, mongo.database.name, str(uploads), kind]
    child = await asyncio.create_subprocess_exec(*command, env=env, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    told, _ = await child.communicate()
    store = Files(mongo, Keyring({"k1": field}, "k1", index))
    keeping = Filekeeping(mongo, store, GridBlobs(mongo), Outbox(mongo), Checker(Limits(1, 1, 1), None), None, (10**9, 100))
    assert list(uploads.iterdir()) == []
    rows = [row async for row in mongo["files"].find()]
    if point is None:
        assert child.returncode == 0 and [row["state"] for row in rows] == ["ready"]
        assert b"".join([piece async for piece in files.open_content(keeping, told.decode().strip())])
        return
    assert child.returncode == -signal.SIGKILL and [row["state"] for row in rows] == ["storing"] and rows[0]["state"] not in SEEN
    assert await store.of_owner("person:P1") == [] and await files.sweep(keeping) == 0
    await mongo["files"].update_one({}, {"$set": {"forget_at": now() - timedelta(seconds=1)}})
    assert await files.sweep(keeping) == 1
    for name in ("files", "blobs.files", "blobs.chunks"):
        assert await mongo[name].count_documents({}) == 0
    room = await mongo["file_room"].find_one({"_id": "person:P1"})
    assert room is None or (room["bytes"], room["files"]) == (0, 0)
