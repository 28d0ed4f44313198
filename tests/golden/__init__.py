"""Texts and digests that must not change unnoticed."""
