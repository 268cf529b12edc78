import re
from pathlib import Path

import pytest

from runner.spec import parse_sweep_spec
from runner.spec.reference import SECTIONS, fill_document, main, section_table
from runner.spec.training import HYPERPARAMETERS

DOCUMENT = Path(__file__).parents[3] / "docs" / "sweep-spec.md"


def test_the_tables_agree_with_the_models() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert fill_document(text) == text, "run python -m runner.spec.reference docs/sweep-spec.md"


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_of_every_section_is_in_the_document_with_its_meaning(name: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"<!-- table: {name or 'sweep'} -->" in text
    assert section_table(name) in text
    for key, field in SECTIONS[name].model_fields.items():
        assert f"| `{key}` |" in section_table(name)
        assert field.description
        assert field.description.endswith(".")


def test_ranges_reach_the_tables() -> None:
    row = next(row for row in section_table("training").splitlines() if "`lora_dropout`" in row)
    assert row == "| `lora_dropout` | number |  | 0 | ≥ 0, < 1 | Dropout on the adapters' input. |"
    numeric = [row for row in section_table("training").splitlines() if re.search(r"\| (whole )?number", row)]
    assert len(numeric) >= 12
    assert all(re.search(r"[<>≤≥] ", row) for row in numeric)


def test_every_example_in_the_document_loads() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        assert set(parse_sweep_spec(block, file="docs.yaml").axes) <= set(HYPERPARAMETERS)


def test_the_documents_tables_are_rewritten_in_place(tmp_path: Path) -> None:
    path = tmp_path / "some.md"
    path.write_text("before\n<!-- table: budget -->\nold\n<!-- end -->\nafter\n")
    main([str(path)])
    assert path.read_text() == f"before\n<!-- table: budget -->\n{section_table('budget')}\n<!-- end -->\nafter\n"
