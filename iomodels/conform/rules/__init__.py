"""The rules, by what they are about; `table.py` has all of them."""
