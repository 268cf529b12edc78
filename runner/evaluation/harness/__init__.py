"""lm-evaluation-harness as another way to score runs; needs the extra `lm-eval`."""
