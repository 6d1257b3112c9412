"""The CPU engine: fixed operators on planar YUV frames, no weights. Not a generative model."""
