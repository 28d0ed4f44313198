"""Pure values: what a wheel is built from, and the digest of it. Nothing here reads the world but ``collect_``."""
