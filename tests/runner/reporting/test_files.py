from __future__ import annotations

import os
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.errors import EnvironmentProblem
from runner.reporting.files import write_whole
from runner.reporting.write import format_of


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "review.html"
    target.write_text("old")

    write_whole(target, b"new")

    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "review.html"
    target.write_text("old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(EnvironmentProblem, match=r"cannot write '.*review.html': No space left on device; choose"):
        write_whole(target, b"new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"nowhere/review.html': No such file or directory"):
        write_whole(tmp_path / "nowhere" / "review.html", b"new")


@pytest.mark.parametrize(
    ("name", "named", "format"),
    [
        ("r.html", None, "html"),
        ("r.PDF", None, "pdf"),
        ("r.markdown", None, "md"),
        ("r.txt", "csv", "csv"),
        ("r.html", "md", "md"),
    ],
)
def test_the_format_is_as_named_or_by_the_ending(name: str, named: str | None, format: str) -> None:
    assert format_of(Path(name), named) == format


@pytest.mark.parametrize(("name", "named"), [("r.txt", None), ("r", None), ("r.html", "word")])
def test_an_unknown_format_is_refused_with_those_there_are(name: str, named: str | None) -> None:
    with pytest.raises(ConfigError, match=r"html, .*parquet"):
        format_of(Path(name), named)
