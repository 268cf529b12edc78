"""Beam search: transformers' own on the tiny model, and an exhaustive search on a made-up language."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.generation_beams import BeamWriter, Search
from runner.evaluation.engine.generation_endings import Endings
from runner.evaluation.engine.generation_rows import Start
from runner.evaluation.requests import LikelihoodRequest
from tests.runner.evaluation.engine.generating import PROMPTS, load_engine, peft_model, save_adapters, written_alone
from tests.tiny_model import make_tokenizer, save_tiny_model

NO_DRAWS = torch.empty(0).numpy()


@pytest.fixture(scope="module")
def endings() -> Endings:
    return Endings(make_tokenizer(), {2}, ())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("beams") / "tiny")


@pytest.mark.parametrize(("n_beams", "n_new"), [(2, 12), (5, 8)])
def test_beams_are_those_of_transformers(folder: Path, n_beams: int, n_new: int) -> None:
    adapters = save_adapters(folder, folder.parent)
    engine = load_engine(folder, adapters)
    answers = engine.generate(PROMPTS, Decoding(max_new_tokens=n_new, n_beams=n_beams))
    greedy = engine.generate(PROMPTS, Decoding(max_new_tokens=n_new))
    assert answers != greedy
    for slot, path in zip(answers, adapters.values(), strict=True):
        model = peft_model(folder, path)
        for answer, prompt in zip(slot, PROMPTS, strict=True):
            alone = written_alone(model, prompt, max_new_tokens=n_new, num_beams=n_beams)
            assert [*answer.token_ids, *[2] * (answer.ended_by == "eos")] == alone


def test_scores_are_those_of_transformers(folder: Path) -> None:
    engine = load_engine(folder, {"base": None})
    answer = engine.generate([PROMPTS[0]], Decoding(max_new_tokens=9, n_beams=4))[0][0]
    out = peft_model(folder, None).generate(
        input_ids=torch.tensor([PROMPTS[0]]),
        do_sample=False,
        num_beams=4,
        max_new_tokens=9,
        return_dict_in_generate=True,
        output_scores=True,
    )
    written = out.sequences[0, len(PROMPTS[0]) :].tolist()
    request = LikelihoodRequest((*PROMPTS[0], *written), len(PROMPTS[0]))
    score = engine.log_likelihoods([request]).log_likelihood_KR[0, 0] / len(written)
    assert score == pytest.approx(float(out.sequences_scores[0]), rel=1e-5)
    assert list(answer.token_ids) == [t for t in written if t != 2]


def language(ids: Sequence[int], n_tokens: int) -> Tensor:
    """Logits after `ids`, as random as can be but the same each time."""
    return torch.randn(n_tokens, generator=torch.Generator().manual_seed(hash(tuple(ids)) % 2**32)) * 2


def search_for(n_most: int, n_beams: int, endings: Endings, n_tokens: int) -> tuple[tuple[int, ...], Search]:
    """Runs a search over the made-up language to its end."""
    search = Search(n_most, n_beams, endings)
    written: list[tuple[int, ...]] = [()]
    while search.answer is None:
        moves = search.advance(torch.stack([language(ids, n_tokens) for ids in written]))
        written = [(*written[parent], token) for parent, token in moves]
    return search.answer.token_ids, search


@pytest.mark.parametrize("n_most", [1, 2, 3, 4])
def test_a_beam_wide_enough_finds_the_best_text_of_all(endings: Endings, n_most: int) -> None:
    n_tokens, eos = 5, 2
    best_score = -torch.inf
    best: tuple[int, ...] = ()
    for length in range(1, n_most + 1):
        for ids in itertools.product(range(n_tokens), repeat=length):
            if eos in ids[:-1] or (length < n_most and ids[-1] != eos):
                continue
            score = sum(
                float(torch.log_softmax(language(ids[:t], n_tokens), dim=0)[token]) for t, token in enumerate(ids)
            )
            if score / length > best_score:
                best_score, best = score / length, ids
    found, search = search_for(n_most, 700, endings, n_tokens)
    assert [*found, *[eos] * (search.finished[0][1] == "eos")] == list(best)
    assert search.finished[0][0].score == pytest.approx(best_score, rel=1e-5)


def test_ties_go_to_the_better_beam_then_to_the_smaller_token(endings: Endings) -> None:
    search = Search(3, 3, endings)
    assert search.advance(torch.zeros(1, 200)) == [(0, 0), (0, 1), (0, 3)]  # 2 ends a sequence, and is kept
    assert [beam.token_ids for beam, _ in search.finished] == [(2,)]
    assert search.advance(torch.zeros(3, 200)) == [(0, 0), (0, 1), (0, 3)]


def test_the_likeliest_continuations_may_all_be_ends() -> None:
    endings = Endings(make_tokenizer(), {0, 1, 2, 3}, ())
    writer = BeamWriter([Start(5, NO_DRAWS)] * 2, 2, endings)
    logits = torch.full((2, 6), -20.0)
    logits[:, :4] = torch.tensor([3.0, 2.0, 1.0, 0.0])
    move = writer.advance(logits)
    assert len(move.parents) == len(move.token_ids)
    while move.parents:
        move = writer.advance(logits[:1].expand(len(move.parents), -1))
    assert [answer and answer.ended_by for answer in writer.answers] == ["eos", "eos"]
    assert [answer and answer.token_ids for answer in writer.answers] == [(), ()]


def test_stop_texts_end_beams(folder: Path) -> None:
    engine = load_engine(folder, {"base": None})
    free = engine.generate([PROMPTS[0]], Decoding(max_new_tokens=10, n_beams=3))[0][0]
    stop = engine.tokenizer.decode(list(free.token_ids[1:2]))
    stopped = engine.generate([PROMPTS[0]], Decoding(max_new_tokens=10, n_beams=3, stop=(stop,)))[0][0]
    assert stop not in stopped.text
    assert stopped.ended_by in ("stop", "length", "eos")
