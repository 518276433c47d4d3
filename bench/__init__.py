"""Speed, memory and overhead of the whole and its parts, measured in one run: `python -m bench`."""
