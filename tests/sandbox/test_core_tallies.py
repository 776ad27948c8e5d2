"""How many cases the sandbox's core has counted: our own by its book, the windows' as somebody tells it, and never a guess."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from core.client import Core
from core.tallies import CoreTallies, DepartmentTally
from kit.clock import now
from kit.errors import Refused
from tests.sandbox.core_door import an_item, core_of, lines_of
from tests.sandbox.outside import Outside
from tests.sandbox.test_core_appointments import BEIJING

OLD, OTHER = "2021-03", "临江市民政局"


@pytest.fixture
async def world(private: Callable[..., Outside]) -> Outside:
    return private()


@pytest.fixture
async def core(world: Outside) -> AsyncIterator[Core]:
    async with core_of(world) as own:
        yield own


@pytest.fixture
def tallies(core: Core) -> CoreTallies:
    return CoreTallies(core)


async def windows(world: Outside, month: str, department: str = OTHER, **told: Any) -> Any:
    return await world.world("POST", "/core/window-cases", {"department": department, "month": month, **told})


def this_month() -> str:
    return now().astimezone(BEIJING).strftime("%Y-%m")


async def rows(tallies: CoreTallies, month: str) -> dict[str, tuple[int | None, int | None]]:
    found = await tallies.month(month)
    assert found is not None
    return {one.department: (one.received, one.finished) for one in found.departments}


async def test_a_month_nobody_counted_is_unknown(world: Outside, tallies: CoreTallies) -> None:
    await world.case()
    assert await tallies.month(this_month()) is None
    assert await tallies.month(OLD) is None


async def test_our_own_cases_are_counted_with_those_of_the_windows(world: Outside, tallies: CoreTallies) -> None:
    month, own = this_month(), (await an_item(world))["department"]["name"]
    await world.world("POST", "/core/tallies", {"month": month, "counted": True})
    assert await rows(tallies, month) == {}
    cases = [await world.case() for _ in range(4)]
    for case, moves in zip(cases, (("accepted", "approved", "issued"), ("rejected",), ("accepted",), ()), strict=True):
        for to in moves:
            assert (await world.move(case, to)).status == 200
    assert await rows(tallies, month) == {own: (4, 2)}  # approved and issued is one
    await windows(world, month, own, received=10, finished=7)
    await windows(world, month, own, received=5)
    await windows(world, month, received=1, finished=0)
    assert await rows(tallies, month) == {own: (19, 9), OTHER: (1, 0)}
    found = await tallies.month(month)
    assert found is not None and not found.whole


async def test_a_month_that_is_over_is_whole_and_has_none_of_todays_cases(world: Outside, tallies: CoreTallies) -> None:
    await world.case()
    await windows(world, OLD, received=3, finished=2)
    found = await tallies.month(OLD)
    assert found is not None and found.whole and found.departments == (DepartmentTally(department=OTHER, received=3, finished=2),)
    assert len(await lines_of(world, "window_cases.counted", month=OLD)) == 1


async def test_what_nobody_knows_is_told_as_unknown_until_it_is_counted_anew(world: Outside, tallies: CoreTallies) -> None:
    month, own = this_month(), (await an_item(world))["department"]["name"]
    await world.case()
    await windows(world, month, own, received=10, finished=7)
    await windows(world, month, own, received=None)
    assert await rows(tallies, month) == {own: (None, 7)}
    await windows(world, month, own, received=2)
    assert await rows(tallies, month) == {own: (3, 7)}


async def test_a_month_can_be_uncounted_and_its_figures_stay(world: Outside, tallies: CoreTallies) -> None:
    await windows(world, OLD, received=3, finished=2)
    await world.world("POST", "/core/tallies", {"month": OLD, "counted": False})
    assert await tallies.month(OLD) is None
    await world.world("POST", "/core/tallies", {"month": OLD, "counted": True})
    assert await rows(tallies, OLD) == {OTHER: (3, 2)}


async def test_a_wrong_count_is_refused(world: Outside, tallies: CoreTallies) -> None:
    reply = await world.call("POST", "/world/core/window-cases", {"department": "", "month": "2021-13", "received": -1})
    assert reply.status == 422 and len(reply.json["errors"]) == 3
    assert (await world.call("POST", "/world/core/window-cases", {"department": OTHER, "month": OLD})).status == 422
    assert (await world.call("POST", "/world/core/tallies", {"month": OLD, "counted": "yes"})).status == 422
    assert await tallies.month(OLD) is None


async def test_a_killed_core_knows_its_figures_and_a_reset_one_does_not(world: Outside) -> None:
    await windows(world, OLD, received=3, finished=2)
    world.process.kill()
    world.process.start()
    async with core_of(world) as core:
        assert await rows(CoreTallies(core), OLD) == {OTHER: (3, 2)}
        await world.world("POST", "/reset", {})
        assert await CoreTallies(core).month(OLD) is None


async def test_a_path_that_is_no_month_is_no_month(world: Outside, core: Core) -> None:
    assert await CoreTallies(core).month("2021-00") is None
    with pytest.raises(Refused, match="unknown_item"):  # the core's own words, not only "not found"
        await core.read("/slots", {"item_code": "none", "from": "2030-01-01", "to": "2030-01-01"})
