"""What is held of the signed-in person: taken away, deleted, and who looked at it."""

from kit.clock import at_edge
from miniapp_api.gate import Call, Routes
from miniapp_api.privacy import access, erasure, export
from miniapp_api.privacy.store import Export
from miniapp_api.privacy.whose import whose_of
from miniapp_api.routes.cases import before, cursor
from miniapp_api.shapes import PageQuery
from miniapp_api.shapes_privacy import ErasureTold, ExportDocument, ExportQuery, ExportTold, Goodbye, Look, LookList, Remains
from miniapp_api.streaming import Stream

routes = Routes()
_CORE = "政务平台是办件、证照和缴费的记录系统，不会因为注销而删除它保存的内容；请向它的主管部门申请。"


@routes.add("GET", "/v1/me/export", who="resident", summary="导出我的全部信息（先由本人再确认一次）", query=ExportQuery, reply=ExportTold, status=202)
async def ask(call: Call) -> ExportTold:
    return _told(await export.ask(call.deps, call.resident, with_files=call.query.files))


_MEDIA = {"application/json": ExportDocument | ExportTold, "application/zip": bytes}


@routes.add("GET", "/v1/me/export/<export_id:str>", who="resident", summary="下载导出；还没有做好时是 202", reply=ExportTold, media=_MEDIA)
async def download(call: Call, export_id: str) -> ExportTold | Stream:
    found, pieces = await export.download(call.deps, call.resident, export_id)
    if pieces is None:
        return _told(found)
    ending, media = ("zip", "application/zip") if found.with_files else ("json", "application/json")
    headers = {
        "Content-Disposition": f'attachment; filename="my-data.{ending}"',
        "Content-Length": str(found.size),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return Stream(None if call.request.method == "HEAD" else pieces, media, headers)


@routes.add("DELETE", "/v1/me", who="resident", summary="注销账号（先由本人再确认一次）", body=Goodbye, reply=ErasureTold, status=202)
async def delete(call: Call) -> ErasureTold:
    begun = await erasure.begin(call.deps, call.resident)
    kept = [Remains(what=one.what, kind=one.kind, rows=one.rows, text=f"去掉身份后保留：{one.ground}") for one in begun.remains]
    told = "账号已注销，所有登录已失效。其余信息正在删除，几分钟内完成"
    return ErasureTold(erasure=begun.erasure_id, text=told, kept=kept, core=_CORE)


@routes.add("GET", "/v1/me/access-log", who="resident", summary="谁看过我的信息", query=PageQuery, reply=LookList)
async def looks(call: Call) -> LookList:
    whose = await whose_of(call.deps, call.resident.resident_id)
    rows = await access.looks(call.deps, whose, before(call.query.cursor), call.query.limit)
    after = cursor(rows[-1]["at"]) if len(rows) == call.query.limit else None
    shown = [Look(at=at_edge(row["at"]), by=row["by"], what=row["what"], reason=row["reason"]) for row in rows]
    return LookList(items=shown, next_cursor=after)


def _told(found: Export) -> ExportTold:
    text = "已经做好，请下载" if found.state == "ready" else "正在整理，做好后在这里下载，保留 24 小时"
    return ExportTold(export=found.id, state=found.state, with_files=found.with_files, expires_at=at_edge(found.expires_at), text=text)
