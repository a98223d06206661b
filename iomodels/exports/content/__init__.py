"""What exports carry: which cells, under which names, and which quantities of them."""
