"""Generation settings of a task as the engine's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lm_eval.models.utils import handle_stop_sequences, normalize_gen_kwargs

from runner.errors import ConfigError
from runner.evaluation.benchmark import Decoding

MAX_NEW_TOKENS: Final = 256
"""Where a task does not say. Source: lm-evaluation-harness 0.4.13, `HFLM.max_gen_toks`."""
_TOP_K: Final = 50
"""Where a task that draws does not say. Source: transformers 5.23, default of `GenerationConfig.top_k`."""
_UNDERSTOOD: Final = frozenset({"until", "max_gen_toks", "do_sample", "temperature", "top_k", "top_p", "num_beams"})
_MEANS_NOTHING: Final[Mapping[str, object]] = {
    "use_cache": True, "repetition_penalty": 1.0, "length_penalty": 1.0, "early_stopping": False, "min_p": None
}  # fmt: skip
"""Settings that change nothing at these values."""


def decoding_of(arguments: Mapping[str, object], *, eos: str, seed: int, task: str) -> Decoding:
    """Returns a task's generation settings.

    Args:
        arguments: As the task states them: `until`, `max_gen_toks`, `do_sample`, `temperature` ...
        eos: Text of the token that ends a sequence; ends an answer, too.
        seed: Of the draws.
        task: For the message.

    Raises:
        ConfigError: the engine cannot write in this way.
    """
    stated = dict(normalize_gen_kwargs(dict(arguments), MAX_NEW_TOKENS))
    for name, value in stated.items():
        if name not in _UNDERSTOOD and not (name in _MEANS_NOTHING and value == _MEANS_NOTHING[name]):
            raise ConfigError(
                f"task {task!r} writes with {name} = {value!r}, which Ucurve cannot do; change its generation_kwargs"
            )
    draws = bool(stated["do_sample"]) and float(stated.get("temperature") or 0.0) > 0
    return Decoding(
        max_new_tokens=int(stated["max_gen_toks"]),
        temperature=float(stated["temperature"]) if draws else 0.0,
        top_k=(int(stated.get("top_k", _TOP_K)) or None) if draws else None,
        top_p=_top_p(stated.get("top_p")) if draws else None,
        n_beams=int(stated.get("num_beams") or 1),
        stop=tuple(text for text in handle_stop_sequences(list(stated["until"]), eos) if text),
        seed=seed,
    )


def _top_p(value: object) -> float | None:
    """1 draws among all, as None does."""
    return None if value is None or float(str(value)) >= 1 else float(str(value))
