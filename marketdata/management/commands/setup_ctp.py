"""`manage.py setup_ctp`: build the locale the CTP library needs, and show whether it loads (G-3)."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from marketdata.feeds import ctp_setup


class Command(BaseCommand):
    help = "Build the locale zh_CN.GB18030 into the data folder (no root needed) and check the CTP library."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        data_dir = Path(settings.DATA_DIR).resolve()
        try:
            if not ctp_setup.has_locale(data_dir):
                self.stdout.write(f"built {ctp_setup.build_locale(data_dir)}")
            self.stdout.write(f"{ctp_setup.LOCALE}: found")
            self.stdout.write(f"CTP library: {ctp_setup.api_version(data_dir)}")
        except ctp_setup.CtpUnavailable as error:
            raise CommandError(str(error)) from error
