"""The parts of the bridge that can be tested without running pip."""
