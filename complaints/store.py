"""Every query of complaints."""

from collections.abc import Mapping, Sequence

from kit.crypto import Keyring
from kit.mongo import IndexModel, Mongo

INDEXES: Mapping[str, Sequence[IndexModel]] = {}


class Complaints:
    def __init__(self, mongo: Mongo, keys: Keyring) -> None:
        self._mongo = mongo
        self._keys = keys
