"""What a program has open, from its calls: processes, threads, and what each descriptor is."""
