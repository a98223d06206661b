"""A browser for the tests of the page, and pages as a user makes them."""

from __future__ import annotations

import json
import shutil
from importlib import import_module

import pytest

from iomodels.results import save
from iomodels.trace import schema

main = import_module("iomodels.cli.main")

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PHONE, DESKTOP = 320, 1200

needs_browser = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="needs chromium and chromedriver (Debian: chromium-driver)"
)


class Browser:
    """A headless Chromium that says what a page logged and what it asked the network for."""

    def __init__(self) -> None:
        webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
        options = webdriver.ChromeOptions()
        options.binary_location = BROWSER
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(executable_path=DRIVER)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.script = self.driver.execute_script

    def open(self, path, width=DESKTOP, scheme="light"):
        self.command("Emulation.setEmulatedMedia", features=[feature(scheme)])
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width == PHONE}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        self.driver.get("about:blank")
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(path.as_uri())

    def command(self, name, **arguments):
        return self.driver.execute_cdp_cmd(name, arguments)

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        events = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]

    def press(self, key):
        """Press a key where the focus is; returns the text of what then has the focus."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(key).perform()
        return self.script("return document.activeElement.textContent.trim()")


def feature(scheme):
    return {"name": "prefers-color-scheme", "value": scheme}


OPEN_ALL = "for (const e of document.querySelectorAll('details')) e.open = true"


def written(run, traces, folder):
    """The page of a run and traces, made as a user makes it."""
    save.save(run, folder / "run.json", force=False)
    words = ["report", str(folder / "run.json")]
    for number, recorded in enumerate(traces):
        path = folder / f"trace-{number}.json"
        path.write_bytes(schema.encode(recorded))
        words += ["--trace", str(path)]
    assert main.run(words) == 0
    return folder / "run.html"
