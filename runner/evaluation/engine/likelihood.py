"""Log-likelihoods of requests under the adapters of one forward pass.

Shapes: K slots of the pass, T tokens of the tree, I hidden size, V vocabulary, U places where something is predicted,
C chunk of such places over all slots, P scored tokens, R requests of the pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runner.evaluation.engine.passes import Pass
from runner.evaluation.engine.tree import TokenTree, plant
from runner.evaluation.engine.tree_attention import TreeAttention
from runner.evaluation.requests import LikelihoodRequest, Likelihoods
from runner.training.adapters import PackedAdapter
from runner.training.head_loss import CHUNK_TOKENS
from runner.training.layout import Segment
from runner.training.packed_model import PackedModel, Stream


def run_pass(
    model: PackedModel,
    adapters: Mapping[int, PackedAdapter],
    requests: Sequence[LikelihoodRequest],
    work: Pass,
    worker: int = 0,
) -> Likelihoods:
    """The answers to the requests of the pass, one row per slot and one column per request of it."""
    tree = plant(requests, work.requests)
    hidden_TI = model.hidden(tree_stream(tree, work.slots, model.device), adapters, worker=worker)
    places_U, place_P = np.unique([s.place for s in tree.scored], return_inverse=True)
    index_U = torch.from_numpy(places_U).to(model.device)
    hidden_KUI = hidden_TI.view(len(work.slots), len(tree.token_ids), -1).index_select(1, index_U)
    logprob_KP, is_top_KP = _score(
        hidden_KUI.to(model.compute_dtype), model.output_weight, place_P, np.array([s.target for s in tree.scored])
    )
    column = {index: i for i, index in enumerate(work.requests)}
    return _by_request(logprob_KP, is_top_KP, np.array([column[s.request] for s in tree.scored]), len(column))


def tree_stream(tree: TokenTree, slots: Sequence[int], device: torch.device) -> Stream:
    """The tree once for each of `slots`, one behind the other."""
    n_slots, n_tokens = len(slots), len(tree.token_ids)
    return Stream(
        torch.tensor(tree.token_ids, device=device).repeat(n_slots),
        torch.tensor(tree.positions, device=device).repeat(n_slots),
        tuple(Segment(slot, i * n_tokens, (i + 1) * n_tokens) for i, slot in enumerate(slots)),
        TreeAttention(tree.ends, tree.positions, n_slots, device),
    )


@torch.no_grad()
def _score(
    hidden_KUI: Tensor, weight_VI: Tensor, place_P: NDArray[np.int64], target_P: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Log-probability (nats) of each scored token under each slot, and whether no token is likelier.

    Places that several tokens are predicted from (the end of a context) are put through the vocabulary once.
    """
    n_slots, n_places, _ = hidden_KUI.shape
    hidden_BI = hidden_KUI.flatten(0, 1)
    row_B = (np.arange(n_slots)[:, None] * n_places + place_P).ravel()
    target_B = np.tile(target_P, n_slots)
    logprob_B = np.empty(len(row_B))
    is_top_B = np.empty(len(row_B), dtype=np.bool_)
    for start in range(0, len(hidden_BI), CHUNK_TOKENS):
        logits_CV = (hidden_BI[start : start + CHUNK_TOKENS] @ weight_VI.T).float()
        normalizer_C, top_C = torch.logsumexp(logits_CV, dim=1), logits_CV.argmax(dim=1)
        mine = slice(*np.searchsorted(row_B, (start, start + CHUNK_TOKENS)))
        rows, targets = (torch.from_numpy(x[mine]).to(logits_CV.device) for x in (row_B - start, target_B))
        logprob_B[mine] = (logits_CV[rows, targets] - normalizer_C[rows]).cpu().numpy()
        is_top_B[mine] = (top_C[rows] == targets).cpu().numpy()
    return logprob_B.reshape(n_slots, -1), is_top_B.reshape(n_slots, -1)


def _by_request(
    logprob_KP: NDArray[np.float64], is_top_KP: NDArray[np.bool_], request_P: NDArray[np.int64], n_requests: int
) -> Likelihoods:
    sums_KR = np.zeros((len(logprob_KP), n_requests))
    all_top_KR = np.ones((len(logprob_KP), n_requests), dtype=np.bool_)
    for k, (logprob_P, is_top_P) in enumerate(zip(logprob_KP, is_top_KP, strict=True)):
        np.add.at(sums_KR[k], request_P, logprob_P)
        np.logical_and.at(all_top_KR[k], request_P, is_top_P)
    return Likelihoods(sums_KR, all_top_KR & np.isfinite(sums_KR))
