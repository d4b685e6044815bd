"""The parts of `scripts/mutate.py`: see there."""
