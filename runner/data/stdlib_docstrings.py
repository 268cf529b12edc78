"""Real data that every machine has: the Python standard library's functions and what their docstrings say first.

Each example asks for the first docstring sentence of a function, given its signature and body. The examples depend on
the Python version, so the data set's digest does too.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from runner.data.examples import Example, chat_example
from runner.errors import ConfigError

MAX_CHARS = 240  # our choice: with the instruction and the answer about 100 tokens of a small model's tokeniser
INSTRUCTION = "Describe this Python function in one sentence."

_SKIPPED_FOLDERS = frozenset(
    {
        *("__pycache__", "dist-packages", "ensurepip", "idlelib", "idle_test", "lib-dynload", "lib2to3", "pydoc_data"),
        *("site-packages", "test", "tests", "turtledemo", "_pyrepl"),
    }
)
_SENTENCE_END = re.compile(r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)[.!?](?=\s|$)")
_IS_A_SIGNATURE = re.compile(r"^\s*[\w.]+\s*\(.*\)\s*(->|:|$)|->|^[\w.]+\(")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


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
    for path in source_files(folder):
        for code, sentence in documented_functions(path.read_bytes(), max_chars):
            example = chat_example(code, sentence, system=INSTRUCTION)
            by_id.setdefault(example.id, example)
    return tuple(by_id.values())


def source_files(folder: Path) -> list[Path]:
    """Returns the library's own modules, sorted, without tests, IDLE and installed packages."""
    found = (path for path in folder.rglob("*.py") if _SKIPPED_FOLDERS.isdisjoint(path.relative_to(folder).parts))
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def documented_functions(source: bytes | str, max_chars: int) -> Iterator[tuple[str, str]]:
    """Yields (code without docstring, first docstring sentence) of a module's functions, in the order of the file.

    A module that cannot be parsed yields nothing.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in other people's strings
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS) and (sentence := first_sentence(ast.get_docstring(node, clean=False) or "")):
            code = _code_without_docstring(node, max_chars)
            if code:
                yield code, sentence


def first_sentence(docstring: str) -> str:
    """Returns the first sentence as one line, or nothing where it says too little, too much or only a signature."""
    paragraph = inspect.cleandoc(docstring).split("\n\n", 1)[0]
    text = " ".join(paragraph.split())
    end = _SENTENCE_END.search(text)
    sentence = text[: end.end()] if end else text
    says_something = len(sentence.split()) >= 4 and len(sentence) <= 160 and sentence.isascii()
    return sentence if says_something and not _IS_A_SIGNATURE.search(sentence) else ""


def _code_without_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef, max_chars: int) -> str:
    """Returns the signature and as many whole body lines as fit, or nothing when not one does or the body is empty."""
    body = node.body[1:]
    if not body or all(isinstance(statement, ast.Pass) for statement in body):
        return ""
    node.body, node.decorator_list = body, []
    code = ast.unparse(node)
    if len(code) <= max_chars:
        return code
    lines: list[str] = []
    room = max_chars - len("\n    ...")
    for line in code.splitlines():
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return "\n".join([*lines, "    ..."]) if len(lines) > 1 else ""
