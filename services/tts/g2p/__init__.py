"""From spoken text to phonemes that know the words they come from."""
