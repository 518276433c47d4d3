"""Crash tests on the real processes, services and weights: `make chaos`."""
