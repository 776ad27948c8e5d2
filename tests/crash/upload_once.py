"""A process of its own that takes one file in, for tests that kill it on the way. Arguments: Mongo's address, database, folder, kind. Keys in the environment."""

import asyncio
import hashlib
import os
import sys
import tempfile

from cases import files
from cases.file_check import Checker, Limits
from cases.file_keeping import Filekeeping, Received
from cases.file_store import Files, Owner
from kit.blobs import GridBlobs
from kit.crypto import Keyring
from kit.mongo import connect
from kit.outbox import Outbox
from tests.cases.corpus import make_jpeg, make_pdf


async def main(url: str, database: str, folder: str, kind: str) -> None:
    mongo = connect(url, database)
    keys = Keyring({"k1": bytes.fromhex(os.environ["FIELD_KEY"])}, "k1", bytes.fromhex(os.environ["INDEX_KEY"]))
    checker = Checker(Limits(20 << 20, 50_000_000, 200), folder)
    keeping = Filekeeping(mongo, Files(mongo, keys), GridBlobs(mongo), Outbox(mongo), checker, None, (10**9, 100))
    raw = make_jpeg(1200, 900, noise=60, quality=98) if kind == "jpeg" else make_pdf(filler=1_500_000)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(raw)
        file.flush()
        fact = await files.take_in(keeping, Received(file, hashlib.sha256(raw).hexdigest(), "a"), Owner("person:P1", "P1", "r_1"))
    print(fact.id)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
