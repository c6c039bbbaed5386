"""The documents that the store keeps: every kind with its key, its parent and its fields; `kinds` lists them.

One declaration per kind, so that the handlers that write a document and the SQL layer that reads it agree.
"""
