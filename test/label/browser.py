# SPDX-License-Identifier: MIT
"""A page of `odt label` in Chromium, for tests: the server, the window, and hands."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import xml.etree.ElementTree as ElementTree

from peers import go_on_or_skip


try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    go_on_or_skip("selenium is not there (pip install selenium); the page is not tried in a browser")

driver_path = shutil.which("chromedriver") or "/usr/bin/chromedriver"
if not pathlib.Path(driver_path).exists() or not (shutil.which("chromium") or shutil.which("google-chrome")):
    print("SKIPPED: chromium and chromium-driver are not there; the page is not tried in a browser")
    sys.exit(77)


class Server:
    """`odt label`, which can be killed and begun again on the same port."""

    def __init__(self, odt, arguments, log):
        self.odt, self.arguments, self.log, self.port = odt, arguments, log, 0
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([self.odt, "label", "--port", str(self.port), *self.arguments], stdout=subprocess.PIPE,
                                        stderr=open(self.log, "a"), text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://[^/\s]+:(\d+)", line)
        assert found, f"odt label did not start: {line}{pathlib.Path(self.log).read_text()}"
        self.url, self.port = found.group(0), int(found.group(1))

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=60)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data=data, method=method), timeout=60) as answer:
            return json.load(answer)


def until(what, seconds=20, why="it never comes"):
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            last = what()
            if last:
                return last
        except Exception as wrong:  # elements come and go while the page draws
            last = wrong
        time.sleep(0.05)
    raise AssertionError(f"{why}: {last}")


class Page:
    """One window."""

    def __init__(self, width=1280, height=800, profile=None):
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--force-device-scale-factor=1", "--hide-scrollbars",
                     "--disable-search-engine-choice-screen", "--no-first-run"):
            options.add_argument(word)
        if profile:
            options.add_argument(f"--user-data-dir={profile}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(driver_path))
        self.size(width, height)

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def dark(self, on=True):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if on else "light"}]})

    def open(self, url):
        self.driver.get(url)
        self.ready()

    def ready(self):
        until(lambda: self.js("return document.body && document.body.dataset.ready"), why="the page does not start")

    def js(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).text

    def press(self, *keys):
        """"a", or (Keys.CONTROL, "z")."""
        for key in keys:
            actions = ActionChains(self.driver, duration=10)
            if isinstance(key, tuple):
                for held in key[:-1]:
                    actions.key_down(held)
                actions.send_keys(key[-1])
                for held in key[:-1]:
                    actions.key_up(held)
            else:
                actions.send_keys(key)
            actions.perform()

    def screen(self, x, y):
        """Where a point of the photo is in the window."""
        return self.js("const c = window.odt.canvas; const b = c.svg.getBoundingClientRect();"
                       "return [b.left + c.x + arguments[0] * c.scale, b.top + c.y + arguments[1] * c.scale]", x, y)

    def drag(self, start, end, release=True, button=0, steps=4):
        """From a point of the photo to another."""
        begin, finish = self.screen(*start), self.screen(*end)
        builder = ActionBuilder(self.driver, mouse=PointerInput("mouse", "mouse"), duration=10)
        pointer = builder.pointer_action
        pointer.move_to_location(round(begin[0]), round(begin[1]))
        pointer.pointer_down(button=button)
        for i in range(1, steps + 1):
            pointer.move_to_location(round(begin[0] + (finish[0] - begin[0]) * i / steps), round(begin[1] + (finish[1] - begin[1]) * i / steps))
        if release:
            pointer.pointer_up(button=button)
        builder.perform()

    def click_at(self, point):
        self.drag(point, point, steps=1)

    def boxes(self):
        """[(class, [xmin, ymin, xmax, ymax])] as they are drawn."""
        return [(box.get_attribute("data-name"), [int(float(v)) for v in box.get_attribute("data-box").split()]) for box in self.all("#boxes-layer .box")]

    def suggestions(self):
        return self.all("#suggestions .suggestion")

    def saved(self, seconds=20):
        until(lambda: self.one("#save").get_attribute("data-state") == "saved", seconds, "it is not saved")

    def save_state(self):
        return self.one("#save").get_attribute("data-state")

    def photo(self):
        return self.js("return window.odt.photo && {id: odt.photo.id, name: odt.photo.name, state: odt.photo.state, revision: odt.photo.revision}")

    def show(self, name):
        self.js("window.odt.open(window.odt.list.photos.find((p) => p.name === arguments[0]).id)", name)
        until(lambda: self.photo()["name"] == name, why=f"{name} does not open")
        until(lambda: self.js("const i = document.getElementById('photo'); return i && i.href.baseVal.includes(odt.photo.id)"))

    def complaints(self):
        """What the browser's console holds against the page, but for requests that failed since the server was away."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and "Failed to load resource" not in entry["message"] and "ERR_CONNECTION" not in entry["message"]]

    def picture(self, path):
        self.driver.save_screenshot(str(path))

    def close(self):
        self.driver.quit()


def boxes_in(path):
    """[(class, [xmin, ymin, xmax, ymax])] of an XML file, which has to be whole."""
    objects = []
    for node in ElementTree.parse(path).getroot().iter("object"):
        box = node.find("bndbox")
        objects.append((node.findtext("name"), [int(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax")]))
    return objects
