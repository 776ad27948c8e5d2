"""Story: a scanner that was away found something in a file sent earlier. Nobody waits for an answer any more, so the inbox tells."""

from cases.file_check import refused
from kit.outbox import Row
from miniapp_api import telling
from miniapp_api.wiring import Deps
from notify.told import Told
from notify.values import plain


async def tell(deps: Deps, row: Row) -> None:
    """Worker; payload {file_id}. Only the inbox: there is no template of the channels for this."""
    file = await deps.files.store.any_file(row.payload["file_id"])
    if file is None or file["person_id"] is None:
        await deps.outbox.done(row.key)
        return
    text = f"您上传的“{file['name']}”{refused('infected').title.removeprefix('文件')}。"
    await telling.of_row(deps, row, [file["person_id"]], Told("file_refused", plain(text), {}, "pages/me/files"))
