"""What applying is made of: drafts, papers on their way to the core, and the people cases name."""

from collections.abc import Mapping
from dataclasses import dataclass

from cases.act_store import CaseActs
from cases.acting import Acting
from cases.draft_store import Drafts
from cases.drafts import Desk
from cases.file_keeping import Filekeeping
from cases.follower import Follower
from cases.forms import Checks
from cases.hand_over import HandOver
from cases.licence_store import LicenceUses
from cases.licences import Licensing, Shelf
from cases.store import Cases
from cases.submit import Filing
from content import closures
from content.closure_store import Closures
from core.case_acts import CoreCaseActs
from core.client import Core
from core.licences import CoreLicences
from core.subjects import CoreSubjects, person_key
from core.types import Applicant
from kit.crypto import Keyring
from kit.errors import Refused
from kit.mongo import Mongo, Tx
from kit.outbox import Outbox
from residents.store import Residents


@dataclass(frozen=True, slots=True)
class Applying:
    """The way from a draft to the core."""

    desk: Desk
    checks: Checks
    filing: Filing
    acting: Acting

    @property
    def over(self) -> HandOver:
        return self.filing.over

    @property
    def licensing(self) -> Licensing:
        return self.filing.over.licensing


class Applicants:
    """`cases` asks which natural person an application names; `residents` knows, and of minors the core."""

    def __init__(self, residents: Residents, subjects: CoreSubjects) -> None:
        self._residents = residents
        self._subjects = subjects

    async def applicant(self, subject_key: str | None, person_id: str, resident_id: str) -> Applicant:
        """For an enterprise whoever acts for it, else the person it is for. The phone is that of whoever acts."""
        resident = await self._residents.resident(resident_id)
        phone = resident.phone if resident else None
        kind, _, own = (subject_key or person_key(person_id)).partition(":")
        named = own if kind == "person" else person_id
        person = await self._residents.person(named)
        if person is not None:
            return Applicant(person_id=person.id, name=person.name, id_number=person.id_number, phone=phone)
        ward = next((one for one in await self._subjects.wards(person_id) if one.person_id == named), None)
        if ward is None:
            raise Refused("core", "not_entitled")
        return Applicant(person_id=ward.person_id, name=ward.name, id_number=ward.id_number, phone=phone)


@dataclass(frozen=True, slots=True)
class OpenItems:
    """`cases` asks whether an item may be handed in; `content` knows which are closed for online handling."""

    closures: Closures

    async def still_open(self, tx: Tx, names: Mapping[str, str], whose: str) -> None:
        """Raises Conflict."""
        await closures.still_open(self.closures, tx, names, whose)


def applying(mongo: Mongo, keys: Keyring, outbox: Outbox, core: Core, parts: tuple[Cases, Filekeeping, Residents, Follower]) -> Applying:
    """No traffic yet."""
    cases, files, residents, follower = parts
    drafts, licences = Drafts(mongo, keys), CoreLicences(core)
    over = HandOver(files, CoreCaseActs(core), Licensing(LicenceUses(mongo, keys), licences, Shelf(licences)))
    filing = Filing(mongo, cases, drafts, outbox, core, Applicants(residents, CoreSubjects(core)), over, follower, OpenItems(Closures(mongo)))
    acting = Acting(mongo, cases, CaseActs(mongo, keys), outbox, over, follower)
    return Applying(Desk(mongo, drafts, files.store), Checks(), filing, acting)
