import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from analysis.importers.source import Item, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.tinker import SOURCE

LOGS = Path(__file__).parent / "logs"
LATER = 4e9
"""Long after every file was written."""


def found(*targets: Path, now: float = LATER) -> list[Item | Refusal]:
    return list(SOURCE.find(Request(targets=tuple(map(str, targets)), now=now)))


def read(folder: Path, now: float = LATER) -> SourceRun:
    (run,) = taken(folder, now)
    assert isinstance(run, SourceRun)
    return run


def taken(folder: Path, now: float = LATER) -> list[SourceRun | Refusal]:
    (item,) = found(folder, now=now)
    assert isinstance(item, Item)
    return list(SOURCE.read(item, Request(targets=(str(folder),), now=now), lambda _: None))


def rows_of(path: Path) -> list[Mapping[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(LOGS / "lr_1e-04_rank_32", tmp_path / "lr_1e-04_rank_32"))


def names(run: SourceRun) -> set[tuple[int, int, str]]:
    table = run.history.select(["attempt", "step", "name"]).to_pylist()
    return {(row["attempt"], row["step"], row["name"]) for row in table}


def test_finds_each_run_below_a_folder_once_in_a_stable_order() -> None:
    labels = [item.label for item in found(LOGS)]

    expected = sorted(str(path.parent) for path in LOGS.resolve().glob("*/config.json"))
    assert labels == expected
    assert [item.label for item in found(LOGS, LOGS / "rl", LOGS / "rl" / "metrics.jsonl")] == expected


def test_finds_the_run_of_a_named_file() -> None:
    (item,) = found(LOGS / "rl" / "metrics.jsonl")
    assert item.label == str((LOGS / "rl").resolve())


@pytest.mark.parametrize("name", [path.parent.name for path in sorted(LOGS.glob("*/config.json"))])
def test_every_number_of_every_file_arrives(name: str) -> None:
    run = read(LOGS / name)
    files = [*sorted((LOGS / name).glob("*.pre_resume_*")), LOGS / name / "metrics.jsonl"]
    logged = [
        (attempt, row["step"], key, value)
        for attempt, file in enumerate(files, start=1)
        for row in rows_of(file)
        if "step" in row
        for key, value in row.items()
        if key != "step"
    ]

    arrived = [(row["attempt"], row["step"], row["name"], row["value"]) for row in run.history.to_pylist()]
    assert list(map(repr, arrived)) == [repr((a, s, k, float(v))) for a, s, k, v in logged]  # type: ignore[arg-type]
    assert run.objects.num_rows == 0
    assert run.rows_got == run.rows_expected == len({(attempt, step) for attempt, step, *_ in logged})


def test_learning_rate_comes_from_the_config_and_never_from_the_folder() -> None:
    run = read(LOGS / "lr_1e-04_rank_32")
    assert run.columns == {
        "model": "Qwen/Qwen3-8B",
        "learning_rate": 3e-4,
        "lr_schedule": "constant",
        "lora_rank": 32,
        "epochs": 1,
        "batch_size": 8,
        "seed": 0,
        "tokenizer_id": "Qwen/Qwen3-8B",
        "adapter": "lora",
    }
    assert read(LOGS / "lr_3e-04_rank_32").columns["learning_rate"] == 1e-3
    assert run.config == json.loads((LOGS / "lr_1e-04_rank_32" / "config.json").read_text())


def test_reinforcement_learning_counts_every_answer_to_a_prompt() -> None:
    run = read(LOGS / "rl")
    assert run.columns["batch_size"] == 16 * 4
    assert run.summary == {"tokens/cumulative/trained": 300}
    assert run.rows_got == 4
    assert run.verdict == "complete"


def test_a_short_run_whose_progress_never_reaches_one_is_finished(folder: Path) -> None:
    rows = [{**row, "progress": index / 6} for index, row in enumerate(rows_of(folder / "metrics.jsonl"))]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    run = read(folder)
    assert (run.status, run.verdict, run.rows_got) == ("finished", "complete", 6)


def test_a_run_without_a_final_checkpoint_is_never_called_finished() -> None:
    run = read(LOGS / "killed")
    assert (run.status, run.verdict) == ("unconfirmed", "unverified")
    assert run.reason == "it has no final checkpoint: more rows may follow or be missing"


def test_a_young_file_is_of_a_running_run(folder: Path) -> None:
    (folder / "checkpoints.jsonl").unlink()
    now = (folder / "metrics.jsonl").stat().st_mtime + 5

    assert (read(folder, now).status, read(folder, now).verdict) == ("running", "unverified")
    assert read(folder).status == "unconfirmed"


def test_max_steps_tell_the_end_where_the_final_checkpoint_is_missing(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(LOGS / "capped", tmp_path / "capped"))
    (folder / "checkpoints.jsonl").unlink()
    assert (read(folder).status, read(folder).verdict) == ("finished", "complete")


def test_a_diverged_run_keeps_its_nan_and_infinity() -> None:
    values = {(row["step"], row["name"]): row["value"] for row in read(LOGS / "diverged").history.to_pylist()}
    assert str(values[2, "train_mean_nll"]) == "nan"
    assert values[2, "test/bpb"] == float("inf")


def test_a_resumed_run_has_the_rows_of_each_process_in_an_attempt() -> None:
    run = read(LOGS / "resumed")
    steps = {attempt: {step for found, step, _ in names(run) if found == attempt} for attempt in (1, 2)}
    assert steps == {1: set(range(7)), 2: set(range(12))}
    assert run.rows_got == 7 + 12
    assert (run.status, run.verdict) == ("finished", "complete")


def test_steps_that_go_back_in_one_file_begin_an_attempt(folder: Path) -> None:
    text = (folder / "metrics.jsonl").read_text()
    (folder / "metrics.jsonl").write_text(text + "".join(text.splitlines(keepends=True)[3:]).replace("3.", "2."))

    attempts = {(attempt, step) for attempt, step, _ in names(read(folder))}
    assert attempts == {(1, step) for step in range(6)} | {(2, step) for step in range(3, 6)}


def test_a_late_evaluation_of_an_earlier_step_begins_no_attempt(folder: Path) -> None:
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "eval/snapshot/score": 0.5}\n')
    run = read(folder)
    assert (1, 2, "eval/snapshot/score") in names(run)
    assert {attempt for attempt, *_ in names(run)} == {1}


def test_a_doubled_line_begins_no_attempt(folder: Path) -> None:
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join(line * 2 for line in lines))
    assert {attempt for attempt, *_ in names(read(folder))} == {1}


def test_a_moved_or_copied_folder_is_the_same_run_and_a_seed_is_another(folder: Path) -> None:
    keys = {name: read(LOGS / name).key for name in ("lr_1e-04_rank_32", "seed_1", "diverged")}
    assert read(folder).key == keys["lr_1e-04_rank_32"]
    assert len(set(keys.values())) == 3


def test_a_run_keeps_its_key_while_it_grows_and_when_it_is_resumed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(LOGS / "resumed", tmp_path / "resumed"))
    after = read(folder)
    copy = folder / "metrics.jsonl.pre_resume_000005"
    first = "".join(copy.read_text().splitlines(keepends=True)[:1])
    shutil.copy(copy, folder / "metrics.jsonl")
    copy.unlink()
    before = read(folder)
    (folder / "metrics.jsonl").write_text(first)

    assert read(folder).key == before.key == after.key
    assert names(before) == {place for place in names(after) if place[0] == 1}


def test_a_config_changed_at_a_resume_leaves_the_mark(folder: Path) -> None:
    before = read(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_epochs": 3}))

    after = read(folder)
    assert after.key != before.key
    assert after.marks == before.marks != ()


def test_rows_without_measured_times_are_no_proof(folder: Path) -> None:
    (folder / "metrics.jsonl").write_text('{"step": 0, "train_mean_nll": 3.9}\n')
    assert read(folder).marks == ()


def test_half_a_last_line_is_partial_and_the_rest_arrives(folder: Path) -> None:
    path = folder / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-40])

    run = read(folder)
    assert (run.rows_expected, run.rows_got, run.verdict) == (6, 5, "partial")
    assert run.reason == "metrics.jsonl ends in half a line: the run was killed or the file cut"


def test_half_a_last_line_of_a_running_run_is_still_being_written(folder: Path) -> None:
    path = folder / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    (folder / "checkpoints.jsonl").unlink()

    run = read(folder, now=path.stat().st_mtime)
    assert (run.rows_expected, run.rows_got, run.verdict) == (5, 5, "unverified")


def test_half_a_line_in_front_of_a_row_costs_the_half_only(folder: Path) -> None:
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:2], lines[2][:50], *lines[2:]]))

    run = read(folder)
    assert (run.rows_expected, run.rows_got, run.verdict) == (7, 6, "partial")
    assert [problem.line for problem in run.problems] == [3]


@pytest.mark.parametrize(
    ("line", "n_bad"),
    [
        ('{"step": -1, "a": 1}', 1),
        ('{"step": 1.5, "a": 1}', 1),
        ('{"step": true, "a": 1}', 1),
        ('{"step": 99999999999999999999, "a": 1}', 1),
        ('{"step": NaN, "a": 1}', 1),
        ('["step", 1]', 1),
        ("\x00\x01 binary", 1),
        ("{" * 5000, 1),
        ('{"step": 6.0, "a": 1}', 0),
    ],
)
def test_a_wrong_line_is_a_problem_and_loses_no_other(folder: Path, line: str, n_bad: int) -> None:
    path = folder / "metrics.jsonl"
    path.write_text(f"{line}\n{path.read_text()}")

    run = read(folder)
    assert len(run.problems) == n_bad
    assert (run.rows_got, run.rows_expected) == (7 - n_bad, 7)
    assert run.verdict == ("partial" if n_bad else "complete")


def test_values_that_are_no_number_become_objects(folder: Path) -> None:
    row = {"step": 9, "text": "NaN", "none": None, "flag": True, "list": [1, 2], "ü😀": 1, "large": 2**62 + 1}
    lone = '{"step": 10, "half": "\\ud800"}'
    (folder / "metrics.jsonl").write_text(f"{json.dumps(row)}\n{lone}\n" + '{"step": 11, "huge": 1' + "0" * 400 + "}\n")

    run = read(folder)
    objects = {found["name"]: json.loads(found["json"]) for found in run.objects.to_pylist()}
    assert objects == {
        **{name: row[name] for name in ("text", "none", "flag", "list", "large")},
        "half": "\ufffd",
        "huge": 10**400,
    }
    assert {name for *_, name in names(run)} == {"ü😀", "large"}


def test_a_name_that_the_store_cannot_hold_is_a_problem(folder: Path) -> None:
    (folder / "metrics.jsonl").write_text(json.dumps({"step": 0, "": 1, "x" * 201: 1, "a": 1}) + "\n")
    run = read(folder)
    assert len(run.problems) == 2
    assert {name for *_, name in names(run)} == {"a"}


@pytest.mark.parametrize("content", [b"", b"\n\n", b'{"step": 0, "train_me'])
def test_a_run_that_has_logged_nothing_yet_says_so(folder: Path, content: bytes) -> None:
    (folder / "metrics.jsonl").write_bytes(content)
    (refusal,) = taken(folder)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "nothing is logged yet; import it again once its first step is done"


def test_a_run_that_only_wrote_its_config_has_logged_nothing_yet(folder: Path) -> None:
    (folder / "metrics.jsonl").unlink()
    (refusal,) = taken(folder)
    assert isinstance(refusal, Refusal)


def test_a_file_of_another_kind_is_refused(folder: Path) -> None:
    (folder / "metrics.jsonl").write_bytes(bytes(range(256)) * 40)
    (refusal,) = taken(folder)
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("metrics.jsonl holds no row")


def test_rows_without_any_step_are_partial(folder: Path) -> None:
    (folder / "metrics.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    run = read(folder)
    assert (run.summary, run.verdict, run.rows_got) == ({"a": 2}, "partial", 0)


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{", b"\xff\xfe\x00"])
def test_a_missing_or_broken_config_leaves_the_rows(folder: Path, content: bytes | None) -> None:
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_bytes(content)

    run = read(folder)
    assert (run.rows_got, run.verdict, run.columns) == (6, "partial", {})
    assert "config.json" in (run.reason or "")


@pytest.mark.parametrize(
    ("line", "began"),
    [
        ('{"step": 0, "spans": [{"wall_start": 1.5e9}, {"wall_start": 1.4e9}]}', 1.4e9),
        ('{"step": 0, "spans": [{"wall_start": 1e300}, 3]}', None),
        ('{"step": 0, "spans": 3}', None),
        ("{", None),
        ("", None),
    ],
)
def test_the_first_span_tells_when_it_began(folder: Path, line: str, began: float | None) -> None:
    assert read(folder).created_at is None
    (folder / "timing_spans.jsonl").write_text(line)
    created_at = read(folder).created_at
    assert (created_at and created_at.timestamp()) == began


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"dpo_beta": 0.1}, {"objective": "dpo"}),
        ({"loss_fn": "importance_sampling", "loss_fn_config": None}, {"objective": "importance_sampling"}),
        ({"dataset_builder": {"file_path": "a.jsonl"}}, {"dataset": "a.jsonl"}),
        ({"batch_size": 128, "num_substeps": 4}, {"batch_size": 32}),
        ({"batch_size": 10, "num_substeps": 4}, {}),
        ({"dataset_builder": {"groups_per_batch": 8, "group_size": 4, "seed": 3}}, {"batch_size": 32, "seed": 3}),
    ],
)
def test_other_loops_of_the_cookbook_state_their_settings_too(
    folder: Path, config: dict[str, object], expected: dict[str, object]
) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    assert read(folder).columns == expected


def test_wrong_types_in_the_config_give_no_columns(folder: Path) -> None:
    config = {
        "dataset_builder": {"common_config": 3, "batch_size": "8"},
        "max_steps": "x",
        "learning_rate": True,
        "loss_fn": 3,
    }
    (folder / "config.json").write_text(json.dumps(config))
    assert read(folder).columns == {}
    assert read(folder).config == config


def test_rows_missing_before_the_last_checkpoint_are_noticed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(LOGS / "rl", tmp_path / "rl"))
    (folder / "metrics.jsonl").write_text("".join((folder / "metrics.jsonl").read_text().splitlines(keepends=True)[:2]))
    run = read(folder)
    assert run.verdict == "partial"
    assert run.reason == "the last checkpoint is of 4 steps, but the last row is of step 1"


def test_the_digest_changes_with_every_file_that_counts(folder: Path) -> None:
    digests = {str(getattr(found(folder)[0], "digest", None))}
    for name in ("metrics.jsonl", "config.json", "checkpoints.jsonl"):
        with (folder / name).open("a") as file:
            file.write("\n")
        digests.add(str(getattr(found(folder)[0], "digest", None)))
    assert len(digests) == 4


def test_links_in_a_circle_end(folder: Path) -> None:
    (folder / "again").symlink_to(folder.parent, target_is_directory=True)
    assert len(found(folder.parent)) == 1


def test_a_model_folder_of_another_tool_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.jsonl").write_text("{}\n")
    assert found(tmp_path) == []


def test_a_path_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file or folder"):
        found(tmp_path / "nowhere")


def test_reading_changes_no_file(folder: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
    read(folder)
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}
