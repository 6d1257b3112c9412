"""Markdown tables, printed line by line as a bench goes on."""

from __future__ import annotations


def head(*cells: str) -> None:
    """The lines that begin a table whose later columns are numbers."""
    print()
    row(*cells)
    row("---", *["---:"] * (len(cells) - 1))


def row(*cells: object) -> None:
    """One line."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
