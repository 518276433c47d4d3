"""The grammar of each language, a file each."""
