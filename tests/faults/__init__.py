"""Faults, injected for real: killed processes, full and broken disks, clocks that jump, damaged files."""
