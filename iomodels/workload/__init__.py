"""What is asked for: keys, points, scenarios, suites, the generated key reference."""
