"""Hidden sizes of well-known models, so that a recommendation needs no network.

Every number is the `hidden_size` (GPT-2: `n_embd`) of the model's published `config.json`; a model whose number we were
not sure of is not here. Suffixes such as `-Instruct` that do not change the architecture are spelled out, because a Hub
id is looked up, never taken apart.

`fitted` marks the model generations that the learning-rate rule was fitted on: Llama 3 and Qwen3. Older or related
models (Llama 2, Qwen2.5, SmolLM2, distillations) follow the rule of their architecture without that evidence.
Source: Tinker's supervised-learning hyperparameter guide and model line-up; Schulman et al. 2025, "LoRA Without
Regret". The guide publishes no list of the models behind the fit, so the generations it serves stand for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What the recommendation needs to know of one model.

    Attributes:
        hidden_size: Width of the residual stream.
        model_type: `model_type` of the transformers configuration.
        fitted: Whether the published rule was fitted on this model's generation.
    """

    hidden_size: int
    model_type: str
    fitted: bool = False


@dataclass(frozen=True, slots=True)
class _Series:
    """Models of one organisation that share architecture and suffixes: `{prefix}{size}{suffix}`."""

    prefix: str
    model_type: str
    hidden_sizes: dict[str, int]
    suffixes: tuple[str, ...] = ("",)
    fitted: bool = False


_SERIES = (
    _Series("smollm2-", "llama", {"135m": 576}),  # the bundled model's name here
    _Series("HuggingFaceTB/SmolLM-", "llama", {"135M": 576, "360M": 960, "1.7B": 2048}, ("", "-Instruct")),
    _Series("HuggingFaceTB/SmolLM2-", "llama", {"135M": 576, "360M": 960, "1.7B": 2048}, ("", "-Instruct")),
    _Series("HuggingFaceTB/SmolLM3-", "smollm3", {"3B": 2048}, ("", "-Base")),
    _Series("TinyLlama/TinyLlama-", "llama", {"1.1B": 2048}, ("-Chat-v1.0",)),
    _Series("meta-llama/Llama-2-", "llama", {"7b": 4096, "13b": 5120, "70b": 8192}, ("-hf", "-chat-hf")),
    _Series("meta-llama/Meta-Llama-3-", "llama", {"8B": 4096, "70B": 8192}, ("", "-Instruct"), fitted=True),
    _Series("meta-llama/Meta-Llama-3.1-", "llama", {"8B": 4096, "70B": 8192}, ("", "-Instruct"), fitted=True),
    _Series("meta-llama/Llama-3.1-", "llama", {"8B": 4096, "70B": 8192}, ("", "-Instruct"), fitted=True),
    _Series("meta-llama/Llama-3.1-", "llama", {"405B": 16384}, ("", "-Instruct")),
    _Series("meta-llama/Llama-3.2-", "llama", {"1B": 2048, "3B": 3072}, ("", "-Instruct"), fitted=True),
    _Series("meta-llama/Llama-3.3-", "llama", {"70B": 8192}, ("-Instruct",), fitted=True),
    _Series("deepseek-ai/DeepSeek-R1-Distill-Llama-", "llama", {"8B": 4096, "70B": 8192}),
    _Series("Qwen/Qwen2-", "qwen2", {"0.5B": 896, "1.5B": 1536, "7B": 3584, "72B": 8192}, ("", "-Instruct")),
    _Series(
        "Qwen/Qwen2.5-",
        "qwen2",
        {"0.5B": 896, "1.5B": 1536, "3B": 2048, "7B": 3584, "14B": 5120, "32B": 5120, "72B": 8192},
        ("", "-Instruct"),
    ),
    _Series(
        "Qwen/Qwen2.5-Coder-",
        "qwen2",
        {"0.5B": 896, "1.5B": 1536, "3B": 2048, "7B": 3584, "14B": 5120, "32B": 5120},
        ("", "-Instruct"),
    ),
    _Series("Qwen/Qwen2.5-Math-", "qwen2", {"1.5B": 1536, "7B": 3584, "72B": 8192}, ("", "-Instruct")),
    _Series("deepseek-ai/DeepSeek-R1-Distill-Qwen-", "qwen2", {"1.5B": 1536, "7B": 3584, "14B": 5120, "32B": 5120}),
    _Series(
        "Qwen/Qwen3-",
        "qwen3",
        {"0.6B": 1024, "1.7B": 2048, "4B": 2560, "8B": 4096, "14B": 5120},
        ("", "-Base"),
        fitted=True,
    ),
    _Series("Qwen/Qwen3-", "qwen3", {"32B": 5120}, fitted=True),
    _Series("Qwen/Qwen3-", "qwen3", {"4B": 2560}, ("-Instruct-2507", "-Thinking-2507"), fitted=True),
    _Series(
        "Qwen/Qwen3-", "qwen3_moe", {"30B-A3B": 2048}, ("", "-Base", "-Instruct-2507", "-Thinking-2507"), fitted=True
    ),
    _Series("Qwen/Qwen3-", "qwen3_moe", {"235B-A22B": 4096}, ("", "-Instruct-2507", "-Thinking-2507"), fitted=True),
    _Series("mistralai/Mistral-7B-", "mistral", {"v0.1": 4096, "v0.3": 4096}),
    _Series("mistralai/Mistral-7B-Instruct-", "mistral", {"v0.1": 4096, "v0.2": 4096, "v0.3": 4096}),
    _Series("mistralai/Mistral-Nemo-", "mistral", {"Base": 5120, "Instruct": 5120}, ("-2407",)),
    _Series("mistralai/Mistral-Small-24B-", "mistral", {"Base": 5120, "Instruct": 5120}, ("-2501",)),
    _Series("mistralai/Mixtral-8x7B-", "mixtral", {"v0.1": 4096, "Instruct-v0.1": 4096}),
    _Series("google/gemma-", "gemma", {"2b": 2048, "7b": 3072}, ("", "-it")),
    _Series("google/gemma-2-", "gemma2", {"2b": 2304, "9b": 3584, "27b": 4608}, ("", "-it")),
    _Series("google/gemma-3-", "gemma3", {"1b": 1152, "4b": 2560, "12b": 3840, "27b": 5376}, ("-pt", "-it")),
    _Series("microsoft/", "phi3", {"Phi-3-mini-4k-instruct": 3072, "Phi-3.5-mini-instruct": 3072, "phi-4": 5120}),
    _Series("microsoft/", "phi", {"phi-2": 2560}),
    _Series("allenai/OLMo-2-", "olmo2", {"0425-1B": 2048, "1124-7B": 4096, "1124-13B": 5120}, ("", "-Instruct")),
    _Series("openai-community/", "gpt2", {"gpt2": 768, "gpt2-medium": 1024, "gpt2-large": 1280, "gpt2-xl": 1600}),
)


def _expand(series: _Series) -> dict[str, KnownModel]:
    return {
        f"{series.prefix}{size}{suffix}": KnownModel(hidden_size, series.model_type, series.fitted)
        for size, hidden_size in series.hidden_sizes.items()
        for suffix in series.suffixes
    }


KNOWN_MODELS: dict[str, KnownModel] = {name: model for series in _SERIES for name, model in _expand(series).items()}

_BY_FOLDED_NAME = {name.casefold(): model for name, model in KNOWN_MODELS.items()}


def find_known_model(model_id: str) -> KnownModel | None:
    """Returns the table's entry for a Hub id or bundled name (case does not matter), or None."""
    return _BY_FOLDED_NAME.get(model_id.strip().casefold())
