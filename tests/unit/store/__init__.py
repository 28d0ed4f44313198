"""Files that are whole, gone, damaged, or written by eight processes at once."""
