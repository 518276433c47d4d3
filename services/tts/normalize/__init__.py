"""Writing a text out as a native reads it: numbers, dates, units, abbreviations, symbols."""
