"""How the person wants to be told, and whether anything is recommended to them."""

from typing import Any

from miniapp_api.gate import Call, Routes
from miniapp_api.shapes_residents import Preferred

routes = Routes()
_KEPT = ("channels", "quiet_hours", "kinds_off", "recommendations", "recommendations_off")
_UNSAID: dict[str, Any] = {"recommendations": True, "recommendations_off": []}
_STAYS = tuple(_UNSAID)  # a client that does not know them changes nothing of them


@routes.add("GET", "/v1/me/preferences", who="resident", summary="提醒和推荐的偏好", reply=Preferred)
async def read(call: Call) -> Preferred:
    return await _kept(call)


@routes.add("PUT", "/v1/me/preferences", who="resident", summary="修改提醒和推荐的偏好", body=Preferred, reply=Preferred)
async def write(call: Call) -> Preferred:
    wanted = call.body.model_dump(by_alias=True)
    wanted = {name: value for name, value in wanted.items() if name not in _STAYS or value is not None}
    await call.deps.residents.preferences.write(call.resident.person_id, call.resident.resident_id, wanted)
    return await _kept(call)


async def _kept(call: Call) -> Preferred:
    kept = await call.deps.residents.preferences.read(call.resident.person_id, call.resident.resident_id) or {}
    return Preferred.model_validate(_UNSAID | {name: kept[name] for name in _KEPT if name in kept})
