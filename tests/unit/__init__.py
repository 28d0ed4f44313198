"""One module's behaviour at a time; the folders are those of the package."""
