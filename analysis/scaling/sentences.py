"""How the numbers of a scaling law were found, in words."""

from __future__ import annotations

from analysis.scaling.batch_scaling import BatchScaling
from analysis.scaling.types import RuleTest


def method_sentences(found: BatchScaling) -> list[str]:
    """How the numbers of a scaling law were found."""
    law, hinge = found.law, found.hinge
    texts = [f"Interval of the exponent: {law.interval_method}."]
    texts += [_rule_text(test) for test in found.tests if test.equivalence_p is not None]
    if hinge.reason:
        texts.append(f"No break was looked for: {hinge.reason}.")
    elif hinge.delta_aic is not None and hinge.p_value is not None:
        texts.append(
            f"Two slopes with a break against one power law: AIC better by {hinge.delta_aic:.1f}, "
            f"p = {hinge.p_value:.2g} by simulation under the power law."
        )
    return texts


def _rule_text(test: RuleTest) -> str:
    inside = "inside" if test.in_interval else "outside"
    shown = "shown" if test.is_equivalent else "not shown"
    return (
        f"Exponent {test.exponent:g} ({test.rule}) is {inside} the interval; "
        f"being within {test.margin:g} of it is {shown} (two one-sided tests, p = {test.equivalence_p:.2g})."
    )
