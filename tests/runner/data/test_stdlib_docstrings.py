import ast
import subprocess
import sys
import time
from statistics import mean

import pytest

from runner.data import load_dataset
from runner.data.stdlib_docstrings import MAX_CHARS, documented_functions, first_sentence, stdlib_docstrings
from runner.errors import ConfigError
from runner.spec.dataset import DatasetSection

BUILT_IN = DatasetSection(builtin="stdlib-docstrings")

SOURCE = '''
class Basket:
    def add(self, item):
        """Put one item into the basket.  More text.

        And a paragraph.
        """
        # a comment
        self.items.append(item)

        return self

    async def empty(self):
        """Take all items out."""

    def at_the_margin(self):
        """Return text that starts at the margin."""
        return """
margin"""

def no_docstring(x):
    return x

def one_line(): "Return a list of nothing."; return []

def outer():
    """Return a function that doubles."""
    def inner(value):
        """Return twice the value given."""
        return 2 * value
    return inner
'''


def test_functions_become_code_without_docstring_and_its_first_sentence() -> None:
    assert list(documented_functions(SOURCE, 400)) == [
        ("def add(self, item):\n    self.items.append(item)\n    return self", "Put one item into the basket."),
        ('def at_the_margin(self):\n    return """\nmargin"""', "Return text that starts at the margin."),
        (
            'def outer():\n    def inner(value):\n        """Return twice the value given."""\n'
            "        return 2 * value\n    return inner",
            "Return a function that doubles.",
        ),
        ("def inner(value):\n    return 2 * value", "Return twice the value given."),
    ]


def test_long_functions_are_cut_after_a_whole_line() -> None:
    body = "".join(f"    step_{number} = {number}\n" for number in range(50))
    [(code, _)] = documented_functions(f'def f():\n    """Do fifty steps in turn."""\n{body}', 61)
    assert code == "def f():\n    step_0 = 0\n    step_1 = 1\n    step_2 = 2\n    ..."
    assert len(code) == 61
    assert list(documented_functions(f'def f():\n    """Do fifty steps in turn."""\n{body}', 20)) == []


@pytest.mark.parametrize("source", ["def f(:", "x = '\x00'", ""])
def test_source_that_is_no_python_yields_nothing(source: str) -> None:
    assert list(documented_functions(source, 200)) == []


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("Return the sum of all. And more.", "Return the sum of all."),
        ("Return the\n    sum of all\n\n    Details.", "Return the sum of all"),
        ("Return e.g. the sum of all. More.", "Return e.g. the sum of all."),
        ("Does it work as it should? Yes.", "Does it work as it should?"),
        ("See below.", ""),
        ("get(key) -> the value that belongs to it", ""),
        ("Größe of the given thing", ""),
        ("word " * 60, ""),
        ("", ""),
    ],
)
def test_first_sentences(docstring: str, sentence: str) -> None:
    assert first_sentence(docstring) == sentence


def test_the_library_gives_thousands_of_short_clean_pairs() -> None:
    started = time.perf_counter()
    examples = stdlib_docstrings()
    assert time.perf_counter() - started < 30  # about 3 s on an idle core; the rest is for busy machines
    assert len(examples) > 3_000
    assert len({example.id for example in examples}) == len(examples)
    codes = [example.prompt[-1].content for example in examples]
    assert max(map(len, codes)) <= MAX_CHARS
    # Three characters are about one token of code: 81 tokens a conversation were measured with SmolLM2's tokeniser.
    assert mean(len(code) for code in codes) < 200
    assert mean(len(example.completion) for example in examples) < 80
    assert all(code.startswith(("def ", "async def ")) for code in codes)


def test_most_of_the_code_is_python_as_it_stands() -> None:
    codes = [example.prompt[-1].content for example in stdlib_docstrings()[:500]]
    n_parsed = 0
    for code in codes:
        try:
            ast.parse(code)
        except SyntaxError:
            continue
        n_parsed += 1
    assert n_parsed / len(codes) > 0.6  # the others are cut inside a block or a bracket


def test_well_known_functions_are_there_and_tests_are_not() -> None:
    by_code = {example.prompt[-1].content: example.completion for example in stdlib_docstrings()}
    [dedent] = [code for code in by_code if code.startswith("def dedent(text)")]
    assert by_code[dedent] == "Remove any common leading whitespace from every line in `text`."
    assert not [code for code in by_code if code.startswith("def test_") and "self.assert" in code]


@pytest.mark.slow
def test_the_data_set_is_the_same_in_another_process() -> None:
    script = (
        "from runner.data import load_dataset; from runner.spec.dataset import DatasetSection;"
        "print(load_dataset(DatasetSection(builtin='stdlib-docstrings')).digest)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == load_dataset(BUILT_IN).digest


def test_training_and_held_out_share_no_function() -> None:
    dataset = load_dataset(BUILT_IN)
    assert not {one.question_id for one in dataset.train} & {one.question_id for one in dataset.held_out}
    assert 0.08 < len(dataset.held_out) / (len(dataset.held_out) + len(dataset.train)) < 0.12
    assert dataset.kind == "chat"


def test_a_python_without_source_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"stdlib": str(tmp_path)})
    with pytest.raises(ConfigError, match="this Python has no library source to read"):
        stdlib_docstrings()
