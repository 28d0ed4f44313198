"""Tests; ``factories`` makes what they work on."""
