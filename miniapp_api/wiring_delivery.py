"""What parcels are made of: couriers, the hall, and how the rest of the house hears of them. Part of wiring: nobody else makes these."""

from dataclasses import dataclass

from core.client import Core
from core.deliveries import CoreDeliveries
from delivery.couriers import Party
from delivery.parcel_store import Parcels
from delivery.shipping import Shipping, Told
from kit.crypto import Keyring
from kit.http import Http
from kit.mongo import Mongo
from kit.outbox import Outbox
from miniapp_api import settings_delivery
from miniapp_api.settings import Settings, secret
from miniapp_api.settings_delivery import DeliverySettings


@dataclass(frozen=True, slots=True)
class Delivering:
    """`hall` None: no courier is configured, and licences are fetched at the window alone."""

    shipping: Shipping
    core: CoreDeliveries
    hall: Party | None


def configured(settings: Settings) -> DeliverySettings | None:
    """Settings must have passed `settings.check`."""
    return settings_delivery.couriers(secret(settings.couriers), settings.public_url, production=settings.profile == "production")[0]


def delivering(settings: Settings, stores: tuple[Mongo, Keyring, Outbox], http: Http, core: Core, told: Told) -> Delivering:
    """No traffic yet."""
    mongo, keys, outbox = stores
    given, parcels = configured(settings), Parcels(mongo, keys)
    if given is None:
        return Delivering(Shipping(mongo, parcels, outbox, {}, told), CoreDeliveries(core), None)
    shipping = Shipping(mongo, parcels, outbox, given.couriers(http), told, stuck_days=given.stuck_days)
    return Delivering(shipping, CoreDeliveries(core), given.hall)
