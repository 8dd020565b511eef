#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drives the page of `odt label` in Chromium: draws, edits, undoes, reloads in mid-drawing, loses the server, takes
suggestions, works in two windows at once, and looks whether it is usable at 400 px.

usage: page.py ODT CONFIG [--pictures DIR] [--only NAME]    (CONFIG: examples/shapes.config)
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

from browser import Keys, Page, Server, boxes_in, until

control = Keys.CONTROL


def near(box, wanted, by=3):
    return all(abs(a - b) <= by for a, b in zip(box, wanted))


class Site:
    """A folder of photos without labels, the server, and windows."""

    def __init__(self, odt, at, photos, *flags):
        self.photos = at / "photos with ü"
        self.photos.mkdir()
        for i, path in enumerate(sorted(photos.glob("*.jpg"))[:6]):
            (self.photos / f"photo {i + 1}.jpg").write_bytes(path.read_bytes())
        self.server = Server(odt, ["--images", str(self.photos), "--label", "circle,square,triangle,star", *flags], str(at / "log.txt"))
        self.pages = []

    def page(self, **how):
        page = Page(**how)
        self.pages.append(page)
        page.open(self.server.url)
        return page

    def xml(self, number):
        return self.photos / f"photo {number}.xml"

    def close(self):
        complaints = [complaint for page in self.pages for complaint in page.complaints()]
        for page in self.pages:
            page.close()
        self.server.stop()
        assert not complaints, complaints

    def give_up(self, pictures, name):
        """Leaves pictures of what was there, where there is a window still."""
        for i, page in enumerate(self.pages):
            try:
                if pictures:
                    pictures.mkdir(exist_ok=True)
                    page.picture(pictures / f"{name}-{i}.png")
                page.close()
            except Exception:
                pass
        self.server.kill()


def draws_and_edits(site):
    page = site.page()
    assert page.photo()["name"] == "photo 1.jpg"
    page.drag((20, 30), (120, 140))
    until(lambda: len(page.boxes()) == 1)
    name, box = page.boxes()[0]
    assert name == "circle" and near(box, [20, 30, 120, 140]), (name, box)
    page.saved()
    until(lambda: site.xml(1).exists())
    assert boxes_in(site.xml(1)) == page.boxes()
    # A corner, then an edge, then keys.
    page.drag((box[2], box[3]), (150, 160))
    until(lambda: near(page.boxes()[0][1], [20, 30, 150, 160]))
    page.drag((box[0] + 20, box[1]), (box[0] + 40, box[1] + 10))
    moved = until(lambda: near(page.boxes()[0][1], [40, 40, 170, 170], 4) and page.boxes()[0][1])
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    until(lambda: page.boxes()[0][1] == [moved[0] + 1, moved[1] + 1, moved[2] + 1, moved[3] + 1])
    page.press("3")
    until(lambda: page.boxes()[0][0] == "triangle")
    # A second one, with the class that was chosen last.
    page.drag((180, 180), (240, 240))
    until(lambda: len(page.boxes()) == 2 and page.boxes()[1][0] == "triangle")
    page.press((control, "d"))
    until(lambda: len(page.boxes()) == 3)
    page.press(Keys.DELETE)
    until(lambda: len(page.boxes()) == 2)
    final = page.boxes()
    page.press(*[(control, "z")] * 3)
    until(lambda: len(page.boxes()) == 1 and page.boxes()[0][0] == "triangle")
    page.press(*[(control, "y")] * 3)
    until(lambda: page.boxes() == final)
    page.press("w")  # select: a click chooses
    page.click_at((210, 210))
    until(lambda: page.all("#boxes-layer .box.chosen[data-name=triangle]"))
    page.press("i", "u")
    page.saved()
    text = site.xml(1).read_text()
    assert "<difficult>1</difficult>" in text and "<truncated>1</truncated>" in text
    assert boxes_in(site.xml(1)) == page.boxes()
    page.press(" ")
    until(lambda: page.photo()["state"] == "accepted")
    page.saved()
    assert site.xml(1).read_text().startswith('<annotation verified="yes">')
    page.press("d")
    until(lambda: page.photo()["name"] == "photo 2.jpg")
    page.press((control, "v"))
    until(lambda: len(page.boxes()) == 2)
    page.press("a")
    until(lambda: page.photo()["name"] == "photo 1.jpg")
    page.press((control, "z"))  # the history of a photo is still there
    until(lambda: page.photo()["state"] == "accepted")


def zooms_and_pans(site):
    page = site.page()
    before = page.js("return window.odt.canvas.scale")
    spot = page.screen(60, 70)
    page.js("const c = document.getElementById('canvas'); c.dispatchEvent(new WheelEvent('wheel', {clientX: arguments[0], clientY: arguments[1], "
            "deltaY: -400, bubbles: true, cancelable: true}))", *spot)
    assert page.js("return window.odt.canvas.scale") > 1.5 * before
    assert near(page.screen(60, 70), spot, 1), "the pointer's place moved while zooming"
    page.drag((60, 70), (90, 100), button=2)
    assert not near(page.screen(60, 70), spot, 5) and not page.boxes()
    page.drag((50, 60), (80, 90))
    until(lambda: len(page.boxes()) == 1 and near(page.boxes()[0][1], [50, 60, 80, 90], 1))
    page.press((control, "f"))
    until(lambda: abs(page.js("return window.odt.canvas.scale") - before) < 1e-6)
    page.press((control, "h"))
    until(lambda: not page.boxes())
    page.press((control, "a"))
    until(lambda: len(page.boxes()) == 1)


def decides(site):
    page = site.page()
    page.js("document.getElementById('keymap').value = 'review'; document.getElementById('keymap').dispatchEvent(new Event('change'))")
    page.press("x")
    until(lambda: page.photo()["name"] == "photo 2.jpg")
    page.press(" ")
    until(lambda: page.photo()["name"] == "photo 3.jpg")
    page.press("f")
    until(lambda: page.photo()["name"] == "photo 4.jpg")
    page.press("a")
    until(lambda: page.photo()["name"] == "photo 5.jpg")
    page.saved()
    states = [row[2] for row in site.server.ask("GET", "/api/photos")["photos"]]
    names = site.server.ask("GET", "/api/project")["states"]
    assert [names[s] for s in states[:5]] == ["rejected", "ignored", "flagged", "verified_empty", "untouched"], states
    assert site.xml(4).read_text().startswith('<annotation verified="yes">') and not site.xml(1).exists()
    page.press(Keys.BACKSPACE)
    until(lambda: page.photo()["name"] == "photo 4.jpg" and page.photo()["state"] == "draft")
    page.press("?")
    until(lambda: page.one("#overlay").get_attribute("open") is not None)
    page.press(Keys.ESCAPE)


def survives_reloads(site):
    page = site.page()
    page.drag((20, 30), (90, 100))
    until(lambda: len(page.boxes()) == 1)
    page.drag((120, 120), (200, 210), release=False)  # the button is still down
    page.driver.refresh()
    page.ready()
    until(lambda: len(page.boxes()) == 2, why="a box that was being drawn is lost")
    assert near(page.boxes()[1][1], [120, 120, 200, 210])
    page.saved()
    assert boxes_in(site.xml(1)) == page.boxes()
    assert page.photo()["name"] == "photo 1.jpg"


def survives_a_lost_server(site):
    page = site.page()
    page.drag((20, 30), (90, 100))
    page.saved()
    site.server.kill()
    page.drag((120, 120), (200, 210))
    until(lambda: page.save_state() == "failed", why="a lost server is not told")
    assert len(boxes_in(site.xml(1))) == 1
    site.server.start()
    page.saved(30)
    assert boxes_in(site.xml(1)) == page.boxes() and len(page.boxes()) == 2
    # The page is closed while the server is away: the draft comes back with the next one.
    site.server.kill()
    page.drag((30, 150), (80, 220))
    until(lambda: page.save_state() == "failed")
    page.driver.get("about:blank")
    site.server.start()
    page.open(site.server.url)
    until(lambda: len(page.boxes()) == 3, why="the draft did not come back")
    page.saved()
    assert len(boxes_in(site.xml(1))) == 3


def two_windows(site):
    one = site.page()
    two = site.page()
    one.show("photo 2.jpg")
    two.show("photo 2.jpg")
    until(lambda: "is working on this photo" in two.text("#banner"))
    two.drag((20, 30), (90, 100))
    assert not two.boxes(), "two people draw on the same photo"
    one.drag((20, 30), (90, 100))
    one.saved()
    until(lambda: len(two.boxes()) == 1, why="the other window's box is not seen")
    two.one("#banner button").click()
    until(lambda: not two.one("#banner").is_displayed())
    two.drag((120, 120), (200, 210))
    two.saved()
    # One has lost the photo without knowing: what he draws is not forced upon the other.
    one.js("odt.lease = {mine: true}")
    one.drag((30, 150), (80, 220))
    until(lambda: one.one("#banner").is_displayed())
    assert len(boxes_in(site.xml(2))) == 2
    # And a conflict of revisions, where nobody holds the photo.
    one.show("photo 3.jpg")
    photo = one.photo()
    until(lambda: one.js("return odt.lease && odt.lease.mine"))
    one.js("odt.list.update = () => true; odt.heard = () => {};")
    site.server.ask("POST", f"/api/photos/{photo['id']}/lease", {"session": one.js("return odt.session"), "release": True})
    site.server.ask("PUT", f"/api/photos/{photo['id']}", {"revision": 0, "state": "draft", "by": "Ben", "session": "ben",
                                                          "objects": [{"name": "star", "box": [5, 6, 50, 60]}]})
    one.drag((100, 100), (180, 190))
    until(lambda: "Ben has changed" in one.text("#banner"), why="the conflict is not told")
    assert one.save_state() == "conflict" and boxes_in(site.xml(3)) == [("star", [5, 6, 50, 60])]
    one.one("#banner button").click()  # keep mine
    until(lambda: [name for name, _ in boxes_in(site.xml(3))] == ["circle"])
    # What was drawn on the photo that the other holds waits, and is not forgotten.
    one.one("#save").click()
    until(lambda: one.photo()["name"] == "photo 2.jpg" and "is working on it" in one.text("#banner"))
    one.all("#banner button")[0].click()  # take it over
    until(lambda: "has changed" in one.text("#banner") or one.save_state() == "saved")
    if one.save_state() != "saved":
        one.all("#banner button")[0].click()
    one.saved()
    assert len(boxes_in(site.xml(2))) == len(one.boxes()) == 3


def no_wider_than_the_screen(site):
    page = site.page(width=400, height=800)
    assert page.js("return document.documentElement.scrollWidth") <= 400
    for selector in ("#accept", "#canvas", "#tabs [data-tab=photos]", "#save", "#tool-draw"):
        box = page.js("const b = document.querySelector(arguments[0]).getBoundingClientRect(); return [b.left, b.right, b.top, b.bottom, b.width]", selector)
        assert box[4] > 0 and box[0] >= 0 and box[1] <= 401 and box[3] <= 801, (selector, box)
    assert page.js("return document.getElementById('canvas').getBoundingClientRect().height") > 220
    page.drag((20, 30), (90, 100))
    until(lambda: len(page.boxes()) == 1)
    page.one("#tabs [data-tab=photos]").click()
    until(lambda: page.one("#list .photo").is_displayed())
    page.one("#accept").click()
    page.saved()
    until(lambda: page.photo()["state"] == "accepted")


def takes_suggestions(site):
    """With a detector of some hundred steps, whose scores are low."""
    page = site.page()
    until(lambda: page.js("return odt.model && odt.model.version"), 120, "no detector comes")
    until(lambda: page.js("return odt.offered.length"), 60, "no suggestions come")
    page.js("odt.setThreshold(0.05)")
    found = until(lambda: len(page.suggestions()), why="the slider shows none")
    page.js("odt.setThreshold(0.95)")
    until(lambda: len(page.suggestions()) < found)
    page.js("odt.setThreshold(0.05)")
    until(lambda: len(page.suggestions()) == found)
    assert not page.boxes() and page.text("#suggestion-version").startswith("version ")
    # One is taken by a handle and made larger.
    page.one("#suggestion-list .box-row").click()
    until(lambda: page.one("#suggestions .chosen"))
    box = [int(float(v)) for v in page.one("#suggestions .chosen").get_attribute("data-box").split()]
    page.drag((box[0], box[1]), (max(box[0] - 12, 1), max(box[1] - 9, 1)))
    until(lambda: len(page.boxes()) == 1 and near(page.boxes()[0][1], [max(box[0] - 12, 1), max(box[1] - 9, 1), box[2], box[3]]))
    if page.suggestions():
        page.one("#suggestion-list .mini").click()
        until(lambda: len(page.boxes()) == 2)
    if page.suggestions():
        left = len(page.suggestions())
        page.all("#suggestion-list .mini")[1].click()
        until(lambda: len(page.suggestions()) == left - 1)
    page.press(Keys.ENTER)
    until(lambda: not page.suggestions())
    boxes = page.boxes()
    page.press((control, "z"))
    page.press((control, "y"))
    until(lambda: page.boxes() == boxes)
    page.press(" ")
    page.saved()
    assert boxes_in(site.xml(1)) == boxes
    effort = site.server.ask("GET", "/api/statistics")["effort"]
    assert effort["accepted"] >= 1 and effort["drawn"] == 0, effort


def tell(name, seconds):
    print(f"{name.replace('_', ' ')}: {seconds:.1f} s", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("odt")
    options.add_argument("config", type=pathlib.Path)
    options.add_argument("--only")
    options.add_argument("--pictures", type=pathlib.Path, help="folder for pictures of pages where a test failed")
    given = options.parse_args()
    odt = str(pathlib.Path(given.odt).absolute())
    tests = [draws_and_edits, zooms_and_pans, decides, survives_reloads, survives_a_lost_server, two_windows, no_wider_than_the_screen, takes_suggestions]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        subprocess.run([odt, "shapes", "--output", "shapes", "--count", "40"], cwd=root, check=True, stdout=subprocess.DEVNULL)
        for test in tests:
            if given.only and given.only != test.__name__:
                continue
            start, at = time.monotonic(), root / test.__name__
            at.mkdir()
            flags = []
            if test is takes_suggestions:
                flags = ["--checkpoint", str(train(odt, root, given.config)), "--device", "cpu"]
            site = Site(odt, at, root / "shapes" / "images", *flags)
            try:
                test(site)
                site.close()
            except BaseException:
                print(f"in {test.__name__}:", file=sys.stderr)
                site.give_up(given.pictures, test.__name__)
                raise
            tell(test.__name__, time.monotonic() - start)


def train(odt, root, config):
    """A detector that has seen a little."""
    text = config.read_text()
    for value, other in (("runs/shapes/data", "data"), ("height: 256 width: 256", "height: 96 width: 96"), ("batch_size: 16", "batch_size: 8"),
                         ("encode_background_as_zeros", "encode_background_as_zeros")):
        assert value in text, f"{config} has no {value}"
        text = text.replace(value, other)
    (root / "small.config").write_text(text)
    for command in (["convert", "labelimg", "--images", "shapes", "--output", "data"],
                    ["train", "--pipeline_config_path", "small.config", "--model_dir", "model", "--num_train_steps", "150", "--no_eval", "--device", "cpu"]):
        done = subprocess.run([odt, *command], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
    return root / "model"


main()
