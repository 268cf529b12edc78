"""Breaks things on purpose, everywhere they can break: docs/reliability.md names what each of these tests shows."""
