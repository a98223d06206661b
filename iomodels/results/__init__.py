"""The result file: its types, reading, saving, recovering."""
