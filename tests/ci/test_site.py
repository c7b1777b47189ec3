"""The site has every page, and what the pages link to.

In: docs/zensical.toml and the pages. Out: a failure that names the page. .ci/run builds the site.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.cli import command_files
from tests.ci import site
from tests.documents import pages


def test_the_site_has_every_page() -> None:
    shown = site.pages()
    assert len(shown) == len(set(shown))
    assert set(shown) == {*pages(), *site.MADE, "CHANGELOG.md", "results/LOG.md"}


def test_pages_lie_as_in_the_repository_with_what_they_link_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "pages", lambda: ["README.md", "docs/commands.md"])
    site.copy(tmp_path)
    names = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"README.md", "docs/commands.md", "results/micro/figures/overview.png"} <= names
    text = (tmp_path / "docs/commands.md").read_text(encoding="utf-8")
    assert [name for name in command_files() if f"Usage: downscale {name} " not in text] == []


def test_links_of_a_page_to_files_that_are_no_pages() -> None:
    text = "[a](../README.md) [b](../CITATION.cff) [c](https://x.y/z) [d](#e) ![f](zensical.toml)"
    assert site.linked("docs/families.md", text) == {"CITATION.cff", "docs/zensical.toml"}
