"""Telling of a change: once per person it concerns, whatever dies on the way, and to an account that was taken away as well."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from kit.clock import now
from kit.mongo import Mongo
from kit.outbox import INDEXES as OUTBOX
from kit.outbox import Outbox, Row
from miniapp_api import identity_told
from miniapp_api.wiring import Deps
from notify import account_messages
from notify.kinds import KINDS
from notify.store import INDEXES as MESSAGES
from notify.store import Messages
from notify.values import wechat_data
from residents.changes import address
from residents.grant_store import Grant
from sandbox.wechat_values import wrong_value
from tests.residents.town import ADULT, Town, make_id_number


@pytest.fixture
async def deps(town: Town, mongo: Mongo) -> Deps:
    """The telling's own stores in an empty database; the town's people."""
    await mongo.create_indexes({**OUTBOX, **MESSAGES})
    parts = {"mongo": mongo, "messages": Messages(mongo), "outbox": Outbox(mongo), "residents": town.store}
    return cast("Deps", SimpleNamespace(**parts))


def row(kind: str, **more: Any) -> Row:
    return Row("identity:1", identity_told.__name__, {"kind": kind, "person_id": "P1", "resident_id": "r_1", "detail": "", "at": now(), **more}, 1)


async def inbox(deps: Deps, whose: str) -> list[str]:
    return [one["text"] for one in await deps.messages.inbox(whose, None, 50)]


async def test_told_twice_it_stands_once_with_one_push(deps: Deps, town: Town) -> None:
    caller, citizen = await town.make_bound()
    for _ in range(2):
        await identity_told.tell(deps, row("linked", person_id=citizen.id, resident_id=caller.resident_id))
    assert len(await inbox(deps, citizen.id)) == 1 and "微信" in (await inbox(deps, citizen.id))[0]
    assert await deps.mongo["outbox"].count_documents({"kind": "notify.push"}) == 1


async def test_an_account_that_was_taken_away_hears_of_it_too(deps: Deps, town: Town) -> None:
    caller, citizen = await town.make_bound()
    await identity_told.tell(deps, row("unbound", person_id=citizen.id, resident_id=caller.resident_id))
    for whose in (citizen.id, address(None, caller.resident_id)):
        (text,) = await inbox(deps, whose)
        assert "解除关联" in text and "12345" in text
    (alone,) = await town.store.accounts_of(address(None, caller.resident_id), "wechat")
    assert alone[0] == caller.resident_id, "and can be pushed to"


async def test_a_grant_is_told_to_its_agent_if_they_were_ever_here(deps: Deps, town: Town) -> None:
    giver, who = await town.make_bound()
    _, agent = await town.make_bound(town.make_citizen("李代办"))
    for name, number, hears in (
        (agent.name, agent.id_number, True),
        ("李代理", agent.id_number, False),
        ("赵代办", make_id_number(ADULT, 900), False),
    ):
        await deps.mongo["messages"].delete_many({})
        grant = await offered(town, who.id, (name, number))
        await identity_told.tell(deps, row("grant_offered", person_id=who.id, resident_id=None, detail=grant.id))
        assert len(await inbox(deps, who.id)) == 1 and len(await inbox(deps, agent.id)) == hears
        await deps.mongo["outbox"].delete_many({})
    await identity_told.tell(deps, row("grant_ended", detail="g_unknown"))
    assert giver.person_id == who.id


async def offered(town: Town, giver: str, agent: tuple[str, str]) -> Grant:
    async def add(tx: Any) -> str:
        return await town.store.grants.add(tx, giver, agent, None, now())

    grant = await town.store.grants.grant(await town.store.mongo.transaction(add))
    assert grant is not None
    return grant


def test_every_kind_has_words_within_wechats_limits() -> None:
    for kind in ("bound", "linked", "unbound", "phone_changed", "kiosk_login", "grant_offered", "grant_accepted", "grant_ended"):
        told = account_messages.told(kind, "https://evil.example/ 甲", now())
        assert "evil" not in told.text and "{" not in told.text
        made = KINDS[told.kind]
        assert wrong_value(tuple(made.wechat), wechat_data(made, made.wechat, told.fields)) is None
