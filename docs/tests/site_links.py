"""What the pages of a built site point to, read from their HTML."""

from collections.abc import Iterator
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """One page: its anchors, and its links as they are written."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect ids and links."""
        values = dict(attrs)
        self.anchors |= {values[key] or "" for key in ("id", "name") if key in values}
        for key in ("href", "src"):
            if values.get(key) is not None:
                self.links.append(values[key] or "")


class Site:
    """All pages under a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @cached_property
    def pages(self) -> dict[Path, Page]:
        """Every HTML file, parsed."""
        paths = sorted(self.root.rglob("*.html"))
        return {p: Page(p) for p in paths if "_static" not in p.relative_to(self.root).parts}

    def links(self) -> Iterator[tuple[Page, str]]:
        """Every page with each of its links."""
        for page in self.pages.values():
            for link in page.links:
                yield page, link

    def fault(self, page: Page, link: str) -> str | None:
        """Say what is wrong with an internal link; None where nothing is, or it leads outside."""
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            return None
        target = page.path
        if parts.path:
            target = (page.path.parent / unquote(parts.path)).resolve()
        if not target.is_relative_to(self.root):
            return "leads out of the site"
        if not target.is_file():
            return "no such file"
        anchor = unquote(parts.fragment)
        if anchor and target in self.pages and anchor not in self.pages[target].anchors:
            return "no such anchor"
        return None
