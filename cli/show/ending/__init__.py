"""What stands below the tables of a run: Python beside C, and the verdicts on claims."""
