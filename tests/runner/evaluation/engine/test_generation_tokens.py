"""Which token comes next: the filtered distribution, and draws that depend on seed, prompt and step alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.generation_tokens import draw_numbers, next_tokens, token_probabilities

LOGITS = torch.log(torch.tensor([[0.05, 0.4, 0.25, 0.2, 0.1]]))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    temperature=st.floats(0.05, 5.0),
    top_k=st.none() | st.integers(1, 40),
    top_p=st.none() | st.floats(0.01, 1.0),
)
def test_probabilities_are_those_of_transformers(
    seed: int, temperature: float, top_k: int | None, top_p: float | None
) -> None:
    logits_NV = torch.randn(3, 31, generator=torch.Generator().manual_seed(seed)) * 3
    expected = TemperatureLogitsWarper(temperature)(None, logits_NV.clone())
    if top_k is not None:
        expected = TopKLogitsWarper(top_k)(None, expected)
    if top_p is not None:
        expected = TopPLogitsWarper(top_p)(None, expected)
    ours = token_probabilities(logits_NV, Decoding(temperature=temperature, top_k=top_k, top_p=top_p))
    torch.testing.assert_close(ours, expected.softmax(dim=1), rtol=1e-4, atol=1e-5)


def test_filters_by_hand() -> None:
    def kept(**changes: float) -> list[int]:
        probabilities = token_probabilities(LOGITS.clone(), Decoding(temperature=1.0, **changes))  # type: ignore[arg-type]
        assert float(probabilities.sum()) == pytest.approx(1.0)
        return [int(i) for i in torch.nonzero(probabilities[0])]

    assert kept() == [0, 1, 2, 3, 4]
    assert kept(top_k=2) == [1, 2]
    assert kept(top_p=0.6) == [1, 2]
    assert kept(top_p=0.7) == [1, 2, 3]
    assert kept(top_p=1e-9) == [1]
    assert kept(top_k=3, top_p=0.7) == [1, 2]  # 0.65 of 0.85: top_p is a share of what top_k left


@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (Decoding(temperature=1.0), [0.05, 0.4, 0.25, 0.2, 0.1]),
        (Decoding(temperature=0.5), [0.0025, 0.16, 0.0625, 0.04, 0.01]),
        (Decoding(temperature=1.0, top_k=3), [0, 0.4, 0.25, 0.2, 0]),
        (Decoding(temperature=1.0, top_p=0.6), [0, 0.4, 0.25, 0, 0]),
    ],
)
def test_draws_have_the_distribution(decoding: Decoding, expected: list[float]) -> None:
    n = 20_000
    draws = np.array([numbers[0] for numbers in draw_numbers([(1, 2)] * n, decoding)])
    counts = np.bincount(next_tokens(LOGITS.expand(n, -1), decoding, draws.tolist()), minlength=5)
    shares = np.array(expected) / sum(expected)
    assert counts[shares == 0].sum() == 0
    assert chisquare(counts[shares > 0], n * shares[shares > 0]).pvalue > 0.001


def test_no_draw_takes_a_token_without_probability() -> None:
    logits_NV = torch.tensor([[-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf]])
    for draw, token in ((0.0, 1), (0.4999, 1), (0.5, 3), (np.nextafter(1.0, 0.0), 3)):
        assert next_tokens(logits_NV, Decoding(temperature=1.0), [float(draw)]) == [token]


def test_a_tiny_temperature_is_greedy() -> None:
    for temperature in (1e-3, 1e-30, 5e-324):
        assert next_tokens(LOGITS, Decoding(temperature=temperature), [0.999]) == [1]


def test_draws_depend_on_seed_prompt_repetition_and_step_only() -> None:
    def numbers(*prompts: tuple[int, ...], seed: int = 0, n_steps: int = 4) -> list[list[float]]:
        decoding = Decoding(temperature=1.0, seed=seed, max_new_tokens=n_steps)
        return [drawn.tolist() for drawn in draw_numbers(prompts, decoding)]

    a, b = numbers((1, 2), (3,))
    assert numbers((3,), (1, 2)) == [b, a]
    assert numbers((3,)) == [b]
    assert numbers((3,), n_steps=2) == [b[:2]]
    again = numbers((3,), (1, 2), (3,))
    assert again[:2] == [b, a]
    assert again[2] not in (a, b)  # several samples of one prompt differ
    different = [a, b, again[2], *numbers((1, 2), seed=1), *numbers((1,), (2, 3))]
    assert len({tuple(drawn) for drawn in different}) == len(different)


def test_greedy_draws_nothing() -> None:
    assert [len(drawn) for drawn in draw_numbers([(1,), (2,)], Decoding())] == [0, 0]
    assert next_tokens(LOGITS, Decoding(), []) == [1]
