"""The only place that talks to FFmpeg: what a clip is, its frames in, its frames out.

`probe` and `picture` judge inputs; `read`, `write` and `stream` carry an edit; `frame` is what everybody else sees.
Inputs and outputs are open files with descriptors; nothing here opens a path, a name or an address.
"""
