"""What shows: tables, progress, texts on the terminal."""
