"""One browser for each file of tests."""

from __future__ import annotations

import pytest

from .browser import Browser


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.driver.quit()
