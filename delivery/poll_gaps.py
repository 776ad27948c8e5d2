"""When a courier is asked of itself. Pushes tell nearly everything; a poll finds what they did not, and where they do not come it takes their place."""

from datetime import datetime, timedelta

from delivery.parcels import State

# After the last word of a parcel. A push puts the next poll off; 4 h: on the day it is brought, a resident waits for it.
HEARD = {State.DELIVERING: timedelta(hours=4), State.EXCEPTION: timedelta(hours=6), State.REJECTED: timedelta(hours=6)}
HEARD_ELSE = timedelta(hours=12)
# When a poll showed what no push had told: pushes do not reach us, and residents look at what polls bring.
UNHEARD = {State.DELIVERING: timedelta(hours=1)}
UNHEARD_ELSE = timedelta(hours=2)
LONGEST = timedelta(hours=24)
FRESH = timedelta(minutes=10)  # a scan as young as this may have its push on its way


def next_poll(state: State, moved_at: datetime, last_word: datetime, *, unheard: bool) -> datetime:
    """`last_word`: the last push, poll or booking; `moved_at`: the last scan. Gaps grow while a parcel stands still: a quarter of the silence."""
    gap = UNHEARD.get(state, UNHEARD_ELSE) if unheard else HEARD.get(state, HEARD_ELSE)
    return last_word + min(LONGEST, max(gap, (last_word - moved_at) / 4))
