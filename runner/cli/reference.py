"""docs/reference/cli.md, made from the program so that the two cannot disagree.

Run `python -m runner.cli.reference docs/reference/cli.md` (or `make docs`) after a change of the command line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

import typer.main

from runner.cli.app import app

_TOP: Final = """# Every verb and option

Made from the program by `make docs`: what `ucurve VERB --help` says, on one page. [The command line](../cli.md)
explains what verbs share, what they mean and the keys of their JSON; [the sweep file](../sweep-spec.md) has its own.
"""
_KINDS: Final = {int: "N", float: "NUMBER"}
_HEADER: Final = "| Argument or option | Default | Meaning |\n|---|---|---|"


def verbs(command: Any = None, path: str = "ucurve") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's type is private
    """All commands that do something, each with what a user types for it."""
    command = command or typer.main.get_command(app)
    children = getattr(command, "commands", None)
    if children is None or command.invoke_without_command:
        yield path, command
    for name, child in (children or {}).items():
        yield from verbs(child, f"{path} {name}")


def reference() -> str:
    """Returns the page as Markdown."""
    known = dict(verbs())
    index = "\n".join(f"- [`{path}`](#{path.replace(' ', '-')}): {_first_line(verb)}" for path, verb in known.items())
    return "\n".join([_TOP, index, "", *(_section(path, verb) for path, verb in known.items())])


def _section(path: str, verb: Any) -> str:  # noqa: ANN401
    rows = [_row(parameter) for parameter in verb.params if parameter.name != "help" and not parameter.hidden]
    table = "\n".join([_HEADER, *rows]) + "\n" if rows else "It takes no options.\n"
    arguments = [_argument(parameter) for parameter in verb.params if parameter.param_type_name == "argument"]
    usage = " ".join([path, *arguments, *(["[OPTIONS]"] if len(rows) > len(arguments) else [])])
    return f"## {path}\n\n`{usage}`\n\n{_paragraphs(verb.help)}\n\n{table}"


def _row(parameter: Any) -> str:  # noqa: ANN401
    if parameter.param_type_name == "argument":
        name = f"`{_argument(parameter)}`"
    else:
        name = ", ".join(f"`{each}`" for each in (*parameter.opts, *parameter.secondary_opts))
        name += "" if parameter.is_flag else f" `{_value(parameter)}`"
    more = " Repeatable." if parameter.multiple else ""
    variable = f" Also from `{parameter.envvar}`." if parameter.envvar else ""
    meaning = f"{_one_line(parameter.help)}{more}{variable}"
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in (name, _default(parameter), meaning)) + " |"


def _argument(parameter: Any) -> str:  # noqa: ANN401
    name = parameter.metavar or str(parameter.name).upper()
    name = f"{name}..." if parameter.nargs == -1 and not name.endswith("...") else name
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _value(parameter: Any) -> str:  # noqa: ANN401
    kind = parameter.type_descriptor.annotation
    return str(parameter.metavar or "|".join(map(str, get_args(kind))) or _KINDS.get(kind, "TEXT"))


def _default(parameter: Any) -> str:  # noqa: ANN401
    if parameter.required:
        return "**needed**"
    default = parameter.default
    if isinstance(default, bool):
        return "yes" if default else ""
    return f"`{default}`" if isinstance(default, str | int | float | Path) else ""


def _first_line(verb: Any) -> str:  # noqa: ANN401
    return _one_line(str(verb.help).split("\n\n")[0])


def _paragraphs(text: str) -> str:
    return "\n\n".join(_one_line(part) for part in text.split("\n\n"))


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def main(arguments: list[str]) -> None:
    """Writes the page to the paths that are named."""
    for path in map(Path, arguments):
        path.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
