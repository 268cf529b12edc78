"""Items and benchmarks with the hashes that identify them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Final

from analysis.store.schema import Direction
from runner.data.examples import Message, content_hash
from runner.evaluation.benchmark import Benchmark, Excluded, Form, Item, Normalisation

WAY_OF_ASKING: Final = 1
"""Part of every digest: to be raised when items become other requests, or answers other scores, than before."""
CHOICE_METRICS: Final[Mapping[Normalisation, str]] = {
    "sum": "acc",
    "token": "acc_per_token",
    "byte": "acc_per_byte",
    "unconditional": "acc_unconditional",
}
EXACT: Final = "exact"


def make_item(
    prompt: tuple[Message, ...] | str,
    *,
    choices: Sequence[str] = (),
    gold: int = 0,
    answer: str = "",
    family: str = "",
    unconditional: str = "",
) -> Item:
    """Returns an item with its id, a hash of everything but the family."""
    content = [_content(prompt), list(choices), gold, answer, unconditional]
    item_id = content_hash(content)[:16]
    return Item(
        item_id=item_id,
        prompt=prompt,
        choices=tuple(choices),
        gold=gold,
        answer=answer,
        family=family,
        unconditional=unconditional,
    )


def make_benchmark(
    name: str,
    form: Form,
    items: Sequence[Item],
    *,
    rule: str = "",
    source: str = "",
    excluded: Sequence[Excluded] = (),
    main_metric: str = "",
) -> Benchmark:
    """Returns a benchmark with its digest, metrics and chance level.

    Args:
        name: What scores are stored under.
        form: How the items are put to the model.
        items: At least one, none twice.
        rule: The check of a `generation` benchmark.
        source: Where the items come from.
        excluded: What was left out.
        main_metric: Which of the form's metrics comes first; empty: the usual one.
    """
    metrics = _metrics(form, rule)
    first = main_metric or next(iter(metrics))
    return Benchmark(
        name=name,
        form=form,
        items=tuple(items),
        metrics={first: metrics[first], **metrics},
        chance_level=fmean(1 / len(item.choices) for item in items) if form == "choice" else None,
        digest=_digest(form, rule, items),
        rule=rule,
        source=source,
        excluded=tuple(excluded),
    )


def first_items(benchmark: Benchmark, n_items: int) -> Benchmark:
    """Returns the benchmark cut to its first items, for quick looks; its digest is another one where any are left out.

    Raises:
        ValueError: less than one item is asked for.
    """
    if n_items < 1:
        raise ValueError(f"a benchmark needs at least one item, got {n_items}")
    kept = benchmark.items[:n_items]
    chance = fmean(1 / len(item.choices) for item in kept) if benchmark.form == "choice" else None
    digest = _digest(benchmark.form, benchmark.rule, kept)
    return replace(benchmark, items=kept, chance_level=chance, digest=digest)


def metric_names(form: Form, rule: str = "") -> tuple[str, ...]:
    """Returns the metrics of a form, the usual main one first."""
    return tuple(_metrics(form, rule))


def _metrics(form: Form, rule: str) -> dict[str, Direction]:
    if form == "choice":
        return dict.fromkeys(CHOICE_METRICS.values(), "max")
    if form == "text":
        return {"bits_per_byte": "min", "perplexity": "min"}
    return {"exact_match" if rule == EXACT else "correct": "max"}


def _digest(form: Form, rule: str, items: Sequence[Item]) -> str:
    return content_hash([WAY_OF_ASKING, form, rule, [item.item_id for item in items]])[:16]


def _content(prompt: tuple[Message, ...] | str) -> str | list[list[str]]:
    return prompt if isinstance(prompt, str) else [[message.role, message.content] for message in prompt]
