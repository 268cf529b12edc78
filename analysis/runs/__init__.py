"""Runs as plain columns: their configuration, their groups, what each contributes, and filters over them."""
