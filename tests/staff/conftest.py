"""Empty stores of staff."""

import pytest

from kit.crypto import Keyring
from kit.mongo import Mongo
from staff import audit as staff_audit
from staff import store as staff_store
from staff.audit import Audit
from staff.store import Staff


@pytest.fixture
async def staff(mongo: Mongo, keys: Keyring) -> Staff:
    await mongo.create_indexes(staff_store.INDEXES)
    return Staff(mongo, keys)


@pytest.fixture
async def audit(mongo: Mongo, keys: Keyring) -> Audit:
    await mongo.create_indexes(staff_audit.INDEXES)
    return Audit(mongo, keys)
