"""Messages about ended jobs, to a webhook that an admin configured, for people who do not look at the dashboard."""
