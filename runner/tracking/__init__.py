"""Copies of a sweep's runs in other trackers, while it trains."""
