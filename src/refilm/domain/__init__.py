"""The model of Refilm: tasks, edits and clips as plain values. Standard library only, no I/O."""
