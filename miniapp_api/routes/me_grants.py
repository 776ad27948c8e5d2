"""Letting somebody else act for oneself, and being let."""

from datetime import date, datetime, time, timedelta

from kit.clock import BEIJING, at_edge, now
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes import NoBody
from miniapp_api.shapes_residents import GrantEntry, GrantLists, NewGrant
from residents import grants
from residents.grant_store import Grant
from residents.masks import masked_name

routes = Routes()


@routes.add("GET", "/v1/me/grants", who="resident", summary="我给出和收到的代办授权", reply=GrantLists)
async def listed(call: Call) -> GrantLists:
    given, received = await grants.listed(call.deps.residents, call.resident)
    return GrantLists(given=[_shape(one, one.agent_name) for one in given], received=[_shape(one, name) for one, name in received])


@routes.add("POST", "/v1/me/grants", who="resident", summary="授权他人代办（先由本人再确认一次）", body=NewGrant, reply=GrantEntry, status=201)
async def give(call: Call) -> GrantEntry:
    asked = call.body
    purposes = None if asked.purposes == "all" else frozenset(asked.purposes)
    grant = await grants.give(call.deps.joining, call.resident, (asked.name, asked.id_number), purposes, _end(asked.until))
    return _shape(grant, grant.agent_name)


@routes.add("POST", "/v1/me/grants/<grant_id:str>/accept", who="resident", summary="接受代办授权", body=NoBody, reply=GrantEntry)
async def accept(call: Call, grant_id: str) -> GrantEntry:
    return _shape(*await grants.accept(call.deps.joining, call.resident, grant_id))


@routes.add("DELETE", "/v1/me/grants/<grant_id:str>", who="resident", summary="解除代办授权，马上生效", status=204)
async def end(call: Call, grant_id: str) -> Raw:
    await grants.end(call.deps.joining, call.resident, grant_id)
    return Raw(b"", status=204)


def _end(until: datetime | date) -> datetime:
    """A day counts to its end, in Beijing."""
    return until if isinstance(until, datetime) else datetime.combine(until, time(), BEIJING) + timedelta(days=1)


def _shape(grant: Grant, name: str) -> GrantEntry:
    return GrantEntry(
        id=grant.id,
        name=masked_name(name),
        purposes="all" if grant.purposes is None else sorted(grant.purposes),
        until=at_edge(grant.until),
        state=grant.state if grant.is_live(now()) else "ended",  # type: ignore[arg-type]  # one of its literals
        created_at=at_edge(grant.created_at),
    )
