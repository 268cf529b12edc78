"""Which model folders are loaded, and which are refused with a reason."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from analysis.importers.redaction.redactor import Redactor
from runner.errors import EnvironmentProblem, ModelError
from runner.training.base_model import find_model, load_model, load_tokenizer


@pytest.fixture
def folder(tiny_model_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(tiny_model_folder, tmp_path / "model")


def test_a_folder_loads(folder: Path) -> None:
    found = find_model(str(folder))
    assert (found.hidden_size, found.model_type) == (32, "llama")
    model = load_model(found, torch.bfloat16, torch.device("cpu"))
    assert model.dtype == torch.bfloat16
    assert load_tokenizer(found).chat_template


def test_equal_weights_have_equal_digests_wherever_they_lie(folder: Path, tiny_model_folder: Path) -> None:
    assert find_model(str(folder)).weights_digest == find_model(str(tiny_model_folder)).weights_digest
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert find_model(str(folder)).weights_digest != find_model(str(tiny_model_folder)).weights_digest


def test_pickled_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"only pickled weights \(pytorch_model\.bin\), which can run code"):
        find_model(str(folder))


def test_custom_code_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"] = {"auto_map": {"AutoModel": "modeling_evil.Evil"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="brings its own code"):
        find_model(str(folder))


def test_damaged_weights_are_one_sentence(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be loaded from"):
        load_model(find_model(str(folder)), torch.float32, torch.device("cpu"))


@pytest.mark.parametrize(("name", "sentence"), [("./nothing", r"has no config\.json"), ("a//b c", "is no model")])
def test_what_is_no_model(name: str, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        find_model(name)


def test_what_is_said_of_a_model_is_not_taken_for_a_secret() -> None:
    with pytest.raises(ModelError) as caught:
        find_model("/etc/passwd")
    assert Redactor().clean_text(str(caught.value)) == str(caught.value)


def test_a_hub_model_offline_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="not in the local Hub cache"):
        find_model("some-team/some-model")


def test_without_the_package_the_bundled_model_names_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UCURVE_CACHE", str(tmp_path))
    monkeypatch.setattr("runner.training.bundled.importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EnvironmentProblem, match="make setup"):
        find_model("smollm2-135m")
