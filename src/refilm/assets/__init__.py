"""Stored bytes: inputs, uploads and outputs under keys; how they arrive from outside; how links to them are signed."""
