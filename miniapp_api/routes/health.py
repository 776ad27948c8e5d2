"""For operators and orchestrators: alive, ready, figures."""

from kit import metrics
from kit.clock import now
from kit.errors import Unavailable
from kit.mongo import PyMongoError
from miniapp_api.gate import Call, Raw, Routes

routes = Routes()


@routes.add("GET", "/healthz", who="anyone", summary="进程存活", hidden=True)
async def alive(call: Call) -> Raw:
    return Raw(b'{"alive":true}')


@routes.add("GET", "/readyz", who="anyone", summary="可以服务", hidden=True)
async def ready(call: Call) -> Raw:
    try:
        await call.deps.mongo.ping()
    except PyMongoError as exc:
        raise Unavailable("not_ready", "数据库没有回应", retry_after=2) from exc
    catalogue = call.deps.catalogue
    if not catalogue.state.first_load_done or catalogue.finder.revision is None:
        raise Unavailable("not_ready", "事项目录正在载入", retry_after=2)
    if call.request.args.get("assistant"):
        if not await call.deps.assistant.rasa.is_ready():
            raise Unavailable("not_ready", "助手还没有起来，只按检索回答", retry_after=5)
    return Raw(b'{"ready":true}')


@routes.add("GET", "/metrics", who="operator", summary="Prometheus 指标", hidden=True)
async def figures(call: Call) -> Raw:
    for state, count in (await call.deps.outbox.counts()).items():
        metrics.outbox_rows.labels(state).set(count)
    metrics.pushes_parked.set(await call.deps.messages.parked_count())
    metrics.discrepancies_open.set(await call.deps.discrepancies.open_count())
    metrics.outbox_age.set(await call.deps.outbox.oldest_due_seconds())
    for age, as_of in ((metrics.catalogue_age, call.deps.catalogue.state.as_of), (metrics.publications_age, call.deps.publications.state.as_of)):
        if as_of is not None:
            age.set((now() - as_of).total_seconds())
    return Raw(metrics.text(), "text/plain; version=0.0.4; charset=utf-8")
