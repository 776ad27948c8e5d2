"""kill -9 around the calls that bring a rating and its end to the core: one rating there, its end once and after it, and each word told once."""

from pathlib import Path
from typing import Any

import pytest

from kit.mongo import Mongo
from miniapp_api.rating_told import OUTCOME, RATE
from tests.api.house import House, Json, until
from tests.api.rated import Rated, make_rated
from tests.crash.killing import killed

pytestmark = pytest.mark.crash
STAGES = ("acceptance", "result")  # each its own rating: a point is met twice with one case
Shared = dict[str, Any]


@pytest.fixture(scope="module")
def shared() -> Shared:
    """The item and the desks of the first case, for the others too."""
    return {}


async def make_case(house: House, shared: Shared) -> Rated:
    rated = await make_rated(house, item=shared.get("item"))
    shared.setdefault("item", rated.item)
    for name, desk in shared.setdefault("desks", {}).items():
        desk.house = house
        rated.desks[name] = desk
    shared["desks"] = rated.desks
    return rated


async def ended(rated: Rated, database: Mongo, own: str) -> Json:
    """The rating as the resident's page shows it, once nothing is left to do. A dead worker's lease on the end runs out before that on the rating."""
    outbox = database["outbox"]

    async def done() -> bool:
        left = await outbox.find({"_id": {"$in": [f"{RATE}:{own}", f"{OUTCOME}:{own}"]}, "state": "waiting"}).sort("kind", -1).to_list(2)
        if left:
            await outbox.update_one({"_id": left[0]["_id"], "state": "waiting"}, [{"$set": {"due_at": "$$NOW", "held": False}}])
        return not left

    await until(done, 30)
    return next(one["rating"] for one in (await rated.stages()).values() if one["rating"] is not None and one["rating"]["id"] == own)


async def at_core_once(rated: Rated, own: str) -> None:
    lines = [line["kind"] for line in await rated.house.ledger("core") if line.get("rating_id") == own]
    assert lines == ["rating.given", "rating.ended"]
    held = await rated.at_core(own)
    assert (held["rating_id"], held["grade"], held["outcome"]["state"], held["outcome"]["text"]) == (own, 2, "rectified", "已整改")


@pytest.mark.usefixtures("supervised")
@pytest.mark.parametrize("point", ["ratings.before_rate", "ratings.after_rate", "ratings.before_outcome", "ratings.after_outcome"])
async def test_a_kill_while_a_rating_or_its_end_goes_to_the_core(house: House, database: Mongo, points: Path, shared: Shared, point: str) -> None:
    rated = await make_case(house, shared)
    for n, stage in enumerate(STAGES, 1):
        asked: dict[str, str] = {}

        async def rate(stage: str = stage, asked: dict[str, str] = asked) -> None:
            asked["id"] = await rated.bad(stage=stage, indicators=["slow"])

        async def close(asked: dict[str, str] = asked) -> None:
            assert (await rated.called_back(asked["id"], satisfied=True)).status == 200

        await (killed(points, point, rate) if point.endswith("rate") else rate())
        own = asked["id"]
        await rated.acted(own, "triage", to=rated.department)  # meanwhile, its way to the core lies where the dead left it
        await rated.acted(own, "reply", text="已整改")
        await (killed(points, point, close) if point.endswith("outcome") else close())
        shown = await ended(rated, database, own)
        assert (shown["counted"], shown["rectification"]["state"], shown["rectification"]["can_call_back"]) == (True, "closed_satisfied", False)
        await at_core_once(rated, own)
        assert len([one for one in await rated.told() if "已经答复" in one]) == len([one for one in await rated.told() if "已整改完毕" in one]) == n
