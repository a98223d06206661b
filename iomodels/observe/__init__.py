"""What a program's I/O is, from its system calls: a log of strace → calls → works → scenarios."""
