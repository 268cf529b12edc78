"""Puts token requests to many adapters over one frozen base model at once."""
