"""A run, or a whole history, written into files: the name's suffix says as what.

`targets` is where to and as what, `writing` does it; `record` is a run as data, `regression` a run as a test, `code`
where its workflow's code lives.
"""
