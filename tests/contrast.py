"""Contrast of two colours, as WCAG 2.2 defines it."""

from __future__ import annotations

import numpy as np

_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def linear(color: str) -> np.ndarray:
    """`#RRGGBB` as linear RGB, shape (3,). Source: IEC 61966-2-1."""
    share = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(color: str, behind: str) -> float:
    """From 1 to 21. Source: WCAG 2.2, "contrast ratio" and "relative luminance"."""
    darker, lighter = sorted(float(_WEIGHTS @ linear(one)) for one in (color, behind))
    return (lighter + 0.05) / (darker + 0.05)


def blend(color: str, behind: str, opacity: float) -> str:
    """A colour of that opacity on what is behind it."""
    both = zip(*([int(one[at : at + 2], 16) for at in (1, 3, 5)] for one in (color, behind)), strict=True)
    return "#" + "".join(f"{round(opacity * front + (1 - opacity) * back):02x}" for front, back in both)
