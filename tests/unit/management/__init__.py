"""Looking into a store, and taking things out."""
