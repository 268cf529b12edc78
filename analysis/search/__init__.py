"""How fast searches found what they found: simple regret against what was spent."""
