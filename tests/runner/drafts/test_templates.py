from __future__ import annotations

import pytest

from runner.drafts.templates import Template, read_templates
from runner.queue.order import count_runs
from runner.spec.load import parse_sweep_spec


@pytest.mark.parametrize("template", read_templates(), ids=lambda template: template.title)
def test_every_template_is_a_sweep(template: Template) -> None:
    spec = parse_sweep_spec(template.text)
    assert template.title
    assert template.about
    assert "name: " in template.text
    assert count_runs(spec) >= 5


def test_each_has_a_title_of_its_own() -> None:
    titles = [template.title for template in read_templates()]
    assert len(titles) == len(set(titles)) >= 5
