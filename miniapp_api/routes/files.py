"""Uploads: one file a call, seen by its owner only."""

from urllib.parse import quote

from cases import files
from cases.file_check import admit, refused
from cases.file_keeping import FileFact
from cases.file_store import Owner
from kit.errors import Outside, Unavailable
from miniapp_api.gate import Call, Raw, Routes
from miniapp_api.shapes_files import File
from miniapp_api.streaming import Stream, begun
from miniapp_api.upload import Bounds, received

routes = Routes()


@routes.add("POST", "/v1/files", who="resident", summary="上传一个文件（JPG、PNG、PDF、OFD）", reply=File, status=201, upload=True)
async def upload(call: Call) -> File:
    owner, keeping = owner_of(call), call.deps.files
    await files.room_left(keeping, owner)
    with call.deps.uploads.one(owner.key):
        async with received(call.request, Bounds(keeping.checker.limits.size, call.deps.settings.uploads or None, admit)) as got:
            return shape(await files.take_in(keeping, got, owner))


@routes.add("GET", "/v1/files/<file_id:str>", who="resident", summary="文件的状态", reply=File)
async def read(call: Call, file_id: str) -> File:
    return shape(await files.one(call.deps.files.store, file_id, owner_of(call)))


@routes.add("GET", "/v1/files/<file_id:str>/content", who="resident", summary="下载文件", media={"application/octet-stream": bytes})
async def content(call: Call, file_id: str) -> Stream:
    fact, pieces = await files.download(call.deps.files, file_id, owner_of(call))
    headers = {
        "Content-Disposition": f"attachment; filename=\"file\"; filename*=UTF-8''{quote(fact.name, safe='')}",
        "Content-Length": str(fact.size),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    if call.request.method == "HEAD":
        return Stream(None, fact.media_type, headers)
    try:
        return Stream(await begun(pieces), fact.media_type, headers)
    except Outside as exc:
        raise Unavailable("files_unavailable", "暂时不能打开文件，请稍后再试", retry_after=60) from exc


@routes.add("DELETE", "/v1/files/<file_id:str>", who="resident", summary="删除没有用到的文件", status=204)
async def remove(call: Call, file_id: str) -> Raw:
    await files.remove(call.deps.files, file_id, owner_of(call))
    return Raw(b"")


def owner_of(call: Call) -> Owner:
    """The subject the caller acts for, or the resident as long as nobody knows their real name."""
    caller = call.resident
    key = caller.subject.key if caller.subject is not None else f"resident:{caller.resident_id}"
    return Owner(key, caller.person_id, caller.resident_id)


def shape(fact: FileFact) -> File:
    texts = {"scanning": "正在做安全检查，请稍候", "ready": "可以使用"}
    text = texts.get(fact.state) or refused(fact.reason or "").title
    facts = {"size": fact.size, "media_type": fact.media_type, "state": fact.state, "pages": fact.pages}
    return File.model_validate({"id": fact.id, "name": fact.name, "text": text, **facts})
