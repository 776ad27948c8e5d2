"""What residents asked and search had no answer for: kept as counts of short questions, without anything that looks like a person's number."""

import re

from content.text import folded

_LONGEST = 30  # longer ones tell a story, and stories name people
_NUMBER = re.compile(r"[0-9a-z]*[0-9][0-9a-z]{3,}")


def told(query: str) -> str | None:
    """The question as it may be kept, or None if it may not."""
    text = folded(query[: 4 * _LONGEST])
    if not 2 <= len(text) <= _LONGEST or "@" in text:
        return None
    return _NUMBER.sub("*", text)
