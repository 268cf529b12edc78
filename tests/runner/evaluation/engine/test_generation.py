"""Answers of packed adapters: equal to transformers' and peft's own, whoever else is in the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch

from runner.errors import ConfigError, EnvironmentProblem
from runner.evaluation.benchmark import Decoding
from runner.evaluation.engine.engine import PackedEngine
from runner.evaluation.engine.generation_plan import MOST_ROWS
from runner.evaluation.engine.generation_rows import Writer
from runner.evaluation.engine.generation_wave import Wave
from runner.training.workers import Workers
from tests.runner.evaluation.engine.generating import (
    NAMES,
    PROMPTS,
    load_engine,
    peft_model,
    save_adapters,
    written_alone,
)
from tests.tiny_model import save_tiny_model

EOS = 2
GREEDY = Decoding(max_new_tokens=20)
CONTEXT = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("generation") / "tiny", max_position_embeddings=CONTEXT)


@pytest.fixture(scope="module")
def adapters(folder: Path) -> dict[str, Path | None]:
    return save_adapters(folder, folder.parent)


@pytest.fixture(scope="module")
def engine(folder: Path, adapters: dict[str, Path | None]) -> PackedEngine:
    return load_engine(folder, adapters)


def test_greedy_answers_are_those_of_transformers_with_the_same_adapter(
    folder: Path, adapters: dict[str, Path | None], engine: PackedEngine
) -> None:
    answers = engine.generate(PROMPTS, GREEDY)
    expected = [
        [written_alone(peft_model(folder, path), prompt, max_new_tokens=20) for prompt in PROMPTS]
        for path in adapters.values()
    ]
    for slot, alone in zip(answers, expected, strict=True):
        for answer, tokens in zip(slot, alone, strict=True):
            assert [*answer.token_ids, *[EOS] * (answer.ended_by == "eos")] == tokens
    assert len({tuple(map(tuple, alone)) for alone in expected}) == len(NAMES)  # every adapter writes its own
    assert {a.ended_by for slot in answers for a in slot} == {"eos", "length"}


@pytest.mark.parametrize(
    "decoding",
    [
        GREEDY,
        Decoding(max_new_tokens=20, temperature=1.5, top_k=20, seed=3),
        Decoding(max_new_tokens=8, n_beams=3),
    ],
    ids=["greedy", "sampled", "beams"],
)
def test_packed_equals_solo(
    folder: Path, adapters: dict[str, Path | None], engine: PackedEngine, decoding: Decoding
) -> None:
    packed = engine.generate(PROMPTS, decoding)
    for slot, name in enumerate(NAMES):
        alone = load_engine(folder, {name: adapters[name]})
        assert [alone.generate([p], decoding)[0][0] for p in PROMPTS] == packed[slot]


def test_neither_order_nor_wave_nor_pass_matters(monkeypatch: pytest.MonkeyPatch, engine: PackedEngine) -> None:
    decoding = Decoding(max_new_tokens=12, temperature=1.0, seed=1)
    expected = engine.generate(PROMPTS, decoding)
    monkeypatch.setitem(MOST_ROWS, "cpu", 5)
    monkeypatch.setattr(engine, "micro_batch_tokens", 16)
    monkeypatch.setattr(engine, "workers", Workers(2))
    backwards = engine.generate(PROMPTS[::-1], decoding)
    assert [slot[::-1] for slot in backwards] == expected
    assert [slot[:2] for slot in expected] == engine.generate(PROMPTS[:2], decoding)


def test_prompts_that_begin_alike_or_are_equal(folder: Path, engine: PackedEngine) -> None:
    start = PROMPTS[1]
    prompts = [start, (*start[:20], 9, 9), start, start[:20], (*start, 7)]
    answers = engine.generate(prompts, GREEDY)
    base = peft_model(folder, None)
    for answer, prompt in zip(answers[NAMES.index("base")], prompts, strict=True):
        tokens = written_alone(base, prompt, max_new_tokens=20)
        assert list(answer.token_ids) == [t for t in tokens if t != EOS]


def test_no_prompts_no_answers(engine: PackedEngine) -> None:
    assert engine.generate([], GREEDY) == [[], [], [], []]


def test_an_answer_ends_where_the_context_does(engine: PackedEngine) -> None:
    full, almost = (tuple(range(3, 3 + n)) for n in (CONTEXT, CONTEXT - 4))
    for slot in engine.generate([full, almost, full], Decoding(max_new_tokens=30)):
        assert slot[0] == slot[2] == ((), "", "length")
        assert len(slot[1].token_ids) <= 4
        assert slot[1].ended_by == "eos" or len(slot[1].token_ids) == 4


def test_an_answer_that_is_the_end_of_sequence_at_once(engine: PackedEngine) -> None:
    for slot, prompt in ((0, PROMPTS[0]), (1, PROMPTS[3])):
        first = engine.generate([prompt], Decoding(max_new_tokens=1))[slot][0].token_ids[0]
        ending = PackedEngine(
            engine.model,
            dict(zip(NAMES, map(engine.adapters.get, range(4)), strict=True)),
            engine.tokenizer,
            context_length=CONTEXT,
            eos_ids=(EOS, first),
        )
        assert ending.generate([prompt], GREEDY)[slot][0] == ((), "", "eos")


def test_broken_numbers_end_the_rows_of_their_own_slot_only(folder: Path, engine: PackedEngine) -> None:
    expected = engine.generate(PROMPTS, GREEDY)
    broken = load_engine(folder, save_adapters(folder, folder.parent / "broken"))
    for name, pair in broken.adapters[1].pairs_of(0).items():
        if name.endswith("layers.1.mlp.down_proj"):
            pair.b.fill_(torch.nan)
    for decoding in (GREEDY, Decoding(max_new_tokens=20, temperature=1.0), Decoding(max_new_tokens=20, n_beams=2)):
        answers = broken.generate(PROMPTS, decoding)
        assert answers[1] == [((), "", "broken")] * len(PROMPTS)
        assert all(a.ended_by != "broken" for slot in (0, 2, 3) for a in answers[slot])
        if decoding is GREEDY:
            assert [answers[slot] for slot in (0, 2, 3)] == [expected[slot] for slot in (0, 2, 3)]


def test_numbers_that_break_on_the_way_leave_what_was_written(engine: PackedEngine) -> None:
    """A neighbour in the same slot takes over the lane of the broken row, and must not see its cells."""
    prompts = [PROMPTS[1], PROMPTS[3], PROMPTS[0]]
    expected = engine.generate(prompts, GREEDY)[2]
    third = expected[1].token_ids[2]
    table = engine.model.embedding.weight
    assert isinstance(table, torch.Tensor)
    kept = table[third].clone()
    with torch.no_grad():
        table[third] = torch.nan
    try:
        answers = engine.generate(prompts, GREEDY)[2]
    finally:
        with torch.no_grad():
            table[third] = kept
    # The output weight is another tensor in this model: only reading the token breaks a row.
    assert answers[1].ended_by == "broken"
    assert answers[1].token_ids == expected[1].token_ids[: expected[1].token_ids.index(third) + 1]
    for answer, sound in zip(answers, expected, strict=True):
        assert answer.ended_by == "broken" or answer == sound
    assert answers[2].ended_by != "broken" or third in expected[2].token_ids


def test_memory_errors_make_waves_smaller_and_change_nothing(
    monkeypatch: pytest.MonkeyPatch, engine: PackedEngine
) -> None:
    expected = engine.generate(PROMPTS, GREEDY)
    sizes: list[int] = []
    reports: list[tuple[int, int]] = []
    original = Wave.write

    def write(wave: Wave, writer: Writer, **settings: int) -> None:
        sizes.append(len(writer.answers))
        if len(writer.answers) > 4:
            raise torch.OutOfMemoryError
        original(wave, writer, **settings)

    monkeypatch.setattr(Wave, "write", write)
    answers = engine.generate(PROMPTS, GREEDY, lambda done, n_all: reports.append((done, n_all)))
    assert answers == expected
    assert sizes[0] > 4 >= sizes[-1]
    assert reports[-1] == (24, 24)
    assert reports == sorted(reports)


def test_memory_that_holds_no_row_is_said(monkeypatch: pytest.MonkeyPatch, engine: PackedEngine) -> None:
    def write(*_arguments: object, **_settings: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Wave, "write", write)
    with pytest.raises(EnvironmentProblem, match="out of memory with one request"):
        engine.generate(PROMPTS, GREEDY)


@pytest.mark.parametrize(
    ("decoding", "says"),
    [
        (Decoding(max_new_tokens=0), "max_new_tokens must be at least 1, got 0"),
        (Decoding(temperature=-1.0), "temperature must be a finite number"),
        (Decoding(temperature=float("nan")), "temperature must be a finite number"),
        (Decoding(temperature=1.0, top_k=0), "top_k must be at least 1"),
        (Decoding(temperature=1.0, top_p=0.0), "top_p must be above 0"),
        (Decoding(n_beams=0), "n_beams must be at least 1"),
        (Decoding(stop=("x", "")), "stop must not hold an empty text"),
        (Decoding(seed=-1), "seed must be 0 or above"),
        (Decoding(n_beams=2, temperature=1.0), "n_beams 2 and temperature 1.0 exclude each other"),
    ],
)
def test_settings_that_make_no_sense(engine: PackedEngine, decoding: Decoding, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        engine.generate(PROMPTS, decoding)


@pytest.mark.parametrize(
    ("prompts", "says"),
    [([(5,), ()], "prompt 1 has no tokens"), ([(5,) * (CONTEXT + 1)], "prompt 0 has 65 tokens, the model takes 64")],
)
def test_prompts_that_cannot_be_put(engine: PackedEngine, prompts: Sequence[tuple[int, ...]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        engine.generate(prompts, GREEDY)


def test_several_ends_of_sequence(folder: Path, adapters: dict[str, Path | None], engine: PackedEngine) -> None:
    """As a chat model's generation config lists them."""
    tokens = engine.generate([PROMPTS[0]], GREEDY)[2][0].token_ids
    config = folder / "generation_config.json"
    before = config.read_text(encoding="utf-8")
    try:
        config.write_text(before.replace('"eos_token_id": 2', f'"eos_token_id": [2, {tokens[4]}]'), encoding="utf-8")
        listed = load_engine(folder, {"base": adapters["base"]})
    finally:
        config.write_text(before, encoding="utf-8")
    assert listed.eos_ids == {EOS, tokens[4]}
    first = tokens.index(tokens[4])
    assert listed.generate([PROMPTS[0]], GREEDY)[0][0] == (tokens[:first], _text(engine, tokens[:first]), "eos")


def _text(engine: PackedEngine, tokens: Sequence[int]) -> str:
    decode: Callable[..., str] = engine.tokenizer.decode
    return decode(list(tokens), skip_special_tokens=True)
