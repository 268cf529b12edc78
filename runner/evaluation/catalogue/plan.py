"""A benchmark's items as requests to an engine, and which request belongs to which item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from runner.errors import ConfigError
from runner.evaluation.benchmark import Benchmark, Decoding, Excluded, Item, Normalisation
from runner.evaluation.catalogue.drafts import Draft, Part, Planner, Refused, TooLong
from runner.evaluation.catalogue.skills import SKILL_DECODING
from runner.evaluation.catalogue.tokens import Tokenizer
from runner.evaluation.requests import LikelihoodRequest

USUAL_NORMALISATIONS: Final[tuple[Normalisation, ...]] = ("sum", "token", "byte")
"""Those that need no requests beyond one for each choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """What to ask about a benchmark, of one model with one context length.

    Attributes:
        benchmark: What is measured.
        items: Items that are asked, in the benchmark's order.
        requests: Of `choice` and `text` benchmarks.
        parts: What each request is for.
        prompts: Of `generation` benchmarks: tokens, one prompt for each item.
        decoding: How the model writes; None unless it does.
        normalisations: Which scores of choices are wanted.
        n_truncated: Items whose prompt lost its beginning, or whose text is taken in pieces, to fit into the context.
        refused: Items that are not asked: their ids as places, with reasons.
    """

    benchmark: Benchmark
    items: tuple[Item, ...]
    requests: tuple[LikelihoodRequest, ...] = ()
    parts: tuple[Part, ...] = ()
    prompts: tuple[tuple[int, ...], ...] = ()
    decoding: Decoding | None = None
    normalisations: tuple[Normalisation, ...] = USUAL_NORMALISATIONS
    n_truncated: int = 0
    refused: tuple[Excluded, ...] = ()

    @property
    def n_refused(self) -> int:
        """How many items are not asked."""
        return len(self.refused)


def decoding_for(benchmark: Benchmark) -> Decoding | None:
    """Returns how a `generation` benchmark's answers are written unless somebody says otherwise: greedily."""
    if benchmark.form != "generation":
        return None
    return SKILL_DECODING if benchmark.rule == "skill" else Decoding()


def plan_requests(
    benchmark: Benchmark,
    tokenizer: Tokenizer,
    context_length: int,
    *,
    too_long: TooLong = "truncate",
    normalisations: Sequence[Normalisation] = USUAL_NORMALISATIONS,
    decoding: Decoding | None = None,
) -> EvaluationPlan:
    """Returns the requests of a benchmark.

    Args:
        benchmark: What is asked.
        tokenizer: Of the model.
        context_length: Most tokens of a request; of a prompt and what is written after it.
        too_long: What happens to items that do not fit: prompts are cut on the left, or the item is refused. A choice
            that does not fit by itself is always refused.
        normalisations: Wanted scores of choices; `unconditional` needs further requests.
        decoding: How a `generation` benchmark's answers are written; `decoding_for` says how by default.

    Raises:
        ConfigError: not one item can be asked.
    """
    usual = decoding_for(benchmark)
    decoding = usual and (decoding or usual)
    planner = Planner(benchmark, tokenizer, context_length, too_long, "unconditional" in normalisations, decoding)
    items, drafts, refused = _draft_all(benchmark, planner)
    if not items:
        raise ConfigError(
            f"benchmark {benchmark.name!r}: none of its {len(benchmark.items)} items can be asked with a context of "
            f"{context_length} tokens (the first: {refused[0].reason}); use a model with a longer context"
        )
    return EvaluationPlan(
        benchmark=benchmark,
        items=tuple(items),
        requests=tuple(request for draft in drafts for request in draft.requests),
        parts=tuple(part for draft in drafts for part in draft.parts),
        prompts=tuple(draft.prompt for draft in drafts) if decoding else (),
        decoding=decoding,
        normalisations=tuple(dict.fromkeys(normalisations)),
        n_truncated=sum(draft.is_truncated for draft in drafts),
        refused=tuple(refused),
    )


def _draft_all(benchmark: Benchmark, planner: Planner) -> tuple[list[Item], list[Draft], list[Excluded]]:
    items: list[Item] = []
    drafts: list[Draft] = []
    refused: list[Excluded] = []
    for item in benchmark.items:
        try:
            drafts.append(planner.draft(item, len(items)))
            items.append(item)
        except Refused as reason:
            refused.append(Excluded(place=item.item_id, reason=str(reason)))
    return items, drafts, refused
