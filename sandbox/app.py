"""The sandbox's table of contents. No state outside the app: several worlds may live in one process."""

import socket
from pathlib import Path
from typing import Any

from sanic import Sanic

from sandbox.accounts import accounts as make_accounts
from sandbox.alipay import Alipay
from sandbox.alipay_bills import PATH as ALIPAY_BILLS
from sandbox.alipay_gate import Gate
from sandbox.alipay_messages import AlipayMessages
from sandbox.alipay_wallet import AlipayWallet
from sandbox.book import Book
from sandbox.clock import WorldClock
from sandbox.core_around import Around
from sandbox.core_bills import Bills
from sandbox.core_case_acts import CaseActs
from sandbox.core_cases import Cases
from sandbox.core_content import Content
from sandbox.core_deliveries import CoreDeliveries
from sandbox.core_events import Events
from sandbox.core_files import Files
from sandbox.core_identity import Identity
from sandbox.core_items import Items, read
from sandbox.core_licences import Licences
from sandbox.core_prechecks import Prechecks
from sandbox.core_publications import Publications
from sandbox.core_settlements import Settlements
from sandbox.core_subjects import Subjects
from sandbox.couriers import Couriers
from sandbox.faults import Faults
from sandbox.phones import Phones
from sandbox.routes import Routes, core_routes, world_routes
from sandbox.sms import Sms
from sandbox.sms import failed as sms_failed
from sandbox.sms_gate import SmsGate
from sandbox.wallets import Wallets
from sandbox.wechat import WeChat
from sandbox.wechat_messages import CustomerMessages
from sandbox.wechat_pay import WeChatPay
from sandbox.wechat_pay_tls import address
from sandbox.wechat_subscribe import Subscriptions
from sandbox.wechat_tokens import Tokens
from sandbox.world import World

PAGE = Path(__file__).parent / "page"


def create_app(
    data: Path,
    items: Path | None = None,
    core_webhook: str | None = None,
    wechat_messages: str | None = None,
    *,
    refunds: socket.socket | None = None,
    couriers: str | None = None,
    name: str = "sandbox",
) -> Sanic[Any, Any]:
    """A world whose memory is in `data`. `items`: a Guangdong-format JSON-lines file instead of our own catalogue; `refunds`: the listener where a
    merchant shows a certificate; `couriers`: below which SF and EMS push their scans. Raises BadCatalogue."""
    book, faults = Book(data), Faults()
    clock = WorldClock(book)
    made = make_accounts(data, address(refunds) if refunds is not None else "")
    listed = made["wechat"]["messages"]
    tokens = Tokens(book, {one["appid"]: one["secret"] for one in (made["wechat"], *listed)}, clock)
    wechat, gate = WeChat(book, made["wechat"], clock, tokens), Gate(made["alipay"], data, faults)
    alipay_wallet = AlipayWallet(book, made["alipay"], gate, (clock, faults))
    chats = CustomerMessages(book, listed, tokens, (clock, faults), wechat_messages)
    subscriptions, alipay_messages = Subscriptions(book, made["wechat"], tokens, faults, chats), AlipayMessages(book, made["alipay"])
    alipay = Alipay(book, gate, clock, {**alipay_wallet.methods(), **alipay_messages.methods()})
    catalogue, identity = Items(book), Identity(book, clock)
    catalogue.load(read(items), str(items.name) if items else "own")
    publications = Publications(book)
    publications.load()
    events = Events(book, made["core"], clock, faults, core_webhook)
    subjects, files = Subjects(book, made["wechat"]["templates"]), Files(book, data / "core_files")
    licences = Licences(book, subjects, faults)
    content = Content(book, subjects, licences, files)
    cases, bills = Cases(book, catalogue, events, content), Bills(book, catalogue, events)
    acts, prechecks = CaseActs(book, cases, content, faults), Prechecks(book, catalogue, content)
    world = World(book, made, (clock, faults, identity, events, chats), (subjects, licences, files))
    wechat_pay = WeChatPay(book, data, made["wechat"], (clock, faults))
    carriers = Couriers(book, made, (clock, faults), couriers or "")
    world.senders += [alipay_wallet.notices, *wechat_pay.senders, carriers.pushes]
    wallets = Wallets({"wechat": wechat_pay.wallet, "alipay": alipay_wallet})

    app: Sanic[Any, Any] = Sanic(name, configure_logging=False)
    app.config.update(ACCESS_LOG=False, AUTO_EXTEND=False, KEEP_ALIVE_TIMEOUT=75, GRACEFUL_SHUTDOWN_TIMEOUT=2)
    _channels(app, faults, (wechat, tokens, chats, subscriptions), alipay)
    _sms(app, faults, SmsGate(book, made["sms"]), Sms(book, made["sms"], clock, faults))
    app.add_route(faults.around("alipay", alipay_wallet.statements.download), ALIPAY_BILLS, methods=["GET"], name="alipay_bill")
    wechat_pay.add_routes(app)
    carriers.add_routes(app)
    _core(app, faults, book, made["core"], (catalogue, publications, identity, cases, events, bills, Settlements(book, bills, faults)))
    _core_deliveries(app, faults, (made["core"], book), CoreDeliveries(book, bills, events))
    Around(book, catalogue, (events, files, subjects, faults)).add_routes(app, faults, (made["core"], book))
    _core_people(app, faults, (made["core"], book), (subjects, licences, files, acts, prechecks))
    _controls(app, world, (catalogue, publications, cases, bills))
    _people_controls(app, (subjects, licences, files, prechecks))
    _message_controls(app, (subscriptions, alipay_messages, tokens, chats, Phones(book, subscriptions, alipay_messages)))
    app.add_route(wallets.pay, "/world/wallets/<wallet:str>/pay", methods=["POST"], name="world_wallets_pay")
    app.add_route(wallets.orders, "/world/wallets/orders", methods=["GET"], name="world_wallets_orders")
    app.static("/", PAGE / "index.html", name="page", content_type="text/html; charset=utf-8")
    app.static("/page", PAGE, name="page_files")

    async def begin(_: Any) -> None:
        events.resume()
        alipay_wallet.notices.resume()
        carriers.begin()
        await wechat_pay.begin(refunds)

    async def end(_: Any) -> None:
        await wechat_pay.end()
        await carriers.end()
        for sender in world.senders:
            await sender.close()
        book.close()

    app.before_server_start(begin)
    app.after_server_stop(end)
    return app


def _channels(app: Sanic[Any, Any], faults: Faults, parts: tuple[WeChat, Tokens, CustomerMessages, Subscriptions], alipay: Alipay) -> None:
    wechat, tokens, chats, subscriptions = parts
    app.add_route(faults.around("wechat", wechat.code_to_session), "/sns/jscode2session", methods=["GET", "POST"], name="jscode2session")
    app.add_route(faults.around("wechat", tokens.token), "/cgi-bin/token", methods=["GET"], name="token")
    app.add_route(faults.around("wechat", tokens.stable_token), "/cgi-bin/stable_token", methods=["POST"], name="stable_token")
    app.add_route(faults.around("wechat", wechat.phone), "/wxa/business/getuserphonenumber", methods=["POST"], name="phone")
    app.add_route(faults.around("wechat", subscriptions.send), "/cgi-bin/message/subscribe/send", methods=["POST"], name="send")
    app.add_route(faults.around("wechat", subscriptions.templates), "/wxaapi/newtmpl/gettemplate", methods=["GET"], name="gettemplate")
    app.add_route(faults.around("wechat", chats.send), "/cgi-bin/message/custom/send", methods=["POST"], name="custom_send")
    app.add_route(faults.around("wechat", chats.typing), "/cgi-bin/message/custom/typing", methods=["POST"], name="custom_typing")
    app.add_route(faults.around("alipay", alipay.gateway), "/gateway.do", methods=["GET", "POST"], name="gateway")


Core = tuple[Items, Publications, Identity, Cases, Events, Bills, Settlements]


def _core(app: Sanic[Any, Any], faults: Faults, book: Book, account: dict[str, Any], parts: Core) -> None:
    items, publications, identity, cases, events, bills, settlements = parts
    routes: Routes = (
        ("GET", "/items", items.page),
        ("GET", "/publications", publications.page),
        ("POST", "/identity/challenges", identity.start),
        ("GET", "/identity/challenges/<challenge:str>", identity.look),
        ("POST", "/cases", cases.submit),
        ("GET", "/cases", cases.find),
        ("GET", "/cases/<case_no:str>", cases.look),
        ("GET", "/events", events.page),
        ("GET", "/bills", bills.listed),
        ("GET", "/bills/<bill_id:str>", bills.look),
        ("POST", "/settlements", settlements.settle),
        ("GET", "/settlements/<settlement_id:str>", settlements.look),
        ("POST", "/reversals", settlements.reverse),
        ("GET", "/reversals/<reversal_id:str>", settlements.look_reversal),
        ("GET", "/book", settlements.day),
    )
    core_routes(app, faults, (account, book), routes)


def _core_people(
    app: Sanic[Any, Any], faults: Faults, door: tuple[dict[str, Any], Book], parts: tuple[Subjects, Licences, Files, CaseActs, Prechecks]
) -> None:
    subjects, licences, files, acts, prechecks = parts
    routes: Routes = (
        ("GET", "/persons/<person:str>/enterprises", subjects.enterprises),
        ("GET", "/persons/<person:str>/wards", subjects.wards),
        ("GET", "/licences", licences.listed),
        ("POST", "/licences/<licence_id:str>/presentations", licences.present),
        ("GET", "/licences/<licence_id:str>/presentations/<presentation_id:str>", licences.look),
        ("POST", "/prechecks", prechecks.check),
        ("PUT", "/files/<sha256:str>", files.put),
        ("GET", "/files/<sha256:str>", files.look),
        ("POST", "/cases/<case_no:str>/corrections", acts.correct),
        ("GET", "/cases/<case_no:str>/corrections/<correction_id:str>", acts.look_correction),
        ("POST", "/cases/<case_no:str>/withdrawals", acts.withdraw),
        ("GET", "/cases/<case_no:str>/withdrawals/<withdrawal_id:str>", acts.look_withdrawal),
    )
    core_routes(app, faults, door, routes)


def _core_deliveries(app: Sanic[Any, Any], faults: Faults, door: tuple[dict[str, Any], Book], deliveries: CoreDeliveries) -> None:
    routes: Routes = (
        ("POST", "/deliveries", deliveries.tell),
        ("GET", "/deliveries/<delivery_id:str>", deliveries.look),
        ("POST", "/deliveries/<delivery_id:str>/outcomes", deliveries.end),
        ("POST", "/freight-bills", deliveries.freight),
    )
    core_routes(app, faults, door, routes)


def _controls(app: Sanic[Any, Any], world: World, parts: tuple[Items, Publications, Cases, Bills]) -> None:
    items, publications, cases, bills = parts
    routes: Routes = (
        ("GET", "/accounts", world.accounts),
        ("POST", "/people", world.make_person),
        ("GET", "/people", world.people),
        ("POST", "/people/<person:str>/approve-real-name", world.approve),
        ("POST", "/people/<person:str>/refuse-real-name", world.refuse),
        ("POST", "/wechat/codes", world.wechat_code),
        ("POST", "/alipay/auth-codes", world.auth_code),
        ("GET", "/core/cases", cases.listed),
        ("POST", "/core/cases/<case_no:str>/moves", cases.move),
        ("POST", "/core/cases/<case_no:str>/bills", bills.issue),
        ("GET", "/core/bills", bills.overview),
        ("PUT", "/core/bills/<bill_id:str>", bills.change),
        ("GET", "/core/items", items.named),
        ("POST", "/core/items", items.change),
        ("POST", "/core/items/raw", items.raw),
        ("POST", "/core/items/load", items.many),
        ("DELETE", "/core/items/<code:str>", items.remove),
        ("POST", "/core/publications", publications.change),
        ("DELETE", "/core/publications/<publication:str>", publications.remove),
        ("GET", "/faults", world.read_faults),
        ("PUT", "/faults", world.set_faults),
        ("GET", "/ledger/<party:str>", world.ledger),
        ("GET", "/clock", world.read_clock),
        ("POST", "/clock", world.set_clock),
        ("GET", "/state", world.state),
        ("POST", "/reset", world.reset),
    )
    world_routes(app, routes)


def _people_controls(app: Sanic[Any, Any], parts: tuple[Subjects, Licences, Files, Prechecks]) -> None:
    subjects, licences, files, prechecks = parts
    routes: Routes = (
        ("POST", "/people/<person:str>/enterprises", subjects.join),
        ("DELETE", "/people/<person:str>/enterprises/<uscc:str>", subjects.leave),
        ("POST", "/people/<person:str>/wards", subjects.add_ward),
        ("POST", "/people/<person:str>/licences", licences.issue),
        ("PUT", "/core/licences/<licence_id:str>", licences.change),
        ("GET", "/core/files/<sha256:str>", files.download),
        ("GET", "/core/prechecks", prechecks.look),
        ("PUT", "/core/prechecks", prechecks.set),
    )
    world_routes(app, routes)


def _message_controls(app: Sanic[Any, Any], parts: tuple[Subscriptions, AlipayMessages, Tokens, CustomerMessages, Phones]) -> None:
    subscriptions, alipay_messages, tokens, chats, phones = parts
    routes: Routes = (
        ("POST", "/wechat/consents", subscriptions.tap),
        ("POST", "/wechat/tokens", tokens.kill),
        ("GET", "/wechat/messages", chats.chats),
        ("POST", "/wechat/messages", chats.say),
        ("POST", "/alipay/consents", alipay_messages.tap),
        ("GET", "/people/<person:str>/consents", phones.consents),
        ("GET", "/templates", phones.templates),
    )
    world_routes(app, routes)


def _sms(app: Sanic[Any, Any], faults: Faults, gate: SmsGate, sms: Sms) -> None:
    """Also at /, the only path the official SDK knows."""
    entry = faults.around("sms", gate.guarded(sms.call), sms_failed)
    for path, name in (("/sms/", "sms"), ("/", "sms_root")):
        app.add_route(entry, path, methods=["POST"], name=name)
