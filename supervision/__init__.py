"""Supervision (效能监督): figures by their definitions, early warnings, and how each item does online. Never a guess: what is not known is told so."""
