#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Opens the page of `odt serve` in Chromium: a photo goes in, boxes, versions, latency and throughput appear.

usage: page.py ODT CONFIG [SCREENSHOTS]    (CONFIG: examples/shapes.config; status 77 without selenium and Chromium)
"""
import pathlib
import shutil
import sys
import time

from fixture import Server, photos, workplace

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "label"))
from peers import go_on_or_skip  # noqa: E402

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
except ImportError:
    go_on_or_skip("selenium is not there (pip install selenium); the page is not tried in a browser")


def browser(dark=False, width=1280):
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={width},1000",
                 *(["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else [])):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def wait(good, seconds=30):
    end = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < end, "the page does not come so far"
        time.sleep(0.1)


def look(driver, server, photo):
    driver.get(f"http://localhost:{server.port}/")
    message = lambda: driver.find_element(By.ID, "message").text
    wait(lambda: driver.find_elements(By.CSS_SELECTOR, "#model option"))
    driver.execute_script("const s = document.getElementById('score'); s.value = 0.01; s.dispatchEvent(new Event('input'))")
    driver.find_element(By.ID, "file").send_keys(str(photo))
    wait(lambda: "found in" in message())
    boxes = driver.find_elements(By.CSS_SELECTOR, "#boxes rect")
    rows = driver.find_elements(By.CSS_SELECTOR, "#found tbody tr")
    assert boxes and len(boxes) == len(rows) == int(message().split()[0]), (len(boxes), len(rows), message())
    assert rows[0].text.split()[0] in ("circle", "square", "star", "triangle"), rows[0].text
    stage, drawn = driver.find_element(By.ID, "photo").rect, driver.find_element(By.ID, "boxes").rect
    assert abs(stage["width"] - drawn["width"]) < 1 and abs(stage["height"] - drawn["height"]) < 1, (stage, drawn)
    # A higher score shows fewer.
    driver.execute_script("const s = document.getElementById('score'); s.value = 1; s.dispatchEvent(new Event('input'))")
    assert not driver.find_elements(By.CSS_SELECTOR, "#boxes rect") and "best score" in message(), message()
    driver.execute_script("const s = document.getElementById('score'); s.value = 0.3; s.dispatchEvent(new Event('input'))")
    wait(lambda: "requests" in driver.find_element(By.ID, "latency").text and
         driver.find_elements(By.CSS_SELECTOR, "#histogram rect"))
    assert "available" in driver.find_element(By.ID, "versions").text
    assert driver.execute_script("return document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"


def refuses(driver, at):
    broken = at / "broken.jpg"
    broken.write_bytes(b"no picture")
    driver.find_element(By.ID, "file").send_keys(str(broken))
    wait(lambda: "bad" in driver.find_element(By.ID, "message").get_attribute("class"))


def main():
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("skipped: there is no chromium and chromium-driver")
        sys.exit(77)
    odt, config = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
    shots = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
    with workplace(odt, config) as at, Server(odt, "--model_name", "m", "--model_base_path", "exports", at=at) as server:
        for width, dark in ((1280, False), (1280, True), (400, False)):
            driver = browser(dark, width)
            try:
                look(driver, server, photos(at)[0])
                if shots:
                    driver.save_screenshot(str(shots / f"serve-{width}{'-dark' if dark else ''}.png"))
                refuses(driver, at)
                wrong = [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]
                assert not wrong, wrong
            finally:
                driver.quit()
        print("the page shows boxes, versions, latency and throughput")


if __name__ == "__main__":
    main()
