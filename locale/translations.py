"""Keep the Chinese catalogue complete: `python locale/translations.py update|compile|check`.

Strings are read from our Python files and templates, and from unfold's, which ships
without translations. `update` adds what is new to django.po and drops what is gone,
`compile` writes django.mo, `check` names what is missing. Needs Babel, not GNU gettext.
"""

import ast
import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import unfold
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES"
PO, MO = FOLDER / "django.po", FOLDER / "django.mo"
APPS = ("accounts", "exchange_site", "marketdata", "monitoring", "settlement", "trading")
UNFOLD = Path(unfold.__file__).parent
SINGLE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
WITH_CONTEXT = {"pgettext", "pgettext_lazy"}
MARK = "\x04"  # between context and text, as in compiled catalogues
STRING = r"u?(?P<{0}>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
CALLS = re.compile(r"(?<!n)(?:_|gettext)\(" + STRING.format("one") + r"\)")
SCRIPT_CALLS = re.compile(r"\b_\(\s*\"((?:[^\"\\]|\\.)*)\"")
PLURAL_CALLS = re.compile(r"ngettext\(" + STRING.format("one") + r",\s*" + STRING.format("many"))
NOT_INSTALLED = {
    "admindocs", "flatpages", "gis", "humanize", "postgres", "redirects", "sitemaps", "sites", "syndication",
}  # fmt: skip
"""Parts of Django whose catalogues are not read at run time."""
UNUSED = {"contrib", "wysiwyg", "migrations"}  # folders whose texts no page of ours shows
EXTRA = (  # of packages that translate into neither language, shown on our pages
    "Access Time", "access attempt", "access attempts", "IP Address", "User Agent", "Username",
    "Path", "Failed Logins", "API token", "Log entry", "Log entries", "Axes", "Knox",
)  # fmt: skip

FIXED = datetime(2026, 1, 1, tzinfo=UTC)  # the catalogue changes only when its texts do
Message = str | tuple[str, str]


def python_strings(path: Path) -> Iterator[Message]:
    """Arguments of the gettext calls of a Python file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        if name in SINGLE and texts and isinstance(texts[0], str):
            yield texts[0]
        if name in PLURAL and len(texts) > 1:
            yield (texts[0], texts[1])
        if name in WITH_CONTEXT and len(texts) > 1:
            yield MARK.join(texts[:2])


def template_strings(path: Path) -> Iterator[Message]:
    """Texts of the translate and blocktranslate tags of a template."""
    code = templatize(path.read_text("utf-8"), origin=str(path))
    for found in CALLS.finditer(code):
        yield ast.literal_eval(found["one"])
    for found in PLURAL_CALLS.finditer(code):
        yield (ast.literal_eval(found["one"]), ast.literal_eval(found["many"]))


def script_strings(path: Path) -> Iterator[Message]:
    """Texts of a script of ours."""
    for found in SCRIPT_CALLS.finditer(path.read_text("utf-8")):
        yield json.loads(f'"{found[1]}"')


def files(folder: Path) -> Iterator[tuple[Path, Iterator[Message]]]:
    """Every source below a folder with its strings."""
    for path in sorted(folder.rglob("*.py")):
        if not UNUSED & set(path.relative_to(folder).parts):
            yield path, python_strings(path)
    for path in sorted(folder.rglob("*.html")):
        if not UNUSED & set(path.relative_to(folder).parts):
            yield path, template_strings(path)
    for path in sorted((folder / "static" / "terminal").glob("*.js")):
        yield path, script_strings(path)


def messages() -> list[Message]:
    """Every string that pages may show, once, in a stable order."""
    folders = [ROOT / app for app in APPS] + [ROOT / "templates", UNFOLD]
    found: dict[str, Message] = {}
    for folder in folders:
        for _path, strings in files(folder):
            for text in strings:
                key = text if isinstance(text, str) else text[0]
                if key.strip():
                    found[key] = text if isinstance(text, tuple) else found.get(key, text)
    for text in EXTRA:
        found.setdefault(text, text)
    return [found[key] for key in sorted(found)]


def read() -> Catalog:
    """The catalogue as committed."""
    if not PO.exists():
        return Catalog(locale="zh_Hans")
    with PO.open("rb") as file:
        return read_po(file, locale="zh_Hans")


def update() -> None:
    """Bring django.po to the sources, keeping what is translated."""
    old, django_has = read(), from_django()
    new = Catalog(
        locale="zh_Hans",
        header_comment="# Chinese texts of the exchange; kept by locale/translations.py.",
        project="exchange",
        version="1",
        creation_date=FIXED,
        revision_date=FIXED,
        last_translator="the exchange's authors",
        language_team="zh_Hans",
        msgid_bugs_address=" ",
        fuzzy=False,
    )
    for text in messages():
        key = text if isinstance(text, str) else text[0]
        known = find(old, key)
        if key in django_has and not translated(old, key):
            continue  # an empty entry of ours would hide Django's
        string = known.string if known is not None else None
        if MARK in key:
            context, _mark, text = key.partition(MARK)
            new.add(text, string, context=context)
        else:
            new.add(text, string)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, new, width=100, omit_header=False, ignore_obsolete=True)


def compiled() -> bytes:
    """What django.mo must hold."""
    out = io.BytesIO()
    write_mo(out, read())
    return out.getvalue()


def from_django() -> set[str]:
    """What Django's own catalogues translate already."""
    import django

    base = Path(django.__file__).parent
    found: set[str] = set()
    for path in base.rglob("locale/zh_Hans/LC_MESSAGES/django.po"):
        if NOT_INSTALLED & set(path.parts):
            continue
        with path.open("rb") as file:
            for message in read_po(file):
                if message.string and message.id:
                    found.add(message.id if isinstance(message.id, str) else message.id[0])
    return found


def missing() -> list[str]:
    """Strings without a Chinese text, here or in Django."""
    catalogue, django_has = read(), from_django()
    keys = [text if isinstance(text, str) else text[0] for text in messages()]
    return [key for key in keys if not translated(catalogue, key) and key not in django_has]


def find(catalogue: Catalog, key: str) -> Any:
    """The catalogue's entry for a string, or for a context and a string."""
    context, mark, text = key.rpartition(MARK)
    return catalogue.get(text, context) if mark else catalogue.get(key)


def translated(catalogue: Catalog, key: str) -> bool:
    """Whether the catalogue has a text for the string."""
    known = find(catalogue, key)
    text = known.string if known is not None else ""
    return bool(text if isinstance(text, str) else any(text))


def main(command: str) -> int:
    """Run one of the three commands; the exit status is the number of faults, at most 1."""
    if command == "update":
        update()
    elif command == "compile":
        MO.write_bytes(compiled())
    lost = missing()
    for text in lost:
        sys.stdout.write(f"{text!r}\n")
    return int(bool(lost) and command != "update")


if __name__ == "__main__":
    settings.configure()
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
