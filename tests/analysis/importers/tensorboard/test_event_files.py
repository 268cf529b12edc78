from __future__ import annotations

import io
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from analysis.errors import ConfigError
from analysis.importers.source import Item, Request
from analysis.importers.source_run import SourceRun
from analysis.importers.tensorboard import SOURCE
from analysis.importers.tensorboard.crc32c import crc32c
from analysis.importers.tensorboard.records import RecordReader
from tests.analysis.importers.reading import NOW, curve, fingerprint, points, read_all
from tests.analysis.importers.tensorboard.frames import event, frame, record, scalar, version

_LOGS = Path(__file__).parent / "logs"
_NAME = "events.out.tfevents.1000.node.1.0"


def _one(target: Path, now: float = NOW) -> SourceRun:
    runs, refusals = read_all(SOURCE, target, now=now)
    assert not refusals
    assert len(runs) == 1
    return runs[0]


def _write(folder: Path, *records: bytes, name: str = _NAME) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"".join(records))
    return folder


@pytest.mark.parametrize(
    ("content", "crc"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
)
def test_the_checksum_is_that_of_rfc_3720(content: bytes, crc: int) -> None:
    assert crc32c(content) == crc


def test_the_checksum_of_long_texts_is_that_of_their_bytes_one_by_one() -> None:
    content = np.random.default_rng(0).bytes(9000)
    for length in (2047, 2048, 2049, 2560, 9000):
        crc = 0xFFFFFFFF
        for byte in content[:length]:
            crc ^= byte
            for _ in range(8):
                crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        assert crc32c(content[:length]) == crc ^ 0xFFFFFFFF


@pytest.mark.parametrize("folder", ["trainer/runs", "torch", "trials/trial0", "trials/trial1", "trials/trial2"])
def test_every_scalar_that_tensorboard_reads_is_there(folder: str) -> None:
    run = _one(_LOGS / folder)
    expected = json.loads((_LOGS / "counts.json").read_text())[folder]

    assert sum(map(len, expected.values())) >= 1
    for tag, found in expected.items():
        last = dict(found)
        if tag == "without step":
            last = {number: value for number, (_, value) in enumerate(found)}
        assert {step: repr(value) for step, value in curve(run, tag).items()} == last


def test_a_folder_of_many_kinds_of_values() -> None:
    run = _one(_LOGS / "torch")

    assert run.config == {"lr": 1e-4, "rank": 8.0, "optimizer": "adamw", "tied": 1.0}
    assert run.summary == {"hparam/accuracy": 0.75}
    assert (run.status, run.verdict, run.rows_expected, run.rows_got) == ("finished", "complete", 200, 200)
    assert curve(run, "train/exact")[1] == 0.1
    assert curve(run, "train/new")[1] == 0.10000000149011612
    assert math.isnan(curve(run, "eval/loss")[1])
    assert curve(run, "eval/loss")[2] == math.inf
    assert curve(run, "train/loss")[199] == 7.0
    assert [json.loads(text) for text in run.objects["json"].to_pylist()] == ["größer ☃"]
    assert any("1 of kind histo" in note and "1 of kind image" in note for note in run.notes)
    assert any("1 values were logged again" in note for note in run.notes)
    assert any("without a step" in note and "without step" in note for note in run.notes)


def test_the_settings_of_trainer_are_the_config() -> None:
    run = _one(_LOGS / "trainer")

    args, model = run.config["args"], run.config["model_config"]
    assert isinstance(args, dict)
    assert isinstance(model, dict)
    assert (args["learning_rate"], args["per_device_train_batch_size"], model["num_hidden_layers"]) == (3e-4, 2, 2)
    assert run.status == "unconfirmed"
    assert set(curve(run, "eval/loss")) == {4, 8}
    assert run.history["attempt"].unique().to_pylist() == [1]


def test_each_trial_of_a_writer_is_a_run() -> None:
    runs, refusals = read_all(SOURCE, _LOGS / "trials")

    assert not refusals
    assert [run.config for run in runs] == [{"lr": 10.0**-trial, "bsize": 2.0**trial} for trial in range(3)]
    assert len({run.key for run in runs}) == 3


def test_a_process_that_began_again_is_an_attempt_that_keeps_what_was_before() -> None:
    run = _one(_LOGS / "resumed")

    assert list(curve(run, "loss", 1).values()) == [float(step) for step in range(10)]
    assert curve(run, "loss", 2) == (
        {step: float(step) for step in range(6)}
        | {step: 60.0 + step for step in range(6, 12)}
        | {step: 120.0 + step for step in range(12, 15)}
    )
    seconds = run.history.filter(run.history["attempt"].to_numpy() == 2)["wall_time"].to_pylist()
    assert seconds == sorted(seconds)
    assert (run.rows_expected, run.rows_got) == (19, 19)


def test_files_of_one_second_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    _write(tmp_path, version(1000.5), scalar(5, "a", 2.0, 1001.0), name="events.out.tfevents.1000.node.1.10")
    _write(tmp_path, version(1000.1), scalar(4, "a", 1.0, 1000.2), name="events.out.tfevents.1000.node.1.9")

    run = _one(tmp_path)

    assert points(run) == {(1, 4, "a"): 1.0, (1, 5, "a"): 2.0}
    assert run.key[1] == "events.out.tfevents.1000.node.1.9"


def test_all_of_a_long_log_is_read(tmp_path: Path) -> None:
    """TensorBoard keeps 10,000 scalars of a tag."""
    run = _one(_write(tmp_path, version(), *(scalar(step, "loss", step / 2) for step in range(12_000))))

    assert curve(run, "loss") == {step: step / 2 for step in range(12_000)}


def test_a_log_cut_anywhere_gives_all_whole_records_and_says_so(tmp_path: Path) -> None:
    content = (_LOGS / "resumed" / sorted(path.name for path in (_LOGS / "resumed").iterdir())[0]).read_bytes()
    whole = curve(_one(_LOGS / "resumed"), "loss", 1)
    sizes = []
    reader = RecordReader(io.BytesIO(content), len(content))
    ends = [0]
    for payload in reader:
        ends.append(ends[-1] + len(payload) + 16)
    for end in range(len(content)):
        _write(tmp_path, content[:end])
        runs, refusals = read_all(SOURCE, tmp_path)
        found = curve(runs[0], "loss") if runs else {}
        assert found.items() <= whole.items()
        sizes.append(len(found))
        if runs:
            assert (runs[0].verdict == "complete") == (end in ends)
            assert (runs[0].lost_records == 0) == (end in ends)
        assert bool(runs) != bool(refusals)
    assert sizes == sorted(sizes)
    assert max(sizes) == 9


def test_a_log_that_may_still_grow_is_unverified_even_where_it_breaks_off(tmp_path: Path) -> None:
    folder = _write(tmp_path, version(), scalar(0, "a", 1.0), scalar(1, "a", 1.0)[:-5])
    now = (folder / _NAME).stat().st_mtime + 10

    assert (_one(tmp_path, now).verdict, _one(tmp_path, now).status) == ("unverified", "running")
    assert (_one(tmp_path).verdict, _one(tmp_path).status) == ("partial", "unconfirmed")


def test_a_flipped_byte_costs_at_most_one_record_and_is_counted(tmp_path: Path) -> None:
    records = [version(), *(scalar(step, "loss", 1.0) for step in range(50))]
    content = b"".join(records)
    for offset in range(len(records[0]), len(content), 7):
        _write(tmp_path, content[:offset], bytes([content[offset] ^ 0x10]), content[offset + 1 :])
        run = _one(tmp_path)
        assert len(curve(run, "loss")) == 49
        assert (run.verdict, run.lost_records) == ("partial", 1)
        assert run.reason


def test_a_zeroed_stretch_is_skipped(tmp_path: Path) -> None:
    records = [version(), *(scalar(step, "loss", 1.0) for step in range(100))]
    size = len(records[-1])
    start = sum(map(len, records[:21]))
    content = b"".join(records)
    _write(tmp_path, content[:start], bytes(10 * size), content[start + 10 * size :])

    run = _one(tmp_path)

    assert set(curve(run, "loss")) == set(range(100)) - set(range(20, 30))
    assert run.reason is not None
    assert f"{10 * size} bytes belong to no record" in run.reason


@pytest.mark.parametrize("content", [b"", b"abc", b"\x00" * 4096, b"PK\x03\x04" * 999, version(), frame(b"\xff\xff")])
def test_a_file_without_values_is_refused(tmp_path: Path, content: bytes) -> None:
    runs, refusals = read_all(SOURCE, _write(tmp_path, content))

    assert not runs
    assert "nothing was logged" in refusals[0].reason


def test_random_damage_never_raises(tmp_path: Path) -> None:
    content = bytearray((next((_LOGS / "torch").glob("*tfevents*"))).read_bytes())
    chance = np.random.default_rng(1)
    for _ in range(25):
        damaged = bytearray(content)
        for _ in range(20):
            damaged[chance.integers(len(damaged))] = chance.integers(256)
        run = _one(_write(tmp_path, bytes(damaged)))
        assert run.verdict == "partial"
        assert points(run)


def test_steps_below_zero_and_unreadable_hparams_are_said(tmp_path: Path) -> None:
    bad = {"tag": "_hparams_", "metadata": {"plugin_data": {"plugin_name": "hparams", "content": b"\xff"}}}
    run = _one(
        _write(tmp_path, version(), scalar(-3, "a", 1.0), scalar(0, "a", 2.0), record(event(summary={"value": [bad]})))
    )

    assert points(run) == {(1, 0, "a"): 2.0}
    assert (run.verdict, run.rows_expected, run.rows_got, run.lost_records) == ("partial", 2, 1, 2)


def test_tensors_of_every_number_type(tmp_path: Path) -> None:
    scalars = {"plugin_data": {"plugin_name": "scalars"}}
    tensors: dict[str, tuple[dict[str, object], float]] = {
        "half": ({"dtype": 19, "half_val": [0x3E00]}, 1.5),
        "bfloat16": ({"dtype": 14, "tensor_content": b"\xc0\x3f"}, 1.5),
        "int64": ({"dtype": 9, "int64_val": [2**62 + 1]}, float(2**62)),
        "bool": ({"dtype": 10, "bool_val": [True]}, 1.0),
        "double": ({"dtype": 2, "tensor_shape": {"dim": [{"size": 1}]}, "double_val": [0.1]}, 0.1),
    }
    values = [{"tag": tag, "metadata": scalars, "tensor": tensor} for tag, (tensor, _) in tensors.items()]
    values.append({"tag": "pair", "metadata": scalars, "tensor": {"dtype": 1, "float_val": [1.0, 2.0]}})
    run = _one(_write(tmp_path, version(), record(event(step=1, summary={"value": values}))))

    assert points(run) == {(1, 1, tag): value for tag, (_, value) in tensors.items()}
    assert run.objects.to_pylist() == [{"attempt": 1, "step": 1, "name": "int64", "json": str(2**62 + 1)}]
    assert "1 of kind scalars" in run.notes[-1]


def test_a_copy_has_the_same_marks_and_reading_changes_nothing(tmp_path: Path) -> None:
    shutil.copytree(_LOGS, tmp_path / "a")
    shutil.copytree(_LOGS / "torch", tmp_path / "b")
    before = fingerprint(tmp_path)

    runs, _ = read_all(SOURCE, tmp_path)

    copies = [run for run in runs if run.name in ("a/torch", f"{tmp_path.name}/b")]
    assert len({run.marks for run in copies}) == 1
    assert len({run.key for run in copies}) == len(copies) == 2
    assert fingerprint(tmp_path) == before


def test_what_changes_changes_the_digest_and_a_longer_log_only_gains(tmp_path: Path) -> None:
    request = Request(targets=(str(tmp_path),), now=NOW)
    _write(tmp_path, version(), scalar(0, "a", 1.0))
    first = [found.digest for found in SOURCE.find(request) if isinstance(found, Item)]
    short = _one(tmp_path)
    _write(tmp_path, version(), scalar(0, "a", 1.0), scalar(1, "a", 1.0))

    assert [found.digest for found in SOURCE.find(request) if isinstance(found, Item)] != first
    assert points(short).items() <= points(_one(tmp_path)).items()
    assert short.key == _one(tmp_path).key


def test_a_single_file_is_a_run_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    _write(tmp_path / "run", version(), scalar(0, "a", 1.0))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "train.log").write_text("x")

    assert points(_one(tmp_path / "run" / _NAME)) == points(_one(tmp_path)) == {(1, 0, "a"): 1.0}
    assert read_all(SOURCE, tmp_path / "other") == ([], [])
    with pytest.raises(ConfigError, match="there is no file or folder"):
        read_all(SOURCE, tmp_path / "none")
