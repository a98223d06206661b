"""What a command line names: what a shell completes of it, and the files that are meant."""
