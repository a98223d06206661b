"""What `iomodels advise` needs beside its options: what was asked, and the answer as text."""
