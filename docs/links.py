"""Whether every link and picture within a built site leads somewhere: ``python docs/links.py docs/_build/html``."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to, and the anchors it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        #: Scripts, styles and pictures from elsewhere, without which the page is not whole.
        self.foreign: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value is not None:
                self.links.append(value)
                if urlsplit(value).netloc and (name == "src" or tag == "link"):
                    self.foreign.append(value)


def dead(site: Path) -> list[str]:
    """The links within ``site`` that lead nowhere, each with its page; and what a page loads from elsewhere."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        found += [f"{path.relative_to(site.resolve())}: {link} is loaded from elsewhere" for link in page.foreign]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            anchor = unquote(parts.fragment)
            if not target.exists() or (anchor and target in pages and anchor not in pages[target].anchors):
                found.append(f"{path.relative_to(site.resolve())}: {link}")
    return found


def main() -> int:
    site = Path(sys.argv[1])
    found = dead(site)
    count = sum(1 for _ in site.rglob("*.html"))
    print("\n".join(found) if found else f"{count} pages, and every link between them leads somewhere")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
