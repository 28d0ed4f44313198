"""What shells run, and what can be found out about their ``pip``."""
