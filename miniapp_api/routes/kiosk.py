"""Signing in at a kiosk of a hall."""

from kit.clock import at_edge
from miniapp_api.gate import Call, Routes
from miniapp_api.routes.me import resident_shape
from miniapp_api.shapes import Session
from miniapp_api.shapes_residents import Confirming, KioskSession, KioskSigned, LoginKiosk, LoginKioskFinish
from residents import kiosks
from residents.consents import Given
from residents.kiosks import Signed

routes = Routes()


@routes.add("POST", "/v1/login/kiosk", who="anyone", summary="自助终端登录，由本人确认", body=LoginKiosk, reply=Confirming, status=202)
async def start(call: Call) -> Confirming:
    asked, deps = call.body, call.deps
    given = None if asked.consent is None else Given(asked.consent.version, asked.consent.text_hash)
    who = (asked.name, asked.id_number)
    started = await kiosks.start(deps.residents, deps.core, _signed(asked), who, (given, deps.settings.asks_consent))
    told = "请本人在政务平台登记的手机上确认这次登录"
    return Confirming(challenge=started.challenge, method=started.method, expires_at=at_edge(started.expires_at), text=told)


@routes.add("POST", "/v1/login/kiosk/<challenge:str>", who="anyone", summary="查看并完成自助终端登录", body=LoginKioskFinish, reply=KioskSession)
async def finish(call: Call, challenge: str) -> KioskSession:
    deps = call.deps
    done = await kiosks.finish(deps.joining, deps.core, _signed(call.body), challenge)
    if done is None:
        return KioskSession(state="pending", text="还在等待本人确认，请在登记的手机上确认", session=None, http_status=202)
    resident = await resident_shape(deps, done.resident_id, "kiosk")
    session = Session(token=done.token, expires_at=at_edge(done.expires_at), resident=resident)
    return KioskSession(state="signed_in", text="已登录，十分钟后自动退出；离开前请退出登录", session=session)


def _signed(asked: KioskSigned) -> Signed:
    return Signed(asked.device, asked.timestamp, asked.nonce, asked.signature)
