import sys
from types import ModuleType

import pytest

from runner.data import load_dataset
from runner.errors import ConfigError
from runner.spec.dataset import DatasetSection

SECTION = DatasetSection(hub="owner/set", subset="en", split="test", revision="abc", held_out=1)


def test_without_the_extra_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        ConfigError, match=r"hub:owner/set needs the extra `datasets`; run pip install 'ucurve\[datasets\]'"
    ):
        load_dataset(SECTION)


def test_rows_of_a_hub_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def fake_load(*arguments: object, **options: object) -> list[dict[str, str]]:
        asked.extend([arguments, options])
        return [{"text": f"text {number}"} for number in range(4)]

    module = ModuleType("datasets")
    module.load_dataset = fake_load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    dataset = load_dataset(SECTION)
    assert asked == [("owner/set", "en"), {"split": "test", "revision": "abc"}]
    assert (dataset.name, len(dataset.train), len(dataset.held_out)) == ("owner/set", 3, 1)


def test_what_the_hub_says_reaches_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise FileNotFoundError("no such data set")

    module = ModuleType("datasets")
    module.load_dataset = fail  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    with pytest.raises(ConfigError, match="hub:owner/set cannot be loaded: no such data set"):
        load_dataset(SECTION)
