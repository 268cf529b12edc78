"""Reports for recipe reviews: a snapshot in, a typed report out, and renderers of it. Nothing here writes a file.

`compose_report` decides what is said; `html`, `markdown` and `tables` only write it down. `compare_reports` reads the
facts that every HTML report carries and says what has changed.
"""
