"""Settings to parts: clock, store, assets, queue, engines, service, app. The only package that names concrete classes.

`process` puts a server or a worker together; `places` is where rows and bytes are, `lending` what engines are given,
`terms` what the operator decided, `clock` the time. None of them knows who calls.
"""
