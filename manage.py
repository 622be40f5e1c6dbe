#!/usr/bin/env python
"""Entry point of every command of the exchange."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    if sys.argv[1:] == ["exchange"]:
        # The supervisor needs no apps, and must not hold up those who do.
        from exchange_site.supervisor import main as supervise

        sys.exit(supervise())
    from exchange_site import running

    running.join(os.environ)
    if sys.argv[1:2] == ["run_matching"]:
        # Nor does the worker: without them it starts in half the time and half the memory.
        from django.conf import settings
        from django.utils.log import configure_logging

        from trading.management.commands.run_matching import Command

        configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
        Command().run_from_argv(sys.argv)
        return
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
