"""Who acts for whom, by the core's word: asked of the sandbox's core, and of one that answers oddly."""

import json
from datetime import timedelta

import pytest

from core.client import Core
from core.subjects import CoreSubjects, Enterprise, enterprise_key, person_key
from kit.clock import now
from kit.errors import NotReached, Refused
from tests.core.door import Answers, Watched
from tests.sandbox.outside import Outside

USCC = "91990100MA5EXAMP1B"


@pytest.fixture
def subjects(core: Core) -> CoreSubjects:
    return CoreSubjects(core)


@pytest.fixture
def odd(odd_core: Core) -> CoreSubjects:
    return CoreSubjects(odd_core)


async def test_enterprises_are_those_a_person_acts_for_today(world: Outside, subjects: CoreSubjects) -> None:
    person = await world.person()
    path = f"/people/{person['person']}/enterprises"
    own = await world.world("POST", path, {"name": "某公司"})
    handled = await world.world("POST", path, {"role": "handler", "valid_until": (now() + timedelta(days=1)).isoformat()})
    ended = await world.world("POST", path, {"valid_until": (now() - timedelta(days=1)).isoformat()})
    found = {one.uscc: one for one in await subjects.enterprises(person["person"])}
    assert (found[own["uscc"]].name, found[own["uscc"]].role, found[own["uscc"]].valid_until) == ("某公司", "legal_representative", None)
    assert found[handled["uscc"]].role == "handler" and found[handled["uscc"]].is_valid(now())
    assert ended["uscc"] not in found
    await world.world("DELETE", f"{path}/{own['uscc']}")
    assert [one.uscc for one in await subjects.enterprises(person["person"])] == [handled["uscc"]]


async def test_wards_are_minors_until_the_day_they_are_eighteen(world: Outside, subjects: CoreSubjects) -> None:
    person, today = await world.person(), now().date()
    path = f"/people/{person['person']}/wards"
    grown = today.replace(year=today.year - 18)
    child = await world.world("POST", path, {"name": "小小", "born": (grown + timedelta(days=2)).isoformat()})
    await world.world("POST", path, {"born": (grown - timedelta(days=2)).isoformat()})
    (ward,) = await subjects.wards(person["person"])
    assert (ward.person_id, ward.name, ward.id_number, ward.relation) == (child["person"], "小小", child["id_number"], "子女")


async def test_a_person_nobody_knows_has_nobody(subjects: CoreSubjects) -> None:
    assert await subjects.enterprises("nobody") == () and await subjects.wards("nobody") == ()


async def test_a_read_is_repeated_and_a_core_that_is_away_is_not_reached(world: Outside, subjects: CoreSubjects, http: Watched) -> None:
    async with world.faults(core={"down": True}):
        with pytest.raises(NotReached):
            await subjects.enterprises("P1")
    assert len(http.calls) == 3


async def test_a_role_of_a_newer_core_gives_no_right_and_hides_no_other(odd: CoreSubjects, answers: Answers) -> None:
    known = {"uscc": USCC, "name": "某公司", "role": "handler", "valid_until": None}
    answers.body = json.dumps({"enterprises": [known | {"role": "accountant"}, known]}).encode()
    assert await odd.enterprises("P1") == (Enterprise.model_validate(known),)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b'{"enterprises":[{"uscc":"91"}],"wards":[{}]}', b'{"enterprises":5,"wards":5}'])
async def test_an_answer_that_cannot_be_understood_proves_nothing(odd: CoreSubjects, answers: Answers, body: bytes) -> None:
    answers.body = body
    for ask in (odd.enterprises("P1"), odd.wards("P1")):
        with pytest.raises(NotReached):
            await ask


async def test_a_403_without_the_cores_own_word_is_our_key_and_no_refusal(odd: CoreSubjects, answers: Answers) -> None:
    answers.status, answers.body = 403, b'{"code":"forbidden"}'
    with pytest.raises(NotReached, match="not_allowed"):
        await odd.wards("P1")
    answers.body = b'{"code":"not_entitled"}'
    with pytest.raises(Refused, match="not_entitled"):
        await odd.wards("P1")


@pytest.mark.parametrize("person_id", ["", "..", "P1/wards", "P1?x=1", "Ｐ１"])
async def test_what_is_no_person_id_is_never_asked_for(odd: CoreSubjects, answers: Answers, person_id: str) -> None:
    with pytest.raises(ValueError, match="not a person id"):
        await odd.enterprises(person_id)
    assert answers.calls == []


def test_a_subject_is_one_string() -> None:
    assert (person_key("P1"), enterprise_key(USCC)) == ("person:P1", f"enterprise:{USCC}")
