"""The pipelines, where their steps run, and the command that drives them."""
