"""Faces followed through moving footage.

picture → shots → detection → follow → smoothing → usability → persons       what `tracker` does, frame by frame, then face by face
codec                                                                       tracks as bytes, for whoever asks for the mouths to be moved
speaking → roles                                                            whose mouth says which line, and when it is ours
"""
