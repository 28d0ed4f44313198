"""Looking after a store: what is in it, how big it is, and taking things out of it."""
