"""From written-out text to Kokoro's symbols, one file a language family."""
