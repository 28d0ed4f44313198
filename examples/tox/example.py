"""Nothing but a project that is tested."""
