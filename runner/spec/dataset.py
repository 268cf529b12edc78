"""Which examples a sweep trains and is measured on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, model_validator

from runner.spec.fields import Section, Whole, refuse
from runner.spec.problems import shown

BUILT_IN = ("skills", "stdlib-docstrings")
SOURCES = ("builtin", "path", "hub")
Column = Annotated[str, Field(min_length=1, max_length=200)]


def _held_out_kind(value: object) -> object:
    if isinstance(value, str) and value:
        return Path(value)
    if isinstance(value, Path):
        return value
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


class DatasetSection(Section):
    """A built-in data set, a file, or a data set of the Hugging Face Hub.

    Plain text in the file is short: a built-in name, `hub:NAME`, or else the path of a file. Relative paths start at
    the folder of the sweep file.
    """

    builtin: Literal["skills", "stdlib-docstrings"] | None = Field(None, description="Name of a built-in data set.")
    path: Path | None = Field(None, description="File with the examples: .jsonl, .json, .parquet or .txt.")
    hub: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*(/[\w.-]+)?$", max_length=200)] | None = Field(
        None, description="Id on the Hugging Face Hub; needs the extra `datasets`."
    )
    subset: Column | None = Field(None, description="Configuration of a Hub data set.")
    split: Column = Field("train", description="Split of a Hub data set.")
    revision: Column | None = Field(None, description="Commit or tag of a Hub data set.")
    format: Literal["auto", "messages", "prompt_completion", "alpaca", "text"] = Field(
        "auto", description="What a row looks like; auto decides by the columns."
    )
    held_out: HeldOut = Field(
        0.1,
        description="What evaluation uses: a share of the examples, a number of examples, or another file.",
        json_schema_extra={"unit": "share, examples or path", "shown_range": "0 < share < 1; 1 or more examples"},
    )
    max_examples: Annotated[Whole, Field(ge=2, le=100_000_000)] | None = Field(
        None,
        description="Use only this many of the examples, chosen by their hash.",
        json_schema_extra={"unit": "examples"},
    )
    messages_column: Column = Field("messages", description="Column with the list of messages.")
    prompt_column: Column = Field("prompt", description="Column with the prompt.")
    completion_column: Column = Field("completion", description="Column with the completion.")
    text_column: Column = Field("text", description="Column with plain text.")

    @model_validator(mode="before")
    @classmethod
    def _text_is_short(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not value.strip():
            refuse("no data set is named", f"write one of {sorted(BUILT_IN)} or the path of a file")
        if value in BUILT_IN:
            return {"builtin": value}
        return {"hub": value[4:]} if value.startswith("hub:") else {"path": value}

    @model_validator(mode="before")
    @classmethod
    def _paths_from_the_file(cls, value: object, info: ValidationInfo) -> object:
        folder = (info.context or {}).get("folder")
        if not isinstance(value, dict) or folder is None:
            return value
        given = {key: value[key] for key in ("path", "held_out") if isinstance(value.get(key), str)}
        return {**value, **{key: Path(folder) / Path(text).expanduser() for key, text in given.items()}}

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
