"""Licences and their presentation, against the sandbox's core and against one that answers oddly."""

import json
from datetime import timedelta

import pytest

from core.client import Core
from core.licences import CoreLicences, Licence, LicenceState, PresentationAsk
from kit.clock import now
from kit.errors import NotReached, Refused, Unknown
from tests.core.door import Answers, Watched
from tests.core.filing import showing, some_item, written
from tests.sandbox.outside import Json, Outside


@pytest.fixture
def licences(core: Core) -> CoreLicences:
    return CoreLicences(core)


@pytest.fixture
def odd(odd_core: Core) -> CoreLicences:
    return CoreLicences(odd_core)


async def held(world: Outside, person: Json, type: str = "居民身份证", **more: Json) -> Licence:
    return Licence.model_validate(await world.world("POST", f"/people/{person['person']}/licences", {"type": type, **more}))


async def test_a_subjects_licences_are_told_in_every_state(world: Outside, licences: CoreLicences) -> None:
    person = await world.person(enterprise=True)
    uscc = person["enterprise"]["uscc"]
    card = await held(world, person)
    old = await held(world, person, "机动车驾驶证", expires_at=(now() - timedelta(days=1)).isoformat())
    business = await held(world, person, "营业执照", subject=uscc)
    assert [(one.licence_id, one.state) for one in await licences.licences(f"person:{person['person']}")] == [
        (old.licence_id, LicenceState.EXPIRED),
        (card.licence_id, LicenceState.VALID),
    ]
    assert await licences.licences(f"enterprise:{uscc}") == (business,)
    assert (card.number, business.number) == (person["id_number"], uscc)
    await world.world("PUT", f"/core/licences/{card.licence_id}", {"state": "revoked"})
    assert (await licences.licences(f"person:{person['person']}"))[1].state is LicenceState.REVOKED
    assert await licences.licences("person:nobody") == ()


async def test_presenting_again_is_the_same_presentation(world: Outside, licences: CoreLicences) -> None:
    person, item = await world.person(), await some_item(world)
    card = await held(world, person)
    ask = showing(card, item, person)
    first = await licences.present(card.licence_id, ask)
    assert (first.licence_id, first.presentation_id, first.valid_until) == (card.licence_id, ask.presentation_id, ask.valid_until)
    assert await licences.present(card.licence_id, ask) == first == await licences.find_presentation(card.licence_id, ask.presentation_id)
    (line,) = await written(world, "licence.presented", presentation_id=ask.presentation_id)
    assert (line["licence_id"], line["item_code"], line["effective"]) == (card.licence_id, item["code"], True)


async def test_a_refusal_says_which(world: Outside, licences: CoreLicences) -> None:
    person, other, item = await world.person(enterprise=True), await world.person(), await some_item(world)
    card, revoked = await held(world, person), await held(world, person)
    business = await held(world, person, "营业执照", subject=person["enterprise"]["uscc"])
    await world.world("PUT", f"/core/licences/{revoked.licence_id}", {"state": "revoked"})

    async def refusal(licence_id: str, ask: PresentationAsk) -> str:
        with pytest.raises(Refused) as caught:
            await licences.present(licence_id, ask)
        return caught.value.reason

    assert await refusal("L1", showing(card, item, person)) == "unknown_licence"
    assert await refusal(revoked.licence_id, showing(revoked, item, person)) == "licence_not_valid"
    assert await refusal(card.licence_id, showing(card, item, other, subject=f"person:{other['person']}")) == "not_the_holder"
    assert await refusal(business.licence_id, showing(business, item, other)) == "not_the_holder"
    assert await refusal(card.licence_id, showing(card, item, person, valid_until=now() - timedelta(seconds=1))) == "bad_request"
    ask = showing(card, item, person)
    await licences.present(card.licence_id, ask)
    assert await refusal(card.licence_id, ask.model_copy(update={"purpose": "别的用途"})) == "presentation_id_reused"
    assert await refusal(business.licence_id, ask) == "presentation_id_reused"
    assert len(await written(world, "licence.presented", by_person_id=person["person"])) == 1


async def test_a_lost_reply_is_unknown_and_asking_finds_the_presentation(world: Outside, licences: CoreLicences, http: Watched) -> None:
    person, item = await world.person(), await some_item(world)
    card = await held(world, person)
    ask = showing(card, item, person)
    assert await licences.find_presentation(card.licence_id, ask.presentation_id) is None
    http.calls.clear()
    async with world.faults(core={"lose_replies": True}):
        with pytest.raises(Unknown):
            await licences.present(card.licence_id, ask)
    assert http.calls == [("POST", 6.0)]
    assert await licences.find_presentation(card.licence_id, ask.presentation_id) is not None
    assert await licences.find_presentation("L1", ask.presentation_id) is None  # of another licence
    assert len(await written(world, "licence.presented", presentation_id=ask.presentation_id)) == 1


async def test_a_core_that_is_not_idempotent_writes_the_second_one_too(world: Outside, licences: CoreLicences) -> None:
    person, item = await world.person(), await some_item(world)
    card = await held(world, person)
    ask = showing(card, item, person)
    async with world.faults(core={"not_idempotent": True}):
        assert await licences.present(card.licence_id, ask) == await licences.present(card.licence_id, ask)
    assert [one["effective"] for one in await written(world, "licence.presented", presentation_id=ask.presentation_id)] == [True, False]


LICENCE = {"licence_id": "L1", "subject": "person:P1", "type": "x", "name": "x", "number": "1", "issuer": "x"}
LICENCE |= {"issued_at": "2026-01-01T00:00:00+08:00", "state": "valid"}
ASK = PresentationAsk(presentation_id="p1", subject="person:P1", purpose="x", item_code="i1", by_person_id="P1", valid_until=now())


async def test_a_licence_of_somebody_else_is_never_shown(odd: CoreLicences, answers: Answers) -> None:
    answers.body = json.dumps({"licences": [LICENCE, LICENCE | {"subject": "person:P2"}]}).encode()
    with pytest.raises(NotReached, match="wrong_content"):
        await odd.licences("person:P1")
    answers.body = json.dumps({"licences": [LICENCE, LICENCE | {"subject": None}]}).encode()
    assert len(await odd.licences("person:P1")) == 2


async def test_a_state_of_a_newer_core_is_not_valid_and_not_an_error(odd: CoreLicences, answers: Answers) -> None:
    answers.body = json.dumps({"licences": [LICENCE | {"state": "suspended"}]}).encode()
    assert [one.state for one in await odd.licences("person:P1")] == [LicenceState.OTHER]


@pytest.mark.parametrize("change", [{"presentation_id": "p2"}, {"licence_id": "L2"}, {"code": ""}, {"valid_until": "soon"}])
async def test_a_presentation_of_something_else_presents_nothing(odd: CoreLicences, answers: Answers, change: Json) -> None:
    right = {"presentation_id": "p1", "licence_id": "L1", "code": "1234", "valid_until": "2026-12-01T00:00:00+08:00"}
    answers.body = json.dumps(right).encode()
    assert (await odd.present("L1", ASK)).code == "1234"
    answers.body = json.dumps(right | change).encode()
    with pytest.raises(Unknown):
        await odd.present("L1", ASK)
    with pytest.raises(NotReached):
        await odd.find_presentation("L1", "p1")


@pytest.mark.parametrize("body", [b"<html>", b'{"code":"unknown_licence"}', b"", b"[]"])
async def test_a_404_without_the_cores_own_word_is_no_proof_that_there_is_none(odd: CoreLicences, answers: Answers, body: bytes) -> None:
    answers.status, answers.body = 404, body
    with pytest.raises(NotReached):
        await odd.find_presentation("L1", "p1")
    answers.body = b'{"code":"unknown_presentation"}'
    assert await odd.find_presentation("L1", "p1") is None


@pytest.mark.parametrize(
    ("status", "body", "raised"),
    [(500, b"", Unknown), (200, b"<html>", Unknown), (403, b"", NotReached), (403, b'{"code":"not_the_holder"}', Refused), (429, b"", NotReached)],
)
async def test_presenting_is_one_attempt_whatever_the_answer(
    odd: CoreLicences, answers: Answers, status: int, body: bytes, raised: type[Exception]
) -> None:
    answers.status, answers.body = status, body
    with pytest.raises(raised):
        await odd.present("L1", ASK)
    assert answers.calls == ["POST /core/v1/licences/L1/presentations"]
