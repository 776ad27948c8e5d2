"""`make bench-search`: how well and how fast residents' questions find their item, ours beside four engines over the same text."""
