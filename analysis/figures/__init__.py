"""Figures: a result goes in, a plotly figure comes out, and nothing else happens."""
