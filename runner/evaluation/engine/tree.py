"""Requests laid out as a tree: what several token sequences begin with stands in the stream once.

Choices of one item share its context, items share a system prompt or a few-shot prompt. Sequences are sorted, so the
stream is the tree in depth-first order: token j is seen from token i exactly when `j <= i < ends[j]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from runner.evaluation.requests import LikelihoodRequest


class Scored(NamedTuple):
    """One scored token: where in the stream it is predicted, what it is, and whose it is."""

    place: int
    target: int
    request: int


class TokenTree(NamedTuple):
    """A stream of T tokens; the last token of a request is only predicted, so it is not in it."""

    token_ids: list[int]
    positions: list[int]
    ends: list[int]
    """One past the last token that sees this one."""
    scored: list[Scored]
    """In the order of their places."""


def plant(requests: Sequence[LikelihoodRequest], chosen: Sequence[int]) -> TokenTree:
    """The tree of the requests with the indices `chosen`, which must be sorted by their token ids."""
    token_ids: list[int] = []
    positions: list[int] = []
    ends: list[int] = []
    scored: list[Scored] = []
    path: list[int] = []
    for index in chosen:
        ids, n_context = requests[index]
        n_shared = _n_common([token_ids[t] for t in path], ids[:-1])
        _close(ends, path[n_shared:], len(token_ids))
        new = range(len(token_ids), len(token_ids) + len(ids) - 1 - n_shared)
        path = [*path[:n_shared], *new]
        token_ids += ids[n_shared:-1]
        positions += range(n_shared, len(ids) - 1)
        ends += [0] * len(new)
        scored += [Scored(path[t - 1], ids[t], index) for t in range(n_context, len(ids))]
    _close(ends, path, len(token_ids))
    return TokenTree(token_ids, positions, ends, sorted(scored))


def split_requests(
    requests: Sequence[LikelihoodRequest], chosen: Sequence[int], max_tokens: int
) -> Iterator[tuple[list[int], int]]:
    """Groups of request indices whose trees have at most `max_tokens` tokens, with the size of each tree.

    A group ends where the least is shared, so that an item keeps its choices together; a longer request gets a group of
    its own.

    Args:
        requests: All of them.
        chosen: Indices of those to split, sorted by their token ids.
        max_tokens: Most tokens in a tree.
    """
    lengths = [len(requests[i].token_ids) - 1 for i in chosen]
    shared = [0, *(_n_common(requests[a].token_ids[:-1], requests[b].token_ids[:-1]) for a, b in pairwise(chosen))]
    start, size = 0, 0
    for stop in range(len(chosen)):
        while stop > start and size + lengths[stop] - shared[stop] > max_tokens:
            # Not before the middle: a cut that shares nothing may stand at the very beginning.
            cut = min(range((start + stop) // 2 + 1, stop + 1), key=lambda i: (shared[i], -i))
            yield list(chosen[start:cut]), _size(lengths, shared, start, cut)
            start, size = cut, _size(lengths, shared, cut, stop)
        size += lengths[stop] - (shared[stop] if stop > start else 0)
    if chosen:
        yield list(chosen[start:]), size


def sorted_indices(requests: Sequence[LikelihoodRequest]) -> list[int]:
    """Indices of the requests in the order of their token ids."""
    return sorted(range(len(requests)), key=lambda i: requests[i].token_ids[:-1])


def _size(lengths: Sequence[int], shared: Sequence[int], start: int, stop: int) -> int:
    """Tokens of the tree of `start` to `stop`: the first one shares with nobody before it."""
    return sum(lengths[start:stop]) - sum(shared[start + 1 : stop])


def _close(ends: list[int], tokens: Sequence[int], end: int) -> None:
    for token in tokens:
        ends[token] = end


def _n_common(a: Sequence[int], b: Sequence[int]) -> int:
    n = min(len(a), len(b))
    return next((i for i in range(n) if a[i] != b[i]), n)
