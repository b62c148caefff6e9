#!/usr/bin/env python3
"""manage.py migrate | populatedb [--createsuperuser]"""
import sys

from saleor import catalogue, settings

settings.check()
command, options = (sys.argv[1:2] or [""])[0], sys.argv[2:]
if command == "migrate":
    if "--check" in options:
        sys.exit(bool(catalogue.unapplied()))
    catalogue.migrate()
elif command == "populatedb":
    catalogue.populate("--createsuperuser" in options)
else:
    sys.exit(f"Unknown command: {command!r}")
