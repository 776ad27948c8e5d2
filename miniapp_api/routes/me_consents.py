"""The texts people are asked to agree to, and what they agreed to."""

from typing import Any

from kit.clock import at_edge, at_edge_or_none
from kit.errors import NotFound
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes_residents import PolicyAnswer, PolicyConsent, PolicyConsentList, PolicyText, PolicyTexts
from residents import consents, policies
from residents.consents import Given

routes = Routes()


@routes.add("GET", "/v1/policies", who="anyone", summary="隐私政策和各项单独说明的现行文本", reply=PolicyTexts)
async def texts(_: Call) -> PolicyTexts:
    found = policies.newest(policies.FOLDER).values()
    return PolicyTexts(
        items=[PolicyText(purpose=one.purpose, version=one.version, title=one.title, text=one.text, text_hash=one.text_hash) for one in found]
    )


@routes.add("GET", "/v1/me/consents", who="resident", summary="我的同意", reply=PolicyConsentList)
async def mine(call: Call) -> PolicyConsentList:
    return await _mine(call)


@routes.add("POST", "/v1/me/consents", who="resident", summary="同意一项说明", body=PolicyAnswer, reply=PolicyConsentList)
async def give(call: Call) -> PolicyConsentList:
    asked = call.body
    await consents.give(call.deps.acting, call.resident, asked.purpose, Given(asked.version, asked.text_hash), asked.ward)
    return await _mine(call)


@routes.add("DELETE", "/v1/me/consents/<purpose:str>", who="resident", summary="撤回同意", status=204)
async def withdraw(call: Call, purpose: str) -> Raw:
    if purpose not in policies.newest(policies.FOLDER):
        raise NotFound("policy_unknown", "没有这项说明")
    await call.deps.residents.consents.withdraw(call.resident.person_id, call.resident.resident_id, purpose)
    return Raw(b"", status=204)


async def _mine(call: Call) -> PolicyConsentList:
    rows = await call.deps.residents.consents.history(call.resident.person_id, call.resident.resident_id)
    return PolicyConsentList(items=[_shape(row) for row in rows])


def _shape(row: dict[str, Any]) -> PolicyConsent:
    withdrawn_at, about = row["withdrawn_at"], row["about"]
    return PolicyConsent(
        purpose=row["purpose"],
        version=row["version"],
        text_hash=row["text_hash"],
        ward=about.partition(":")[2] if about else None,
        channel=row["channel"],
        at=at_edge(row["at"]),
        withdrawn_at=at_edge_or_none(withdrawn_at),
        current=withdrawn_at is None and row["text_hash"] == policies.current(row["purpose"]).text_hash,
    )
