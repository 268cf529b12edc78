"""Requests as a tree: nothing is lost, nothing is computed twice within a pass, items stay together."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.evaluation.engine import tree_attention
from runner.evaluation.engine.passes import even_size, plan_passes
from runner.evaluation.engine.tree import plant, sorted_indices, split_requests
from runner.evaluation.engine.tree_attention import TreeAttention
from runner.evaluation.requests import LikelihoodRequest


@st.composite
def requests(draw: st.DrawFn) -> list[LikelihoodRequest]:
    """Few different tokens: many sequences begin alike."""
    made = []
    for _ in range(draw(st.integers(1, 12))):
        ids = tuple(draw(st.lists(st.integers(1, 2), min_size=2, max_size=9)))
        made.append(LikelihoodRequest(ids, draw(st.integers(1, len(ids) - 1))))
    return made


@given(requests())
def test_every_token_sees_its_own_beginning_and_nothing_else(given_requests: list[LikelihoodRequest]) -> None:
    tree = plant(given_requests, sorted_indices(given_requests))
    scored: dict[int, list[int]] = {}
    for place, target, request in tree.scored:
        seen = [t for t in range(place + 1) if place < tree.ends[t]]
        begin = [tree.token_ids[t] for t in seen]
        assert [tree.positions[t] for t in seen] == list(range(len(seen)))
        assert (*begin, target) == given_requests[request].token_ids[: len(begin) + 1]
        scored.setdefault(request, []).append(len(begin))
    for index, (ids, n_context) in enumerate(given_requests):
        assert sorted(scored[index]) == list(range(n_context, len(ids)))


@given(requests())
def test_equal_beginnings_stand_there_once(given_requests: list[LikelihoodRequest]) -> None:
    tree = plant(given_requests, sorted_indices(given_requests))
    beginnings = {ids[:n] for ids, _ in given_requests for n in range(1, len(ids))}
    assert len(tree.token_ids) == len(beginnings)


@given(requests(), st.integers(1, 30))
def test_groups_hold_everything_once_and_say_their_size(given_requests: list[LikelihoodRequest], most: int) -> None:
    order = sorted_indices(given_requests)
    groups = list(split_requests(given_requests, order, most))
    assert [i for group, _ in groups for i in group] == order
    for group, size in groups:
        assert size == len(plant(given_requests, group).token_ids)
        assert size <= most or len(group) == 1


def test_a_group_ends_between_items() -> None:
    """Items of 12 and 14 tokens, 4 choices of 2 each: 20 tokens hold one of them, not one and a bit of the next."""
    items = [tuple(range(100 * i, 100 * i + 10 + 2 * i)) for i in (1, 2)]
    made = [LikelihoodRequest((*item, 900 + k, 7), len(item)) for item in items for k in range(4)]
    groups = list(split_requests(made, sorted_indices(made), 20))
    assert groups == [([0, 1, 2, 3], 16), ([4, 5, 6, 7], 18)]


@given(requests(), st.integers(1, 5), st.integers(1, 60))
def test_passes_answer_every_request_under_every_slot_once(
    given_requests: list[LikelihoodRequest], n_slots: int, most: int
) -> None:
    passes = list(plan_passes(given_requests, sorted_indices(given_requests), range(n_slots), most))
    answered = sorted((slot, request) for p in passes for slot in p.slots for request in p.requests)
    assert answered == [(slot, r) for slot in range(n_slots) for r in range(len(given_requests))]
    assert all(p.n_tokens <= most or p.n_answers == 1 for p in passes)


@given(st.integers(1, 10_000), st.integers(1, 500), st.integers(1, 8))
def test_sizes_give_every_worker_equally_many_passes(n_tokens: int, most: int, n_workers: int) -> None:
    size = even_size(n_tokens, most, n_workers)
    assert 1 <= size <= most
    assert -(-n_tokens // size) <= n_workers * -(-n_tokens // (n_workers * most))


@settings(max_examples=30)
@given(requests(), st.integers(1, 3), st.sampled_from([None, 1, 3]), st.sampled_from([1, 3, 128]))
def test_attention_is_that_of_every_sequence_alone(
    given_requests: list[LikelihoodRequest], n_slots: int, window: int | None, block: int
) -> None:
    """Whatever the blocks: the plain formula, token by token, over what the token sees."""
    tree = plant(given_requests, sorted_indices(given_requests))
    n, generator = len(tree.token_ids), torch.Generator().manual_seed(n_slots)
    query, key, value = (torch.randn(n_slots * n, h, 8, generator=generator) for h in (4, 2, 2))
    before = tree_attention.BLOCK_TOKENS
    try:
        tree_attention.BLOCK_TOKENS = block
        attend = TreeAttention(tree.ends, tree.positions, n_slots, torch.device("cpu"))
    finally:
        tree_attention.BLOCK_TOKENS = before
    out = attend(query, key, value, layer=0, scale=0.3, window=window)
    for slot in range(n_slots):
        for t in range(n):
            seen = [j for j in range(t + 1) if t < tree.ends[j]]
            seen = seen if window is None else seen[-window:]
            rows = [slot * n + j for j in seen]
            for head in range(4):
                weights = torch.softmax(0.3 * key[rows, head // 2] @ query[slot * n + t, head], 0)
                torch.testing.assert_close(out[slot * n + t, head], weights @ value[rows, head // 2])
