"""How verbs print: strict JSON for programs, aligned columns for people."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from analysis.wording.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

DASH: Final = "–"
# A file or pipe has no width; lines must not be broken there, or `grep` and `cut` see halves.
_NO_WIDTH: Final = 10_000


def print_json(value: object) -> None:
    """Prints a value as one JSON document; NaN and infinities, which JSON does not know, become null."""
    sys.stdout.write(f"{json.dumps(to_json_value(value), indent=2, ensure_ascii=False, allow_nan=False)}\n")


def to_json_value(value: object) -> object:
    """Returns a value made of what JSON knows: numpy and pandas scalars unpacked, times as ISO text, NaN as null."""
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        # pandas' missing time is a datetime that has no text form.
        return None if value != value else value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return to_json_value(value.tolist())
    if isinstance(value, Iterable):
        return [to_json_value(item) for item in value]
    return None if _is_missing(value) else str(value)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Prints rows as aligned columns under headers; missing values are dashes.

    Args:
        headers: Names of the columns; `!` in front of one sets its numbers flush right.
        rows: Cells; texts are shown as they are (no markup).
        title: A line above.
    """
    from rich.table import Table
    from rich.text import Text

    console = make_console()
    if title:
        console.print(Text(printable(title), style="bold"))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in (printable(name, breaks=False) for name in headers):
        if header.startswith("!"):
            table.add_column(header.removeprefix("!"), justify="right", no_wrap=True)
        else:
            # On a narrow terminal texts are folded; a cut-off id would be useless.
            table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(DASH if cell is None else printable(str(cell), breaks=False)) for cell in row))
    console.print(table)


def print_lines(lines: Iterable[str]) -> None:
    """Prints sentences, each on a line of its own; long ones are wrapped on a terminal only."""
    from rich.text import Text

    console = make_console()
    for line in lines:
        console.print(Text(printable(line)))


def note(message: str) -> None:
    """Prints a sentence beside the result, on the error stream."""
    sys.stderr.write(f"{printable(message)}\n")


def make_console() -> Console:
    """Returns a console on standard output that never breaks lines where there is no terminal."""
    from rich.console import Console

    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=_NO_WIDTH)


def _is_missing(value: object) -> bool:
    import pandas as pd

    return value is pd.NA or value is pd.NaT
