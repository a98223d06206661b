"""What drives a trial's transfers, of the engines that need more for it than `os`: imported by the
trial alone."""
