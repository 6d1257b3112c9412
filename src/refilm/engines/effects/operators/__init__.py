"""The operators of the effects engine, one file each, and their registry.

A module here defines one class with a class attribute `spec`; `OPERATORS` maps names to classes. Operators do not
know each other.
"""
