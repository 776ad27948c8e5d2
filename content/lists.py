"""The three lists a city publishes (马上办、网上办、一次办): which items stand on them, by what the item itself records."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ServiceList:
    """`definition` is shown to residents as it is."""

    id: str
    name: str
    definition: str


LISTS = (
    ServiceList("at_once", "马上办", "材料齐全，当场就能办完"),
    ServiceList("online", "网上办", "在手机或电脑上就能申请"),
    ServiceList("one_visit", "一次办", "最多跑一次，或者不用跑"),
)


def lists_of(item: dict[str, Any]) -> list[str]:
    """Ids of the lists an item stands on, in the order of LISTS. What is not recorded puts it on none."""
    limit, visits = item.get("promised_limit"), credible_visits(item)
    stands = {
        "at_once": (limit is not None and limit["days"] == 0) or item.get("handling_kind") == "即办件",
        "online": item.get("online") is True,
        "one_visit": visits is not None and visits <= 1,
    }
    return [one.id for one in LISTS if stands[one.id]]


def credible_visits(item: dict[str, Any]) -> int | None:
    """Visits as recorded, or None. No visit, a counter's address and no online application contradict each other: None too.

    In a published catalogue of 2,262 items 50 are recorded like that; the 0 there means that nobody filled it in.
    """
    visits: int | None = item.get("visits")
    contradicted = visits == 0 and item.get("online") is not True and bool(item.get("places"))
    return None if contradicted else visits
