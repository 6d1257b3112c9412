"""The revisions. Each says in its docstring what it changes and why."""
