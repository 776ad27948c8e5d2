"""The figures of supervision beside a count by hand over the sandbox's own ledger; warnings; a month that was kept and is made again."""

import asyncio
import os
import sys
import uuid
from datetime import timedelta
from typing import Any

import pytest

from kit.clock import now
from kit.mongo import connect
from kit.workdays import day_of
from miniapp_api import jobs_supervision, supervision_snapshot
from miniapp_api.stack import Stack
from miniapp_api.supervision_inputs import bounds
from staff.roles import Scope
from supervision.facts import SHAPE
from tests.api.applying import make_item
from tests.api.desk import make_desk
from tests.api.house import House, Json, Resident, until
from tests.api.town import FINISHED, WAYS, all_told, figure, inside, make_town, shown, windows


async def test_every_figure_is_what_a_count_by_hand_over_the_ledger_gives(house: House) -> None:
    town, desk = await make_town(house), await make_desk(house, "supervisor")
    await windows(town, "first", received=4, finished=3)
    await windows(town, "second", received=10, finished=6)
    by_hand = await town.by_hand()
    assert sum(one["received"] for one in by_hand.values()) == 12
    await all_told(desk, town)

    async def asked_anew() -> Json:
        told = await shown(desk, town.departments["first"])
        counted = figure(told, "applied_online")["denominator"] == by_hand[town.departments["first"]]["received"] + 4
        return told if counted and figure(told, "wholly_online")["denominator"] == 1 else None  # items are counted anew once the catalogue has moved

    await until(asked_anew)
    for which, name in town.departments.items():
        told, hand = await shown(desk, name), by_hand[name]
        total_received, total_finished = hand["received"] + hand["window received"], hand["finished"] + hand["window finished"]
        assert told["results"] == {to: hand[f"result {to}"] for to in FINISHED if hand[f"result {to}"]}
        applied, finished = figure(told, "applied_online"), figure(told, "finished_online")
        assert (applied["numerator"], applied["denominator"], applied["unknown"]) == (hand["received"], total_received, 0)
        assert applied["value"] == round(hand["received"] / total_received, 4)
        whole = hand["finished"] if which == "first" else 0  # who must come once has not been through it online
        assert (finished["numerator"], finished["denominator"], finished["value"]) == (whole, total_finished, round(whole / total_finished, 4))
        in_time = figure(told, "in_time")
        accepted_first = sum("accepted" in way and any(to in FINISHED for to in way) for way in WAYS[which])
        limited = accepted_first if which == "first" else 0
        assert (in_time["numerator"], in_time["denominator"], in_time["unknown"]) == (limited, limited, hand["finished"] - limited)
        wholly, visits = figure(told, "wholly_online"), figure(told, "visits_average")
        assert (wholly["numerator"], wholly["denominator"], wholly["unknown"]) == (int(which == "first"), 1, 0)
        assert visits["value"] == (0 if which == "first" else 1)
        assert [row["department"] for row in told["departments"]] == [name]
        assert all(told[part]["known"] for part in ("satisfaction", "delivery_failures"))
        assert not told["assistant_misses"]["known"], "nobody counts them by department"
    assert (await shown(desk, ""))["assistant_misses"]["known"]


async def test_an_item_that_came_after_figures_were_shown_is_in_the_next_ones_within_seconds(house: House) -> None:
    department, desk = f"测试三局{uuid.uuid4().hex[:8]}", await make_desk(house, "supervisor")
    for number in (1, 2):
        await make_item(house, materials=[], department={"name": department}, visits=0)

        async def counted(wanted: int = number) -> bool:
            return bool(figure(await shown(desk, department), "wholly_online")["denominator"] == wanted)

        await until(counted)


async def test_both_departments_together_are_the_sum_and_scopes_hide_the_other(house: House) -> None:
    town = await make_town(house)
    names = town.departments
    both = await make_desk(house, "supervisor", scope=Scope(frozenset(names.values()), frozenset({"*"})))
    one = await make_desk(house, "department", scope=Scope(frozenset({names["first"]}), frozenset({"*"})))
    await windows(town, "first", received=1, finished=1)
    await windows(town, "second", received=2, finished=2)
    await all_told(both, town)
    hand = await town.by_hand()

    async def together() -> Json:
        told = await shown(both, "")
        return told if figure(told, "applied_online")["value"] is not None else None

    told = await until(together)
    assert told["received"] == 12 and told["finished"] == sum(row["finished"] for row in hand.values())
    assert figure(told, "applied_online")["denominator"] == 15
    assert {row["department"] for row in told["departments"]} == set(names.values())
    mine = await shown(one, "")
    assert mine["received"] == hand[names["first"]]["received"] and [row["department"] for row in mine["departments"]] == [names["first"]]
    assert (await shown(one, names["second"]))["received"] == 0
    window = await make_desk(house, "window")
    assert (await window.api("GET", "/staff/v1/supervision")).status == 403
    assert (await house.api("GET", "/staff/v1/supervision")).status == 401
    for wrong in ("month=2026-13", "month=2026-11&year=2026", "month=2999-01", "year=2999", "days=3"):
        assert (await both.api("GET", f"/staff/v1/supervision?{wrong}")).status == 422, wrong


async def test_a_total_that_nobody_told_is_unknown_and_never_nought(house: House) -> None:
    town, desk = await make_town(house), await make_desk(house, "supervisor")
    name = town.departments["first"]
    await all_told(desk, town)
    await windows(town, "first", received=None, finished=2)

    async def half_known() -> Json:
        told = await shown(desk, name)
        known = figure(told, "finished_online")["value"] is not None
        return told if known and figure(told, "applied_online")["value"] is None else None

    told = await until(half_known)
    applied = figure(told, "applied_online")
    assert applied["denominator"] is None and name in applied["text"] and applied["text"].startswith("未知")
    await house.faults(core={"down": True})

    async def away() -> Json:
        told = await shown(desk, name)
        return told if "没有回应" in figure(told, "finished_online")["text"] else None

    told = await until(away)
    assert told["received"] == 7 and figure(told, "finished_online")["value"] is None  # what is ours is told all the same
    assert not told["core"][0]["known"]
    await house.faults(core={})
    empty = await shown(desk, name, month="2020-01")
    assert figure(empty, "applied_online")["value"] is None and not empty["assistant_misses"]["known"]


async def test_the_public_sees_definitions_and_no_small_numbers(house: House) -> None:
    town, desk = await make_town(house), await make_desk(house, "supervisor")
    await all_told(desk, town)
    answer = await house.api("GET", f"/open/v1/figures?month={town.month}")
    assert answer.status == 200, answer.body
    told = answer.json
    assert all(one["definition"] and one["name"] for one in told["figures"]) and told["as_of"] and told["licence"] and not told["kept"]
    rows = {row["department"]: row for row in told["departments"]}
    small = rows[town.departments["second"]]  # five were filed, two are done
    assert small["received"] in (5, None) and small["finished"] is None
    assert figure(small, "in_time")["value"] is None and "不公布" in figure(small, "finished_online")["text"]
    assert rows[town.departments["first"]]["received"] == 7
    assert town.resident.person["name"] not in answer.body.decode() and town.cases["first"][0] not in answer.body.decode()


async def test_a_case_near_its_day_and_past_it_is_warned_of_once_for_each_level(house: House, stack: Stack) -> None:
    town, desk = await make_town(house), await make_desk(house, "supervisor")
    await all_told(desk, town)
    places = Scope(frozenset({town.departments["first"]}), frozenset({"*"}))
    own, other = (
        await make_desk(house, "department", scope=places),
        await make_desk(house, "department", scope=Scope(frozenset({"别的局"}), frozenset({"*"}))),
    )
    waits = town.cases["first"][1]  # accepted, three working days
    async with inside(stack) as deps:
        await deps.mongo["case_facts"].update_one(
            {"case_no": waits}, {"$set": {"near_at": now() - timedelta(days=30), "due_at": now() - timedelta(days=20)}}
        )
        before = await deps.mongo["cases"].find_one({"case_no": waits})
        await asyncio.gather(*(jobs_supervision.look_for_warnings(deps) for _ in range(3)))
        await jobs_supervision.look_for_warnings(deps)
        assert await deps.mongo["cases"].find_one({"case_no": waits}) == before
    page = (await own.api("GET", "/staff/v1/supervision/warnings")).json
    mine = [one for one in page["items"] if one["case_no"] == waits]
    assert sorted(one["level"] for one in mine) == ["escalated", "red", "yellow"] and all(one["is_open"] for one in mine)
    late = next(row for row in (await shown(desk, town.departments["first"]))["due"] if row["step"] == "accepted")
    assert (late["overdue"], late["past_legal"]) == (1, 0)
    red = (await own.api("GET", "/staff/v1/supervision/warnings?level=red&limit=1")).json
    assert [one["level"] for one in red["items"]] == ["red"] and red["next_cursor"]
    assert (await own.api("GET", f"/staff/v1/supervision/warnings?level=red&limit=1&cursor={red['next_cursor']}")).json["items"] == []
    path = f"/staff/v1/supervision/warnings/{red['items'][0]['id']}/seen"
    for _ in range(2):
        noted = await own.api("POST", path, {"note": "已催办"})
        assert noted.status == 200 and [(one["note"], one["mine"]) for one in noted.json["seen"]] == [("已催办", True)], noted.body
    assert (await other.api("POST", path, {"note": "看"})).json["code"] == "warning_unknown"
    assert (await own.api("POST", path, {"note": ""})).status == 422
    assert (await other.api("GET", "/staff/v1/supervision/warnings")).json["items"] == []
    await house.move(waits, "approved")

    async def closed() -> bool:
        items: list[Json] = (await own.api("GET", "/staff/v1/supervision/warnings")).json["items"]
        return not any(one["is_open"] for one in items if one["case_no"] == waits)

    await until(closed)


async def test_a_month_that_was_kept_is_made_again_from_the_cases_and_is_equal(house: House, stack: Stack) -> None:
    town, desk = await make_town(house), await make_desk(house, "supervisor")
    await windows(town, "first", received=4, finished=3)
    await all_told(desk, town)
    over = bounds(town.month)[1] + timedelta(days=1)
    async with inside(stack) as deps:
        await deps.mongo["supervision_snapshots"].delete_one({"_id": town.month})
        assert (await supervision_snapshot.take(deps, town.month, force=True)).outcome == "not_over"
        waits = await supervision_snapshot.take(deps, town.month, at=over)
        assert waits.outcome == "not_whole" and any("还在变" in one for one in waits.missing)  # at the core the month is not over
        assert (await supervision_snapshot.take(deps, town.month, at=over, force=True)).outcome == "kept"
        assert (await supervision_snapshot.take(deps, town.month, at=over, force=True)).outcome == "already"
        assert await supervision_snapshot.check(deps, town.month) == []
        kept: Any = await deps.supervising.snapshots.of_month(town.month)
        live = (await shown(desk, town.departments["first"]))["received"]
        assert sum(n for *key, n in kept["groups"]["received"] if key[0] == town.departments["first"]) == live == 7
        await deps.mongo["case_facts"].delete_many({"department": town.departments["first"]})  # the facts are not what it is made from
        assert await supervision_snapshot.check(deps, town.month) == []
        public = (await house.api("GET", f"/open/v1/figures?month={town.month}")).json
        assert public["kept"] and public["hash"] == kept["hash"]
        await house.move(town.cases["first"][0], "accepted")
        moved = town.cases["first"][0]
        await until(lambda: _at(town.resident, moved, "accepted"))
        assert any("办件的记录不同" in one for one in await supervision_snapshot.check(deps, town.month) or ())
        await deps.mongo["supervision_snapshots"].delete_one({"_id": town.month})
        assert await supervision_snapshot.check(deps, town.month) is None


async def on_working_days(stack: Stack, month: str, which: slice) -> Any:
    """The worker looks whether that month can be kept, on these of the working days after it. What is kept then."""
    async with inside(stack) as deps:
        after = [bounds(month)[1] + timedelta(days=n, hours=9) for n in range(20)]
        for at in [one for one in after if deps.workdays.current.is_workday(day_of(one))][which]:
            await supervision_snapshot.keep_by_itself(deps, at=at)
        return await deps.supervising.snapshots.of_month(month)


def _of_months(caplog: pytest.LogCaptureFixture) -> set[str]:
    return {one.levelname for one in caplog.records if one.message.startswith("figures of a month")}


async def test_a_month_waits_until_the_core_has_counted_all_of_it(house: House, stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    month = "2021-02"
    assert await on_working_days(stack, month, slice(5)) is None
    assert _of_months(caplog) == {"WARNING"}
    await house.world("POST", "/world/core/tallies", {"month": month, "counted": True})
    kept = await on_working_days(stack, month, slice(4, 5))
    assert kept["missing"] == [] and kept["inputs"]["core"][0]["whole"] is True
    assert _of_months(caplog) == {"WARNING"}  # and that it was kept, which is none
    assert await on_working_days(stack, month, slice(9, 10)) == kept


async def test_a_month_the_core_does_not_count_is_kept_after_five_working_days_and_says_so(
    house: House, stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    month = "2021-04"  # followed by the holidays of May
    assert await on_working_days(stack, month, slice(5)) is None
    kept = await on_working_days(stack, month, slice(5, 6))
    assert kept["missing"] == [f"核心平台没有统计 {month} 的各渠道总数"]
    assert _of_months(caplog) == {"WARNING", "ERROR"}
    async with inside(stack) as deps:
        assert await supervision_snapshot.check(deps, month) == []


async def _at(resident: Resident, case_no: str, state: str) -> bool:
    return bool((await resident.api("GET", f"/v1/cases/{case_no}")).json["state"] == state)


async def test_a_city_that_upgrades_has_its_facts_made_by_the_worker_and_the_figures_say_so_until_then(house: House, stack: Stack) -> None:
    town, desk = await make_town(house), await make_desk(house, "supervisor")
    await all_told(desk, town)
    mongo = connect(stack.env["MONGO_URL"], stack.env["ZHANGBAN_MONGO_DATABASE"])
    facts, build, mine = mongo["case_facts"], {"_id": "case_facts"}, {"item_code": {"$in": [item["code"] for item in town.items.values()]}}
    before = await facts.find(mine).sort("_id", 1).to_list(None)
    assert (await shown(desk, "", month="2020-03"))["facts_whole"]
    await mongo["supervision_builds"].update_one(build, {"$set": {"built": None, "due_at": now() + timedelta(days=1)}})  # nobody may begin yet
    await facts.delete_many(mine)
    told, public = await shown(desk, "", month="2020-04"), (await house.api("GET", "/open/v1/figures?month=2020-04")).json
    assert not told["facts_whole"] and "还没有算完" in told["facts_note"]
    for own in ("in_time", "finished_online", "applied_online"):
        assert figure(told, own)["value"] is None and "还没有算完" in figure(told, own)["text"]
    assert figure(told, "visits_average")["value"] is not None  # is counted over items
    assert (public["facts_whole"], public["received"], public["finished"]) == (False, None, None) and public["facts_note"]
    assert {row[name] for row in public["departments"] for name in ("received", "finished", "near", "overdue")} == {None}

    async def made() -> bool:
        free = {**build, "holder": None}  # whoever is at it would have to begin its step again and again
        await mongo["supervision_builds"].update_one(free, {"$set": {"due_at": now() - timedelta(days=1)}})  # the second round is due, too
        return bool((await mongo["supervision_builds"].find_one(build) or {})["built"] == SHAPE)

    await until(made, 40)
    assert await facts.find(mine).sort("_id", 1).to_list(None) == before
    await mongo.close()
    assert (await shown(desk, "", month="2020-05"))["facts_whole"]
    assert (await house.api("GET", "/open/v1/figures?month=2020-05")).json["facts_note"] == ""


async def test_the_commands_make_facts_again_and_keep_no_month_that_is_not_over(house: House, stack: Stack) -> None:
    town, desk = await make_town(house), await make_desk(house, "supervisor")
    await all_told(desk, town)

    async def command(*given: str) -> tuple[int | None, str]:
        run = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "miniapp_api.cli", "supervision", *given),
            env={**os.environ, **stack.env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await asyncio.wait_for(run.communicate(), 60)
        return run.returncode, told.decode()

    async with inside(stack) as deps:
        mine = {"department": town.departments["first"]}
        before = await deps.mongo["case_facts"].find(mine).sort("_id", 1).to_list(None)
        await deps.mongo["case_facts"].delete_many(mine)
        code, told = await command("rebuild")
        assert code == 0 and "重算" in told, told
        assert await deps.mongo["case_facts"].find(mine).sort("_id", 1).to_list(None) == before
    assert (await command("snapshot", town.month))[0] == 1
    assert (await command("snapshot", "2026-13"))[0] == 1
    assert (await command("snapshot", "2020-01", "--check"))[0] == 1
    code, told = await command("snapshot", "2020-02")
    assert code == 1 and "没有统计 2020-02" in told and "--force" in told, told
    assert (await command("snapshot", "2020-02", "--check", "--force"))[0] == 1
    code, told = await command("snapshot", "2020-02", "--force")
    assert code == 0 and "摘要" in told and "定稿时缺：核心平台没有统计 2020-02" in told, told
    assert (await command("snapshot", "2020-02", "--check"))[0] == 0
