"""The exit handler: says how the run ended, whatever happened."""
