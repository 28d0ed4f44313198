"""Tests of ``machine``."""
