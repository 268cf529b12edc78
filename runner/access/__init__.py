"""Who may do what: people, roles, and the check that the dashboard and the worker both make."""
