"""What ratings is made of. Part of wiring: nobody else makes these."""

from dataclasses import dataclass

from core.client import Core
from core.ratings import CoreRatings
from kit.crypto import Keyring
from kit.mongo import Mongo
from kit.outbox import Outbox
from ratings import store
from ratings.store import Ratings
from ratings.values import Terms

STORES = (store,)


@dataclass(frozen=True, slots=True)
class Rating:
    store: Ratings
    core: CoreRatings
    terms: Terms


def rating(stores: tuple[Mongo, Keyring, Outbox], core: Core, terms: Terms) -> Rating:
    """No traffic yet."""
    mongo, keys, _outbox = stores
    return Rating(Ratings(mongo, keys), CoreRatings(core), terms)
