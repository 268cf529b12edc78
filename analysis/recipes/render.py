"""A recipe in the words of any tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from analysis.errors import ConfigError
from analysis.recipes.formats.to_axolotl import to_axolotl
from analysis.recipes.formats.to_llama_factory import to_llama_factory
from analysis.recipes.formats.to_open_instruct import to_open_instruct
from analysis.recipes.formats.to_peft import to_peft
from analysis.recipes.formats.to_tinker import to_tinker
from analysis.recipes.formats.to_torchtune import to_torchtune
from analysis.recipes.formats.to_trl import to_trl
from analysis.recipes.formats.to_ucurve import to_ucurve
from analysis.recipes.recipe import Layout, Recipe
from analysis.recipes.rendered import Rendered

FORMATS: Final[Mapping[str, tuple[Callable[[Recipe, Layout], Rendered], str]]] = MappingProxyType(
    {
        "ucurve": (to_ucurve, "sweep file of one run, for ucurve sweep"),
        "trl": (to_trl, "YAML for trl sft and trl dpo"),
        "axolotl": (to_axolotl, "YAML for axolotl train"),
        "llama-factory": (to_llama_factory, "YAML for llamafactory-cli train"),
        "peft": (to_peft, "adapter_config.json, and transformers' TrainingArguments as JSON"),
        "open-instruct": (to_open_instruct, "flags of open_instruct/finetune.py"),
        "tinker-cookbook": (to_tinker, "arguments of tinker_cookbook.recipes.chat_sl.train"),
        "torchtune": (to_torchtune, "YAML for tune run lora_finetune_single_device"),
    }
)
"""Format -> its renderer, and what it writes."""

AS_IT_IS: Final = Layout()


def render_recipe(recipe: Recipe, format: str, layout: Layout = AS_IT_IS) -> Rendered:
    """Returns the files of one tool, and what became of every setting.

    Args:
        recipe: From `recipe_of_run`.
        format: One of `FORMATS`.
        layout: Devices and sequences per device.

    Raises:
        ConfigError: an unknown format, a batch that the layout does not divide, or a run that the tool cannot train.
    """
    if format not in FORMATS:
        raise ConfigError(f"There is no recipe format {format!r}; choose among {', '.join(FORMATS)}.")
    return FORMATS[format][0](recipe, layout)
