"""Which configuration is best, and how sure that is."""
