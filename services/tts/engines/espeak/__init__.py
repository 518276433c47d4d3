"""espeak-ng: a hundred languages by rules alone, understood but never pleasant."""
