"""How the person wants to be told."""

from miniapp_api.gate import Call, Routes
from miniapp_api.shapes_residents import Preferred

routes = Routes()
_KEPT = ("channels", "quiet_hours", "kinds_off")


@routes.add("GET", "/v1/me/preferences", who="resident", summary="提醒偏好", reply=Preferred)
async def read(call: Call) -> Preferred:
    kept = await call.deps.residents.preferences.read(call.resident.person_id, call.resident.resident_id) or {}
    return Preferred.model_validate({name: kept[name] for name in _KEPT if name in kept})


@routes.add("PUT", "/v1/me/preferences", who="resident", summary="修改提醒偏好", body=Preferred, reply=Preferred)
async def write(call: Call) -> Preferred:
    wanted: Preferred = call.body
    await call.deps.residents.preferences.write(call.resident.person_id, call.resident.resident_id, wanted.model_dump(by_alias=True))
    return wanted
