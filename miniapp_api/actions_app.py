"""Where Rasa asks what to answer: a listener of its own, on loopback or a private network, behind a shared secret. Not one of the public routes."""

import hmac
import logging
from typing import Any

import orjson
from sanic import HTTPResponse, Request, Sanic

from bot.actions import UnknownAction, act
from kit.errors import AppError
from miniapp_api.settings import secret
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)

HEADER = "x-actions-secret"


def create_actions_app(deps: Deps, name: str) -> Sanic[Any, Any]:
    app: Sanic[Any, Any] = Sanic(name, configure_logging=False)
    app.config.update(
        REQUEST_MAX_SIZE=4 * 1024 * 1024,  # a long conversation's whole tracker
        REQUEST_TIMEOUT=5,
        RESPONSE_TIMEOUT=5,
        KEEP_ALIVE_TIMEOUT=75,
        ACCESS_LOG=False,
        AUTO_EXTEND=False,
        TOUCHUP=False,  # it rewrites Sanic's own classes, which works once in a process
        FALLBACK_ERROR_FORMAT="json",
    )
    expected = secret(deps.settings.actions_secret).encode()

    async def webhook(request: Request) -> HTTPResponse:
        """A failure is told to Rasa by its status alone; it then answers the turn with nothing, and the turn degrades."""
        given = request.headers.get(HEADER, "").encode()
        if not expected or not hmac.compare_digest(given, expected):
            return HTTPResponse(b"", 401)
        try:
            answer = await act(request.body, deps.assistant.knowledge)
        except UnknownAction as exc:
            return HTTPResponse(orjson.dumps({"error": "unknown action", "action_name": str(exc)}), 404, content_type="application/json")
        except ValueError:
            return HTTPResponse(b"", 400)
        except AppError as exc:
            log.warning("action failed", extra={"error": exc.code})
            return HTTPResponse(b"", 503)
        except Exception:
            log.exception("action failed")
            return HTTPResponse(b"", 500)
        return HTTPResponse(orjson.dumps(answer), content_type="application/json")

    app.add_route(webhook, "/webhook", methods=["POST"], ctx_who="rasa")
    return app


async def serve(app: Sanic[Any, Any], host: str, port: int) -> Any:
    """Listens in the running loop; the caller closes what it returns."""
    server: Any = await app.create_server(host, port, return_asyncio_server=True)
    await server.startup()
    await server.before_start()
    await server.start_serving()
    return server
