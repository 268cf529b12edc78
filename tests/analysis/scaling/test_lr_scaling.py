from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from analysis.errors import FilterError
from analysis.recommendation.from_store import recommend_from_store
from analysis.recommendation.recommended_lr import recommend_lr
from analysis.scaling.lr_scaling import LrScaling, compute_lr_scaling, find_lr_axes
from tests.analysis.sweeps import make_results, u_rows
from tests.shared_data import table_path

GRID = tuple(2e-5 * 2.0**step for step in range(9))
LLAMAS = {
    "meta-llama/Llama-3.2-1B": 2048,
    "meta-llama/Llama-3.2-3B": 3072,
    "meta-llama/Llama-3.1-8B": 4096,
    "meta-llama/Llama-2-13b-hf": 5120,
    "meta-llama/Llama-3.1-70B": 8192,
}
QWENS = {"Qwen/Qwen3-0.6B": 1024, "Qwen/Qwen3-1.7B": 2048, "Qwen/Qwen3-4B": 2560, "Qwen/Qwen3-8B": 4096}


def _sweep(
    models: dict[str, int], exponent: float, *, ranks: tuple[int, ...] = (8, 32), by_rank: float = 0.0, seed: int = 0
) -> pd.DataFrame:
    """Sweeps whose optimum is 4e-4 (2000 / width)^exponent (rank / 8)^by_rank."""
    generator = np.random.default_rng(seed)
    return make_results(
        row
        for model, width in models.items()
        for rank in ranks
        for row in u_rows(
            GRID,
            seeds=2,
            sd=0.003,
            generator=generator,
            optimum=4e-4 * (2000 / width) ** exponent * (rank / 8) ** by_rank,
            model=model,
            lora_rank=rank,
            tokenizer_id=model,
        )
    )


def _scale(results: pd.DataFrame, against: str = "hidden_size") -> LrScaling:
    return compute_lr_scaling(results, metric="eval_loss", against=against)


def test_the_exponent_of_a_family_is_found_and_compared_with_the_published_one() -> None:
    found = _scale(_sweep(LLAMAS, 0.781))
    (llama,) = found.families
    assert llama.law.interval is not None
    assert llama.law.interval[0] <= -0.781 <= llama.law.interval[1]
    assert (llama.n_models, llama.law.n_points, llama.published) == (5, 5, -0.781)
    assert llama.law.alpha == pytest.approx(-0.781, abs=0.08)
    assert found.verdict.endswith("Tinker's published -0.781 is inside it.")
    assert [point.model for point in found.settings[0].points] == list(LLAMAS)


def test_a_family_that_goes_another_way_rules_the_published_exponent_out() -> None:
    (llama,) = _scale(_sweep(LLAMAS, 0.2)).families
    assert llama.test is not None
    assert llama.test.in_interval is False


def test_families_have_exponents_of_their_own() -> None:
    both = pd.concat([_sweep(LLAMAS, 0.781), _sweep(QWENS, 0.0775).assign(run_id=lambda t: "q" + t["run_id"])])
    found = _scale(both.reset_index(drop=True))
    exponents = {one.family: one.law.alpha for one in found.families}
    assert exponents == {"llama": pytest.approx(-0.781, abs=0.08), "qwen": pytest.approx(-0.0775, abs=0.08)}
    assert found.law.n_points == 9


def test_ranks_that_not_every_model_has_do_not_bend_the_exponent() -> None:
    results = _sweep(LLAMAS, 0.781, ranks=(8, 128), by_rank=0.4)
    some = results[~((results["lora_rank"] == 128) & results["model"].isin(list(LLAMAS)[3:]))].reset_index(drop=True)
    assert _scale(some).law.alpha == pytest.approx(-0.781, abs=0.08)


def test_models_without_a_width_are_named() -> None:
    unknown = _sweep({"our/model": 999}, 0.5).assign(run_id=lambda table: "u" + table["run_id"])
    found = _scale(pd.concat([_sweep(QWENS, 0.1), unknown], ignore_index=True))
    assert [model for model, _ in found.models_left_out] == ["our/model"]
    assert "neither recorded" in found.models_left_out[0][1]
    recorded = pd.concat([_sweep(QWENS, 0.1), unknown.assign(config_json='{"model_hidden_size": 999}')])
    assert _scale(recorded.reset_index(drop=True)).models_left_out == ()


def test_the_rank_s_exponent_is_pooled_over_models() -> None:
    results = _sweep(QWENS, 0.1, ranks=(4, 8, 16, 32), by_rank=0.3)
    found = _scale(results, "lora_rank")
    assert found.law.interval is not None
    assert found.law.interval[0] <= 0.3 <= found.law.interval[1]
    assert found.law.n_points == 16
    assert "cluster-robust over 4 settings" in found.law.interval_method
    assert found.verdict.startswith("LR grows like lora_rank^0.")
    none = _scale(_sweep(QWENS, 0.1, ranks=(4, 8, 16, 32)), "lora_rank")
    assert none.tests[0].is_equivalent
    assert "no dependence holds within 0.1" in none.verdict


def test_any_numeric_key_can_be_the_axis() -> None:
    results = _sweep({"Qwen/Qwen3-4B": 2560}, 0.1, ranks=(4, 8, 16, 32), by_rank=0.3)
    keyed = results.assign(
        config_json=[json.dumps({"width": 2 * rank}) for rank in results["lora_rank"]], lora_rank=None
    )
    found = _scale(keyed, "width")
    assert found.law.alpha == pytest.approx(0.3, abs=0.05)
    with pytest.raises(FilterError, match="--against can be: batch_size, hidden_size, width"):
        _scale(keyed, "depth")


def test_axes_with_two_values_are_offered() -> None:
    assert find_lr_axes(_sweep(QWENS, 0.1), metric="eval_loss") == ["hidden_size", "lora_rank"]
    assert find_lr_axes(_sweep({"our/model": 9}, 0.1, ranks=(8,)), metric="eval_loss") == []
    assert find_lr_axes(make_results([]), metric="eval_loss") == []


def test_json_is_strict() -> None:
    answer = _scale(_sweep(QWENS, 0.1)).to_json()
    json.dumps(answer, allow_nan=False)
    assert {"exponent", "interval", "families", "models_left_out", "verdict", "left_out"} <= set(answer)


# --- recommend-lr --from-store ----------------------------------------------------------------------------------------


def test_a_family_s_own_law_recommends_for_a_width_that_was_never_swept() -> None:
    found = recommend_from_store(_sweep(LLAMAS, 0.5), "our/llama", metric="m", hidden_size=6000, model_type="llama")
    truth = 4e-4 * (2000 / 6000) ** 0.5
    assert found.interval is not None
    assert found.interval[0] <= truth <= found.interval[1]
    assert found.recommended.learning_rate == pytest.approx(truth, rel=0.1)
    assert found.recommended.calibrated
    assert found.method == "own fit over 5 models of the family in the store"
    assert found.exponent == pytest.approx(-0.5, abs=0.08)
    formula = found.recommended.formula
    assert formula is not None
    reference, rest = formula.split(" * ")
    assert rest.startswith("(2000 / 6000) ** 0.")
    assert float(reference) == pytest.approx(4e-4, rel=0.05)


def test_intervals_for_a_new_model_hold_its_optimum() -> None:
    held = []
    for seed in range(20):
        found = recommend_from_store(_sweep(LLAMAS, 0.5, ranks=(8,), seed=seed), "meta-llama/Llama-2-7b-hf", metric="m")
        assert found.interval is not None
        held.append(found.interval[0] <= 4e-4 * (2000 / 4096) ** 0.5 <= found.interval[1])
    assert np.mean(held) >= 0.8


def test_fewer_models_shift_the_published_rule() -> None:
    two = dict(list(LLAMAS.items())[:2])
    found = recommend_from_store(_sweep(two, 0.781), "meta-llama/Llama-3.1-8B", metric="m")
    published = recommend_lr("meta-llama/Llama-3.1-8B").learning_rate
    assert published is not None
    assert found.offset == pytest.approx(0.8, rel=0.05)  # 4e-4 where the rule says 5e-4
    assert found.recommended.learning_rate == pytest.approx(0.8 * published, rel=0.05)
    assert found.interval is None
    assert found.interval_method == "none: how models differ shows from 3 models on, the store has 2"
    assert found.exponent == -0.781
    assert "Width 4096 lies outside what the store has of this family (2048 to 3072)." in found.recommended.warnings


def test_a_mean_over_different_settings_is_said() -> None:
    mixed = recommend_from_store(_sweep(QWENS, 0.1), "Qwen/Qwen3-8B", metric="m").recommended.warnings
    assert mixed == ("The number is a mean over settings that differ in lora_rank; narrow them with --where.",)
    one_rank = recommend_from_store(_sweep(QWENS, 0.1, ranks=(8,)), "Qwen/Qwen3-8B", metric="m")
    assert one_rank.recommended.warnings == ()


def test_three_models_of_one_width_give_a_shift_with_an_interval() -> None:
    same = {"meta-llama/Llama-3.1-8B": 4096, "meta-llama/Llama-2-7b-hf": 4096, "meta-llama/Meta-Llama-3-8B": 4096}
    found = recommend_from_store(_sweep(same, 0.781), "meta-llama/Llama-3.1-8B", metric="m")
    assert found.offset == pytest.approx(0.8, rel=0.05)
    assert found.interval is not None
    assert found.own_lr == pytest.approx(4e-4 * (2000 / 4096) ** 0.781, rel=0.1)


def test_no_family_means_no_number() -> None:
    found = recommend_from_store(_sweep(QWENS, 0.1), "google/gemma-2-2b", metric="m")
    assert found.recommended.learning_rate is None
    assert found.method == "none: the store has optima of 0 models of the family 'gemma2', a fit needs 3"
    empty = recommend_from_store(make_results([]), "Qwen/Qwen3-8B", metric="m")
    assert empty.recommended.learning_rate is None
    unknown = recommend_from_store(_sweep(QWENS, 0.1), "our/model", metric="m")
    assert unknown.method == "none: the width of the model is not known (--hidden-size)"
    assert set(recommend_lr("our/model").to_json()) <= set(unknown.to_json())


def test_full_runs_do_not_speak_for_adapters() -> None:
    full = _sweep(QWENS, 0.1).assign(adapter="full")
    assert recommend_from_store(full, "Qwen/Qwen3-8B", metric="m").recommended.learning_rate is None
    found = recommend_from_store(full, "Qwen/Qwen3-8B", metric="m", full=True)
    assert found.recommended.learning_rate == pytest.approx(4e-4 * (2000 / 4096) ** 0.1, rel=0.1)


# --- the public sweep -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tinker() -> pd.DataFrame:
    """The published LoRA sweep, with the diverged cells that its list of models names."""
    sweep = pd.read_csv(table_path("tinker-sft-sweep/sft_sweep.csv"))
    models = pd.read_csv(table_path("tinker-sft-sweep/models.csv"))
    diverged = [
        {"model": row["model"], "learning_rate": float(rate), "lora_rank": int(rank), "status": "diverged"}
        for row in models.dropna(subset=["diverged_lrs"]).to_dict("records")
        for rate in str(row["diverged_lrs"]).split(";")
        for rank in str(row["diverged_ranks"]).split(";")
        if row["n_diverged"] == len(str(row["diverged_lrs"]).split(";")) * len(str(row["diverged_ranks"]).split(";"))
    ]
    named = sweep.rename(columns={"lr": "learning_rate", "test_nll": "value"})
    finished = named[["model", "learning_rate", "lora_rank", "value"]]
    table = pd.concat([finished, pd.DataFrame(diverged)], ignore_index=True)
    filled = table.assign(batch_size=128, max_steps=780, status=table["status"].fillna("finished"))
    return make_results([{str(key): value for key, value in row.items()} for row in filled.to_dict("records")])


def test_the_published_sweep_s_own_exponents_hold_tinker_s(tinker: pd.DataFrame) -> None:
    found = _scale(tinker)
    families = {one.family: one for one in found.families}
    assert {"llama", "qwen"} <= set(families)
    for family in ("llama", "qwen"):
        one = families[family]
        assert one.law.alpha is not None
        assert one.test is not None
        assert one.test.in_interval is True
    assert "moonshotai/Kimi-K2.5" in dict(found.models_left_out)
    known = {point.model for one in found.settings for point in one.points}
    assert all(recommend_lr(str(model), read_local=False).hidden_size for model in known)


def test_the_published_sweep_recommends_for_a_model_that_it_lacks(tinker: pd.DataFrame) -> None:
    found = recommend_from_store(tinker, "Qwen/Qwen3-14B", metric="test_nll")
    published = recommend_lr("Qwen/Qwen3-14B").learning_rate
    assert found.interval is not None
    assert published is not None
    assert found.interval[0] <= published <= found.interval[1]
    assert len(found.models) >= 8


def test_the_published_sweep_against_the_rank_counts_its_edges(tinker: pd.DataFrame) -> None:
    found = _scale(tinker, "lora_rank")
    assert found.law.alpha is not None
    assert abs(found.law.alpha) < 0.3
    assert {one.bound for one in found.left_out} & {"at_least", "at_most"}
    n_curves = tinker.drop_duplicates(["model", "lora_rank"]).shape[0]
    assert found.law.n_points + len(found.left_out) == n_curves
