"""Refilm: a video-to-video server that you run yourself and that speaks the Runway API."""

from importlib.metadata import version

__version__ = version("refilm")
