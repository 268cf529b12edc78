import json
import shutil
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from analysis.importers.config_rules import NO_MAP, typed_columns
from analysis.importers.config_rules.trial import trial_key_for
from analysis.importers.open_instruct import SOURCE
from analysis.importers.open_instruct.arguments import parse_table
from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.tensorboard import SOURCE as TENSORBOARD

LOGS = Path(__file__).parent / "logs"


def found(*targets: Path) -> list[Item | Refusal]:
    return list(SOURCE.find(Request(targets=tuple(map(str, targets)), now=4e9)))


def taken(path: Path, now: float = 4e9) -> list[SourceRun | Refusal]:
    request = Request(targets=(str(path),), now=now)
    items = [item for item in SOURCE.find(request) if isinstance(item, Item)]
    return [run for item in items for run in SOURCE.read(item, request, lambda _: None)]


def only(path: Path, now: float = 4e9) -> SourceRun:
    (run,) = taken(path, now)
    assert isinstance(run, SourceRun)
    return run


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LOGS, tmp_path / "logs", ignore=shutil.ignore_patterns("*.py", "README.md")))


def test_finds_both_kinds_of_logs_and_says_where_there_is_none() -> None:
    labels = [(type(item).__name__, str(Path(item.label).relative_to(LOGS.resolve()))) for item in found(LOGS)]
    assert labels == [
        ("Item", "output/lr_1e-5/open_instruct"),
        ("Item", "output/lr_1e-5_seed_1/open_instruct"),
        ("Item", "output/stopped/open_instruct"),
        ("Item", "runs/ppo_1e-6__1__17000000"),
        ("Item", "runs/ppo_1e-6__2__17000000"),
        ("Refusal", "output/elsewhere"),
    ]


def test_finetuning_has_its_arguments_rows_and_end(logs: Path) -> None:
    run = only(logs / "output" / "lr_1e-5")
    columns = typed_columns(run, NO_MAP).columns
    assert columns["learning_rate"] == 2e-5
    assert (columns["lora_rank"], columns["lora_alpha"], columns["seed"], columns["epochs"]) == (64, 16.0, 0, 2.0)
    assert columns["model"] == "allenai/OLMo-2-0425-1B"
    assert columns["grad_accum_steps"] == 4
    assert "batch_size" not in columns  # the number of devices is nowhere
    assert run.config["max_seq_length"] == 2048
    assert sorted(set(run.history["name"].to_pylist())) == ["learning_rate", "total_tokens", "train_loss"]
    assert (run.rows_got, run.rows_expected, run.status, run.verdict) == (8, 8, "finished", "complete")
    assert run.status_reason == "its final model was saved"
    assert (run.kind, run.name, run.tags) == ("open-instruct", "tulu_lr_1e-5__0__17000000", ("tulu_lr_1e-5",))


def test_reinforcement_learning_has_its_arguments_from_its_table(logs: Path) -> None:
    run = only(logs / "runs" / "ppo_1e-6__1__17000000")
    columns = typed_columns(run, NO_MAP).columns
    assert (columns["learning_rate"], columns["seed"], columns["batch_size"]) == (3e-7, 1, 128)
    assert run.config["dataset_mixer_list"] == ["ai2-adapt-dev/rlvr_gsm8k_zs", "1.0"]
    assert run.config["stop_strings"] is None
    assert run.config["kl_estimator"] == "kl1|kl2"
    assert run.config["async_mode"] is True
    assert set(run.history["step"].to_pylist()) == {128, 256, 384, 512, 640}
    assert (run.status, run.status_reason) == ("finished", "all steps of num_training_steps were logged")


@pytest.mark.parametrize("name", ["output/stopped", "runs/ppo_1e-6__2__17000000"])
def test_a_run_that_was_stopped_is_not_called_finished(logs: Path, name: str) -> None:
    run = only(logs / name)
    assert (run.status, run.status_reason) == ("unconfirmed", "nothing says that it got to its end")


def test_a_run_that_just_ended_is_complete_and_one_that_goes_on_is_not(logs: Path) -> None:
    now = max(path.stat().st_mtime for path in logs.rglob("*tfevents*")) + 5
    assert only(logs / "output" / "lr_1e-5", now).verdict == "complete"
    assert (only(logs / "output" / "stopped", now).status, only(logs / "output" / "stopped", now).verdict) == (
        "running",
        "unverified",
    )


def test_seeds_are_replicates_although_the_names_hold_seed_and_time(logs: Path) -> None:
    first, second = only(logs / "output" / "lr_1e-5"), only(logs / "output" / "lr_1e-5_seed_1")
    other = only(logs / "output" / "stopped")
    keys = [trial_key_for(run, typed_columns(run, NO_MAP).columns, NO_MAP) for run in (first, second, other)]
    assert first.key != second.key
    assert keys[0] == keys[1] != keys[2]


def test_seeds_are_replicates_in_what_it_logs_to_wandb_too() -> None:
    """The script puts name, seed and time into the name of the model that it uploads, and notes its cluster's job."""
    configs = [
        {
            "learning_rate": 2e-5,
            "seed": seed,
            "run_name": f"tulu__{seed}__17{seed}",
            "hf_repo_revision": f"tulu__{seed}__17{seed}",
            "hf_repo_url": f"https://huggingface.co/a/b/tree/tulu__{seed}__17{seed}",
            "output_dir": f"output/tulu__{seed}__17{seed}",
            "beaker_workload_id": f"01J{seed}",
        }
        for seed in (1, 2)
    ]
    runs = [
        SourceRun(kind="wandb", label="x", key=(str(config),), status="finished", verdict="complete", config=config)
        for config in configs
    ]
    keys = [trial_key_for(run, typed_columns(run, NO_MAP).columns, NO_MAP) for run in runs]
    assert keys[0] == keys[1]


def test_the_numbers_are_those_of_the_event_files(logs: Path) -> None:
    run = only(logs / "output" / "lr_1e-5")
    request = Request(targets=(str(logs / "output" / "lr_1e-5"),), now=4e9)
    (item,) = TENSORBOARD.find(request)
    assert isinstance(item, Item)
    (same,) = TENSORBOARD.read(item, request, lambda _: None)
    assert isinstance(same, SourceRun)
    assert run.history == same.history
    assert run.marks == same.marks != ()
    assert len(run.history) == 3 * 8


def test_a_copy_is_the_same_run(logs: Path) -> None:
    one, other = only(logs / "output" / "lr_1e-5"), only(LOGS / "output" / "lr_1e-5")
    assert one.marks
    assert set(one.marks) & set(other.marks)
    assert not set(one.marks) & set(only(LOGS / "output" / "stopped").marks)


def test_event_files_of_other_tools_are_none_of_ours(logs: Path) -> None:
    for path in logs.rglob("hparams.yml"):
        path.write_text("learning_rate: 1\nexp_name: a\n")
    assert [item.label.rsplit("/", 2)[-2] for item in found(logs) if isinstance(item, Item)] == ["runs", "runs"]


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"a: [", b"\xff\xfe", b"x: !!python/tuple [1]", b"{" * 5000])
def test_broken_arguments_leave_the_folder_to_others(logs: Path, content: bytes) -> None:
    next((logs / "output" / "lr_1e-5").rglob("hparams.yml")).write_bytes(content)
    assert found(logs / "output" / "lr_1e-5") == []


@pytest.mark.parametrize("n_bytes", [0, 7, 300])
def test_a_cut_event_file_never_raises(logs: Path, n_bytes: int) -> None:
    path = next((logs / "output" / "stopped" / "open_instruct").glob("*tfevents*"))
    path.write_bytes(path.read_bytes()[:n_bytes])
    for run in taken(logs / "output" / "stopped"):
        assert isinstance(run, Refusal) or run.verdict == "partial" or run.rows_got < 5


def test_the_digest_changes_when_the_run_grows_or_ends(logs: Path) -> None:
    folder = logs / "output" / "stopped"
    digests = [found(folder)[0]]
    (folder / "model.safetensors").write_bytes(b"")
    digests.append(found(folder)[0])
    with next((folder / "open_instruct").glob("*tfevents*")).open("ab") as file:
        file.write(b"\0")
    digests.append(found(folder)[0])
    assert len({item.digest for item in digests if isinstance(item, Item)}) == 3


def test_a_project_of_wandb_is_sent_to_the_kind_that_reads_it() -> None:
    with pytest.raises(ConfigError, match="ucurve import wandb"):
        found(Path("allenai/open_instruct_internal"))


def test_values_of_a_table_are_pythons_or_text() -> None:
    lines = ["|a|None|", "|b|{'x': [1, 2.5]}|", "|c|1e999|", "|d|a|b|", "|e||", "no table", "|f|__import__('os')|"]
    assert parse_table("\n".join(["|param|value|", "|-|-|", *lines])) == {
        "a": None,
        "b": {"x": [1, 2.5]},
        "c": float("inf"),
        "d": "a|b",
        "e": "",
        "no table": "",
        "f": "__import__('os')",
    }
    assert json.dumps(parse_table("")) == "{}"
