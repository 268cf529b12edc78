"""When does a page show something? Measured inside a real browser, frame by frame, on its own clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from docs.tools.browser import DRAWN, Tab

USEFUL: Final = """[...document.querySelectorAll(`svg.main-svg .trace, svg.main-svg .parcoords,
 [data-testid=stMetricValue], [data-testid=stDataFrame] canvas, [data-testid=stMain] [data-testid=stFileUploader]`)]
 .some(element => element.getBoundingClientRect().width > 0)"""
"""A number, a table or a chart of the page is there."""

_LOOK_MS: Final = 50


def watch(tab: Tab, conditions: Mapping[str, str]) -> None:
    """Note, on every page from now on, when each JavaScript condition first holds: milliseconds since navigation.

    Looks twenty times a second: to look at all of a page's text in every frame would slow the page.
    """
    tests = ", ".join(f"{json.dumps(name)}: () => {condition}" for name, condition in conditions.items())
    script = f"""(() => {{
        window.__shown = {{}};
        const tests = {{{tests}}};
        const look = () => {{
            for (const name in tests) {{
                try {{ if (!(name in window.__shown) && tests[name]()) window.__shown[name] = performance.now(); }}
                catch (error) {{ /* the page is not that far yet */ }}
            }}
        }};
        setInterval(() => requestAnimationFrame(look), {_LOOK_MS});
    }})()"""
    tab.page.add_init_script(script)


def visit(tab: Tab, url: str, last: str, *, timeout_s: float = 180.0) -> dict[str, float]:
    """Go to an address and say when what is watched for was first there, in seconds; waits for `last`."""
    tab.page.goto(url, wait_until="commit")
    return _shown(tab, last, timeout_s)


def reload(tab: Tab, last: str, *, timeout_s: float = 180.0) -> dict[str, float]:
    """Load the address that is open again, as with F5: the browser has its scripts still; as `visit`."""
    tab.page.reload(wait_until="commit")
    return _shown(tab, last, timeout_s)


def _shown(tab: Tab, last: str, timeout_s: float) -> dict[str, float]:
    tab.wait_for(f"window.__shown && {json.dumps(last)} in window.__shown", timeout_s=timeout_s)
    shown = tab.evaluate("window.__shown")
    if not isinstance(shown, dict):
        raise RuntimeError(f"{tab.url()} noted nothing")
    return {str(name): round(float(at) / 1000, 3) for name, at in shown.items()}


def switch_page(tab: Tab, path: str, *, timeout_s: float = 180.0) -> float:
    """Click a page in the sidebar; seconds from there until its title is there and all is drawn.

    Args:
        tab: A page of Ucurve, another one than that.
        path: The page's path, without a slash; empty for the first one.
        timeout_s: Longest wait.
    """
    tab.evaluate(
        f"""(() => {{
            const title = document.querySelector('h1').innerText, started = performance.now();
            window.__took = null;
            const look = () => {{
                const now = document.querySelector('h1')?.innerText;
                if (now && now !== title && {DRAWN}) window.__took = performance.now() - started;
                else requestAnimationFrame(look);
            }};
            document.querySelector('[data-testid=stSidebarNavLink][href$="/{path}"]').click();
            requestAnimationFrame(look);
        }})()"""
    )
    tab.wait_for("window.__took !== null", timeout_s=timeout_s)
    return round(float(str(tab.evaluate("window.__took"))) / 1000, 3)


def choose_sweep(tab: Tab, sweep: str, *, timeout_s: float = 180.0) -> float:
    """Choose a sweep in the sidebar by the keyboard; seconds from Enter until its badge is there and all is drawn."""
    tab.click(".st-key-sweep input")
    tab.type(sweep)
    tab.wait_for("document.querySelector('[role=option]')")
    badge = json.dumps(f"sweep {sweep}")
    tab.evaluate(
        f"""(() => {{
            const started = performance.now();
            window.__took = null;
            const look = () => {{
                const text = document.querySelector('[data-testid=stMain]').innerText.replaceAll('\\u2060', '');
                if (text.includes({badge}) && {DRAWN}) window.__took = performance.now() - started;
                else requestAnimationFrame(look);
            }};
            requestAnimationFrame(look);
        }})()"""
    )
    tab.press("Enter")
    tab.wait_for("window.__took !== null", timeout_s=timeout_s)
    return round(float(str(tab.evaluate("window.__took"))) / 1000, 3)
