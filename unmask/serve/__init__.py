"""The room for people who open no terminal: a web page and an HTTP API on their own machine.

    request ──▶ guard ──▶ uploads ──▶ store ──▶ crew ──▶ worker ──▶ folder ──▶ answer

One process speaks HTTP and holds the store; it decodes no picture and loads no model. Worker
processes do that: they read from one pipe what to examine, write the results into the folder that
they were given, and tell on another pipe how far they are. They never see the store, the network or
another analysis. Everything that was ever received lies below one data folder, and is erased with
its analysis.

Importing this package loads nothing; `launch.py` starts the server.
"""
