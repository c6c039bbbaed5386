"""The process that one task runs in: it reaches the workspace through REST alone and imports nothing of the server.

It starts without a JVM; `spark` speaks to the workspace as the run-as principal, so that every query is enforced.
"""
