"""Where each token of a micro-batch stands."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from runner.training.layout import IGNORED, Row, common_prefix, lay_out, share_rows, split_rows


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows over few tokens, so that prefixes are shared by chance, of up to four slots."""
    made = []
    for _ in range(draw(st.integers(1, 8))):
        n = draw(st.integers(2, 9))
        ids = draw(st.lists(st.integers(1, 2), min_size=n, max_size=n))
        n_prompt = draw(st.integers(1, n - 1))
        labels = [IGNORED] * (n_prompt - 1) + ids[n_prompt:] + [IGNORED]
        made.append(Row(draw(st.integers(0, 3)), ids, labels))
    return made


@given(rows(), st.booleans())
def test_every_row_can_be_read_back(given_rows: list[Row], share: bool) -> None:
    micro = lay_out(given_rows, unshared_slots=() if share else range(4))
    ordered = sorted(given_rows, key=lambda r: r.slot)
    for n, row in enumerate(ordered):
        cells = micro.padded_index_NL[n, : len(row.token_ids)]
        assert micro.token_ids_T[cells].tolist() == list(row.token_ids)
        assert micro.position_ids_T[cells].tolist() == list(range(len(row.token_ids)))
        start, stop = next((s.start, s.stop) for s in micro.segments if s.slot == row.slot)
        assert start <= int(cells.min()) <= int(cells.max()) < stop
    assert sorted(micro.targets_S.tolist()) == sorted(t for r in given_rows for t in r.labels if t != IGNORED)


@given(rows())
def test_a_token_is_at_home_in_a_cell_that_holds_it(given_rows: list[Row]) -> None:
    micro = lay_out(given_rows)
    held = micro.padded_index_NL.flatten()[micro.cell_of_token_T]
    assert torch.equal(held, torch.arange(len(micro.token_ids_T)))


@given(rows(), st.integers(4, 40))
def test_splitting_keeps_every_row_and_the_limit(given_rows: list[Row], most: int) -> None:
    groups = split_rows(given_rows, most)
    assert sorted(map(id, (row for group in groups for row in group))) == sorted(map(id, given_rows))
    for group in groups:
        assert len(group) == 1 or max(len(r.token_ids) for r in group) * len(group) <= most


def test_a_prefix_ends_before_the_first_loss() -> None:
    one = Row(0, [1, 2, 3, 4], [IGNORED, 3, 4, IGNORED])
    two = Row(0, [1, 2, 3, 5], [IGNORED, 3, 5, IGNORED])
    assert common_prefix([one, two]) == 1
    assert common_prefix([one]) == 0


@given(rows(), st.integers(1, 4))
def test_shares_are_even_and_cut_few_slots(given_rows: list[Row], n_shares: int) -> None:
    shares = share_rows(given_rows, n_shares)
    assert sorted(map(id, (row for share in shares for row in share))) == sorted(map(id, given_rows))
    assert len(shares) <= n_shares
    longest = max(len(r.token_ids) for r in given_rows)
    even = sum(len(r.token_ids) for r in given_rows) / n_shares
    assert all(sum(len(r.token_ids) for r in share) <= even + longest for share in shares)
    slots = [{r.slot for r in share} for share in shares]
    assert sum(map(len, slots)) <= len(set().union(*slots)) + len(shares) - 1
