"""What everything that satisfies a Protocol of ours must do, fakes included."""
