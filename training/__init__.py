"""Trains the estimator of services/articulation: speech with exact times, made by the Kokoro engine, in; visemes.onnx out."""
