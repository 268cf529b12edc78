from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import ConfigError
from analysis.importers.table import map_from_values, map_to_yaml, parse_map
from analysis.store import Store
from tests.analysis.importers.table.importing import do_import, write


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("feilds: {learning_rate: lr}", "did you mean 'fields'"),
        ("fields: {learnin_rate: lr}", "did you mean 'learning_rate'"),
        ("fields: {learning_rate: lrr}", "there is no column 'lrr'; did you mean 'lr'?"),
        ("fields: {learning_rate: [lr, loss]}", "takes one column"),
        ("metrics: {eval_loss: los}", "did you mean 'loss'"),
        ("step: stepp", "valid are loss, lr, note"),
        ("metrics: {eval_loss: loss}\ndirections: {eval_los: max}", "did you mean 'eval_loss'"),
        ("metrics: {eval_loss: loss}\ndirections: {eval_loss: up}", "must be one of"),
        ("status_values: {done: finnished}", "did you mean 'finished'"),
        ("scale: {loss: 2}", "unknown scale 'loss'"),
        ("metric_name: note", "go together"),
        ("curves: {eval_loss: v}", "must hold {step} once"),
        ('curves: {eval_loss: "v{step}"}', "no column looks like"),
        ("eval_details: {mmlu: {n_items: 3}}", "unknown benchmark"),
        ("evals: {mmlu: loss}\neval_details: {mmlu: {items: 3}}", "unknown key 'items'"),
        ("fields: {learning_rate: lr}\nconstants: {learning_rate: 1}", "both a column and a constant"),
        ("fields: {learning_rate: 5}", "fields.learning_rate: must be text, got 5"),
        ("constants: {model: {a: 1}}", "constants.model: must be text"),
        ("constants: {batch_size: many}", "constants.batch_size: must be a number"),
        ("constants: {run_id: a}", "cannot be a constant"),
        ("- fields", "holds no `key: value` lines"),
        ("config: [x]", "there is no column 'x'"),
    ],
)
def test_a_wrong_map_is_told_in_one_sentence(store: Store, tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path / "t.csv", "lr,loss,note\n1e-4,2.5,a\n")
    with pytest.raises(ConfigError) as error:
        do_import(store, path, text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@given(
    fields=st.dictionaries(st.sampled_from(["learning_rate", "seed", "model", "wall_s"]), names),
    metrics=st.dictionaries(names, names, max_size=4),
    constants=st.dictionaries(names.filter(lambda name: name not in {"model", "seed", "learning_rate", "wall_s"}),
                              names | st.booleans() | st.integers(-10, 10) | st.floats(-1e9, 1e9), max_size=3),
    ignore=st.lists(names, max_size=3),
)  # fmt: skip
def test_a_map_that_is_written_reads_back_the_same(
    fields: dict[str, str], metrics: dict[str, str], constants: dict[str, object], ignore: list[str]
) -> None:
    given_map = map_from_values(
        {"fields": fields, "metrics": metrics, "constants": constants, "ignore": ignore, "scale": {}}, "test"
    )
    assert parse_map(map_to_yaml(given_map)) == given_map


def test_an_empty_map_is_fine() -> None:
    assert map_to_yaml(parse_map("# nothing\n")) == "{}\n"
    assert parse_map("{}") == parse_map("")
