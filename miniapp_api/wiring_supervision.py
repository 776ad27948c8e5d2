"""What supervision is made of. Part of wiring: nobody else makes these."""

from dataclasses import dataclass

from content.store import Content
from core.client import Core
from core.tallies import CoreTallies
from kit.mongo import Mongo
from kit.workdays import Workdays
from miniapp_api.supervised import Supervised
from miniapp_api.supervision_inputs import ItemCounts, MonthsOfCore
from supervision import build_store, snapshot_store, store, warning_store
from supervision.build_store import Builds
from supervision.kept import Kept
from supervision.snapshot_store import Snapshots
from supervision.store import Facts
from supervision.warning_store import Warnings

STORES = (store, warning_store, snapshot_store, build_store)


@dataclass(frozen=True, slots=True)
class Supervising:
    facts: Facts
    kept: Kept
    warnings: Warnings
    snapshots: Snapshots
    supervised: Supervised
    months: MonthsOfCore
    items: ItemCounts
    builds: Builds


def supervising(mongo: Mongo, core: Core, parts: tuple[Content, Workdays]) -> Supervising:
    """No traffic yet."""
    content, workdays = parts
    facts, builds = Facts(mongo), Builds(mongo)
    return Supervising(
        facts,
        Kept(facts, builds),
        Warnings(mongo),
        Snapshots(mongo),
        Supervised(facts, content, workdays),
        MonthsOfCore(CoreTallies(core)),
        ItemCounts(content),
        builds,
    )
