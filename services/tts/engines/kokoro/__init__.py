"""Kokoro-82M on ONNX Runtime: nine locales, 54 voices, and the exact times of what it says."""
