"""The strict building blocks every section of a sweep file is made of."""

from __future__ import annotations

import re
from typing import Annotated, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

from analysis.strict_yaml.problems import shown

_NUMBER_WORD = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BOOL_WORDS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}


class Section(BaseModel):
    """Base of all sections: unknown keys, non-finite numbers and later changes are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True, validate_default=True)


def refuse(message: str, fix: str) -> NoReturn:
    """Raises the error that ends up as `message; fix` behind the file, the line and the key."""
    # Handed over as context because pydantic reads braces in the template itself as placeholders.
    raise PydanticCustomError("ucurve", "{message}; {fix}", {"message": message, "fix": fix})


def is_number_word(text: str) -> bool:
    """Returns whether text would have been a number without its quotes or underscores."""
    return _NUMBER_WORD.fullmatch(text) is not None


def require_number(value: object) -> object:
    """Returns the value when it is no text and no truth value; else says what to write instead."""
    if isinstance(value, bool):
        refuse(f"must be a number, got {str(value).lower()}", "write a number")
    if isinstance(value, str):
        if not is_number_word(value):
            refuse(f"must be a number, got {shown(value)}", "write a number")
        if "_" in value:
            refuse(f"must be a number, got {shown(value)}", f"write {value.replace('_', '')} without underscores")
        refuse(f"must be a number, got the text {shown(value)}", f"write {value} without quotes")
    return value


def _whole(value: object) -> object:
    require_number(value)
    if isinstance(value, float):
        if not value.is_integer():
            refuse(f"must be a whole number, got {value!r}", f"write {round(value)}")
        return int(value)
    return value


def _bool_word(value: object) -> object:
    if isinstance(value, str):
        refuse(f"must be true or false, got {shown(value)}", f"write {_BOOL_WORDS.get(value.lower(), 'true or false')}")
    if not isinstance(value, bool):
        refuse(f"must be true or false, got {shown(value)}", "write true or false")
    return value


# Behind the bounds in an annotation, so that they still reach the JSON schema and with it the documentation.
IsNumber = BeforeValidator(require_number)
IsWhole = BeforeValidator(_whole)  # 2e5 is a whole number, 2.5 and "8" are not
Number = Annotated[float, IsNumber]
Flag = Annotated[bool, BeforeValidator(_bool_word)]


def _auto_is_none(value: object) -> object:
    return None if value == "auto" else value


AutoIsNone = BeforeValidator(_auto_is_none)  # for settings where None stands for "auto"
