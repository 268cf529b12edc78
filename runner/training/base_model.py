"""Loading a base model: a bundled name, a folder or a Hub id; plain weights only, never code.

Only safetensors (or the bundled GGUF) are read, and never with `trust_remote_code`: a pickle or a modelling file runs
whatever its author wrote.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from runner.errors import EnvironmentProblem, ModelError
from runner.spec.grid import ModelFacts
from runner.training.bundled import BUNDLED_MODELS, bundled_model_folder

CODE_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".msgpack")
HUB_FILES = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model", "vocab.txt", "merges.txt"]


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A checked folder with a model, and what its configuration says."""

    model_id: str
    path: Path
    hidden_size: int
    model_type: str
    tokenizer_id: str
    """Digest of the tokenizer's files: token losses are comparable only where it is equal."""
    weights_digest: str | None
    """Digest of sizes and names of a local folder's weights; None where the id alone says what they are."""

    @property
    def facts(self) -> ModelFacts:
        """What the grid needs to know."""
        return ModelFacts(hidden_size=self.hidden_size, model_type=self.model_type, digest=self.weights_digest)


def find_model(model_id: str, revision: str | None = None) -> ModelFolder:
    """The folder of a bundled name, a local folder (`./`, `../`, `/`, `~`) or a Hub id (downloaded, or from its cache).

    Raises:
        ModelError: No such model, or it comes with pickles or code only.
        EnvironmentProblem: The Hub cannot be reached, or the bundled weights are not installed.
    """
    if model_id in BUNDLED_MODELS:
        path, is_local = bundled_model_folder(model_id), False
    elif model_id.startswith((".", "/", "~")):
        path, is_local = Path(model_id).expanduser(), True
    else:
        path, is_local = _download(model_id, revision), False
    config = _checked_config(path, model_id)
    return ModelFolder(
        model_id=model_id,
        path=path,
        hidden_size=_positive(config, "hidden_size", path),
        model_type=str(config.get("model_type", "unknown")),
        tokenizer_id=_digest(p for p in path.iterdir() if "token" in p.name or p.name in ("vocab.json", "merges.txt")),
        weights_digest=_digest(path.glob("*.safetensors")) if is_local else None,
    )


def load_tokenizer(folder: ModelFolder) -> PreTrainedTokenizerBase:
    """The model's own tokenizer."""
    return AutoTokenizer.from_pretrained(folder.path, trust_remote_code=False, local_files_only=True)


def load_model(folder: ModelFolder, dtype: torch.dtype, device: torch.device) -> PreTrainedModel:
    """The weights in `dtype` on `device`.

    Raises:
        ModelError: transformers knows no causal language model of this type, or the weights are damaged.
    """
    transformers_logging.disable_progress_bar()
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder.path, dtype=dtype, trust_remote_code=False, use_safetensors=True, local_files_only=True
        )
    except (ValueError, OSError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"model '{folder.model_id}' cannot be loaded from {folder.path}: {reason}") from error
    return model.to(device)


def _download(model_id: str, revision: str | None) -> Path:
    try:
        return Path(snapshot_download(model_id, revision=revision, allow_patterns=HUB_FILES))
    except HFValidationError as error:
        raise ModelError(
            f"'{model_id}' is no model: use a bundled name ({', '.join(BUNDLED_MODELS)}), "
            "a Hub id such as 'org/name', or a folder that starts with './' or '/'"
        ) from error
    except LocalEntryNotFoundError as error:
        raise EnvironmentProblem(
            f"model '{model_id}' is not in the local Hub cache and the Hub cannot be reached; connect, or give a folder"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"model '{model_id}' cannot be fetched from the Hub: {reason}") from error


def _checked_config(path: Path, model_id: str) -> dict[str, Any]:
    config_file = path / "config.json"
    if not config_file.is_file():
        raise ModelError(f"model '{model_id}' has no config.json in {path}; give a folder in transformers' format")
    try:
        config = json.loads(config_file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"model '{model_id}' cannot be used, since {config_file} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"model '{model_id}' cannot be used, since {config_file} holds no mapping")
    if "auto_map" in json.dumps(config):
        raise ModelError(
            f"model '{model_id}' brings its own code ('auto_map' in config.json), which is never run; "
            "use an architecture that transformers knows"
        )
    if not any(path.glob("*.safetensors")):
        pickles = sorted(p.name for p in path.iterdir() if p.suffix in CODE_SUFFIXES)
        why = f"only pickled weights ({', '.join(pickles)}), which can run code" if pickles else "no weights"
        raise ModelError(
            f"model '{model_id}' has {why} in {path}; convert them to safetensors with "
            "save_pretrained(..., safe_serialization=True) where you trust them"
        )
    return config


def _positive(config: dict[str, Any], key: str, path: Path) -> int:
    value = config.get(key, config.get("text_config", {}).get(key))
    if not isinstance(value, int) or value <= 0:
        raise ModelError(f"{path}/config.json: {key} must be a positive integer, got {value!r}")
    return value


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]
