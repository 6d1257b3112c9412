"""Rows: tasks, accounts, keys and uploads. The only place, with `queue`, that speaks SQL.

`base` is the protocol, `tables` the schema, `schema` and `migrations` how a database comes to it, `sql` the statements
inside one transaction, `sqlite` and `postgres` the stores.
"""
