"""Real builds of tiny source trees, by a backend that is part of them."""
