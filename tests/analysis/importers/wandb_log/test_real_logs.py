"""What the real client logged comes back: each value against what the writing script itself logged."""

from __future__ import annotations

import math
from pathlib import Path

import pyarrow.compute as pc
import pytest

from analysis.importers.wandb_log import MetricSetting, RunLog, path_text, read_run_log
from tests.analysis.importers.wandb_log import write_logs
from tests.analysis.importers.wandb_log.client import KilledRun
from tests.analysis.importers.wandb_log.frames import read_sound_log

pytestmark = pytest.mark.timeout(400)


def rows_of(log: RunLog) -> dict[int, dict[str, dict[str, object]]]:
    """Step to key to the cell's columns `number`, `integer` and `json`."""
    rows: dict[int, dict[str, dict[str, object]]] = {}
    for cell in log.history.to_pylist():
        row = rows.setdefault(cell["step"], {})
        assert cell["key"] not in row
        row[cell["key"]] = {name: cell[name] for name in ("number", "integer", "json")}
    return rows


def flat(row: dict[str, object], above: tuple[str, ...] = ()) -> dict[str, object]:
    """Key path to value, without the keys that the client drops."""
    values: dict[str, object] = {}
    for key, value in row.items():
        values |= flat(value, (*above, key)) if isinstance(value, dict) else {path_text((*above, key)): value}
    return values


def same(cell: dict[str, object], value: object) -> bool:
    number, integer, text = cell["number"], cell["integer"], cell["json"]
    if isinstance(value, bool) or value is None:
        return number is None and text == {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return number is None and isinstance(text, str) and text.startswith('"')
    assert isinstance(number, float)
    assert isinstance(value, int | float)
    if math.isnan(value):
        return math.isnan(number) and text is None
    if isinstance(value, int) and 2**53 <= abs(value) < 2**63:
        return integer == value
    return number == value and integer is None and text is None


def test_every_value_of_a_rich_run_comes_back(rich: RunLog) -> None:
    rows = rows_of(rich)
    logged = list(write_logs.rich_rows())
    for step, row in enumerate(logged):
        expected = flat(row)
        got = rows.get(step, {})
        assert got.keys() == expected.keys()
        assert [key for key in expected if not same(got[key], expected[key])] == []
    # a table, a row in two calls, two rows at step 50 that the client merges, one going back that it drops
    assert rich.n_rows == len(logged) + 3
    assert rich.n_new_rows == rich.n_rows
    assert rows[len(logged) + 1].keys() == {"merged", "also"}
    assert rows[50].keys() == {"same", "step"}
    assert "dropped" not in {key for row in rows.values() for key in row}


def test_texts_keep_what_they_are(rich: RunLog) -> None:
    row = rows_of(rich)[20]
    assert row["text"]["json"] == '"NaN"'
    assert row["none"]["json"] == "null"
    texts = rows_of(rich)[22]
    assert texts["unicode"]["json"] == '"héllo ☃ 🜚 \\u0000"'
    assert texts["half"]["json"] == '"a\ufffdb"', "replaced by the client"


def test_a_dotted_key_and_a_nested_one_are_two(rich: RunLog) -> None:
    row = rows_of(rich)[7]
    assert row["n.a"]["number"] == 7
    assert row["n\\.a"]["number"] == -7
    assert (row["loss"]["number"], row["Loss"]["number"]) == (1 / 8, 7)


def test_a_table_is_named_by_its_file(rich: RunLog) -> None:
    row = rows_of(rich)[len(list(write_logs.rich_rows()))]
    path = str(row["table.path"]["json"]).strip('"')
    assert (rich.path.parent / "files" / path).is_file()
    assert row["table.nrows"]["number"] == 2


def test_times_stand_beside_each_value(rich: RunLog) -> None:
    assert rich.facts is not None
    assert rich.facts.start_time is not None
    late = rich.history["timestamp"].to_pandas() - rich.facts.start_time.timestamp()
    assert late.between(0, 200).all()
    assert (late - rich.history["runtime"].to_pandas()).abs().max() < 5
    assert not {"_step", "_timestamp", "_runtime"} & set(pc.unique(rich.history["key"]).to_pylist())


def test_who_the_run_is(rich: RunLog) -> None:
    facts = rich.facts
    assert facts is not None
    assert (facts.run_id, facts.entity, facts.project) == ("rich", "team", "rich")
    assert (facts.group, facts.job_type, facts.name) == ("g", "sft", "näme")
    assert (facts.notes, facts.tags) == ("second", ("a", "b", "c"))
    assert facts.host
    assert facts.client_version
    assert (facts.sweep_id, facts.resumed, facts.parent_run_id) == (None, False, None)


def test_the_config_is_exact_though_the_client_repeats_it_rounded(rich: RunLog) -> None:
    config = {key: value for key, value in rich.config.items() if key != "_wandb"}
    assert config == {
        "learning_rate": 1e-3,
        "optimizer": {"name": "sgd"},
        "dot.ted": 1,
        "infinite": math.inf,
        "huge": 2**70,
        "half": "x\ufffdy",
        "none": None,
        "": 3,
        "later": [1, 2],
    }
    assert rich.n_replaced == 2


def test_the_summary_is_rebuilt_with_updates_and_removals(rich: RunLog) -> None:
    summary = rich.summary
    assert summary["nest"] == {"u": {"v": 1}, "w": 3}
    assert "gone" not in summary
    assert summary["half"] == "\ufffd"
    assert summary["val/acc"] == {"min": 1}
    assert summary["n"] == {"a": {"max": 19, "mean": 9.5}, "b": {"c": 1.5}}
    assert summary["n.a"] == -19
    assert summary["_step"] == 50
    assert summary["text"] == "NaN"
    assert isinstance(summary["nan"], float)
    assert math.isnan(summary["nan"])


def test_metric_definitions(rich: RunLog) -> None:
    assert rich.metrics == (
        MetricSetting("val/acc", False, None, ("min",), None, False),
        MetricSetting("train/*", True, "epoch", (), None, False),
        MetricSetting("n.a", False, None, ("max", "mean"), None, False),
        MetricSetting("loss", False, None, ("last",), None, True),
    )


def test_what_holds_nothing_for_an_analysis_is_counted(rich: RunLog) -> None:
    assert rich.not_read == {"header": 1, "files": 2, "artifact": 1}


def test_a_long_run_that_failed_is_complete(client_logs: Path) -> None:
    (path,) = client_logs.glob("wandb/*long/*.wandb")
    log = read_run_log(path)
    assert (log.verdict, log.reason, log.state, log.exit_code) == ("complete", None, "failed", 3)
    assert log.n_rows == write_logs.LONG_ROWS
    assert log.history.num_rows == 3 * write_logs.LONG_ROWS
    rows = rows_of(log)
    for i in range(write_logs.LONG_ROWS):
        assert {key: cell["number"] for key, cell in rows[i].items()} == write_logs.long_row(i)


@pytest.mark.parametrize(
    ("job", "state", "exit_code"),
    [("raise", "failed", 1), ("silent", "unconfirmed", 0)],
)
def test_how_a_script_ended(ended_logs: dict[str, Path], job: str, state: str, exit_code: int) -> None:
    log = read_run_log(ended_logs[job])
    assert (log.state, log.exit_code, log.verdict, log.n_rows) == (state, exit_code, "complete", 3)


def test_a_finished_run_is_finished(rich: RunLog) -> None:
    assert (rich.state, rich.exit_code, rich.verdict) == ("finished", 0, "complete")


def test_a_killed_run_gives_all_that_reached_the_disk(killed: KilledRun) -> None:
    content = killed.path.read_bytes()
    on_disk = sum(record.kind == "history" for record in read_sound_log(content))
    written = killed.path.stat().st_mtime
    log = read_run_log(killed.path, now=written + 601)
    assert 0 < log.n_rows == on_disk <= write_logs.LONG_ROWS
    assert (log.state, log.exit_code) == ("lost", None)
    assert log.verdict in ("partial", "unverified")
    assert log.reason is not None
    rows = rows_of(log)
    for i in range(log.n_rows):
        assert {key: cell["number"] for key, cell in rows[i].items()} == write_logs.long_row(i)
    assert read_run_log(killed.path, now=written + 1).state == "running"


def test_a_log_read_while_the_client_writes_it_is_never_called_damaged(killed: KilledRun) -> None:
    counts = [log.n_rows for log in killed.while_growing]
    assert counts == sorted(counts)
    for log in killed.while_growing:
        assert (log.state, log.verdict) in (("running", "unverified"), (None, "unverified"))
        assert log.damage is None or log.damage.problems == ()
