"""The parts of scripts/package.py: one file per kind of package."""
