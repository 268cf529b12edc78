"""The loss at the vocabulary, in chunks: a full (tokens x vocabulary) tensor never exists.

Shapes: S scored tokens, I hidden size, V vocabulary, C chunk of scored tokens.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from runner.training.layout import Segment

CHUNK_TOKENS = 256
"""Our choice: at a vocabulary of 49,152 a float32 chunk is 50 MB, large enough for an efficient matmul."""


class HeadLoss(NamedTuple):
    """Sum of the negative log-likelihoods (nats) of each segment, and the gradient of the weighted total."""

    nll_sums: list[float]
    grad_hidden_SI: Tensor | None


def head_loss(
    hidden_SI: Tensor,
    weight_VI: Tensor,
    targets_S: Tensor,
    segments: Sequence[Segment],
    token_weights: Sequence[float] | None = None,
) -> HeadLoss:
    """Cross-entropy of `hidden @ weight.T` against the targets.

    Args:
        hidden_SI: Final hidden states of the scored tokens, in the compute type.
        weight_VI: The output embedding.
        targets_S: Target token ids.
        segments: One per trial, covering 0..S; a chunk never crosses a segment, so trials cannot touch each other.
        token_weights: Factor of each segment's tokens in the total that is differentiated; None skips the gradient.
    """
    grad_SI = None if token_weights is None else torch.empty_like(hidden_SI)
    sums = []
    for i, segment in enumerate(segments):
        total = torch.zeros((), dtype=torch.float64, device=hidden_SI.device)
        for start in range(segment.start, segment.stop, CHUNK_TOKENS):
            rows = slice(start, min(start + CHUNK_TOKENS, segment.stop))
            nll_C, grad_CV = _chunk(hidden_SI[rows] @ weight_VI.T, targets_S[rows], with_gradient=grad_SI is not None)
            total += nll_C.sum(dtype=torch.float64)
            if grad_SI is not None and token_weights is not None:
                torch.mm(grad_CV.mul_(token_weights[i]).to(hidden_SI.dtype), weight_VI, out=grad_SI[rows])
        sums.append(total.item())
    return HeadLoss(sums, grad_SI)


def _chunk(logits_CV: Tensor, targets_C: Tensor, *, with_gradient: bool) -> tuple[Tensor, Tensor]:
    """Negative log-likelihoods and their gradient with respect to the logits (softmax minus one-hot)."""
    logits_CV = logits_CV.float()
    log_normalizer_C1 = torch.logsumexp(logits_CV, dim=1, keepdim=True)
    target_C1 = logits_CV.gather(1, targets_C[:, None])
    nll_C = (log_normalizer_C1 - target_C1).squeeze(1)
    if with_gradient:
        logits_CV.sub_(log_normalizer_C1).exp_()
        logits_CV.scatter_add_(1, targets_C[:, None], torch.full_like(target_C1, -1.0))
    return nll_C, logits_CV
