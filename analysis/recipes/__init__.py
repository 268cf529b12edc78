"""Recipes: what a run was trained with, free of any tool, and the same as the configuration of several tools."""
