"""What may be shown of a name, a number, a phone or a channel's account: enough to recognise one's own, nothing to use."""


def masked_name(name: str) -> str:
    return "*" * max(1, len(name) - 1) + name[-1]


def masked_id(number: str) -> str:
    return f"{number[0]}{'*' * 13}{number[-4:]}"


def masked_phone(phone: str) -> str:
    return f"{phone[:3]}{'*' * max(1, len(phone) - 7)}{phone[-4:]}"


def masked_account(account: str) -> str:
    """An openid or user id means nothing to people; its end tells two apart."""
    return f"****{account[-4:]}"
