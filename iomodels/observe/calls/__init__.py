"""What each system call changes: of processes and descriptors, and of what is counted."""
