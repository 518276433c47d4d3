"""Talking faces: a portrait, its speech and the phonemes in, video out."""
