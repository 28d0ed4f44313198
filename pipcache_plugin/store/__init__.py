"""Wheels on disk, found by build key. Plain files; knows nothing of pip or of builds."""
