"""What the slots of an engine write after prompts: all adapters at once, one token per row and step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.errors import ConfigError
from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.generation_beams import BeamWriter
from runner.evaluation.engine.generation_endings import Endings
from runner.evaluation.engine.generation_plan import MOST_ROWS, affordable_tokens, plan_waves
from runner.evaluation.engine.generation_rows import RowWriter, Start, Writer
from runner.evaluation.engine.generation_tokens import draw_numbers
from runner.evaluation.engine.generation_wave import Wave
from runner.evaluation.engine.passes import Pass, PassQueue, even_size
from runner.evaluation.requests import Generation, Progress
from runner.training.hardware import free_memory_bytes

if TYPE_CHECKING:
    from runner.evaluation.engine.engine import PackedEngine


def generate(
    engine: PackedEngine,
    prompts: Sequence[tuple[int, ...]],
    decoding: Decoding,
    progress: Progress | None = None,
) -> list[list[Generation]]:
    """What each slot writes after each prompt.

    Args:
        engine: The adapters over their base model.
        prompts: Tokens; one that fills the context gets an empty answer, ended by `length`.
        decoding: How tokens are taken.
        progress: Hears how many answers are there.

    Raises:
        ConfigError: A setting of `decoding` makes no sense.
        ValueError: A prompt is empty, or longer than the context.
        EnvironmentProblem: Memory does not hold one row.
    """
    check_decoding(decoding)
    for index, prompt in enumerate(prompts):
        _check_prompt(index, prompt, engine.context_length)
    task = _Task(engine, prompts, decoding)
    task.run(progress)
    return task.answers


class _Task:
    def __init__(self, engine: PackedEngine, prompts: Sequence[tuple[int, ...]], decoding: Decoding) -> None:
        self._engine, self._prompts, self._decoding = engine, prompts, decoding
        self._endings = Endings(engine.tokenizer, engine.eos_ids, decoding.stop)
        room = [min(decoding.max_new_tokens, engine.context_length - len(prompt)) for prompt in prompts]
        self._starts = [Start(*pair) for pair in zip(room, draw_numbers(prompts, decoding), strict=True)]
        self.answers = [[Generation((), "", "length")] * len(prompts) for _ in engine.slots]

    def run(self, progress: Progress | None) -> None:
        """Fills in `answers`."""
        engine, decoding = self._engine, self._decoding
        lengths = [decoding.n_beams * (len(p) + s.n_most) for p, s in zip(self._prompts, self._starts, strict=True)]
        writable = [i for i, start in enumerate(self._starts) if start.n_most > 0]
        most_rows = max(1, MOST_ROWS.get(engine.model.device.type, 64) // decoding.n_beams)
        most_rows = even_size(max(1, len(writable) * len(engine.slots)), most_rows, engine.workers.n_workers)
        most_tokens = affordable_tokens(
            engine.model.decoder.config,
            decoding,
            dtype=engine.model.compute_dtype,
            free_bytes=free_memory_bytes(engine.model.device),
            n_workers=engine.workers.n_workers,
            prefill_tokens=engine.micro_batch_tokens,
            most_rows=most_rows,
        )

        def split(chosen: Sequence[int], slots: Sequence[int], most: int) -> list[Pass]:
            return list(plan_waves(lengths, chosen, slots, most_rows=most_rows, most_tokens=most))

        waves = split(writable, range(len(engine.slots)), most_tokens)
        PassQueue(waves, lambda work, most: split(work.requests, work.slots, most), progress).run(
            self._write, engine.workers
        )

    def _write(self, work: Pass, worker: int) -> None:
        engine = self._engine
        wave = Wave(engine.model, engine.adapters, work.slots, [self._prompts[i] for i in work.requests], worker)
        starts = [self._starts[i] for i in work.requests] * len(work.slots)
        writer = self._writer(starts)
        wave.write(
            writer,
            n_beams=self._decoding.n_beams,
            n_columns=max(len(self._prompts[i]) + self._starts[i].n_most for i in work.requests),
            max_tokens=engine.micro_batch_tokens,
        )
        places = [(slot, prompt) for slot in work.slots for prompt in work.requests]
        for (slot, prompt), answer in zip(places, writer.answers, strict=True):
            if answer is None:
                raise RuntimeError(f"prompt {prompt} in slot {slot} was left without an answer")
            self.answers[slot][prompt] = answer

    def _writer(self, starts: Sequence[Start]) -> Writer:
        if self._decoding.n_beams > 1:
            return BeamWriter(starts, self._decoding.n_beams, self._endings)
        return RowWriter(starts, self._decoding, self._endings)


def check_decoding(decoding: Decoding) -> None:
    """Refuses settings that make no sense.

    Raises:
        ConfigError: Says which one, and what it may be.
    """
    rules: dict[str, tuple[bool, str]] = {
        "max_new_tokens": (decoding.max_new_tokens >= 1, "must be at least 1"),
        "temperature": (
            math.isfinite(decoding.temperature) and decoding.temperature >= 0,
            "must be a finite number, 0 (greedy) or above",
        ),
        "top_k": (decoding.top_k is None or decoding.top_k >= 1, "must be at least 1; leave it out for all tokens"),
        "top_p": (decoding.top_p is None or 0 < decoding.top_p <= 1, "must be above 0 and at most 1"),
        "n_beams": (decoding.n_beams >= 1, "must be at least 1"),
        "stop": (all(decoding.stop), "must not hold an empty text: it would end every answer at once"),
        "seed": (decoding.seed >= 0, "must be 0 or above"),
    }
    for name, (is_fine, rule) in rules.items():
        if not is_fine:
            raise ConfigError(f"decoding: {name} {rule}, got {getattr(decoding, name)!r}")
    if decoding.n_beams > 1 and decoding.temperature > 0:
        raise ConfigError(
            f"decoding: n_beams {decoding.n_beams} and temperature {decoding.temperature} exclude each other: a beam "
            "search draws nothing; leave out one of them"
        )


def _check_prompt(index: int, prompt: tuple[int, ...], context_length: int) -> None:
    if not prompt:
        raise ValueError(f"prompt {index} has no tokens; begin it with the tokenizer's first token")
    if len(prompt) > context_length:
        raise ValueError(
            f"prompt {index} has {len(prompt)} tokens, the model takes {context_length}; cut it on the left first"
        )
