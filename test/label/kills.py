#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills `odt label` (-9) at random moments while several people save: what it has said is saved is there afterwards, XML
files are always whole, and what it trains goes on.

usage: kills.py ODT CONFIG [--kills N] [--trainer-kills N] [--tab-kills N] [--seed N]    (CONFIG: examples/shapes.config)
"""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree


class Server:
    def __init__(self, odt, arguments, log):
        self.log = log
        self.process = subprocess.Popen([odt, "label", "--port", "0", *arguments], stdout=subprocess.PIPE, stderr=open(log, "a"), text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"odt label did not start: {line}{pathlib.Path(log).read_text()[-2000:]}"
        self.url = found.group(0)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data=data, method=method), timeout=30) as answer:
            return json.load(answer)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)


def boxes_in(path):
    objects = []
    for node in ElementTree.parse(path).getroot().iter("object"):
        box = node.find("bndbox")
        objects.append([node.findtext("name"), *(int(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax"))])
    return objects


class Person(threading.Thread):
    """Saves as fast as it can; knows what was said to be saved, and what was on its way."""

    def __init__(self, server, photos, promised, pending, seed):
        super().__init__(daemon=True)
        self.server, self.photos, self.promised, self.pending, self.random = server, photos, promised, pending, random.Random(seed)

    def run(self):
        while True:
            photo = self.random.choice(self.photos)
            objects = [{"name": f"class {self.random.randrange(9)}", "box": [self.random.randrange(1, 20), self.random.randrange(1, 20),
                                                                             self.random.randrange(30, 60), self.random.randrange(30, 44)]}
                       for _ in range(self.random.randrange(0, 12))]
            state = self.random.choice(["draft", "flagged"] + (["accepted"] if objects else ["verified_empty"]))
            try:
                revision = self.server.ask("GET", f"/api/photos/{photo}")["revision"]
                self.pending[photo] = (revision + 1, state, objects)
                answer = self.server.ask("PUT", f"/api/photos/{photo}", {"revision": revision, "state": state, "objects": objects, "by": self.name, "session": self.name})
                self.promised[photo] = (answer["revision"], state, objects)
            except (urllib.error.URLError, OSError, ValueError):
                return  # killed


def wire(objects):
    return [[o["name"], *o["box"]] for o in objects]


def kills_of_the_server(odt, at, kills):
    photos = at / "photos"
    photos.mkdir()
    subprocess.run([odt, "shapes", "--output", "shapes", "--count", "12"], cwd=at, check=True, stdout=subprocess.DEVNULL)
    for path in (at / "shapes" / "images").iterdir():
        (photos / path.name).write_bytes(path.read_bytes())
    promised, saves = {}, 0
    for kill in range(kills):
        server = Server(odt, ["--images", str(photos)], str(at / "log.txt"))
        listed = server.ask("GET", "/api/photos")["photos"]
        states = server.ask("GET", "/api/project")["states"]
        # What was promised before the last kill: it, or what was already on its way, is what there is.
        for photo, name, state, *_ in listed:
            said = promised.get(photo)
            if not said:
                continue
            now = server.ask("GET", f"/api/photos/{photo}")
            found = (now["revision"], now["state"], wire(now["objects"]))
            allowed = [(r, s, wire(o)) for r, s, o in (said, pending.get(photo, said))]
            assert found in allowed, f"kill {kill}, {name}: {found} is neither of {allowed}"
            xml = photos / (pathlib.Path(name).stem + ".xml")
            if xml.exists():
                assert boxes_in(xml) == found[2], f"kill {kill}: {xml} is not what the server says"
            else:
                assert not found[2]
            assert states[state] == now["state"]
            promised[photo] = (now["revision"], now["state"], now["objects"])
        pending = {}
        ids = [row[0] for row in listed]
        people = [Person(server, ids[i::3], promised, pending, random.random()) for i in range(3)]
        for person in people:
            person.start()
        time.sleep(random.uniform(0.02, 0.6))
        server.kill()
        for person in people:
            person.join(timeout=30)
        saves += len(pending)
        for xml in photos.glob("*.xml"):
            ElementTree.parse(xml)  # whole
    left = [path.name for path in photos.iterdir() if path.suffix not in (".jpg", ".xml") and path.name != ".odt-label"]
    assert len(left) <= kills * 3, left
    journal = (photos / ".odt-label" / "journal.jsonl").read_text().count("\n")
    print(f"server: {kills} kills, {journal} decisions, nothing that was saved is lost, all XML files whole", flush=True)


def kills_of_the_trainer(odt, at, config, kills):
    """The process that trains is killed; the page's server answers all the while, and a round comes to its end at last."""
    subprocess.run([odt, "shapes", "--output", "learned", "--count", "24"], cwd=at, check=True, stdout=subprocess.DEVNULL)
    text = config.read_text().replace("height: 256 width: 256", "height: 64 width: 64").replace("batch_size: 16", "batch_size: 2")
    (at / "pipeline.config").write_text(text)
    server = Server(odt, ["--images", str(at / "learned" / "images"), "--annotations", str(at / "learned" / "annotations"), "--train", "--model_dir", str(at / "model"),
                          "--pipeline_config_path", str(at / "pipeline.config"), "--device", "cpu", "--threads", "1", "--steps_per_epoch", "30",
                          "--update_every", "1000"], str(at / "log.txt"))
    done = 0
    for _ in range(10 * kills):
        if done == kills:
            break
        server.ask("POST", "/api/learn", {})
        child = None
        for _ in range(600):
            children = pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/children")
            found = [int(word) for path in children for word in path.read_text().split()]
            if found:
                child = found[0]
                break
            time.sleep(0.02)
        assert child, "nothing trains"
        time.sleep(random.choice((0, 0.02, 0.1, 0.5, 1.5)))  # a quick machine's rounds are short
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
        done += 1
        for _ in range(1500):
            learning = server.ask("GET", "/api/project")["learning"]
            if learning["phase"] in ("failed", "waiting"):
                break
            time.sleep(0.02)
        assert learning["phase"] in ("failed", "waiting"), learning
    assert done == kills, f"only {done} of {kills} kills met a process"
    before = len(server.ask("GET", "/api/project")["learning"]["rounds"])
    server.ask("POST", "/api/learn", {})
    for _ in range(1200):
        learning = server.ask("GET", "/api/project")["learning"]
        if len(learning["rounds"]) > before and learning["phase"] == "waiting":
            break
        time.sleep(0.1)
    assert len(learning["rounds"]) > before, learning
    server.stop()
    print(f"trainer: {kills} kills, the page was there all the while, and the next round came to its end", flush=True)


def kills_of_the_tab(odt, at, kills):
    """The browser is killed while somebody draws; what the page called saved is in the file, what it had not yet comes back."""
    import browser

    photos = at / "tab"
    photos.mkdir()
    for path in (at / "shapes" / "images").iterdir():
        (photos / path.name).write_bytes(path.read_bytes())
    server = browser.Server(odt, ["--images", str(photos), "--label", "circle", "--lease_seconds", "1"], str(at / "log.txt"))
    profile = at / "profile"
    brought_back = 0
    for kill in range(kills):
        page = browser.Page(profile=profile)
        page.open(server.url)
        name = page.photo()["name"]
        xml = photos / (pathlib.Path(name).stem + ".xml")
        browser.until(lambda: page.js("return odt.lease && odt.lease.mine"))
        browser.until(lambda: page.js("return !odt.outbox.ids().length"))
        before = page.boxes()
        if xml.exists():
            assert browser.boxes_in(xml) == before, f"kill {kill}: {xml}"
        if len(before) > 8:
            page.js("odt.list.step(1) && odt.go(1)")
            browser.until(lambda: page.photo()["name"] != name)
            before, name = page.boxes(), page.photo()["name"]
            xml = photos / (pathlib.Path(name).stem + ".xml")
        x = random.randrange(5, 100)
        page.drag((x, 20 + kill % 40), (x + 60, 130))
        drawn = browser.until(lambda: len(page.boxes()) > len(before) and page.boxes())
        time.sleep(random.uniform(0, 1.2))
        said = page.save_state()
        page.driver.service.process.kill()  # the driver first, so that it tidies up nothing
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(profile) in path.read_bytes().decode(errors="replace"):
                    os.kill(int(path.parent.name), signal.SIGKILL)
            except OSError:
                pass
        if said == "saved":
            assert browser.boxes_in(xml) == drawn, f"kill {kill}: said to be saved, and {xml} has {browser.boxes_in(xml)}"
        else:
            brought_back += 1
        for lock in profile.glob("Singleton*"):
            lock.unlink()
        time.sleep(1.1)  # the lease of the killed one
    server.stop()
    print(f"tab: {kills} kills, {brought_back} before the save was over; nothing that was saved is lost", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("odt")
    options.add_argument("config", type=pathlib.Path)
    options.add_argument("--kills", type=int, default=15, help="of the server")
    options.add_argument("--trainer-kills", type=int, default=3)
    options.add_argument("--tab-kills", type=int, default=0)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    random.seed(given.seed)
    odt = str(pathlib.Path(given.odt).absolute())
    with tempfile.TemporaryDirectory() as folder:
        at = pathlib.Path(folder)
        kills_of_the_server(odt, at, given.kills)
        if given.trainer_kills:
            kills_of_the_trainer(odt, at, given.config, given.trainer_kills)
        if given.tab_kills:
            kills_of_the_tab(odt, at, given.tab_kills)


main()
