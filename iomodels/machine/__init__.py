"""The machine: its environment, its noise, probes, the doctor."""
