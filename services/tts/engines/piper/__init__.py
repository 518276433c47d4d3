"""Piper's voices on ONNX Runtime: many languages, a tenth of Kokoro's time, and the exact times of what they say."""
