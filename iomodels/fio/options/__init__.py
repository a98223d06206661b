"""What becomes of each option of fio: the table."""
