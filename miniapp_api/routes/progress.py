"""The public progress query: a case number and the receipt's code, no session."""

from cases.progress import progress
from miniapp_api.callers import address
from miniapp_api.gate import Call, Routes
from miniapp_api.shapes_cases import ProgressAsk, ProgressTold
from residents.store import Residents

routes = Routes()


@routes.add("POST", "/v1/progress", who="anyone", summary="凭办件编号和查询码查进度", body=ProgressAsk, reply=ProgressTold)
async def ask(call: Call) -> ProgressTold:
    deps, asked = call.deps, call.body
    await deps.progress_tries.count(asked.case_no, address(call.request, deps.settings.proxies))
    found = await progress(deps.cases, IdNumbers(deps.residents), asked.case_no, asked.secret)
    return ProgressTold(state=found.state, state_text=found.state_text, next_step=found.next_step)


class IdNumbers:
    """`cases` asks for the end of a number; `residents` has it."""

    def __init__(self, residents: Residents) -> None:
        self._residents = residents

    async def id_number(self, person_id: str) -> str | None:
        person = await self._residents.person(person_id)
        return None if person is None else person.id_number
