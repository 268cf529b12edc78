"""Arguments are read out of a pickle without running it, whatever it holds."""

from __future__ import annotations

import os
import pickle
import pickletools
import zipfile
from pathlib import Path

import pytest

from analysis.importers.run_files import UnreadableFileError
from analysis.importers.trainer.args import read_arguments
from analysis.importers.trainer.plain_pickle import Made, plain_values, read_pickle, read_torch_file
from tests.analysis.importers.trainer.folders import LOGS

ARGS = "training_args.bin"


class _Command:
    """Pickled as a call of `os.system`."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def _torch_file(path: Path, pickled: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("training_args/data.pkl", pickled)
        archive.writestr("training_args/version", "3\n")
    return path


def _pickled(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


@pytest.mark.parametrize("protocol", range(6))
def test_a_malicious_pickle_is_not_run(tmp_path: Path, protocol: int) -> None:
    proof = tmp_path / "proof"
    pickled = pickle.dumps({"output_dir": _Command(f"touch {proof}"), "learning_rate": 1.0}, protocol=protocol)
    made = read_pickle(pickled)
    assert isinstance(made, dict)
    assert made["learning_rate"] == 1.0
    assert isinstance(made["output_dir"], Made)
    assert made["output_dir"].name.endswith(".system")
    assert not proof.exists()
    pickle.loads(pickled)  # noqa: S301 - shows that it would have run
    assert proof.exists()


def test_a_malicious_argument_file_is_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    pickled = pickle.dumps(_Command(f"touch {proof}"), protocol=2)
    _torch_file(tmp_path / ARGS, pickled)
    problems: list[str] = []
    assert read_arguments([tmp_path], problems).settings == {}
    assert problems == [f"{ARGS} holds no arguments of a Trainer"]
    assert not proof.exists()


def test_the_settings_are_those_that_the_tool_was_given() -> None:
    arguments = read_arguments([LOGS / "sft-high"], [])
    assert arguments.class_name == "trl.trainer.sft_config.SFTConfig"
    given = {
        "output_dir": "/srv/sweep/sft-high", "learning_rate": 2e-2, "seed": 0, "max_steps": 12, "max_length": 32,
        "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "lr_scheduler_type": "cosine",
        "eval_strategy": "steps", "warmup_steps": 2, "weight_decay": 0.01, "report_to": [], "bf16": False,
    }  # fmt: skip
    assert {name: arguments.settings[name] for name in given} == given
    assert (arguments.n_processes, arguments.device) == (1, "cpu")
    assert not any(name.startswith("_") for name in arguments.settings)


def test_values_survive_every_protocol() -> None:
    values: dict[str, object] = {
        "i": 5, "neg": -70_000, "big": 2**80, "f": 0.1, "t": True, "n": None, "s": "naïve ☃", "l": [1, [2.5]],
        "u": (1, "a"), "d": {"a": {"b": 1}}, "nan": float("inf"), "empty": [{}, ()],
    }  # fmt: skip
    for protocol in range(6):
        made = read_pickle(pickle.dumps(values, protocol=protocol))
        assert isinstance(made, dict)
        assert plain_values(made) == values | {"u": [1, "a"], "empty": [{}, []]}


@pytest.mark.parametrize("step", range(0, 100, 3))
def test_a_truncated_pickle_is_unreadable(tmp_path: Path, step: int) -> None:
    whole = _pickled(LOGS / "sft-high" / ARGS)
    cut = whole[: len(whole) * step // 100]
    with pytest.raises(UnreadableFileError):
        read_pickle(cut)
    _torch_file(tmp_path / ARGS, cut)
    problems: list[str] = []
    assert read_arguments([tmp_path, LOGS / "sft-high"], problems).settings["learning_rate"] == 2e-2
    assert len(problems) == 1


def test_flipped_bytes_never_raise_anything_else() -> None:
    whole = _pickled(LOGS / "sft-high" / ARGS)
    for index in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[index] ^= 0xFF
        try:
            made = read_pickle(bytes(damaged))
        except UnreadableFileError:
            continue
        if isinstance(made, Made):
            plain_values(made.state)


def test_structures_cannot_grow_beyond_their_file() -> None:
    """A list of ten references to a list of ten references to ...: 10**18 values in 200 opcodes."""
    nested: object = "x"
    for _ in range(18):
        nested = [nested] * 10
    loop: list[object] = []
    loop.append(loop)
    made = read_pickle(pickle.dumps({"nested": nested, "loop": loop, "learning_rate": 1.0}))
    assert isinstance(made, dict)
    kept = plain_values({"learning_rate": made["learning_rate"], **made})
    assert kept == {"learning_rate": 1.0}


def test_too_many_opcodes_are_refused() -> None:
    pickled = pickle.dumps([[] for _ in range(100_000)], protocol=2)
    assert sum(1 for _ in pickletools.genops(pickled)) > 200_000
    with pytest.raises(UnreadableFileError, match="more than 200000"):
        read_pickle(pickled)


def test_an_archive_that_unpacks_into_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ARGS
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("training_args/data.pkl", b"\x80\x02" + b"0" * (5 * 1024 * 1024))
    with pytest.raises(UnreadableFileError, match="at most 4 MB"):
        read_torch_file(path)


def test_half_characters_become_ones_that_can_be_stored() -> None:
    made = read_pickle(pickle.dumps({"name": "a\ud800"}))
    assert isinstance(made, dict)
    assert plain_values(made) == {"name": "a?"}
