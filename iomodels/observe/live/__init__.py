"""A program that runs: watched with strace."""
