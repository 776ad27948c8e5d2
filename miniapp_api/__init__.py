"""What mini-programs and providers call: routes, stories that need two features, jobs, wiring, settings."""
