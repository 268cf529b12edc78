from __future__ import annotations

from pathlib import Path

import pytest

from analysis.importers.table import TableMap, guess_map, map_to_yaml, parse_map, read_table
from analysis.store import Store
from tests.analysis.importers.table.importing import contents, do_import, write


def _guess(tmp_path: Path, headers: str, *rows: str) -> TableMap:
    return guess_map(read_table(write(tmp_path / "t.csv", "\n".join([headers, *rows]) + "\n")))


@pytest.mark.parametrize(
    ("header", "cell", "field"),
    [
        ("lr", "1e-4", "learning_rate"), ("train.lr", "1e-4", "learning_rate"),
        ("config/learningRate", "1", "learning_rate"),
        ("bs", "8", "batch_size"), ("global_batch_size", "8", "batch_size"), ("lora_r", "4", "lora_rank"),
        ("rank", "4", "lora_rank"), ("seed", "0", "seed"), ("model", "m", "model"), ("steps", "100", "max_steps"),
        ("wd", "0.1", "weight_decay"), ("Start Time", "2026-01-01T00:00:00", "created_at"),
        ("state", "crashed", "status"),
    ],
)  # fmt: skip
def test_usual_headers_are_fields(tmp_path: Path, header: str, cell: str, field: str) -> None:
    guessed = _guess(tmp_path, f"{header},val_loss", f"{cell},2.5")
    assert guessed.fields == {field: header}
    assert guessed.metrics == {"eval_loss": "val_loss"}


@pytest.mark.parametrize(
    ("header", "cell"), [("lr", "auto"), ("batch_size", "big"), ("warmup", "0.1"), ("status", "purple"), ("seed", "x")]
)
def test_cells_that_do_not_fit_leave_the_column_alone(tmp_path: Path, header: str, cell: str) -> None:
    assert _guess(tmp_path, f"{header},val_loss", f"{cell},2.5").fields == {}


@pytest.mark.parametrize(
    ("header", "field", "scale"),
    [
        ("wall_time_min", "wall_s", 60.0), ("runtime_hours", "wall_s", 3600.0), ("train_time_s", "wall_s", None),
        ("mem_max_bytes", "peak_memory_bytes", None), ("peak_memory_gib", "peak_memory_bytes", 2.0**30),
    ],
)  # fmt: skip
def test_times_and_memory_have_their_unit(tmp_path: Path, header: str, field: str, scale: float | None) -> None:
    guessed = _guess(tmp_path, f"lr,{header}", "1,2", "2,3")
    assert guessed.fields[field] == header
    assert guessed.scale == ({} if scale is None else {field: scale})


def test_measured_columns_are_never_configuration(tmp_path: Path) -> None:
    guessed = _guess(tmp_path, "lr,test_nll,train_nll,val_acc,peak_mem,tokens_per_s_throughput", "1,2,3,0.5,7,8")
    assert set(guessed.metrics.values()) == {"test_nll", "train_nll", "val_acc", "peak_mem", "tokens_per_s_throughput"}
    assert guessed.directions["val_acc"] == "max"


def test_benchmarks_in_percent_become_shares(tmp_path: Path) -> None:
    guessed = _guess(tmp_path, "lr,MMLU,arc_easy", "1,55.1,0.7", "2,60,0.8")
    assert guessed.evals == {"MMLU": "MMLU", "arc_easy": "arc_easy"}
    assert {name: details.scale for name, details in guessed.eval_details.items()} == {"MMLU": 0.01}


def test_shapes_are_recognised(tmp_path: Path) -> None:
    long = _guess(tmp_path, "run_id,step,lr,loss", "a,0,1e-4,3", "a,1,5e-5,2", "b,0,1e-3,3")
    assert (long.step, long.fields["run_id"]) == ("step", "run_id")
    assert "learning_rate" not in long.fields  # it decays, so it is not the configured peak
    assert long.metrics["lr_now"] == "lr"
    named = _guess(tmp_path, "run,step,metric,value", "a,0,val_loss,3", "a,0,acc,0.5", "a,1,acc,0.6")
    assert (named.metric_name, named.metric_value, named.step) == ("metric", "value", "step")
    wide = _guess(tmp_path, "lr,v0,v1,v2,v3,v4", "1,5,4,3,2,1")
    assert wide.curves["eval_loss"].columns == "v{step}"
    one_row_a_run = _guess(tmp_path, "id,step,lr,val_loss", "a,10,1,2", "b,20,2,3")
    assert one_row_a_run.step is None


def test_row_counters_are_left_out(tmp_path: Path) -> None:
    assert _guess(tmp_path, ",lr,val_loss", "0,1e-4,2", "1,2e-4,3").ignore == ["column 1"]


def test_a_guessed_map_that_is_saved_means_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "lr,val_loss,wall_time_min,MMLU,note\n1e-4,2,3,55,x\n1e-4,2.1,4,56,x\n")
    saved = map_to_yaml(guess_map(read_table(path)))
    guessed, given = (Store.open(tmp_path / name, create=True) for name in ("guessed", "given"))
    do_import(guessed, path)
    do_import(given, path, saved)
    assert contents(guessed) == contents(given)
    assert parse_map(saved) == guess_map(read_table(path))


def test_one_slip_does_not_hide_what_a_column_is(tmp_path: Path) -> None:
    guessed = _guess(tmp_path, "lr,batch_size,val_loss", "1e-4,8,2", "2e-4,16,oops", "auto,32,3", "4e-4,x,4")
    assert guessed.fields == {"learning_rate": "lr", "batch_size": "batch_size"}
    assert guessed.metrics == {"eval_loss": "val_loss"}
