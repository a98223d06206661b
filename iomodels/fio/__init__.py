"""Job files of fio as scenarios."""
