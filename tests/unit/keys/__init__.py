"""What decides whether a wheel is right."""
