"""Sweep files in the making: templates, past sweeps, suggestions, an estimate, and the order that becomes of them.

Nothing here imports torch.
"""
