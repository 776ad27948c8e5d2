"""What residents read: service items, guides, themes, search. Facts come from the core's items feed and from nowhere else."""
