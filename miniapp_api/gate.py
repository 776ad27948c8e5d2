"""The gate every request passes: who may call, how often, with what; and how every answer and refusal leaves.

A route module declares its routes on a `Routes` list; `mount` puts them on the app. OpenAPI is generated from the same declarations.
"""

import functools
import itertools
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from sanic import HTTPResponse, Request, Sanic

from kit import log as kit_log
from kit import metrics
from kit.errors import AppError, FieldError, Invalid, Unauthorized, Unavailable
from kit.idempotency import Answer
from kit.ids import new_nonce
from kit.mongo import PyMongoError, is_outage
from miniapp_api.admitted import admitted
from miniapp_api.callers import Who, caller_for, staff_caller
from miniapp_api.problems import from_pydantic, problem
from miniapp_api.staff_calls import Act, under_audit
from miniapp_api.streaming import Response, Stream, streamed
from miniapp_api.wiring import Deps
from residents.sessions import Caller
from staff.roles import Permission
from staff.sessions import StaffCaller

log = logging.getLogger("zhangban.request")

_REQUEST_ID = re.compile(r"^[A-Za-z0-9_-]{8,64}$")
_KEY = re.compile(r"^[!-~]{8,128}$")
_PROCESS, _NUMBER = new_nonce()[:16], itertools.count()  # a request id must be unique, not secret
SLOW = 0.3  # seconds; slower successes are logged, the rest only counted


@dataclass(slots=True)
class Call:
    """What a handler gets: the request's parts, already checked."""

    request: Request
    deps: Deps
    caller: Caller | None
    body: Any
    query: Any
    staff_caller: StaffCaller | None = None
    act: Act | None = None

    @property
    def resident(self) -> Caller:
        """The signed-in resident. Only routes with who="resident" may ask."""
        if self.caller is None:
            raise Unauthorized("session_missing", "请先登录")
        return self.caller

    @property
    def staff(self) -> StaffCaller:
        """The signed-in member of staff: id, username, permissions, scope. Only routes with who="staff" may ask."""
        if self.staff_caller is None:
            raise Unauthorized("staff_session_missing", "请先登录")
        return self.staff_caller

    def acted_on(self, what: str) -> None:
        """For the audit's closing entry, where the path does not name the object or not all of it: ids and our own words, never personal data."""
        if self.act is not None:
            self.act.object = what


Handler = Callable[..., Awaitable["BaseModel | Raw | Stream"]]


@dataclass(slots=True)
class Raw:
    """Bytes that are the answer already."""

    body: bytes
    content_type: str = "application/json"
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    who: Who
    summary: str
    handler: Handler
    body: Any
    query: type[BaseModel] | None
    reply: Any
    status: int
    idempotent: bool
    hidden: bool
    no_query: BaseModel | None  # what an empty query string means
    media: Mapping[str, Any] | None  # media type -> shape, where the answer is not one JSON document
    keep_days: int | None  # how long an idempotent answer is kept; None: for ever
    may: Permission | None  # what staff need to be allowed; None: any of them
    upload: bool  # the body is a file: the handler reads it piece by piece (miniapp_api/upload.py)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Routes(list[Route]):
    """Routes of one module, in order."""

    def add(
        self,
        method: str,
        path: str,
        *,
        who: Who,
        summary: str,
        body: Any = None,
        query: type[BaseModel] | None = None,
        reply: Any = None,
        status: int = 200,
        idempotent: bool = False,
        hidden: bool = False,
        media: Mapping[str, Any] | None = None,
        keep_days: int | None = 30,
        may: Permission | None = None,
        upload: bool = False,
    ) -> Callable[[Handler], Handler]:
        """`summary` in Chinese for the docs; `hidden` leaves it out of them. HEAD comes with GET. `may` goes with who="staff"."""

        def register(handler: Handler) -> Handler:
            no_query = None if query is None else query()
            self.append(
                Route(method, path, who, summary, handler, body, query, reply, status, idempotent, hidden, no_query, media, keep_days, may, upload)
            )
            return handler

        return register


def mount(app: Sanic[Any, Any], routes: list[Route], deps: Deps) -> None:
    for route in routes:
        entry = _entry(route, deps)
        name = re.sub(r"\W+", "_", f"{route.method} {route.path}").strip("_").lower()
        methods = ["GET", "HEAD"] if route.method == "GET" else [route.method]
        app.add_route(entry, route.path, methods=methods, name=name, stream=route.upload, ctx_who=route.who)  # type: ignore[arg-type]  # Sanic's own streams are no HTTPResponse


def _entry(route: Route, deps: Deps) -> Callable[..., Coroutine[Any, Any, Response]]:
    """The one wrapper: count, refuse or answer, and never let a stack trace out."""
    took = metrics.seconds.labels(route.name)
    counted: dict[int, Any] = {}  # looking labels up costs more than counting

    async def entry(request: Request, **path: str) -> Response:
        started = time.perf_counter()
        request_id = take_request_id(request)
        try:
            response: Response = await _answer(route, deps, request, path)
        except AppError as exc:
            response = problem(exc, request_id)
        except PyMongoError as exc:
            if not is_outage(exc):
                raise
            log.warning("store away", extra={"route": route.name, "error": type(exc).__name__})
            response = problem(_away(), request_id)
        except TimeoutError:
            log.warning("store away", extra={"route": route.name, "error": "TimeoutError"})
            response = problem(_away(), request_id)
        response.headers["X-Request-Id"] = request_id
        spent = time.perf_counter() - started
        took.observe(spent)
        status = response.status
        if (counter := counted.get(status)) is None:
            counter = counted[status] = metrics.requests.labels(route.name, status)
        counter.inc()
        if status >= 400 or spent > SLOW or request.method not in ("GET", "HEAD"):
            log.info("request", extra={"route": route.name, "status": status, "ms": round(spent * 1000, 1)})
        return response

    return entry


async def _answer(route: Route, deps: Deps, request: Request, path: dict[str, str]) -> Response:
    if route.who != "staff":
        caller = await admitted(route.method, route.path, deps, await caller_for(route.who, deps, request))
        return await _handled(route, Call(request, deps, caller, None, None), path)
    staff = await staff_caller(deps, request)
    act = Act.of(route.name, request.method, path)
    call = Call(request, deps, None, None, None, staff, act)
    return await under_audit(deps.audit, staff, route.may, act, lambda: _handled(route, call, path))


async def _handled(route: Route, call: Call, path: dict[str, str]) -> Response:
    """Who calls is known and may; read what came, act, shape the answer."""
    request = call.request
    call.query = route.no_query if not request.query_string else _query(route.query, request)
    call.body = _parse_body(route.body, request.body) if route.body is not None else None
    if route.idempotent:
        return await _once(route, call.deps, call, path)
    answer = await route.handler(call, **path)
    return streamed(answer, request) if isinstance(answer, Stream) else _response(route, answer)


async def _once(route: Route, deps: Deps, call: Call, path: dict[str, str]) -> HTTPResponse:
    """Idempotency-Key: the first answer is the answer; a refusal frees the key."""
    key = call.request.headers.get("idempotency-key", "")
    if not _KEY.match(key):
        wrong = FieldError("Idempotency-Key", "请在请求头里给出 8 到 128 个字符的 Idempotency-Key，同一次操作重试时保持不变")
        raise Invalid("input_invalid", "缺少防重复提交的编号", errors=(wrong,))
    who = call.staff.id if route.who == "staff" else call.resident.resident_id
    scope = f"{who} {route.method} {call.request.path}"
    kept = await deps.idempotency.begin(scope, key, call.request.body, who)
    if kept is not None:
        return HTTPResponse(kept.body, kept.status, content_type="application/json")
    try:
        response = _response(route, await route.handler(call, **path))
    except BaseException:
        with suppress(PyMongoError):
            await deps.idempotency.free(scope, key)
        raise
    await deps.idempotency.finish(scope, key, Answer(response.status, response.body or b""), keep_days=route.keep_days)
    return response


def _query(shape: type[BaseModel] | None, request: Request) -> BaseModel | None:
    try:
        return None if shape is None else shape.model_validate(dict(request.query_args))
    except ValidationError as exc:
        raise from_pydantic(exc) from exc


@functools.cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    """Building one costs far more than using it."""
    return TypeAdapter(shape)


def _parse_body(shape: Any, raw: bytes) -> Any:
    try:
        data = orjson.loads(raw or b"{}")
    except orjson.JSONDecodeError as exc:
        raise Invalid("json_invalid", "请求内容不是正确的 JSON，请检查后再试") from exc
    try:
        return _adapter(shape).validate_python(data)
    except ValidationError as exc:
        raise from_pydantic(exc) from exc


def _response(route: Route, answer: BaseModel | Raw | Stream) -> HTTPResponse:
    if isinstance(answer, Stream):
        raise TypeError(f"{route.name} is answered from memory when repeated, so it cannot stream")
    if isinstance(answer, Raw):
        return HTTPResponse(answer.body, answer.status or route.status, dict(answer.headers), answer.content_type)
    status = getattr(answer, "http_status", None) or route.status
    return HTTPResponse(answer.model_dump_json(exclude={"http_status"}), status, content_type="application/json")


def take_request_id(request: Request) -> str:
    """The client's own if it is well-formed, else a new one; every log line of this request carries it."""
    given = request.headers.get("x-request-id", "")
    chosen = given if _REQUEST_ID.match(given) else f"req_{_PROCESS}{next(_NUMBER):08x}"
    kit_log.request_id.set(chosen)
    return chosen


def _away() -> Unavailable:
    return Unavailable("store_unavailable", "系统繁忙，请稍后再试；您已提交的内容不会丢失", retry_after=3)
