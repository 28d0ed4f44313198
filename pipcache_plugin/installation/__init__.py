"""Putting files where they are installed: cloned, copied or linked; bytecode. Knows neither pip nor the store."""
