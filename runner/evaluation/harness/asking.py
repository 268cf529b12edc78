"""What the harness asks of a model, asked of all slots of an engine at once.

Source of what is asked: lm-evaluation-harness 0.4.13, class `HFLM` (model `hf`); methods by name below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from lm_eval.api.instance import Instance
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from runner.errors import ConfigError
from runner.evaluation.harness.decoding import decoding_of
from runner.evaluation.harness.encoding import Encoding
from runner.evaluation.requests import Engine, LikelihoodRequest, Progress

Encoded: TypeAlias = tuple[tuple[str, str] | None, list[int], list[int]]
"""Texts, tokens of the context, tokens of the continuation."""
_Answer = TypeVar("_Answer")
BySlot: TypeAlias = list[list[_Answer]]
"""Answers of each slot, in the order of the requests."""


class Asking:
    """An engine behind the harness's kinds of requests.

    The harness counts what goes into the model, the engine also the token that is only predicted: what is too long
    keeps one token less than there.

    Args:
        engine: Answers.
        encoding: Of its model.
        seed: Of sampled answers.
        progress: Hears how far the engine is.
    """

    def __init__(self, engine: Engine, encoding: Encoding, seed: int, progress: Progress | None = None) -> None:
        self.encoding = encoding
        self._engine, self._seed, self._progress = engine, seed, progress
        self._max_input = engine.context_length - 1

    def score(self, pairs: Sequence[Encoded]) -> BySlot[tuple[float, bool]]:
        """Log-likelihoods (nats) of continuations, and whether they are the greedy ones."""
        found = self._engine.log_likelihoods([self._fit(pair) for pair in pairs], self._progress)
        return [
            list(zip(map(float, values_R), map(bool, greedy_R), strict=True))
            for values_R, greedy_R in zip(found.log_likelihood_KR, found.is_greedy_KR, strict=True)
        ]

    def _fit(self, pair: Encoded) -> LikelihoodRequest:
        """Cuts on the left what is longer than the context. Source: `_loglikelihood_tokens`."""
        texts, context, continuation = pair
        if not 0 < len(continuation) <= self._max_input:
            shown = repr(texts[1][:40]) if texts else "of a text"
            raise ConfigError(
                f"the continuation {shown} takes {len(continuation)} tokens of its own, 1 to {self._max_input} can be "
                "scored; leave the task out"
            )
        token_ids = (*context, *continuation)[-(self._max_input + 1) :]
        return LikelihoodRequest(token_ids, len(token_ids) - len(continuation))

    def roll(self, texts: Sequence[str]) -> BySlot[float]:
        """Log-likelihoods (nats) of texts; long ones in disjoint windows. Source: `loglikelihood_rolling`."""
        windows: list[Encoded] = []
        text_of: list[int] = []
        for number, text in enumerate(texts):
            for window in get_rolling_token_windows(
                self.encoding.encode(text), self.encoding.prefix_token_id, self._max_input, context_len=1
            ):
                windows.append((None, *make_disjoint_window(window)))
                text_of.append(number)
        sums = []
        for answers in self.score(windows):
            totals = [0.0] * len(texts)
            for number, (value, _) in zip(text_of, answers, strict=True):
                totals[number] += value
            sums.append(totals)
        return sums

    def write(self, requests: Sequence[Instance]) -> BySlot[str | None]:
        """What is written after each prompt; None where an adapter's numbers broke.

        Requests with the same settings are one call of the engine; a question that is asked again draws anew.
        """
        groups: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        n_before: defaultdict[tuple[object, ...], int] = defaultdict(int)
        for number, request in enumerate(requests):
            prompt, settings = request.args
            question = (request.task_name, request.doc_id, request.idx, prompt)
            groups[repr(settings), n_before[question]].append(number)
            n_before[question] += 1
        found: BySlot[str | None] = [[None] * len(requests) for _ in self._engine.slots]
        for (_, repeat), numbers in groups.items():
            for slot, texts in enumerate(self._write_alike([requests[i] for i in numbers], self._seed + repeat)):
                for number, text in zip(numbers, texts, strict=True):
                    found[slot][number] = text
        return found

    def _write_alike(self, requests: Sequence[Instance], seed: int) -> BySlot[str | None]:
        """Source: `generate_until`."""
        task = str(requests[0].task_name)
        decoding = decoding_of(requests[0].args[1], eos=self.encoding.end_text, seed=seed, task=task)
        room = self._engine.context_length - decoding.max_new_tokens
        if room < 1:
            raise ConfigError(
                f"task {task!r} lets the model write {decoding.max_new_tokens} tokens, its context has "
                f"{self._engine.context_length}; lower the task's max_gen_toks"
            )
        prompts = [self.encoding.encode_prompt(request.args[0])[-room:] for request in requests]
        return [
            [
                None if one.ended_by == "broken" else self.encoding.decode(one.token_ids, decoding.stop)
                for one in answers
            ]
            for answers in self._engine.generate(prompts, decoding, self._progress)
        ]
