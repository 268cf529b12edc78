"""Published learning-rate rules, and what is known of the models they cover."""
