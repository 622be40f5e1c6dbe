"""Calendar and session texts as an operator edits them ⇄ the commands' lists (T-20, T-24)."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from trading.engine import messages as core
from trading.engine.sessions import is_day, sessions_fault

SECTION_COLUMNS = ("template", "night", "phase", "start", "end")
MOST_DAYS = 4_000


def clock(minute: int) -> str:
    """540 → 09:00; a night may pass 24:00."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def minute_of(text: str) -> int:
    """09:00 → 540; ValueError for anything else."""
    hours, _colon, minutes = text.strip().partition(":")
    value = int(hours) * 60 + int(minutes)
    if not (0 <= int(minutes) < 60 and 0 <= value <= 2 * 1440):
        raise ValueError(text)
    return value


def parse_days(text: str) -> list[int]:
    """Days yyyymmdd, one a line, ascending; ValidationError names the bad lines."""
    words = text.replace("\x00", "").split()
    bad = [word for word in words if not (len(word) == 8 and word.isascii() and word.isdigit())]
    bad = bad or [word for word in words if not is_day(int(word))]
    if bad:
        raise ValidationError(_("Not a day: %(words)s") % {"words": ", ".join(bad[:5])})
    days = [int(word) for word in words]
    if days != sorted(set(days)) or len(days) > MOST_DAYS:
        raise ValidationError(_("The days must ascend, each one once, at most 4000."))
    return days


def sections_text(sections: Iterable[Any]) -> str:
    """Session sections as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(SECTION_COLUMNS)
    for row in sections:
        night = "night" if row.is_night else ""
        start, end = clock(row.start_minute), clock(row.end_minute)
        writer.writerow([row.template, night, row.phase.lower(), start, end])
    return out.getvalue()


def parse_section(line: list[str]) -> tuple[str, list[int]]:
    """One CSV line → template and [is_night, phase, start, end]; ValueError, KeyError."""
    template, night, phase, start, end = (cell.strip() for cell in line)
    if night not in ("", "night") or not template.isprintable():
        raise ValueError(night)
    number = int(core.Phase[phase.upper()])
    return template, [int(night == "night"), number, minute_of(start), minute_of(end)]


def parse_sections(text: str) -> list[Any]:
    """CSV → templates of `SetSessions`; ValidationError names every bad line, nothing is half taken."""
    lines = list(csv.reader(io.StringIO(text.replace("\x00", ""))))
    if not lines or tuple(cell.strip() for cell in lines[0]) != SECTION_COLUMNS:
        raise ValidationError(_("The first line must be: %(line)s") % {"line": ",".join(SECTION_COLUMNS)})
    templates: dict[str, list[Any]] = {}
    bad: list[str] = []
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        try:
            template, section = parse_section(line)
        except (ValueError, KeyError):
            bad.append(str(number))
            continue
        templates.setdefault(template, []).append(section)
    if bad:
        raise ValidationError(_("Bad lines: %(lines)s") % {"lines": ", ".join(bad[:20])})
    found = [[name, sections] for name, sections in templates.items()]
    fault = sessions_fault(found)
    if fault or not found:
        raise ValidationError(_("Sections overlap or are out of order: %(name)s") % {"name": fault})
    return found
