"""What platforms answer, in our words: one table. Codes that are not here are our own fault until somebody has looked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """later: again after a gap. refused: not this person on this channel, the next one is tried. ours: parked with an alarm until an operator
    has mended it, the next channel is tried. stop: nothing of this message goes out any more."""

    LATER = "later"
    REFUSED = "refused"
    OURS = "ours"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason` is ours; `code` the platform's own word."""

    verdict: Verdict
    reason: str
    code: str


# channel -> the platform's code -> (verdict, our word)
CODES: Mapping[str, Mapping[str, tuple[Verdict, str]]] = {
    "wechat": {
        "errcode_43101": (Verdict.REFUSED, "no_consent_at_platform"),
        "errcode_43116": (Verdict.REFUSED, "no_consent_at_platform"),
        "errcode_40003": (Verdict.REFUSED, "account_unknown"),
        "errcode_40037": (Verdict.OURS, "template_unknown"),
        "errcode_47003": (Verdict.OURS, "values_refused"),
        "errcode_41030": (Verdict.OURS, "page_unknown"),
        "errcode_45168": (Verdict.STOP, "text_refused"),
        "errcode_40013": (Verdict.OURS, "credentials_refused"),
        "errcode_48001": (Verdict.OURS, "not_permitted"),
        "errcode_-1": (Verdict.LATER, "busy"),
        "errcode_45009": (Verdict.LATER, "quota_used"),
        "errcode_45011": (Verdict.LATER, "too_fast"),
    },
    # help pages of templatemessage.send; no page names the code for somebody who did not subscribe, this one is the sandbox's
    "alipay": {
        "USER_NOT_SUBSCRIBE": (Verdict.REFUSED, "no_consent_at_platform"),
        "USER_INFO_NOT_EXIST": (Verdict.REFUSED, "account_unknown"),
        "USER_TEMPLATE_ILLEGAL": (Verdict.OURS, "template_unknown"),
        "FORM_ID_NOT_MATCH_APPID": (Verdict.OURS, "template_of_the_old_kind"),
        "FORM_ID_OVER_TIME": (Verdict.OURS, "template_of_the_old_kind"),
        "TRADE_NO_NOT_MATCH_USERID": (Verdict.OURS, "template_of_the_old_kind"),
        "USER_TEMPLATE_LACK_KEYWORD": (Verdict.OURS, "values_refused"),
        "USER_KEYWORD_LENGTH_ERROR": (Verdict.OURS, "values_refused"),
        "isv.invalid-parameter": (Verdict.OURS, "values_refused"),
        "isv.insufficient-isv-permissions": (Verdict.OURS, "not_permitted"),
        "isv.insufficient-user-permissions": (Verdict.OURS, "not_permitted"),
        "isv.invalid-app-id": (Verdict.OURS, "credentials_refused"),
        "isv.invalid-signature": (Verdict.OURS, "credentials_refused"),
    },
    # help.aliyun.com/zh/sms, 国内消息API错误码; those without isv. or isp. are the open gateway's
    "sms": {
        "isv.MOBILE_NUMBER_ILLEGAL": (Verdict.REFUSED, "account_unknown"),
        "isv.BLACK_KEY_CONTROL_LIMIT": (Verdict.REFUSED, "blocked_at_platform"),
        "isv.CUSTOMER_REFUSED": (Verdict.REFUSED, "no_consent_at_platform"),
        "isv.BUSINESS_LIMIT_CONTROL": (Verdict.LATER, "too_fast"),
        "isv.DAY_LIMIT_CONTROL": (Verdict.LATER, "quota_used"),
        "isv.MONTH_LIMIT_CONTROL": (Verdict.OURS, "quota_used"),
        "isv.SMS_CONTENT_ILLEGAL": (Verdict.STOP, "text_refused"),
        "isv.SMS_TEMPLATE_ILLEGAL": (Verdict.OURS, "template_unknown"),
        "isv.SMS_SIGNATURE_ILLEGAL": (Verdict.OURS, "sign_name_refused"),
        "isv.SMS_SIGNATURE_SCENE_ILLEGAL": (Verdict.OURS, "sign_name_refused"),
        "isv.SMS_SIGN_ILLEGAL": (Verdict.OURS, "sign_name_refused"),
        "isv.SIGN_STATE_ILLEGAL": (Verdict.OURS, "sign_name_refused"),
        "isv.TEMPLATE_MISSING_PARAMETERS": (Verdict.OURS, "values_refused"),
        "isv.TEMPLATE_PARAMS_ILLEGAL": (Verdict.OURS, "values_refused"),
        "isv.INVALID_JSON_PARAM": (Verdict.OURS, "values_refused"),
        "isv.INVALID_PARAMETERS": (Verdict.OURS, "values_refused"),
        "isv.PARAM_LENGTH_LIMIT": (Verdict.OURS, "values_refused"),
        "isv.PARAM_NOT_SUPPORT_URL": (Verdict.OURS, "values_refused"),
        "isv.UNSUPPORTED_CONTENT": (Verdict.OURS, "values_refused"),
        "isv.AMOUNT_NOT_ENOUGH": (Verdict.OURS, "out_of_funds"),
        "isv.OUT_OF_SERVICE": (Verdict.OURS, "out_of_funds"),
        "isv.PRODUCT_UN_SUBSCRIPT": (Verdict.OURS, "not_permitted"),
        "isv.PRODUCT_UNSUBSCRIBE": (Verdict.OURS, "not_permitted"),
        "isv.ACCOUNT_NOT_EXISTS": (Verdict.OURS, "credentials_refused"),
        "isv.ACCOUNT_ABNORMAL": (Verdict.OURS, "not_permitted"),
        "isv.DENY_IP_RANGE": (Verdict.OURS, "not_permitted"),
        "isp.RAM_PERMISSION_DENY": (Verdict.OURS, "not_permitted"),
        "SignatureDoesNotMatch": (Verdict.OURS, "credentials_refused"),
        "InvalidAccessKeyId.NotFound": (Verdict.OURS, "credentials_refused"),
        "InvalidAccessKeyId.Inactive": (Verdict.OURS, "credentials_refused"),
        "InvalidTimeStamp.Expired": (Verdict.OURS, "clock_is_off"),
    },
}


def judged(channel: str, code: str) -> Answer:
    verdict, reason = CODES.get(channel, {}).get(code, (Verdict.OURS, "not_understood"))
    return Answer(verdict, reason, code)
