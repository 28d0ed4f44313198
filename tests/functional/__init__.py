"""The command in a subprocess, against an index of this machine: nothing here reaches the network by default."""
