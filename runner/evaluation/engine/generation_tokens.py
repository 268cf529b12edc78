"""The next token of each row: the likeliest one, or one drawn.

Shapes: N rows, V vocabulary.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner.evaluation.benchmark import Decoding


def next_tokens(logits_NV: Tensor, decoding: Decoding, draws_N: Sequence[float]) -> list[int]:
    """One token for each row.

    Args:
        logits_NV: Finite, float32.
        decoding: Greedy without a temperature.
        draws_N: Uniform numbers in [0, 1), one per row; not read when greedy.
    """
    if decoding.temperature == 0:
        return [int(token) for token in logits_NV.argmax(dim=1)]
    # In order of the token ids: adapters that agree on the distribution agree on the token.
    cumulative_NV = token_probabilities(logits_NV, decoding).double().cumsum(dim=1)
    wanted_N1 = torch.tensor(draws_N, dtype=torch.float64, device=logits_NV.device)[:, None] * cumulative_NV[:, -1:]
    return [int(token) for token in torch.searchsorted(cumulative_NV, wanted_N1, right=True).squeeze(1)]


def token_probabilities(logits_NV: Tensor, decoding: Decoding) -> Tensor:
    """What tokens are drawn from, `(N, V)`: temperature first, then `top_k`, then `top_p` of what is left.

    Source: order and ties as `TemperatureLogitsWarper`, `TopKLogitsWarper`, `TopPLogitsWarper` of transformers 5.23;
    tokens as likely as the k-th stay too.
    """
    # The largest logit becomes 0 first and no temperature is 0 in float32: overflow ends at -inf, never at NaN.
    temperature = max(decoding.temperature, torch.finfo(torch.float32).tiny)
    scores_NV = (logits_NV - logits_NV.amax(dim=1, keepdim=True)) / temperature
    if decoding.top_k is not None:
        kth_N1 = scores_NV.topk(min(decoding.top_k, scores_NV.shape[1]), dim=1).values[:, -1:]
        scores_NV.masked_fill_(scores_NV < kth_N1, -torch.inf)
    if decoding.top_p is not None:
        ascending_NV, order_NV = scores_NV.sort(dim=1)
        is_tail_NV = ascending_NV.softmax(dim=1).cumsum(dim=1) <= 1 - decoding.top_p
        is_tail_NV[:, -1] = False
        scores_NV.masked_fill_(is_tail_NV.scatter(1, order_NV, is_tail_NV), -torch.inf)
    return scores_NV.softmax(dim=1)


def draw_numbers(prompts: Sequence[tuple[int, ...]], decoding: Decoding) -> list[NDArray[np.float64]]:
    """For each prompt the uniform numbers of its steps; empty ones when greedy.

    They depend on the seed, the prompt's tokens, how often the same prompt came before, and the step: on no order, and
    not on what else is asked, so that the rest of an interrupted evaluation is drawn as the whole would have been.
    """
    if decoding.temperature == 0:
        return [np.empty(0)] * len(prompts)
    n_before: Counter[tuple[int, ...]] = Counter()
    numbers = []
    for prompt in prompts:
        digest = hashlib.sha256(np.array(prompt, dtype="<i8").tobytes()).digest()
        key = [decoding.seed, n_before[prompt], *np.frombuffer(digest, dtype="<u4").tolist()]
        numbers.append(np.random.Generator(np.random.PCG64(key)).random(decoding.max_new_tokens))
        n_before[prompt] += 1
    return numbers
