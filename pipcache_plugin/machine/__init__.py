"""What is on this machine: programs, shared libraries, a stamp of what is installed. Reads only."""
