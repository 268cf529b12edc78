"""W&B as a source: local logs, and what the server holds."""
