"""`manage.py seed_groups`: the staff groups of O-4."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.groups import seed_groups


class Command(BaseCommand):
    help = "Create the staff groups, or bring their permissions back to the table."

    def handle(self, *args: Any, **options: Any) -> None:
        for group in seed_groups():
            self.stdout.write(f"{group.name}: {group.permissions.count()} permissions")
