"""What is written out, a file each. The order in which they apply is the reader's."""
