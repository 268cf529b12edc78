"""Bring runs in from elsewhere: one folder a source, all with the same verdicts."""
