"""The mark of the product, drawn so that it reads on a light and on a dark page and at any size."""

from __future__ import annotations

from typing import Final

_CURVE: Final = (
    '<path d="M5 5 C7 33 25 33 29 9" fill="none" stroke="#3a93cf" stroke-width="3.4" stroke-linecap="round"/>'
    '<circle cx="15.6" cy="25.4" r="4.3" fill="#e69f00"/>'
)

ICON: Final = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 34 34" width="34" height="34">{_CURVE}</svg>'
"""A U with its minimum."""

LOGO: Final = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 128 34" width="128" height="34">{_CURVE}'
    '<text x="41" y="25" font-family="sans-serif" '
    'font-size="23" font-weight="700" fill="#3a93cf">Ucurve</text></svg>'
)
"""The same with the name beside it."""
