"""Files put into place, and bytecode."""
