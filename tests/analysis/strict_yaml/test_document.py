import os
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import ConfigError
from analysis.strict_yaml.document import MAX_BYTES, parse_yaml, read_yaml
from analysis.strict_yaml.scalars import Value

CHECK = "check quotes, colons and indentation"


def value_of(text: str) -> Value:
    return parse_yaml(text, "f.yaml").value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E+3", 1000.0),
        ("2e5", 2e5),
        (".5", 0.5),
        ("-3", -3),
        ("+8", 8),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'1e-4'", "1e-4"),
        ('"true"', "true"),
        ("[1, a, [2.5]]", [1, "a", [2.5]]),
        ("{b: {c: 1}}", {"b": {"c": 1}}),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(text: str, value: Value) -> None:
    loaded = value_of(f"a: {text}")
    assert loaded == {"a": value}
    assert isinstance(loaded, dict)
    assert type(loaded["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3: a: this key is already set on line 1; keep one of the two"),
        ("x:\n  a: 1\n  a: 2", "f.yaml:3: x.a: this key is already set on line 2; keep one of the two"),
        ("a: &one 1", "f.yaml:1: a: anchor '&one' is not supported; write the value out"),
        ("a: 1\nb: *one", "f.yaml:2: b: alias '*one' is not supported; write the value out"),
        ("a: !!int x", "f.yaml:1: a: tag 'tag:yaml.org,2002:int' is not supported; remove it"),
        ("a: .nan", "f.yaml:1: a: .nan is not a finite number; write an ordinary number"),
        ("a:\n  - 1\n  - -.inf", "f.yaml:3: a[1]: -.inf is not a finite number; write an ordinary number"),
        ("a: 1e999", "f.yaml:1: a: 1e999 is too large for a number; write a smaller number"),
        ("a: 1234567890123456789", "f.yaml:1: a: 1234567890123456789 has more than 18 digits; write a smaller number"),
        ("a: 012", "f.yaml:1: a: 012 starts with a zero; write 12"),
        ("a: 1\n---\nb: 2", "f.yaml:2: a second document starts here; keep one document a file"),
        ("3: a", "f.yaml:1: key 3 is not a word; use a word as the key"),
        ("? [a]\n: 1", "f.yaml:1: a list or mapping is used as a key; use a word as the key"),
        ("a:\n\tb: 1", "f.yaml:2: a tab is used for indentation; use spaces"),
        ("a: 1\nb: [2", f"f.yaml:2: not valid YAML: expected ',' or ']', but got '<stream end>'; {CHECK}"),
        ("a: b: c", f"f.yaml:1: not valid YAML: mapping values are not allowed here; {CHECK}"),
        ('a: "\\ud800"', "f.yaml:1: a: '\\ud800' holds half a character (a lone surrogate); remove it"),
        ("a: 1\nb: \x07", "f.yaml:2: the character U+0007 is not allowed; remove it"),
        ("[" * 3000, "f.yaml:1: [0][0][0]: nested more than 20 levels deep; flatten it"),
    ],
)  # fmt: skip
def test_a_surprise_is_an_error_with_place_and_fix(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        value_of(text)
    assert str(caught.value) == message


def test_a_five_thousand_digit_number_is_refused_in_one_short_line() -> None:
    with pytest.raises(ConfigError, match=r"has more than 18 digits") as caught:
        value_of("a: " + "9" * 5001)
    assert len(str(caught.value)) < 200


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    bomb = "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdef", "bcdefg", strict=True))
    with pytest.raises(ConfigError, match="anchor '&a' is not supported"):
        value_of(bomb)


def test_ten_thousand_values_are_enough() -> None:
    with pytest.raises(ConfigError, match=r"f\.yaml:2: more than 10000 keys and values; use a rule or split it"):
        value_of("a: [\n" + "1, " * 10_000 + "]")


def test_twenty_levels_are_fine_and_one_more_is_not() -> None:
    assert value_of("[" * 20 + "]" * 20) is not None
    with pytest.raises(ConfigError, match="nested more than 20 levels"):
        value_of("[" * 21 + "]" * 21)


def test_keys_that_could_steer_a_terminal_are_quoted_in_messages() -> None:
    with pytest.raises(ConfigError) as caught:
        value_of('"\\e[31m\\nred": &x 1')
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_key_and_item_has_its_line() -> None:
    document = parse_yaml("a:\n  b: 1\n  c:\n    - x\n    - y\nd: {e: 2}\n", "f.yaml")
    assert document.line_of(("a", "b")) == 2
    assert document.line_of(("a", "c", 1)) == 5
    assert document.line_of(("d", "e")) == 6
    assert document.line_of(("a", "missing", "deeper")) == 1


def test_a_file_that_is_too_large_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_text("# " + "x" * MAX_BYTES)
    with pytest.raises(ConfigError, match=r"large\.yaml: larger than 256 KB; split it"):
        read_yaml(large)
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot be read \(No such file or directory\)"):
        read_yaml(tmp_path / "no.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: \xe4".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.yaml: not UTF-8 text; save it as UTF-8"):
        read_yaml(latin)


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path).value == {"a": 1}


YAML_BITS = st.sampled_from(
    [
        *"ab:-[]{},'\"#!|>%@\\0é~\n\t\x00\u2028",
        ": ",
        "  ",
        "- ",
        "? ",
        "&x",
        "*x",
        "!!int",
        "1",
        "1e-4",
        ".inf",
        "---\n",
        "...",
        "\\ud800",
    ]
)


@given(st.text() | st.lists(YAML_BITS, max_size=40).map("".join))
def test_any_text_either_loads_or_raises_a_config_error(text: str) -> None:
    try:
        document = parse_yaml(text, "f.yaml")
    except ConfigError as error:
        place = str(error)
    else:
        place = "f.yaml" if document.line_of(()) is not None or document.value is None else ""
    assert place.startswith("f.yaml")


PLAIN_VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN_VALUES)
def test_what_pyyaml_writes_with_quotes_is_read_back(value: Value) -> None:
    class Quoting(yaml.SafeDumper):
        """Quotes all text, and writes no anchors for equal objects."""

        def ignore_aliases(self, data: object) -> bool:
            del data
            return True

    Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    assert value_of(yaml.dump(value, Dumper=Quoting, allow_unicode=True)) == value


def test_a_pipe_that_never_ends_is_read_only_as_far_as_a_file_may_be_large(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    writer = Thread(target=_write_comments, args=(pipe, MAX_BYTES + 2), daemon=True)
    writer.start()
    with pytest.raises(ConfigError, match=r"pipe\.yaml: larger than 256 KB; split it"):
        read_yaml(pipe)
    writer.join()


def _write_comments(pipe: Path, size: int) -> None:
    with suppress(BrokenPipeError):
        pipe.write_bytes(b"#" * size)
