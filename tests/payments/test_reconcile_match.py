"""The join and the spools: whatever the order in which rows come, every key is seen once with all that is said of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments import spool as spool_module
from payments.match import SOURCES, Row, Source, Totals, join, judge
from payments.spool import Spool

Pairs = list[tuple[str, int]]
ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", "c", "dd", "é", "中"]), st.integers(1, 3)), max_size=12)


@given(ROWS, ROWS, ROWS, ROWS)
def test_every_key_comes_once_with_the_sum_of_its_lines(gateway: Pairs, ledger: Pairs, booked: Pairs, core: Pairs) -> None:
    given_rows: dict[Source, Pairs] = {"gateway": gateway, "ledger": ledger, "booked": booked, "core": core}
    sources: dict[Source, list[Row]] = {name: sorted(Row(key, key, fen) for key, fen in rows) for name, rows in given_rows.items()}
    joined = list(join("paid", sources))
    assert [one.key for one in joined] == sorted({row.key for rows in sources.values() for row in rows})
    for one in joined:
        for name, rows in sources.items():
            own = [row.amount_fen for row in rows if row.key == one.key]
            side = getattr(one, name)
            assert (side.amount_fen, side.lines) == (sum(own), len(own)) if own else side is None


@given(ROWS)
def test_books_that_say_the_same_never_differ_and_totals_agree(rows: Pairs) -> None:
    same = sorted({key: Row(key, key, fen) for key, fen in rows}.values())
    totals = Totals()
    for one in join("paid", dict.fromkeys(SOURCES, same)):
        totals.add(one)
        assert judge(one) == []
    assert len({(tally.count, tally.fen) for tally in totals.paid.values()}) == 1


def test_rows_come_back_in_order_whatever_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "RUN", 7)
    spool = Spool(tmp_path, "x")
    keys = [f"{number * 37 % 100:03d}" for number in range(100)]
    spool.put(Row(key, key, 1, -2, "ref", ours=False) for key in keys)
    assert spool.count == 100 and len(list(tmp_path.iterdir())) == 14
    for _ in range(2):  # as often as wanted
        assert list(spool.rows()) == [Row(key, key, 1, -2, "ref", ours=False) for key in sorted(keys)]
