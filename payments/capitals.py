"""An amount in Chinese capital numerals (大写), as it stands on receipts, so that a figure cannot be altered by adding a stroke.

Source: 支付结算办法, 附一 正确填写票据和结算凭证的基本规定 (中国人民银行, 银发〔1997〕393号).
"""

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("仟", "佰", "拾", "")
_GROUPS = ("", "万", "亿")
_MOST = 10**12  # yuan: what three groups of four digits hold


def in_capitals(fen: int) -> str:
    """12345 -> "壹佰贰拾叁元肆角伍分", without the word 人民币. Raises ValueError below zero and from a trillion yuan on.

    Ends with 整 unless there are fen. One 零 for zeros between two digits; none where they only fill up a group of four (107,000: 壹拾万柒仟元).
    """
    if not 0 <= fen < _MOST * 100:
        raise ValueError("not an amount that a receipt shows")
    whole, jiao, rest = fen // 100, fen // 10 % 10, fen % 10
    text = f"{_whole(whole)}元" if whole or not fen else ""
    if jiao:
        text += ("零" if whole and whole % 10 == 0 else "") + f"{_DIGITS[jiao]}角"
    elif rest and whole:
        text += "零"
    return text + (f"{_DIGITS[rest]}分" if rest else "整")


def _whole(yuan: int) -> str:
    if yuan == 0:
        return "零"
    text, gap = "", False  # gap: a whole group of zeros lies between
    for group in (2, 1, 0):
        digits = yuan // 10 ** (4 * group) % 10_000
        if digits == 0:
            gap = bool(text)
            continue
        zero = "零" if text and (gap or digits < 1000) else ""
        text += zero + _four(digits) + _GROUPS[group]
        gap = False
    return text


def _four(digits: int) -> str:
    """1 to 9999, from its first digit that is not zero."""
    text, gap = "", False
    for digit, place in zip(f"{digits:04d}", _PLACES, strict=True):
        if digit == "0":
            gap = bool(text)
            continue
        text += ("零" if gap else "") + _DIGITS[int(digit)] + place
        gap = False
    return text
