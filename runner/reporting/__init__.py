"""Writes reports down: files that are there whole or not at all, PDF and pictures through the machine's Chromium."""
