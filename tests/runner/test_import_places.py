from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import ConfigError
from runner.import_places import CLOUD, places_from, read_places


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    for name in ("runs/a", "runs/.hidden", "other", "secret"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "runs" / "out").symlink_to(tmp_path / "secret")
    return [tmp_path / "runs", tmp_path / "other"]


def test_paths_below_the_folders_are_found_relative_ones_from_the_first(roots: list[Path]) -> None:
    places = places_from(roots, (), {})
    assert places.find("a") == roots[0].resolve() / "a"
    assert places.find(f" {roots[1]} ") == roots[1].resolve()
    assert places.find(".") == roots[0].resolve()


@pytest.mark.parametrize("text", ["..", "../secret", "out", "/etc/passwd", "missing", "a\0b", "a" * 5000, "~"])
def test_nothing_outside_the_folders_can_be_named(roots: list[Path], text: str) -> None:
    with pytest.raises(ConfigError, match="--import-root"):
        places_from(roots, (), {}).find(text)


def test_what_is_outside_and_what_is_missing_cannot_be_told_apart(roots: list[Path]) -> None:
    places = places_from(roots, (), {})
    answers = set()
    for name in ("../secret", "../secres"):
        with pytest.raises(ConfigError) as problem:
            places.find(name)
        answers.add(str(problem.value).replace(name, "X"))
    assert len(answers) == 1


def test_the_folders_and_what_lies_in_them_is_offered(roots: list[Path]) -> None:
    offered = places_from(roots, (), {}).suggest()
    assert offered[:2] == [str(root.resolve()) for root in roots]
    assert str(roots[0].resolve() / "a") in offered
    assert not any(".hidden" in path or path.endswith("out") for path in offered)


def test_places_survive_the_way_through_the_environment(roots: list[Path]) -> None:
    places = places_from(roots, ["https://wandb.example.org"], {"WANDB_BASE_URL": "http://127.0.0.1:9"})
    assert places.servers == ("https://wandb.example.org", "http://127.0.0.1:9", CLOUD)
    assert read_places(places.to_environment()) == places


def test_a_dashboard_started_otherwise_reads_no_folder() -> None:
    places = read_places({})
    assert places.servers == (CLOUD,)
    with pytest.raises(ConfigError, match="reads no folders"):
        places.find(".")


def test_a_missing_folder_and_an_odd_server_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none at"):
        places_from([tmp_path / "no"], (), {})
    with pytest.raises(ConfigError, match="address"):
        places_from((), ["wandb.example.org"], {})
