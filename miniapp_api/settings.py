"""Settings, read once. Development works with what the runner hands over; production refuses to start with anything missing or pretend."""

import base64
import binascii
import json
import os
import re
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from kit import kill_points
from kit.clamd import Clamd
from miniapp_api import settings_delivery, settings_files, settings_notify, settings_pay
from miniapp_api.settings_wechat import WeChatMessagesAccount, wechat_accounts
from ratings.values import Terms

_SANDBOX_MARKS = ("wxsandbox", "9021", "sandbox-")
ACTIONS_SECRET_LENGTH = 32
_LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0"}  # noqa: S104 - a list to refuse, not an address to bind


class BadSettings(Exception):
    """Every problem at once, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """Environment variables, prefix ZHANGBAN_; MONGO_URL and REDIS_URL without it. Secrets have no defaults."""

    model_config = SettingsConfigDict(env_prefix="ZHANGBAN_", extra="ignore", populate_by_name=True)

    profile: Literal["dev", "production"] = "dev"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    proxies: int = Field(default=0, ge=0, le=5)  # reverse proxies in front whose X-Forwarded-For is believed
    rate_per_second: int = Field(default=0, ge=0)  # per caller; 0 = the profile's own (dev 500, production 20)
    guide_cache_seconds: float = Field(default=0.8, ge=0, le=0.9)
    feed_seconds: float = Field(default=2.0, gt=0)  # between two looks at the core's feeds
    open_data_licence: str = Field(
        default="数据来自本市政务服务核心平台，任何人可以免费复制、转载、加工和商用，使用时请注明来源和数据日期；以核心平台的最新登记为准。",
        min_length=1,
        max_length=2000,
    )
    packages: str = ""  # path of the operators' file of theme packages; empty: the built-in one
    recommendations: str = ""  # path of the operators' file of recommendations on the personal page; empty: the built-in one
    everyday_words: str = ""  # path of the operators' own everyday names, a file or a folder of .txt files, beside the built-in ones

    mongo_url: str = Field(default="", validation_alias="MONGO_URL")
    mongo_database: str = "zhangban"
    redis_url: str = Field(default="", validation_alias="REDIS_URL")

    field_keys: SecretStr | None = None  # {"k1": "<base64 of 32 bytes>", …}
    field_key_current: str = "k1"
    index_key: SecretStr | None = None  # base64 of at least 32 bytes
    staff_idle_minutes: int = Field(default=30, ge=2, le=240)  # a session of staff unused for so long is over
    ratings: Terms = Terms()  # JSON of ratings.values.Terms: days to rate, and for each step of putting a bad one right
    cooling_hours: int = Field(default=48, ge=24, le=72)  # after a change of phone: licences, deliveries and refunds wait
    consents_required: bool | None = None  # real name only after consent to sensitive data; None: in production
    metrics_token: SecretStr | None = None  # empty closes /metrics in production

    file_max_mb: int = Field(default=20, ge=1, le=100)  # one upload
    file_max_megapixels: int = Field(default=50, ge=1, le=100)  # a picture; while it is drawn anew it takes 5 MB a megapixel
    file_max_pages: int = Field(default=200, ge=1, le=2000)
    file_quota_mb: int = Field(default=500, ge=1)  # all files of one person or enterprise
    file_quota_files: int = Field(default=500, ge=1)
    uploads: str = ""  # folder on a disk, for what is being received; empty: the system's temporary one
    files_s3: SecretStr | None = None  # JSON (miniapp_api/settings_files.py); empty: files lie in Mongo
    clamd_url: str = Field(default="", validation_alias="CLAMD_URL")  # tcp://host:port or unix:///path; empty: files are not scanned

    core_url: str = ""  # up to and with /core/v1
    core_client_id: str = ""
    core_secret: SecretStr | None = None
    core_algorithm: Literal["sha256", "sm3"] = "sha256"
    core_webhook_secret: SecretStr | None = None  # empty closes /callbacks/core

    rasa_url: str = Field(default="", validation_alias="RASA_URL")  # empty: the assistant answers from the search alone
    actions_host: str = "127.0.0.1"  # where Rasa reaches this process; never a public address
    actions_port: int = Field(default=0, ge=0, le=65535)  # 0: no listener
    actions_secret: SecretStr | None = None

    public_url: str = ""  # where gateways and scanned receipts reach this service, e.g. https://api.example.gov.cn
    wechat_pay: SecretStr | None = None  # JSON (miniapp_api/settings_pay.py); empty: nobody pays by WeChat
    alipay_pay: SecretStr | None = None  # likewise
    statements: str = ""  # folder that keeps the gateways' statements; empty: one under the system's temporary folder
    pay_minutes: int = Field(default=30, ge=5, le=120)  # how long an order may be paid

    couriers: SecretStr | None = None  # JSON (miniapp_api/settings_delivery.py); empty: nothing is sent by courier

    wechat_url: str = "https://api.weixin.qq.com"
    wechat_appid: str = ""
    wechat_secret: SecretStr | None = None
    wechat_templates: dict[str, Any] = {}  # kind -> WeChat's template id, or more (miniapp_api/settings_notify.py)
    wechat_state: Literal["developer", "trial", "formal"] = "formal"
    wechat_messages: SecretStr | None = None  # JSON list of accounts (miniapp_api/settings_wechat.py); empty closes /callbacks/wechat/messages

    alipay_templates: dict[str, Any] = {}  # likewise
    sms: SecretStr | None = None  # JSON (miniapp_api/settings_notify.py); empty: nobody gets an SMS
    ask_at_once: int = Field(default=3, ge=1, le=5)  # templates of one wx.requestSubscribeMessage; older clients take 3

    alipay_gateway: str = "https://openapi.alipay.com/gateway.do"
    alipay_app_id: str = ""
    alipay_app_private_key: SecretStr | None = None  # PEM
    alipay_public_key: str = ""  # PEM
    alipay_aes_key: SecretStr | None = None  # base64, from the open platform; empty: no phone number from Alipay

    def wechat_message_accounts(self) -> tuple[list[WeChatMessagesAccount], list[str]]:
        """Accounts of customer messages, and what is wrong with them."""
        production = self.profile == "production"
        return wechat_accounts(secret(self.wechat_messages), self.wechat_appid, secret(self.wechat_secret), production=production)

    @property
    def asks_consent(self) -> bool:
        return self.profile == "production" if self.consents_required is None else self.consents_required

    @property
    def rate(self) -> int:
        """Requests per second and caller."""
        return self.rate_per_second or (500 if self.profile == "dev" else 20)


def secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""


def unbase64(text: str) -> bytes:
    """Raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError("not base64") from exc


def load() -> Settings:
    """From the environment. Raises BadSettings for values that cannot be read."""
    try:
        return Settings()
    except ValidationError as exc:
        names = [str(error["loc"][0]) for error in exc.errors()]
        raise BadSettings(
            [f"设置 {name.upper() if name.isupper() else 'ZHANGBAN_' + name.upper()} 的值不对，请检查格式（见 docs/operations.md）" for name in names]
        ) from None
    except SettingsError:
        both = (settings_notify.WECHAT, settings_notify.ALIPAY)
        names = [name for name in both if not settings_notify.is_object(os.environ.get(name) or "{}")] or list(both)
        raise BadSettings([f"{name} 应为 JSON 对象（见 docs/operations.md）" for name in names]) from None


def check(settings: Settings) -> None:
    """Raises BadSettings with everything that is wrong. Run before anything is opened."""
    needed = {
        "MONGO_URL": settings.mongo_url,
        "REDIS_URL": settings.redis_url,
        "ZHANGBAN_FIELD_KEYS": secret(settings.field_keys),
        "ZHANGBAN_INDEX_KEY": secret(settings.index_key),
        "ZHANGBAN_CORE_URL": settings.core_url,
        "ZHANGBAN_CORE_CLIENT_ID": settings.core_client_id,
        "ZHANGBAN_CORE_SECRET": secret(settings.core_secret),
        "ZHANGBAN_CORE_WEBHOOK_SECRET": secret(settings.core_webhook_secret),
        "ZHANGBAN_WECHAT_APPID": settings.wechat_appid,
        "ZHANGBAN_WECHAT_SECRET": secret(settings.wechat_secret),
        "ZHANGBAN_ALIPAY_APP_ID": settings.alipay_app_id,
        "ZHANGBAN_ALIPAY_APP_PRIVATE_KEY": secret(settings.alipay_app_private_key),
        "ZHANGBAN_ALIPAY_PUBLIC_KEY": settings.alipay_public_key or "alipay_cert" in secret(settings.alipay_pay),  # not used with certificates
    }
    problems = [f"缺少设置 {name}：请在环境变量中给出（见 docs/operations.md）" for name, value in needed.items() if not value]
    if settings.packages and not Path(settings.packages).is_file():
        problems.append("ZHANGBAN_PACKAGES 指向的文件不存在：请检查路径，或删去此设置以使用内置的一件事清单")
    if settings.recommendations and not Path(settings.recommendations).is_file():
        problems.append("ZHANGBAN_RECOMMENDATIONS 指向的文件不存在：请检查路径，或删去此设置以使用内置的推荐")
    if settings.everyday_words and not Path(settings.everyday_words).exists():
        problems.append("ZHANGBAN_EVERYDAY_WORDS 指向的文件或文件夹不存在：请检查路径，或删去此设置")
    problems += _keys(settings) + _assistant(settings) + _files(settings)
    problems += settings.wechat_message_accounts()[1]
    problems += _paying(settings) + _aes(settings) + _notify(settings)
    problems += settings_delivery.couriers(secret(settings.couriers), settings.public_url, production=settings.profile == "production")[1]
    if settings.profile == "production":
        problems += _pretend(settings)
    if problems:
        raise BadSettings(problems)


def _keys(settings: Settings) -> list[str]:
    """What can be said of keys without using them."""
    problems = []
    if given := secret(settings.field_keys):
        try:
            lengths = {name: len(unbase64(value)) for name, value in json.loads(given).items()}
        except (ValueError, AttributeError, TypeError):
            lengths = {}
        if set(lengths.values()) != {32}:
            problems.append("ZHANGBAN_FIELD_KEYS 应为 JSON 对象，每个值是 32 字节密钥的 base64")
        elif settings.field_key_current not in lengths:
            problems.append("ZHANGBAN_FIELD_KEY_CURRENT 不在 ZHANGBAN_FIELD_KEYS 里")
    if given := secret(settings.index_key):
        try:
            if len(unbase64(given)) < 32:
                raise ValueError
        except ValueError:
            problems.append("ZHANGBAN_INDEX_KEY 应为至少 32 字节密钥的 base64")
    return problems


def _aes(settings: Settings) -> list[str]:
    try:
        if len(unbase64(secret(settings.alipay_aes_key))) in (0, 16):
            return []
    except ValueError:
        pass
    return ["ZHANGBAN_ALIPAY_AES_KEY 应为开放平台“接口内容加密方式”里的 AES 密钥（base64，16 字节）；不用支付宝取手机号就删去此设置"]


def _assistant(settings: Settings) -> list[str]:
    """Whoever reaches the actions' listener may ask in anyone's name, so it never opens without a secret."""
    problems = []
    if settings.rasa_url and not re.fullmatch(r"https?://[^\s/?#]+/?", settings.rasa_url):
        problems.append("RASA_URL 应为 http 地址，如 http://127.0.0.1:5005；没有 Rasa 就删去此设置，助手只用检索回答")
    if settings.rasa_url and not settings.actions_port:
        problems.append("设了 RASA_URL，就要用 ZHANGBAN_ACTIONS_PORT 给出 Rasa 回调的端口")
    if (settings.rasa_url or settings.actions_port) and not secret(settings.actions_secret):
        problems.append("设了 RASA_URL 或 ZHANGBAN_ACTIONS_PORT，就要用 ZHANGBAN_ACTIONS_SECRET 给出与 Rasa 共用的密钥")
    elif settings.profile == "production" and 0 < len(secret(settings.actions_secret)) < ACTIONS_SECRET_LENGTH:
        problems.append(f"ZHANGBAN_ACTIONS_SECRET 太短：正式环境至少 {ACTIONS_SECRET_LENGTH} 个字符")
    return problems


def _files(settings: Settings) -> list[str]:
    problems = settings_files.files_s3(secret(settings.files_s3), production=settings.profile == "production")[1]
    if settings.uploads and not os.access(settings.uploads, os.W_OK | os.X_OK):
        problems.append("ZHANGBAN_UPLOADS 指向的文件夹不存在或不能写入：请检查，或删去此设置以使用系统的临时文件夹")
    if settings.clamd_url:
        try:
            Clamd(settings.clamd_url)
        except ValueError:
            problems.append("CLAMD_URL 应为 tcp://主机:端口 或 unix:///套接字的路径；没有 ClamAV 就删去此设置，上传的文件不做病毒扫描")
    return problems


def _paying(settings: Settings) -> list[str]:
    production, given = settings.profile == "production", (secret(settings.wechat_pay), secret(settings.alipay_pay))
    problems = settings_pay.wechat_pay(given[0], settings.wechat_appid, production=production)[1]
    problems += settings_pay.alipay_pay(given[1], secret(settings.alipay_app_private_key), production=production)[1]
    if any(given) and production and not settings.statements:
        problems.append("缺少设置 ZHANGBAN_STATEMENTS：开通了支付，就要给出保存对账单的文件夹（见 docs/operations.md）")
    if any(given):
        problems += settings_pay.public_url(settings.public_url, production=production)
    if production and os.environ.get(kill_points.VARIABLE):
        problems.append(f"{kill_points.VARIABLE} 只用于测试：正式环境请删去此设置")
    return problems


def _notify(settings: Settings) -> list[str]:
    problems = settings_notify.wechat_templates(settings.wechat_templates)[1] + settings_notify.alipay_templates(settings.alipay_templates)[1]
    return problems + settings_notify.sms(secret(settings.sms), production=settings.profile == "production")[1]


def _pretend(settings: Settings) -> list[str]:
    """Sandbox addresses and keys must never serve residents."""
    problems = []
    for name, url in (("CORE_URL", settings.core_url), ("WECHAT_URL", settings.wechat_url), ("ALIPAY_GATEWAY", settings.alipay_gateway)):
        parts = urlsplit(url)
        if parts.scheme != "https" or parts.hostname in _LOCAL or "sandbox" in (parts.hostname or "") or "alipaydev" in (parts.hostname or ""):
            problems.append(f"ZHANGBAN_{name} 指向沙箱或不安全的地址：正式环境只接受 https 的真实地址")
    for name, value in (
        ("WECHAT_APPID", settings.wechat_appid),
        ("ALIPAY_APP_ID", settings.alipay_app_id),
        ("CORE_CLIENT_ID", settings.core_client_id),
    ):
        if value.startswith(_SANDBOX_MARKS):
            problems.append(f"ZHANGBAN_{name} 是沙箱账号：正式环境不能使用")
    return problems
