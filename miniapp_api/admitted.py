"""What a signed-in caller may do at all: on the channel they are on, and for whom they act."""

from kit.errors import Forbidden
from miniapp_api.wiring import Deps
from residents import subjects
from residents.sessions import Caller

OWN = ("/v1/me/", "/v1/messages/", "/v1/logout/")  # about the person themselves, whomever they act for

# A kiosk stands in a public hall. There one applies, looks and is told; one neither pays nor changes who may do what.
AT_KIOSK = ("/v1/drafts", "/v1/joint", "/v1/files", "/v1/cases", "/v1/licences", "/v1/appointments", "/v1/complaints", "/v1/messages", "/v1/logout")
LOOK_AT_KIOSK = ("/v1/me", "/v1/me/subjects", "/v1/me/consents", "/v1/bills")
CHANGE_AT_KIOSK = ("/v1/me/subject", "/v1/me/consents")


async def admitted(method: str, path: str, deps: Deps, caller: Caller | None) -> Caller | None:
    """`path` as the route declares it. Raises Forbidden; Unavailable while the core does not say whether the caller may still act for their subject."""
    if caller is None:
        return None
    if caller.channel == "kiosk" and not _at_kiosk(method, path):
        raise Forbidden("not_at_kiosk", "自助终端上不能办理这一项，请用手机打开小程序")
    return caller if f"{path}/".startswith(OWN) else await subjects.verified(deps.acting, caller)


def _at_kiosk(method: str, path: str) -> bool:
    if path.startswith(AT_KIOSK):
        return True
    return path in (LOOK_AT_KIOSK if method == "GET" else CHANGE_AT_KIOSK)
