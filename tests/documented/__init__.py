"""The commands of README, docs and examples: found, and run as a reader runs them."""
