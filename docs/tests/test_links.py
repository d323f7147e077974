"""Links of the built site: inside they lead somewhere, outside they are well formed."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from site_links import Page, Site


@pytest.fixture(scope="module", name="pages")
def parsed(site: Path) -> Site:
    return Site(site)


def test_no_internal_link_or_anchor_is_dead(pages: Site):
    dead = {
        f"{page.path.relative_to(pages.root)}: {link} ({fault})"
        for page, link in pages.links()
        if (fault := pages.fault(page, link))
    }
    assert not dead, "\n".join(sorted(dead))


def test_external_links_are_well_formed(pages: Site):
    external = {link for _, link in pages.links() if urlsplit(link).scheme not in ("", "data")}
    print("\n".join(sorted(external)))
    wrong = [
        link
        for link in external
        if not re.fullmatch(r"(https?://[\w.-]+\.[a-z]{2,}(:\d+)?(/\S*)?|mailto:\S+@\S+)", link)
    ]
    assert not wrong
    assert external


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("b.html#there", None),
        ("#here", None),
        ("https://example.org", None),
        ("b.html#gone", "no such anchor"),
        ("c.html", "no such file"),
        ("../../x.html", "leads out of the site"),
    ],
)
def test_a_dead_link_is_told_from_one_that_lives(tmp_path, link, fault):
    (tmp_path / "a.html").write_text(f'<p id="here"><a href="{link}">x</a>')
    (tmp_path / "b.html").write_text('<p id="there">')
    site = Site(tmp_path)
    page: Page = site.pages[tmp_path.resolve() / "a.html"]
    assert site.fault(page, link) == fault
