"""The dubbing pipeline: hear, cut into utterances, cast, translate, fit, speak, mix, move lips, mux."""
