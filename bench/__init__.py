"""Measurements of speed and memory, as ratios from interleaved runs beside a peer. Each figure prints as one JSON line."""
