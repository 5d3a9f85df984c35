"""The command line: `main` names the commands and their options, one module does the work of each.

`client` speaks to a server at work, `alone` answers without one, `terminal` says things.
"""
