"""One file per tool: a recipe in its words."""
