"""Whom a person acts for: by the core's word, by a grant, never longer than it holds."""

from datetime import UTC, date, datetime, timedelta

import pytest

from core.subjects import Enterprise, Ward
from kit.clock import now
from kit.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from residents import consents, grants, minors, policies, subjects
from residents.consents import Given
from residents.grant_store import Grant
from residents.policies import Purpose
from residents.sessions import Caller, Role, Subject
from tests.residents.town import ADULT, Citizen, Died, Town, make_id_number

USCC = "91110000101623741K"
YEAR = timedelta(days=365)


async def act_for(town: Town, caller: Caller, role: Role, own_id: str | None = None) -> Caller:
    await subjects.choose(town.acting, caller, role, own_id)
    return await town.again(caller)


async def granted(town: Town, purposes: frozenset[str] | None = None) -> tuple[Caller, Caller, Grant]:
    """(giver, agent, an accepted grant)"""
    giver, who = await town.make_bound()
    agent, agent_citizen = await town.make_bound(town.make_citizen("李代办"))
    sure = await town.step_up(giver, who)
    given = await grants.give(town.joining, sure, (agent_citizen.name, agent_citizen.id_number), purposes, now() + YEAR)
    await grants.accept(town.joining, agent, given.id)
    return sure, agent, given


def join(town: Town, caller: Caller, valid_until: datetime | None = None) -> None:
    town.pretend.enterprises_of[caller.person_id or ""] = (Enterprise(uscc=USCC, name="云帆商贸", role="handler", valid_until=valid_until),)


def child_of(town: Town, caller: Caller, years: int = 8) -> Ward:
    born = now().date().replace(day=1) - timedelta(days=int(years * 365.25))
    ward = Ward(person_id=f"Pchild{years}", name="王小宝", id_number=make_id_number(born, 77), relation="子女")
    town.pretend.wards_of[caller.person_id or ""] = (ward,)
    return ward


async def test_until_they_choose_a_person_acts_for_themselves_and_an_unbound_account_for_nobody(town: Town) -> None:
    caller, citizen = await town.make_bound()
    assert caller.subject == Subject(f"person:{citizen.id}", "self")
    nobody = await town.sign_in()
    assert nobody.subject is None
    for role in ("self", "enterprise"):
        with pytest.raises(Forbidden, match="real_name_needed"):
            await subjects.choose(town.acting, nobody, role, None)


async def test_an_enterprise_is_believed_for_fifteen_minutes_and_then_looked_at_again(town: Town) -> None:
    caller, _ = await town.make_bound()
    with pytest.raises(Forbidden, match="subject_refused"):
        await subjects.choose(town.acting, caller, "enterprise", USCC)
    join(town, caller)
    acting = await act_for(town, caller, "enterprise", USCC)
    assert acting.subject is not None and acting.subject.key == f"enterprise:{USCC}"
    town.pretend.enterprises_of.clear()
    assert await subjects.verified(town.acting, acting) == acting, "believed meanwhile"
    await town.store.mongo["sessions"].update_one({"_id": caller.token_digest}, {"$set": {"subject.until": now()}})
    with pytest.raises(Forbidden, match="subject_ended"):
        await subjects.verified(town.acting, await town.again(caller))
    back = await town.again(caller)
    assert back.subject is not None and back.subject.role == "self"
    assert await subjects.verified(town.acting, back) == back


async def test_membership_that_still_stands_is_believed_anew(town: Town) -> None:
    caller, _ = await town.make_bound()
    join(town, caller)
    await act_for(town, caller, "enterprise", USCC)
    await town.store.mongo["sessions"].update_one({"_id": caller.token_digest}, {"$set": {"subject.until": now()}})
    fresh = await subjects.verified(town.acting, await town.again(caller))
    assert fresh.subject is not None and fresh.subject.until is not None and fresh.subject.until > now() + timedelta(minutes=14)
    assert (await town.again(caller)).subject == fresh.subject


async def test_membership_ends_when_the_core_says_and_an_absent_core_changes_nothing(town: Town) -> None:
    caller, _ = await town.make_bound()
    end = now() + timedelta(minutes=5)
    join(town, caller, end)
    acting = await act_for(town, caller, "enterprise", USCC)
    assert acting.subject is not None and acting.subject.until == end
    await town.store.mongo["sessions"].update_one({"_id": caller.token_digest}, {"$set": {"subject.until": now()}})
    town.pretend.away = True
    with pytest.raises(Unavailable):
        await subjects.verified(town.acting, await town.again(caller))
    assert (await town.again(caller)).subject != Subject(f"person:{caller.person_id}", "self"), "kept until somebody knows"
    await subjects.choose(town.acting, caller, "self", None)
    assert (await town.again(caller)).subject == Subject(f"person:{caller.person_id}", "self")
    join(town, caller, now() - timedelta(seconds=1))
    town.pretend.away = False
    with pytest.raises(Forbidden, match="subject_refused"):
        await subjects.choose(town.acting, caller, "enterprise", USCC)


async def test_a_grant_holds_from_acceptance_until_either_ends_it(town: Town) -> None:
    giver, who = await town.make_bound()
    agent, agent_citizen = await town.make_bound(town.make_citizen("李代办"))
    offer = ((agent_citizen.name, agent_citizen.id_number), frozenset({"apply"}), now() + YEAR)
    with pytest.raises(Forbidden, match="step_up_needed"):
        await grants.give(town.joining, giver, *offer)
    sure = await town.step_up(giver, who)
    given = await grants.give(town.joining, sure, *offer)
    with pytest.raises(Forbidden, match="subject_refused"):
        await subjects.choose(town.acting, agent, "agent", given.id)
    for _ in range(2):
        assert (await grants.accept(town.joining, agent, given.id))[0].state == "accepted"
    acting = await act_for(town, agent, "agent", given.id)
    assert acting.subject is not None and acting.subject.key == f"person:{who.id}" and acting.person_id == agent_citizen.id
    assert await subjects.verified(town.acting, acting) == acting
    subjects.allow(acting.subject, "apply")
    with pytest.raises(Forbidden, match="not_granted"):
        subjects.allow(acting.subject, "pay")
    for _ in range(2):
        await grants.end(town.joining, sure, given.id)
    with pytest.raises(Forbidden, match="subject_ended"):
        await subjects.verified(town.acting, acting)
    assert (await town.again(agent)).subject == Subject(f"person:{agent_citizen.id}", "self")
    assert [kind for kind in town.diary.kinds() if kind.startswith("grant")] == ["grant_offered", "grant_accepted", "grant_ended"]


async def test_a_grant_runs_out_by_itself_and_an_agent_may_lay_it_down(town: Town) -> None:
    giver, agent, given = await granted(town)
    acting = await act_for(town, agent, "agent", given.id)
    await town.store.mongo["grants"].update_one({"_id": given.id}, {"$set": {"until": now()}})
    with pytest.raises(Forbidden, match="subject_ended"):
        await subjects.verified(town.acting, acting)
    assert (await grants.listed(town.store, agent))[1] == []
    _, other_agent, other = await granted_again(town, giver)
    await grants.end(town.joining, other_agent, other.id)
    assert [one.state for one in (await grants.listed(town.store, giver))[0] if one.id == other.id] == ["ended"]
    with pytest.raises(Conflict, match="grant_ended"):
        await grants.accept(town.joining, other_agent, other.id)


async def granted_again(town: Town, giver: Caller) -> tuple[Caller, Caller, Grant]:
    agent, citizen = await town.make_bound(town.make_citizen("赵代办"))
    given = await grants.give(town.joining, giver, (citizen.name, citizen.id_number), None, now() + YEAR)
    return giver, agent, given


async def test_a_grant_is_seen_by_the_whole_pair_only(town: Town) -> None:
    giver, who = await town.make_bound()
    namesake, citizen = await town.make_bound(town.make_citizen("李代办"))
    sure = await town.step_up(giver, who)
    wrong_name = await grants.give(town.joining, sure, ("李代理", citizen.id_number), None, now() + YEAR)
    unknown = await grants.give(town.joining, sure, ("查无此人", make_id_number(ADULT, 888)), None, now() + YEAR)
    assert (wrong_name.state, wrong_name.agent_person_id) == (unknown.state, unknown.agent_person_id) == ("offered", None)
    assert (await grants.listed(town.store, namesake))[1] == []
    for one in (wrong_name, unknown):
        for act in (grants.accept, grants.end):
            with pytest.raises(NotFound, match="grant_unknown"):
                await act(town.joining, namesake, one.id)


async def test_a_grant_that_dies_half_way_was_not_given(town: Town) -> None:
    giver, who = await town.make_bound()
    sure = await town.step_up(giver, who)
    town.diary.dies = True
    with pytest.raises(Died):
        await grants.give(town.joining, sure, ("李代办", make_id_number(ADULT, 888)), None, now() + YEAR)
    assert (await grants.listed(town.store, giver))[0] == []


@pytest.mark.parametrize("until", [timedelta(days=367), timedelta(seconds=-1)])
async def test_a_grant_is_for_a_year_at_most_and_not_to_oneself(town: Town, until: timedelta) -> None:
    giver, who = await town.make_bound()
    sure = await town.step_up(giver, who)
    with pytest.raises(Invalid) as refused:
        await grants.give(town.joining, sure, (who.name, who.id_number), None, now() + until)
    assert [one.field for one in refused.value.errors] == ["id_number", "until"]


async def test_nobody_gives_more_than_twenty(town: Town) -> None:
    giver, who = await town.make_bound()
    sure = await town.step_up(giver, who)
    for n in range(grants.MOST):
        await grants.give(town.joining, sure, ("李代办", make_id_number(ADULT, 100 + n)), None, now() + YEAR)
    with pytest.raises(Conflict, match="too_many_grants"):
        await grants.give(town.joining, sure, ("李代办", make_id_number(ADULT, 300)), None, now() + YEAR)


@pytest.mark.parametrize(
    ("born", "at", "years"),
    [
        (date(2012, 5, 17), datetime(2026, 5, 16, 15, 59, tzinfo=UTC), 13),  # 23:59 in Beijing on the day before
        (date(2012, 5, 17), datetime(2026, 5, 16, 16, 0, tzinfo=UTC), 14),  # midnight in Beijing
        (date(2012, 2, 29), datetime(2026, 2, 28, 15, 59, tzinfo=UTC), 13),
        (date(2012, 2, 29), datetime(2026, 2, 28, 16, 0, tzinfo=UTC), 14),  # 1 March in Beijing
        (date(2012, 12, 31), datetime(2026, 12, 30, 16, 0, tzinfo=UTC), 14),
        (date(2026, 1, 1), datetime(2026, 1, 1, 0, 0, tzinfo=UTC), 0),
    ],
)
def test_age_is_counted_in_beijing_to_the_day(born: date, at: datetime, years: int) -> None:
    """Abuse 28."""
    assert minors.age(make_id_number(born), at) == years


async def test_a_child_may_look_and_do_nothing_that_binds(town: Town) -> None:
    today = now().astimezone().date()
    young = Citizen("Pyoung", "王小宝", make_id_number(today.replace(year=today.year - 10, day=1), 5))
    caller, _ = await town.make_bound(young)
    assert caller.subject is not None
    with pytest.raises(Forbidden, match="guardian_needed"):
        await minors.check(town.store, young.id, caller.subject)
    with pytest.raises(Forbidden, match="guardian_needed"):
        await grants.give(town.joining, caller, ("李代办", make_id_number(ADULT, 888)), None, now() + YEAR)
    grown, citizen = await town.make_bound(town.make_citizen("成年人"))
    assert grown.subject is not None
    await minors.check(town.store, citizen.id, grown.subject)


async def test_a_guardian_acts_for_a_child_after_agreeing_for_just_this_child(town: Town) -> None:
    guardian, citizen = await town.make_bound()
    ward = child_of(town, guardian)
    acting = await act_for(town, guardian, "guardian", ward.person_id)
    assert acting.subject is not None and acting.subject.key == f"person:{ward.person_id}"
    with pytest.raises(Forbidden, match="minor_consent_needed"):
        await minors.check(town.store, citizen.id, acting.subject)
    with pytest.raises(Forbidden, match="subject_refused"):
        await consents.give(town.acting, guardian, "minor", todays("minor"), "Psomebody-elses")
    for _ in range(2):
        await consents.give(town.acting, guardian, "minor", todays("minor"), ward.person_id)
    assert len(await town.store.consents.history(citizen.id, "")) == 1
    await minors.check(town.store, citizen.id, acting.subject)
    with pytest.raises(Forbidden, match="minor_consent_needed"):
        await minors.check(town.store, citizen.id, Subject("person:Pother", "guardian"))
    await town.store.consents.withdraw(citizen.id, guardian.resident_id, "minor")
    with pytest.raises(Forbidden, match="minor_consent_needed"):
        await minors.check(town.store, citizen.id, acting.subject)


async def test_somebody_elses_child_cannot_be_chosen(town: Town) -> None:
    guardian, _ = await town.make_bound()
    ward = child_of(town, guardian)
    stranger, _ = await town.make_bound(town.make_citizen("李四"))
    with pytest.raises(Forbidden, match="subject_refused"):
        await subjects.choose(town.acting, stranger, "guardian", ward.person_id)


async def test_every_choice_is_listed_with_names_masked(town: Town) -> None:
    _, agent, given = await granted(town, frozenset({"pay"}))
    join(town, agent)
    child_of(town, agent)
    found = {one.role: one for one in await subjects.choices(town.acting, agent)}
    assert {role: one.name for role, one in found.items()} == {"self": "**办", "enterprise": "云帆商贸", "guardian": "**宝", "agent": "**明"}
    assert found["agent"].id == given.id and found["agent"].subject.purposes == frozenset({"pay"})


def todays(purpose: Purpose) -> Given:
    policy = policies.current(purpose)
    return Given(policy.version, policy.text_hash)
