"""The API process: its table of contents, and how it starts, drains and stops."""

import asyncio
import logging
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import MethodNotAllowed, NotFound, PayloadTooLarge, SanicException

from kit import errors
from kit.mongo import PyMongoError
from kit.repeat import every
from miniapp_api import jobs
from miniapp_api.actions_app import create_actions_app, serve
from miniapp_api.core_events import Intake
from miniapp_api.gate import Route, mount, take_request_id
from miniapp_api.openapi import document
from miniapp_api.problems import problem
from miniapp_api.routes import (
    appointments,
    assistant,
    bills,
    case_acts,
    cases,
    complaints,
    core_callbacks,
    courier_callbacks,
    drafts,
    files,
    health,
    home,
    items,
    joint,
    kiosk,
    licences,
    login,
    me,
    me_consents,
    me_data,
    me_grants,
    me_links,
    me_preferences,
    me_step_up,
    me_subject,
    messages,
    open_data,
    packages,
    parcels,
    pay_callbacks,
    progress,
    publications,
    ratings,
    receipts,
    staff,
    staff_accounts,
    staff_appointments,
    staff_audit,
    staff_broadcasts,
    staff_complaints,
    staff_hotline,
    staff_items,
    staff_messages,
    staff_parcels,
    staff_payments,
    staff_ratings,
    staff_reconcile,
    supervision,
    wechat_messages,
)
from miniapp_api.wiring import Deps

log = logging.getLogger(__name__)

DOCS = Path(__file__).parent / "docs_ui"
ROUTES: list[Route] = [
    *login.routes,
    *kiosk.routes,
    *me.routes,
    *me_subject.routes,
    *me_step_up.routes,
    *me_links.routes,
    *me_grants.routes,
    *me_consents.routes,
    *me_data.routes,
    *me_preferences.routes,
    *items.routes,
    *publications.routes,
    *open_data.routes,
    *packages.routes,
    *drafts.routes,
    *licences.routes,
    *joint.routes,
    *files.routes,
    *cases.routes,
    *case_acts.routes,
    *progress.routes,
    *messages.routes,
    *assistant.routes,
    *home.routes,
    *appointments.routes,
    *ratings.routes,
    *complaints.routes,
    *supervision.routes,
    *parcels.routes,
    *bills.routes,
    *receipts.routes,
    *core_callbacks.routes,
    *pay_callbacks.routes,
    *courier_callbacks.routes,
    *wechat_messages.routes,
    *staff.routes,
    *staff_accounts.routes,
    *staff_appointments.routes,
    *staff_audit.routes,
    *staff_broadcasts.routes,
    *staff_complaints.routes,
    *staff_hotline.routes,
    *staff_items.routes,
    *staff_messages.routes,
    *staff_parcels.routes,
    *staff_payments.routes,
    *staff_ratings.routes,
    *staff_reconcile.routes,
    *health.routes,
]


def create_app(deps: Deps, name: str = "zhangban") -> Sanic[Any, Any]:
    """A Sanic app over ready-made dependencies; the caller opens and closes them."""
    app: Sanic[Any, Any] = Sanic(name, configure_logging=False)
    app.config.update(
        REQUEST_MAX_SIZE=1024 * 1024,
        REQUEST_MAX_HEADER_SIZE=128 * 1024,  # a 10,000-character question in a URL is 90 KB and gets an answer, not a cut connection
        REQUEST_TIMEOUT=15,
        RESPONSE_TIMEOUT=30,
        KEEP_ALIVE_TIMEOUT=75,
        GRACEFUL_SHUTDOWN_TIMEOUT=20,
        ACCESS_LOG=False,
        AUTO_EXTEND=False,
        PROXIES_COUNT=deps.settings.proxies or None,
        FALLBACK_ERROR_FORMAT="json",
    )
    app.ctx.intake = Intake(deps)
    mount(app, ROUTES, deps)
    _documentation(app)
    app.exception(Exception)(_uncaught)
    watch: list[asyncio.Task[None]] = []
    actions: list[Any] = []
    replies, answering = jobs.replies(deps), list[asyncio.Task[None]]()

    async def begin(_: Any) -> None:
        await deps.catalogue.look()  # guides can be served at once; indexes come up behind, and /readyz waits for the first
        kept = (
            every(1.0, deps.catalogue.refresh, "catalogue not refreshed"),
            every(1.0, deps.publications.refresh, "publications not refreshed"),
            every(60.0, deps.catalogue.finder.write_down),
            every(5.0, deps.item_steps.write_down, "steps of items not counted"),
            every(60.0, deps.workdays.refresh, "calendar not refreshed"),
        )
        watch.extend(asyncio.create_task(job) for job in kept)
        if port := deps.settings.actions_port:
            actions.append(await serve(create_actions_app(deps, f"{name}-actions"), deps.settings.actions_host, port))
        if deps.wechat_accounts:
            answering.append(asyncio.create_task(replies.run()))

    async def finish(_: Any) -> None:
        replies.stop()
        await asyncio.gather(*answering, return_exceptions=True)

    async def end(_: Any) -> None:
        for server in actions:
            server.close()
        for task in watch:
            task.cancel()
        await asyncio.gather(*watch, return_exceptions=True)
        with suppress(PyMongoError):
            await deps.catalogue.finder.write_down()
            await deps.item_steps.write_down()

    app.before_server_start(begin)
    app.before_server_stop(finish)
    app.after_server_stop(end)
    return app


def _documentation(app: Sanic[Any, Any]) -> None:
    """The contract and a page to read it; files are served from here, not from anywhere else."""
    body = orjson.dumps(document(ROUTES, version("zhangban")))

    async def openapi(_: Request) -> HTTPResponse:
        return HTTPResponse(body, content_type="application/json")

    app.add_route(openapi, "/openapi.json", name="openapi", ctx_who="anyone")
    app.static("/docs", DOCS / "index.html", name="docs", content_type="text/html; charset=utf-8")
    app.static("/docs-ui", DOCS, name="docs_ui")


async def _uncaught(request: Request, exc: Exception) -> HTTPResponse:
    """What no route answered: unknown paths, wrong methods, and bugs, which alone are a 500."""
    request_id = take_request_id(request)
    headers: dict[str, str] = {"X-Request-Id": request_id}
    if isinstance(exc, NotFound):
        told: errors.AppError = errors.NotFound("path_unknown", "没有这个地址，请检查后再试")
    elif isinstance(exc, PayloadTooLarge):
        told = _Status("body_too_large", "内容太大，请精简后再试", 413)
    elif isinstance(exc, MethodNotAllowed):
        told = _Status("method_not_allowed", "这个地址不支持此操作", 405)
        headers["Allow"] = ", ".join(sorted(getattr(exc, "allowed_methods", None) or []))
    elif isinstance(exc, SanicException) and exc.status_code < 500:
        told = _Status("request_invalid", "请求不正确，请检查后再试", exc.status_code)
    elif isinstance(exc, SanicException) and exc.status_code == 503:
        told = errors.Unavailable("overloaded", "系统繁忙，请稍后再试", retry_after=3)
    else:
        log.error("bug", exc_info=exc, extra={"route": request.route.path if request.route else "none"})  # a path may hold a secret
        told = _Status("internal_error", "系统出错了，我们已记录，请稍后再试或致电 12345", 500)
    response = problem(told, request_id)
    response.headers.update(headers)
    return response


class _Status(errors.AppError):
    """A refusal whose status is only known here."""

    def __init__(self, code: str, title: str, status: int) -> None:
        super().__init__(code, title)
        self.status = status  # type: ignore[misc]  # an instance's own status in place of its class's
