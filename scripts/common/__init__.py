"""What the demo, the soak, the fault suite and the benchmarks share."""
