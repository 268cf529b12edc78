"""Everything Ucurve raises on purpose.

    UcurveError
    ├── SchemaError     (also ValueError)   a row does not fit the tables' columns
    ├── StoreError      (also OSError)      a store is missing, foreign, newer or damaged
    ├── ConfigError     (also ValueError)   a file that somebody wrote, or an argument, is wrong
    ├── FilterError     (also ValueError)   a `--where` condition cannot be read or names no column
    └── NotEnoughRuns   (also ValueError)   an analysis has too few comparable runs to say anything

The runner adds its own in `runner.errors`. Whoever shows errors to a person catches `UcurveError` and nothing else: its
text is one sentence that says what is wrong, where, and what to do.
"""


class UcurveError(Exception):
    """A problem that is explained to the user in one sentence, without a traceback."""


class SchemaError(UcurveError, ValueError):
    """A row has an unknown column, a value of the wrong type, or lacks a required value."""


class StoreError(UcurveError, OSError):
    """A store cannot be opened, read or written; the message names the location and the reason."""


class ConfigError(UcurveError, ValueError):
    """A sweep file, a table's map or an argument is wrong; the message names file, line, key, value and the fix."""


class FilterError(UcurveError, ValueError):
    """A filter condition has no operator, names an unknown column, or has a value of the wrong type."""


class NotEnoughRuns(UcurveError, ValueError):
    """There are too few finished, comparable runs for the question that was asked."""
