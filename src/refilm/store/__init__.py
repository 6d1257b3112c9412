"""Rows: tasks, accounts, keys and uploads. The only place, with `queue`, that speaks SQL.

`base` is the protocol, `tables` the schema, `sql` the statements inside one transaction, `sqlite` the embedded store.
"""
