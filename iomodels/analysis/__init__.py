"""What the numbers come to: quantities, findings in words, notices, claims."""
