"""The real gateways and what paying needs of the rest of the house. Part of wiring: nobody else makes these."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.bills import PayChannel
from core.client import Core
from core.money import CoreMoney
from kit.alipay import Alipay, AlipayAccount
from kit.crypto import Keyring
from kit.http import Http
from kit.mongo import Mongo
from kit.outbox import Outbox
from miniapp_api.after_payment import AfterPayment
from miniapp_api.settings import Settings, secret
from miniapp_api.settings_pay import AlipayPaySettings, WeChatPaySettings, alipay_pay, wechat_pay
from payments.alipay_trade import AlipayTrade
from payments.gateways import Gateway, GatewayName
from payments.order_store import Orders
from payments.paying import Paying
from payments.refund_store import Refunds
from payments.wechat_pay_account import refund_identity
from payments.wechat_pay_v2 import WeChatPayV2
from payments.wechat_pay_v3 import WeChatPayV3
from residents.store import Residents


@dataclass(frozen=True, slots=True)
class Merchants:
    """Who takes money for us; None where that is not configured."""

    wechat: WeChatPaySettings | None
    alipay: AlipayPaySettings | None

    @property
    def addresses(self) -> list[str]:
        """What the egress list must hold beside the channels' own addresses."""
        wechat = [self.wechat.account.url, self.wechat.account.refund_url] if self.wechat else []
        return [*wechat, *([self.alipay.download_url] if self.alipay and self.alipay.download_url else [])]

    def identities(self) -> dict[str, ssl.SSLContext]:
        """Client certificates by address: v2's refunds are asked for with the merchant's."""
        if self.wechat is None or not self.wechat.account.merchant_cert:
            return {}
        return {self.wechat.account.refund_url: refund_identity(self.wechat.account, self.wechat.refund_ca)}


def merchants(settings: Settings) -> Merchants:
    """Settings must have passed `settings.check`."""
    production = settings.profile == "production"
    return Merchants(
        wechat_pay(secret(settings.wechat_pay), settings.wechat_appid, production=production)[0],
        alipay_pay(secret(settings.alipay_pay), secret(settings.alipay_app_private_key), production=production)[0],
    )


def alipay_account(settings: Settings, given: Merchants) -> AlipayAccount:
    """In certificate mode where the certificates are configured, else with the public key."""
    chain = given.alipay.certificates if given.alipay and given.alipay.certificates else ("", "", "")
    keys = (secret(settings.alipay_app_private_key), settings.alipay_public_key)
    return AlipayAccount(settings.alipay_gateway, settings.alipay_app_id, *keys, *chain)


class Wallets:
    """`payments` asks by which id a resident's wallet is known; `residents` knows."""

    def __init__(self, residents: Residents) -> None:
        self._residents = residents

    async def account(self, person_id: str, resident_id: str, channel: str) -> str | None:
        resident = await self._residents.resident(resident_id)
        own = (resident.person_id if resident else None) or person_id  # whoever pays for somebody else pays from their own wallet
        found = await self._residents.accounts_of(own, channel)
        return next((account for own, account in found if own == resident_id), None)


def paying(settings: Settings, mongo: Mongo, keys: Keyring, parts: Mapping[str, Any]) -> Paying:
    """`parts`: http, outbox, core, alipay, residents, merchants, shipping."""
    http: Http = parts["http"]
    outbox: Outbox = parts["outbox"]
    core: Core = parts["core"]
    alipay: Alipay = parts["alipay"]
    given: Merchants = parts["merchants"]
    orders, refunds = Orders(mongo, keys), Refunds(mongo)
    gateways: dict[GatewayName, Gateway] = {}
    chosen: dict[PayChannel, GatewayName] = {}
    callbacks = f"{settings.public_url}/callbacks"
    if given.wechat is not None:
        account = given.wechat.account
        gateways["wechat_v3"] = WeChatPayV3(http, account, f"{callbacks}/wechat-pay/v3")
        if account.api_key:  # a merchant may have v3 alone
            gateways["wechat_v2"] = WeChatPayV2(http, account, f"{callbacks}/wechat-pay/v2", f"{callbacks}/wechat-pay/v2/refund")
        chosen["wechat"] = "wechat_v3" if given.wechat.use == "v3" else "wechat_v2"
    if given.alipay is not None:
        gateways["alipay"] = AlipayTrade(
            alipay, given.alipay.seller_id, f"{callbacks}/alipay", downloads=[given.alipay.download_url] if given.alipay.download_url else []
        )
        chosen["alipay"] = "alipay"
    return Paying(
        mongo=mongo,
        orders=orders,
        refunds=refunds,
        outbox=outbox,
        core=CoreMoney(core),
        gateways=gateways,
        chosen=chosen,
        payers=Wallets(parts["residents"]),
        seen=AfterPayment(mongo, orders, refunds, outbox, parts["shipping"]),
        minutes=settings.pay_minutes,
    )
