"""The built site in a real browser: every page, the search, formulas, themes, a phone's width."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
KEY_PAGES = [
    "index.html",
    "why_and_when.html",
    "quickstart.html",
    "user_guide/index.html",
    "user_guide/method.html",
    "auto_examples/index.html",
    "api/index.html",
    "api/generated/skbetafd.FrontDoorMultiModalClassifier.html",
    "comparison.html",
    "benchmarks/index.html",
    "benchmarks/suite/report.html",
    "faq.html",
    "changelog.html",
]
OPEN_ALL = "() => document.querySelectorAll('details').forEach(d => d.open = true)"
# A thumbnail stands beside its title, and is passed over by screen readers: alt="".
BAD_PICTURES = """async () => {
    const described = picture => picture.alt.trim() || (
        picture.hasAttribute('alt') && picture.closest('.sphx-glr-thumbcontainer'));
    const pictures = [...document.images];
    pictures.forEach(picture => picture.loading = 'eager');
    await Promise.all(pictures.map(picture => picture.decode().catch(() => {})));
    return pictures
        .filter(picture => !described(picture) || !picture.naturalWidth || !picture.naturalHeight)
        .map(picture => `${picture.src} (alt "${picture.alt}")`);
}"""
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


NO_ANCHOR = "Anchored content block not found"
"""Sphinx's search warns so of anchors with a dot, if their page comes before the click."""


@contextmanager
def watched(browser: Browser, address: str, **settings: Any) -> Iterator[tuple[Page, list[str]]]:
    """A tab that lets nothing leave the machine, and the list of what went wrong in it."""
    faults: list[str] = []
    context = browser.new_context(**({"viewport": DESKTOP} | settings))
    tab = context.new_page()

    def stay_here(route: Any) -> None:
        faults.append(f"{tab.url} asks for {route.request.url}")
        route.abort()

    def answer(response: Any) -> None:
        if response.status >= 400:
            faults.append(f"{tab.url}: {response.status} for {response.url}")

    def broken_off(request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # by going on to the next page
            faults.append(f"{tab.url}: {request.failure} for {request.url}")

    context.route(re.compile(rf"^(?!{re.escape(address)}/|data:|blob:)"), stay_here)
    tab.on("response", answer)
    tab.on("requestfailed", broken_off)
    tab.on("pageerror", lambda error: faults.append(f"{tab.url}: {error}"))
    tab.on(
        "console",
        lambda message: (
            message.type in ("error", "warning")
            and not message.text.startswith(NO_ANCHOR)
            and faults.append(f"{tab.url}: console {message.type}: {message.text}")
        ),
    )
    try:
        yield tab, faults
    finally:
        context.close()


def test_every_page_opens_without_an_error_and_with_all_its_pictures(site, address, browser):
    pages = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    assert len(pages) > 50
    with watched(browser, address) as (tab, faults):
        for path in sorted(pages):
            url = f"{address}/{path.relative_to(site)}"
            tab.goto(url, wait_until="load")
            tab.evaluate(OPEN_ALL)
            faults += [f"{url}: bad picture {bad}" for bad in tab.evaluate(BAD_PICTURES)]
            assert tab.title().strip(), url
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", ["MultiModalArray", "FrontDoorMultiModalClassifierCV", "confound"])
def test_the_search_finds_the_page_of_a_name(address, browser, name):
    with watched(browser, address) as (tab, faults):
        tab.goto(f"{address}/index.html")
        tab.locator("button.search-button__button:visible").first.click()
        tab.locator("input[type=search]:visible").first.fill(name)
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/search.html?q=*")
        link = tab.locator(f"#search-results a[href*='generated/skbetafd.'][href*='.{name}']")
        expect(link.first).to_be_visible(timeout=20_000)
        link.first.click()
        expect(tab.locator("h1")).to_contain_text(name)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "page", ["user_guide/method.html", "api/generated/skbetafd.DiscreteFrontDoorClassifier.html"]
)
def test_formulas_are_typeset(address, browser, page):
    with watched(browser, address) as (tab, faults):
        tab.goto(f"{address}/{page}")
        formula = tab.locator("mjx-container mjx-math").first
        expect(formula).to_be_visible(timeout=20_000)
        assert formula.bounding_box()["width"] > 5
        assert tab.locator("mjx-merror").count() == 0
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("page", ["index.html", "api/generated/skbetafd.overlap.html"])
def test_the_page_follows_the_reader_s_theme(address, browser, page):
    background = "() => getComputedStyle(document.body).backgroundColor"
    seen = {}
    for theme in ("light", "dark"):
        with watched(browser, address, color_scheme=theme) as (tab, faults):
            tab.goto(f"{address}/{page}")
            assert tab.locator("html").get_attribute("data-theme") == theme
            seen[theme] = tab.evaluate(background)
            expect(tab.locator("h1").first).to_be_visible()
        assert not faults, "\n".join(faults)
    assert seen["light"] != seen["dark"]


@pytest.mark.parametrize("page", KEY_PAGES)
def test_a_phone_need_not_scroll_sideways(address, browser, page):
    with watched(browser, address, viewport=PHONE) as (tab, faults):
        tab.goto(f"{address}/{page}", wait_until="load")
        tab.wait_for_timeout(300)  # formulas are set after the page has loaded
        assert tab.evaluate(SIDEWAYS) <= 0
    assert not faults, "\n".join(faults)


def test_what_goes_wrong_on_a_page_is_noticed(tmp_path: Path, address, browser):
    page = """<img src="missing.png"><script src="https://example.org/x.js"></script>
    <script>console.error("seen"); throw new Error("thrown")</script>"""
    with watched(browser, address) as (tab, faults):
        tab.route(f"{address}/bad", lambda r: r.fulfill(body=page, content_type="text/html"))
        tab.goto(f"{address}/bad", wait_until="load")
        bad = tab.evaluate(BAD_PICTURES)
    assert len(bad) == 1
    for told in ("404 for", "asks for https://example.org", "console error: seen", "thrown"):
        assert any(told in fault for fault in faults), told
