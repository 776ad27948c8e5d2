"""What ratings is made of. Part of wiring: nobody else makes these."""

from dataclasses import dataclass

from core.client import Core
from core.ratings import CoreRatings
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.outbox import Outbox
from ratings import store
from ratings.store import Ratings

STORES = (store,)


@dataclass(frozen=True, slots=True)
class Rating:
    store: Ratings
    core: CoreRatings


def rating(stores: tuple[Mongo, Keyring, Outbox], core: Core) -> Rating:
    """No traffic yet."""
    mongo, keys, _outbox = stores
    return Rating(Ratings(mongo, keys), CoreRatings(core))
