"""Parts for tests, ours and those of plug-in authors: clips made to order, real footage, and eyes to judge results.

Nothing here is used by the service.
"""

from refilm.testing.clips import footage, make_clip, moving_picture
from refilm.testing.seeing import audio_packets, decode_times, frame_hash, read_frames, ssim

__all__ = [
    "audio_packets",
    "decode_times",
    "footage",
    "frame_hash",
    "make_clip",
    "moving_picture",
    "read_frames",
    "ssim",
]
