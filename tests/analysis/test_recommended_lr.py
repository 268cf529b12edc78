from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.errors import UcurveError
from analysis.recommendation.model_table import KNOWN_MODELS
from analysis.recommendation.recommended_lr import recommend_lr


def test_the_known_answer_for_llama_8b_to_the_last_digit() -> None:
    answer = recommend_lr("meta-llama/Llama-3.1-8B")
    assert repr(answer.learning_rate) == "0.0002856415043086949"
    assert (answer.hidden_size, answer.family, answer.calibrated) == (4096, "llama", True)
    assert answer.formula == "5e-5 * 10 * (2000 / 4096) ** 0.781"
    assert answer.warnings == ()


@pytest.mark.parametrize(
    ("model", "hidden_size", "family", "calibrated"),
    [
        ("meta-llama/Llama-3.1-70B", 8192, "llama", True),
        ("meta-llama/Llama-3.2-1B", 2048, "llama", True),
        ("meta-llama/Llama-3.2-3B-Instruct", 3072, "llama", True),
        ("meta-llama/Llama-3.3-70B-Instruct", 8192, "llama", True),
        ("Qwen/Qwen3-8B", 4096, "qwen", True),
        ("Qwen/Qwen3-30B-A3B", 2048, "qwen", True),
        ("Qwen/Qwen2.5-7B-Instruct", 3584, "qwen", False),
        ("meta-llama/Llama-2-7b-hf", 4096, "llama", False),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 576, "llama", False),
        ("smollm2-135m", 576, "llama", False),
    ],
)
def test_the_table_knows_width_family_and_what_the_rule_was_fitted_on(
    model: str, hidden_size: int, family: str, calibrated: bool
) -> None:
    answer = recommend_lr(model)
    assert (answer.hidden_size, answer.family, answer.calibrated) == (hidden_size, family, calibrated)
    assert answer.learning_rate == pytest.approx(
        5e-4 * (2000 / hidden_size) ** {"llama": 0.781, "qwen": 0.0775}[family], rel=1e-12
    )
    assert bool(answer.warnings) != calibrated


@pytest.mark.parametrize("model", sorted(KNOWN_MODELS))
def test_every_formula_computes_its_number(model: str) -> None:
    for full in (False, True):
        answer = recommend_lr(model, full=full)
        if answer.formula is not None:
            factors, exponent = answer.formula.split(" ** ")
            *leading, ratio = factors.split(" * ")
            width = float(ratio.strip("()").split(" / ")[1])
            value = (2000 / width) ** float(exponent)
            for factor in leading:
                value *= float(factor)
            assert answer.learning_rate == pytest.approx(value, rel=1e-12)


def test_full_fine_tuning_has_a_tenth_of_the_lora_rate() -> None:
    lora, full = recommend_lr("Qwen/Qwen3-8B"), recommend_lr("Qwen/Qwen3-8B", full=True)
    assert full.learning_rate is not None
    assert lora.learning_rate == pytest.approx(10 * full.learning_rate)
    assert (lora.adapter, full.adapter) == ("lora", "full")


def test_another_architecture_gets_no_number_but_the_nearest_rule() -> None:
    answer = recommend_lr("google/gemma-2-9b")
    assert (answer.learning_rate, answer.formula, answer.family, answer.calibrated) == (None, None, None, False)
    assert answer.nearest_rule == "5e-5 * 10 * (2000 / 3584) ** 0.781"
    assert "gemma2" in answer.warnings[0]


def test_an_unknown_model_gets_no_number_and_similar_names() -> None:
    answer = recommend_lr("llama-3.1-8B")
    assert answer.learning_rate is None
    assert answer.hidden_size is None
    assert "did you mean meta-llama/Llama-3.1-8B" in answer.warnings[0]


def test_case_of_a_hub_id_does_not_matter() -> None:
    assert (
        recommend_lr("Meta-Llama/llama-3.1-8b").learning_rate == recommend_lr("meta-llama/Llama-3.1-8B").learning_rate
    )


def test_width_and_type_can_be_given_and_then_nothing_is_calibrated() -> None:
    answer = recommend_lr("our/own-model", hidden_size=2000, model_type="llama")
    assert answer.learning_rate == pytest.approx(5e-4)
    assert not answer.calibrated
    contradicting = recommend_lr("meta-llama/Llama-3.1-8B", hidden_size=2000)
    assert contradicting.learning_rate == pytest.approx(5e-4)
    assert not contradicting.calibrated


@pytest.mark.parametrize("hidden_size", [0, -1])
def test_a_width_that_is_none_is_refused(hidden_size: int) -> None:
    with pytest.raises(UcurveError, match="hidden_size must be a positive integer"):
        recommend_lr("x", hidden_size=hidden_size)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"hidden_size": 64, "model_type": "llama"}, 5e-4 * (2000 / 64) ** 0.781),
        ({"text_config": {"hidden_size": 2560, "model_type": "qwen3"}}, 5e-4 * (2000 / 2560) ** 0.0775),
        ({"n_embd": 768, "model_type": "gpt2"}, None),
    ],
)
def test_a_local_folder_is_read(tmp_path: Path, config: dict[str, object], expected: float | None) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    answer = recommend_lr(str(tmp_path))
    assert answer.learning_rate == (None if expected is None else pytest.approx(expected))
    assert not answer.calibrated
    assert recommend_lr(str(tmp_path / "config.json")).learning_rate == answer.learning_rate
    assert recommend_lr(str(tmp_path), read_local=False).hidden_size is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"hidden_size": "wide"}', '{"hidden_size": 0}'])
def test_a_broken_local_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UcurveError, match="model configuration"):
        recommend_lr(str(tmp_path))


def test_the_table_holds_only_plausible_widths() -> None:
    assert len(KNOWN_MODELS) > 100
    assert all(model.hidden_size % 64 == 0 for model in KNOWN_MODELS.values())
