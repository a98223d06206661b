"""What is shown and not judged: a metric that jumps by itself, and another load."""
