"""How a task lets the model write, as settings of the engine."""

import pytest

from runner.errors import ConfigError
from runner.evaluation.benchmark import Decoding
from runner.evaluation.harness.decoding import decoding_of

END = "<|im_end|>"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"until": ["\n"], "do_sample": False}, Decoding(max_new_tokens=256, stop=("\n", END), seed=7)),
        ({"until": "Q:", "max_new_tokens": 5}, Decoding(max_new_tokens=5, stop=("Q:", END), seed=7)),
        (
            {"until": [], "max_gen_toks": 9, "do_sample": False, "temperature": 0.8, "top_p": 0.9},
            Decoding(max_new_tokens=9, stop=(END,), seed=7),
        ),
        (
            {"do_sample": True, "temperature": 0.7, "top_k": 40, "top_p": 0.9},
            Decoding(max_new_tokens=256, temperature=0.7, top_k=40, top_p=0.9, stop=(END,), seed=7),
        ),
        (
            {"temperature": 0.6, "top_p": 1.0, "repetition_penalty": 1.0},
            Decoding(max_new_tokens=256, temperature=0.6, top_k=50, stop=(END,), seed=7),
        ),
        ({"num_beams": 3}, Decoding(max_new_tokens=256, n_beams=3, stop=(END,), seed=7)),
    ],
)
def test_settings_mean_what_the_harness_and_transformers_make_of_them(
    arguments: dict[str, object], expected: Decoding
) -> None:
    assert decoding_of(arguments, eos=END, seed=7, task="t") == expected


def test_a_setting_that_the_engine_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"task 'poem' writes with repetition_penalty = 1\.2, which Ucurve cannot do"):
        decoding_of({"repetition_penalty": 1.2}, eos=END, seed=0, task="poem")
