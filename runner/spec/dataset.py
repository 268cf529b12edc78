"""Which examples a sweep trains and is measured on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from analysis.strict_yaml.problems import shown
from runner.spec.fields import IsWhole, Section, is_number_word, refuse, require_number

BUILT_IN = ("skills", "stdlib-docstrings")
SOURCES = ("builtin", "path", "hub")
Column = Annotated[str, Field(min_length=1, max_length=200)]


def _held_out_kind(value: object) -> object:
    if isinstance(value, str) and is_number_word(value):
        require_number(value)
    if isinstance(value, str | Path) and value != "":
        return Path(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        refuse(
            f"must be a share, a number of examples or a path, got {shown(value)}",
            "write 0.1, 200 or the path of a file",
        )
    if value > 1 and not float(value).is_integer():
        refuse(
            f"must be a share below 1 or a whole number of examples, got {shown(value)}", f"write 0.1 or {round(value)}"
        )
    return float(value) if value < 1 else int(value)


HeldOut = Annotated[float | int | Path, BeforeValidator(_held_out_kind)]


def _from_text(text: str) -> dict[str, str]:
    if not text.strip():
        refuse("no data set is named", f"write {', '.join(BUILT_IN)}, hub:NAME or the path of a file")
    if text in BUILT_IN:
        return {"builtin": text}
    return {"hub": text.removeprefix("hub:")} if text.startswith("hub:") else {"path": text}


class DatasetSection(Section):
    """A built-in data set, a file, or a data set of the Hugging Face Hub.

    Plain text in the file is short: a built-in name, `hub:NAME`, or else the path of a file. Relative paths start at
    the folder of the sweep file.
    """

    builtin: Literal["skills", "stdlib-docstrings"] | None = Field(
        default=None, description="Name of a built-in data set."
    )
    path: Path | None = Field(default=None, description="File with the examples: .jsonl, .json, .parquet or .txt.")
    hub: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$", max_length=200)] | None = Field(
        default=None, description="Id on the Hugging Face Hub; needs the extra `datasets`."
    )
    subset: Column | None = Field(default=None, description="Configuration of a Hub data set.")
    split: Column = Field(default="train", description="Split of a Hub data set.")
    revision: Column | None = Field(default=None, description="Commit or tag of a Hub data set.")
    format: Literal["auto", "messages", "prompt_completion", "alpaca", "text"] = Field(
        default="auto", description="What a row looks like; auto decides by the columns."
    )
    held_out: HeldOut = Field(
        default=0.1,
        description="What evaluation uses: a share of the examples, a number of examples, or another file.",
        json_schema_extra={"unit": "share, examples or path", "shown_range": "0 < share < 1; 1 or more examples"},
    )
    max_examples: Annotated[int, Field(ge=2, le=100_000_000), IsWhole] | None = Field(
        default=None,
        description="Use only this many of the examples, chosen by their hash.",
        json_schema_extra={"unit": "examples"},
    )
    messages_column: Column = Field(default="messages", description="Column with the list of messages.")
    prompt_column: Column = Field(default="prompt", description="Column with the prompt.")
    completion_column: Column = Field(default="completion", description="Column with the completion.")
    text_column: Column = Field(default="text", description="Column with plain text.")

    @model_validator(mode="before")
    @classmethod
    def _short_form_and_folder(cls, value: object, info: ValidationInfo) -> object:
        values = _from_text(value) if isinstance(value, str) else value
        folder = (info.context or {}).get("folder")
        if not isinstance(values, dict) or folder is None:
            return values
        given = {key: values[key] for key in ("path", "held_out") if isinstance(values.get(key), str)}
        paths = {key: text for key, text in given.items() if text and not is_number_word(text)}
        return {**values, **{key: Path(folder) / Path(text).expanduser() for key, text in paths.items()}}

    @model_validator(mode="after")
    def _one_source(self) -> DatasetSection:
        given = [name for name in SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            got = f"got {' and '.join(given)}" if given else "got none of them"
            refuse(f"needs exactly one of {', '.join(SOURCES)}, {got}", "keep one")
        return self

    @property
    def name(self) -> str:
        """What plots and tables call the data set."""
        if self.path is not None:
            return self.path.stem
        return self.builtin or self.hub or ""
