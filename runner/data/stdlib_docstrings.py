"""Real data that every machine has: the Python standard library's functions and what their docstrings say first.

Each example asks for the first docstring sentence of a function, given its signature and body. The examples depend on
the Python version, so the data set's digest does too.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
import inspect
import os
import re
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from runner.data.examples import Example, chat_example
from runner.errors import ConfigError

# Our choice: with SmolLM2's tokeniser and chat template a conversation then takes 81 tokens on average, 135 at most
# (300 drawn from Python 3.11's library), of which 12 are the answer.
MAX_CHARS = 240
INSTRUCTION = "Describe this Python function in one sentence."

_SKIPPED_FOLDERS = frozenset(
    {
        *("__pycache__", "dist-packages", "ensurepip", "idlelib", "idle_test", "lib-dynload", "lib2to3", "pydoc_data"),
        *("site-packages", "test", "tests", "turtledemo", "_pyrepl"),
    }
)
_SENTENCE_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)[.!?](?=\s|$)")
_IS_A_SIGNATURE = re.compile(r"^\s*[\w.]+\s*\(.*\)\s*(->|:|$)|->|^[\w.]+\(")
_STATEMENT_FIELDS = ("body", "handlers", "orelse", "finalbody", "cases")
MAX_SENTENCE = 160  # characters
Function = ast.FunctionDef | ast.AsyncFunctionDef


def stdlib_docstrings(max_chars: int = MAX_CHARS) -> tuple[Example, ...]:
    """Returns one chat example per documented function, in the order of the library's files.

    Args:
        max_chars: functions are cut after the last whole line within this many characters; longer signatures are
            left out.

    Raises:
        ConfigError: when this Python was installed without the library's source.
    """
    examples = _read_library(Path(sysconfig.get_paths()["stdlib"]), max_chars)
    if not examples:
        raise ConfigError(
            "stdlib-docstrings: this Python has no library source to read; install it, or use another dataset"
        )
    return examples


@functools.lru_cache(maxsize=4)
def _read_library(folder: Path, max_chars: int) -> tuple[Example, ...]:
    by_id: dict[str, Example] = {}
    with _paused_collector():
        for path in source_files(folder):
            for code, sentence in documented_functions(path.read_text(encoding="utf-8", errors="replace"), max_chars):
                example = chat_example(code, sentence, system=INSTRUCTION)
                by_id.setdefault(example.id, example)
    return tuple(by_id.values())


@contextlib.contextmanager
def _paused_collector() -> Iterator[None]:
    """Keeps the garbage collector from walking the growing syntax trees, which took a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def source_files(folder: Path) -> list[Path]:
    """Returns the library's own modules, sorted, without tests, IDLE and installed packages."""
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS]
        found += [Path(parent, name) for name in files if name.endswith(".py")]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def documented_functions(source: str, max_chars: int) -> Iterator[tuple[str, str]]:
    """Yields (code without docstring, first docstring sentence) of a module's functions, in the order of the file.

    A module that cannot be parsed yields nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in other people's strings
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return
    lines = source.split("\n")
    for node in _functions(tree):
        sentence = first_sentence(ast.get_docstring(node, clean=False) or "")
        code = _code_without_docstring(node, lines, max_chars) if sentence else ""
        if code:
            yield code, sentence


def _functions(tree: ast.AST) -> Iterator[Function]:
    """Yields the functions below a node in the order of the file, methods and nested ones included."""
    for field in _STATEMENT_FIELDS:
        for child in getattr(tree, field, ()):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield child
            yield from _functions(child)


def first_sentence(docstring: str) -> str:
    """Returns the first sentence as one line, or nothing where it says too little, too much or only a signature."""
    paragraph = inspect.cleandoc(docstring).split("\n\n", 1)[0]
    text = " ".join(paragraph.split())
    end = _SENTENCE_END.search(text)
    sentence = text[: end.end()] if end else text
    says_something = len(sentence.split()) >= 4 and len(sentence) <= MAX_SENTENCE and sentence.isascii()
    return sentence if says_something and not _IS_A_SIGNATURE.search(sentence) else ""


def _code_without_docstring(node: Function, lines: Sequence[str], max_chars: int) -> str:
    """Returns the signature and as many body lines as fit, or nothing when not one does or nothing follows."""
    docstring, *body = node.body
    if not body or isinstance(body[0], ast.Pass) or docstring.lineno == node.lineno:
        return ""
    source = [*lines[node.lineno - 1 : docstring.lineno - 1], *lines[docstring.end_lineno or 0 : node.end_lineno]]
    code = [line.rstrip() for line in source if line.strip() and not line.lstrip().startswith("#")]
    # Not textwrap.dedent: a string that goes on at the margin would keep everything indented.
    code = [line[node.col_offset :] if line[: node.col_offset].isspace() else line for line in code]
    n_signature = docstring.lineno - node.lineno
    kept = _fitting_lines(code, max_chars)
    if kept == len(code):
        return "\n".join(code)
    return "\n".join([*code[:kept], "    ..."]) if kept > n_signature else ""


def _fitting_lines(code: Sequence[str], max_chars: int) -> int:
    """Returns how many lines fit into `max_chars` with the mark of a cut; all of them when they fit without it."""
    if sum(map(len, code)) + len(code) - 1 <= max_chars:
        return len(code)
    room = max_chars - len("    ...")
    for number, line in enumerate(code):
        room -= len(line) + 1
        if room < 0:
            return number
    return len(code) - 1
