"""Base model and adapters in memory, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from runner.errors import ConfigError, EnvironmentProblem
from runner.evaluation.catalogue import ModelTokenizer, Tokenizer
from runner.evaluation.engine.engine import PackedEngine
from runner.evaluation.requests import Engine
from runner.evaluation.settings import Precision
from runner.evaluation.targets import Target, model_revision
from runner.training.base_model import ModelFolder, find_model, load_tokenizer


@dataclass(frozen=True, slots=True)
class Loaded:
    """An engine with a slot per target, and what goes with it."""

    engine: Engine
    tokenizer: Tokenizer
    facts: Mapping[str, object]
    """Precision and machine, recorded with the scores."""


class Loader(Protocol):
    """Brings targets that share a base model into memory."""

    def __call__(self, targets: Sequence[Target], precision: Precision) -> Loaded:
        """An engine with their slots; EnvironmentProblem where memory does not hold them."""
        ...


def load_pack(targets: Sequence[Target], precision: Precision) -> Loaded:
    """Loads the base model that the targets share, and their adapters.

    Raises:
        UcurveError: the model is not there, is not the one that the runs were trained over, or an adapter is damaged.
        EnvironmentProblem: they do not fit into memory.
    """
    folder = find_model(targets[0].model_id, model_revision(targets[0]))
    _check_model(folder, targets[0])
    engine = PackedEngine.load(folder, {target.slot: target.adapter for target in targets}, precision=precision)
    facts = {**engine.facts(), "device": engine.device_name}
    return Loaded(engine, ModelTokenizer(load_tokenizer(folder)), facts)


def for_packs(
    targets: Sequence[Target],
    load: Callable[[Sequence[Target]], Loaded],
    say: Callable[[str], None],
    use: Callable[[Sequence[Target], Loaded], None],
) -> None:
    """Calls `use` with packs of targets: all at once if memory holds them, else in halves, one pack at a time."""
    rest, size = list(targets), len(targets)
    while rest:
        pack = rest[:size]
        try:
            loaded = load(pack)
        except EnvironmentProblem as error:
            if len(pack) == 1:
                raise
            size = (len(pack) + 1) // 2
            say(f"{len(pack)} adapters at once are too many ({error}); trying {size}")
            continue
        use(pack, loaded)
        del loaded  # before the next one is loaded
        rest = rest[size:]


def _check_model(folder: ModelFolder, target: Target) -> None:
    base = target.base
    if base.model_digest is not None and folder.weights_digest not in (None, base.model_digest):
        raise ConfigError(
            f"the model in {folder.path} has changed since run {target.run_id!r} was trained over it (its weights "
            "differ); put the old one back"
        )
    if base.tokenizer_id is not None and folder.tokenizer_id != base.tokenizer_id:
        raise ConfigError(
            f"the tokenizer in {folder.path} has changed since run {target.run_id!r} was trained over it; "
            "put the old one back"
        )
