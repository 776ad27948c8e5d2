"""The only place that knows the real things. Builds one frozen Deps; tests build their own through the same door."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import orjson

from bot.client import Rasa
from bot.store import Conversations
from bot.turn import Assistant
from bot.wechat import Account
from bot.wechat_reply import Replying
from bot.wechat_store import WeChatMessages
from cases.clock_store import CaseClocks
from cases.file_keeping import Filekeeping
from cases.progress_tries import Tries
from cases.store import Cases
from content.catalogue import Catalogue
from content.finder import Finder
from content.open_data_store import OpenData
from content.package_file import BUILT_IN, PackageFile
from content.packages import Packages
from content.publications import Publications
from content.publications_store import PublicationStore
from content.store import Content
from content.tallies import Tallies
from core.client import Core, CoreAccount
from core.subjects import CoreSubjects
from kit.alipay import Alipay
from kit.crypto import Keyring
from kit.http import Http
from kit.idempotency import Keys
from kit.mongo import Mongo, connect
from kit.outbox import Outbox
from kit.redis import Redis
from kit.wechat import WeChat, WeChatAccount
from kit.wechat_crypto import WeChatCrypto
from kit.workdays import Workdays
from miniapp_api import (
    wiring_appointments,
    wiring_cases,
    wiring_complaints,
    wiring_delivery,
    wiring_files,
    wiring_home,
    wiring_notify,
    wiring_pay,
    wiring_ratings,
    wiring_supervision,
)
from miniapp_api.assistant_by_wechat import WeChatAnswers
from miniapp_api.assistant_knowledge import CatalogueKnowledge, OwnMatters
from miniapp_api.identity_changed import IdentityChanged
from miniapp_api.limiter import Limiter
from miniapp_api.parcel_changed import ParcelChanged
from miniapp_api.privacy.store import Privacy
from miniapp_api.settings import Settings, secret, unbase64
from miniapp_api.settings_wechat import WeChatMessagesAccount
from miniapp_api.stores import STORES
from miniapp_api.upload import Places
from miniapp_api.wiring_appointments import Appointing
from miniapp_api.wiring_cases import Applying
from miniapp_api.wiring_complaints import Complaining
from miniapp_api.wiring_delivery import Delivering
from miniapp_api.wiring_home import Homing
from miniapp_api.wiring_ratings import Rating
from miniapp_api.wiring_supervision import Supervising
from notify.broadcast_store import Broadcasts
from notify.pushing import Pushing
from notify.reminder_store import Reminders
from notify.store import Messages
from payments.discrepancy_store import Discrepancies
from payments.paying import Paying
from payments.reconcile_store import Reconciliations
from residents.active_store import ActivePersons
from residents.binding import Joining
from residents.store import Residents
from residents.subjects import Acting
from staff.audit import Audit
from staff.store import Staff
from supervision.health_store import ItemSteps


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything a route, story or job may use."""

    settings: Settings
    mongo: Mongo
    redis: Redis
    http: Http
    limiter: Limiter
    assistant_limiter: Limiter  # a question costs more than a page
    crowd_limiter: Limiter  # per address, before a session is looked up
    idempotency: Keys
    outbox: Outbox
    core: Core
    wechat: WeChat
    alipay: Alipay
    residents: Residents
    active_persons: ActivePersons
    acting: Acting
    joining: Joining
    content: Content
    catalogue: Catalogue
    open_data: OpenData
    publication_store: PublicationStore
    publications: Publications
    tallies: Tallies
    packages: Packages
    cases: Cases
    case_clocks: CaseClocks
    progress_tries: Tries
    workdays: Workdays
    applying: Applying
    files: Filekeeping
    uploads: Places
    messages: Messages
    reminders: Reminders
    broadcasts: Broadcasts
    pushing: Pushing
    assistant: Assistant
    wechat_accounts: Mapping[str, Account]  # those whose customer messages come here, by name
    replying: Replying
    paying: Paying
    delivering: Delivering
    appointing: Appointing
    rating: Rating
    complaining: Complaining
    supervising: Supervising
    item_steps: ItemSteps
    homing: Homing
    reconciliations: Reconciliations
    discrepancies: Discrepancies
    keys: Keyring
    staff: Staff
    audit: Audit
    privacy: Privacy

    async def prepare(self) -> None:
        """Indexes exist before the first request; idempotent."""
        for module in STORES:
            await self.mongo.create_indexes(module.INDEXES)

    async def close(self) -> None:
        await self.http.close()
        await self.redis.close()
        await self.mongo.close()


def build(settings: Settings) -> Deps:
    """No traffic yet. Settings must have passed `settings.check`."""
    mongo = connect(settings.mongo_url, settings.mongo_database)
    redis = Redis(settings.redis_url)
    merchants = wiring_pay.merchants(settings)
    parties = [
        settings.core_url,
        settings.wechat_url,
        settings.alipay_gateway,
        *([settings.rasa_url] if settings.rasa_url else []),
        *merchants.addresses,
        *([short.account.url] if (short := wiring_notify.sms(settings)) else []),
        *(couriers.urls() if (couriers := wiring_delivery.configured(settings)) else []),
        *([bucket.origin] if (bucket := wiring_files.bucket(settings)) else []),
    ]
    http = Http(parties, identities=merchants.identities())
    keys = keyring(settings)
    core_account = CoreAccount(settings.core_url, settings.core_client_id, secret(settings.core_secret).encode(), settings.core_algorithm)
    core = Core(http, core_account)
    wechat = WeChat(http, redis, WeChatAccount(settings.wechat_url, settings.wechat_appid, secret(settings.wechat_secret)))
    alipay = Alipay(http, wiring_pay.alipay_account(settings, merchants))
    box, residents, content = Outbox(mongo), Residents(mongo, keys), Content(mongo)
    publication_store = PublicationStore(mongo)
    cases, messages = Cases(mongo, keys), Messages(mongo)
    tallies, files = Tallies(mongo), wiring_files.keeping(settings, mongo, keys, box, http)
    workdays = Workdays(mongo)
    supervising = wiring_supervision.supervising(mongo, core, (content, workdays))
    applying = wiring_cases.applying(mongo, keys, box, core, (cases, files, residents, supervising.supervised))
    words = [Path(settings.everyday_words)] if settings.everyday_words else []
    catalogue = Catalogue(content, Finder(content, tallies, words), keep=settings.guide_cache_seconds)
    packages = Packages(catalogue, PackageFile(Path(settings.packages) if settings.packages else BUILT_IN))
    accounts = settings.wechat_message_accounts()[0]
    callers = {
        one.name: wechat if one.appid == settings.wechat_appid else WeChat(http, redis, WeChatAccount(settings.wechat_url, one.appid, one.secret))
        for one in accounts
    }
    pushing = wiring_notify.pushing(settings, (mongo, messages, box), keys, (http, redis, wechat, alipay))
    parts = {"http": http, "outbox": box, "core": core, "alipay": alipay, "residents": residents, "merchants": merchants}
    delivering = wiring_delivery.delivering(settings, (mongo, keys, box), http, core, ParcelChanged(box))
    parts["shipping"] = delivering.shipping
    paying = wiring_pay.paying(settings, mongo, keys, parts)
    looking = CatalogueKnowledge(catalogue), OwnMatters(residents, cases, paying)
    assistant = Assistant(Rasa(http, settings.rasa_url), Conversations(mongo, keys), *looking, redis)
    own = next((one.name for one in accounts if one.appid == settings.wechat_appid), None)
    return Deps(
        settings=settings,
        mongo=mongo,
        redis=redis,
        http=http,
        limiter=Limiter(settings.rate),
        assistant_limiter=Limiter(max(2, settings.rate // 10)),
        crowd_limiter=Limiter(settings.rate * 20),
        idempotency=Keys(mongo, keys),
        outbox=box,
        core=core,
        wechat=wechat,
        alipay=alipay,
        residents=residents,
        active_persons=ActivePersons(mongo),
        acting=Acting(residents, redis, CoreSubjects(core)),
        joining=Joining(residents, IdentityChanged(box, applying.desk), timedelta(hours=settings.cooling_hours)),
        content=content,
        open_data=OpenData(mongo),
        publication_store=publication_store,
        publications=Publications(publication_store),
        catalogue=catalogue,
        tallies=tallies,
        packages=packages,
        cases=cases,
        case_clocks=CaseClocks(mongo),
        progress_tries=Tries(redis, mongo, keys),
        workdays=workdays,
        applying=applying,
        files=files,
        uploads=Places(),
        messages=messages,
        broadcasts=Broadcasts(mongo),
        reminders=Reminders(mongo),
        pushing=pushing,
        assistant=assistant,
        wechat_accounts={one.name: _account(one) for one in accounts},
        replying=Replying(mongo, WeChatMessages(mongo, keys), box, redis, WeChatAnswers(assistant, residents, keys, own), callers),
        paying=paying,
        delivering=delivering,
        appointing=wiring_appointments.appointing((mongo, keys, box), core),
        rating=wiring_ratings.rating((mongo, keys, box), core, settings.ratings),
        complaining=wiring_complaints.complaining((mongo, keys, box), core),
        supervising=supervising,
        item_steps=ItemSteps(mongo),
        homing=wiring_home.homing(mongo, catalogue, packages, settings.recommendations),
        reconciliations=Reconciliations(mongo),
        discrepancies=Discrepancies(mongo),
        keys=keys,
        staff=Staff(mongo, keys),
        audit=Audit(mongo, keys),
        privacy=Privacy(mongo, keys),
    )


def _account(given: WeChatMessagesAccount) -> Account:
    return Account(given.name, given.kind, given.appid, given.mode, WeChatCrypto(given.token, given.aes_keys, given.appid))


def conversations_store(settings: Settings) -> tuple[Mongo, Conversations]:
    """The assistant's conversations, and the client to close when done."""
    mongo = connect(settings.mongo_url, settings.mongo_database)
    return mongo, Conversations(mongo, keyring(settings))


def staff_stores(settings: Settings) -> tuple[Mongo, Staff, Audit]:
    """For the command line: accounts, the audit, and the client to close when done. Built where a loop runs."""
    mongo, keys = connect(settings.mongo_url, settings.mongo_database), keyring(settings)
    return mongo, Staff(mongo, keys), Audit(mongo, keys)


def tallies_store(settings: Settings) -> tuple[Mongo, Tallies]:
    """What residents asked and read, and the client to close when done."""
    mongo = connect(settings.mongo_url, settings.mongo_database)
    return mongo, Tallies(mongo)


def catalogue_store(settings: Settings) -> tuple[Mongo, Content]:
    """For commands that touch nothing but the catalogue; the caller closes. No traffic yet."""
    mongo = connect(settings.mongo_url, settings.mongo_database)
    return mongo, Content(mongo)


def keyring(settings: Settings) -> Keyring:
    """Raises ValueError for keys of the wrong length or an unknown current key."""
    keys = {str(name): unbase64(str(value)) for name, value in orjson.loads(secret(settings.field_keys)).items()}
    return Keyring(keys, settings.field_key_current, unbase64(secret(settings.index_key)))
