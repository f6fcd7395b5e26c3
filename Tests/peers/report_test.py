"""Reports against what reads them: TensorBoard the event files, Chromium the pages."""

import csv
import json
import pathlib
import shutil
import sys
import unittest

from selenium import webdriver
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

sys.path.append(str(pathlib.Path(__file__).parent.parent / "command"))
from support import CommandTest

# What is out of the page, and which texts of a plot lie on each other or out of it. What scrolls in a box of its own
# may be wider than the page.
MEASURE = """
const width = document.documentElement.clientWidth
const isInBox = element => {
    for (let box = element.parentElement; box; box = box.parentElement)
        if (getComputedStyle(box).overflowX != "visible") return true
    return false
}
const outside = [...document.querySelectorAll("body *")].filter(element => {
    const box = element.getBoundingClientRect()
    return box.width > 0 && (box.right > width + 0.5 || box.left < -0.5) && !isInBox(element)
})
const texts = []
for (const plot of document.querySelectorAll("svg.plot")) {
    const frame = plot.getBoundingClientRect()
    const boxes = [...plot.querySelectorAll("text")].map(text => [text.textContent, text.getBoundingClientRect()])
    boxes.forEach(([text, box], index) => {
        if (box.right > frame.right || box.left < frame.left || box.bottom > frame.bottom)
            texts.push(`${text} is out of its plot`)
        // A line's box is higher than its letters.
        for (const [other, second] of boxes.slice(0, index))
            if (box.left < second.right && second.left < box.right &&
                box.top + 3 < second.bottom - 3 && second.top + 3 < box.bottom - 3)
                texts.push(`${other} and ${text} overlap`)
    })
}
return {width, pageWidth: document.documentElement.scrollWidth, texts,
        outside: outside.map(element => element.outerHTML.slice(0, 80)),
        background: getComputedStyle(document.body).backgroundColor}
"""


class PageTest(CommandTest):
    @classmethod
    def setUpClass(cls):
        options = webdriver.ChromeOptions()
        # The sandbox does not start for root; the pages are our own.
        for argument in ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        cls.browser = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        cls.addClassCleanup(cls.browser.quit)

    def measure(self, page, width, scheme="light"):
        """Opens a page and tells what was measured, requested, and said on the console."""
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                     {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                     {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.browser.get(page.as_uri())
        measured = self.browser.execute_script(MEASURE)
        events = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        requests = [event["params"]["request"]["url"] for event in events
                    if event["method"] == "Network.requestWillBeSent"]
        return measured | {
            "requests": [url for url in requests if url != page.as_uri() and not url.startswith("data:")],
            "console": [entry["message"] for entry in self.browser.get_log("browser")]}

    def check_page(self, page):
        self.assertNotIn("<script", page.read_text())
        backgrounds = set()
        for width in [400, 1400]:
            for scheme in ["light", "dark"]:
                with self.subTest(page=page.name, width=width, scheme=scheme):
                    measured = self.measure(page, width, scheme)
                    self.assertEqual((measured["width"], measured["pageWidth"]), (width, width))
                    for fault in ["outside", "texts", "requests", "console"]:
                        self.assertEqual(measured[fault], [], fault)
                    backgrounds.add(measured["background"])
        self.assertEqual(len(backgrounds), 2, "light and dark look the same")

    def test_run(self):
        self.train("run", "--epochs", "12", "--method", "anl", "--epsilon", "0.05")
        self.check_page(self.folder / "run" / "report.html")

    def test_several_runs(self):
        self.train("plain", "--epochs", "3")
        self.train("noise", "--epochs", "5", "--method", "anl", "--epsilon", "0.05")
        self.succeed("report", "plain", "noise", "--attack", "fgsm,pgd", "--out", "page.html")
        self.check_page(self.folder / "page.html")

    def test_experiments(self):
        for experiment in ["backprop-fgs", "backprop-f2", "anl-t3"]:
            self.succeed("reproduce", experiment, "--scale", "smoke", "--out", "results")
            self.check_page(self.folder / "results" / experiment / "report.html")
        self.check_page(self.folder / "results" / "index.html")

    def test_measuring_finds_faults(self):
        page = self.folder / "faulty.html"
        page.write_text("""<!DOCTYPE html><link rel="icon" href="data:,"><div style="width:2000px">wide</div>
            <img src="missing.png">
            <svg class="plot" width="200" height="50"><text x="5" y="20">one</text><text x="8" y="21">two</text>
            <text x="190" y="45">three</text></svg>""")
        measured = self.measure(page, 400)
        self.assertEqual(measured["outside"], ['<div style="width:2000px">wide</div>'])
        self.assertEqual(measured["texts"], ["one and two overlap", "three is out of its plot"])
        self.assertEqual(measured["requests"], [(self.folder / "missing.png").as_uri()])
        self.assertIn("ERR_FILE_NOT_FOUND", " ".join(measured["console"]))


class EventsTest(CommandTest):
    def read_table(self, name):
        with open(self.folder / "run" / name, newline="") as file:
            return list(csv.DictReader(file))

    def check_events(self):
        """Everything in metrics.csv and points.csv is in the event file, and nothing else."""
        events = EventAccumulator(str(self.folder / "run"), size_guidance={"scalars": 0}).Reload()
        expected = {}
        columns = {"train/loss": "train_loss", "train/error": "train_error", "test/loss": "test_loss",
                   "test/error": "test_error", "validation/loss": "validation_loss",
                   "validation/error": "validation_error", "learning_rate": "learning_rate",
                   "images_per_second": "images_per_second"}
        for row in self.read_table("metrics.csv"):
            for tag, column in columns.items():
                expected.setdefault(tag, []).append((int(row["epoch"]), float(row[column])))
        for row in self.read_table("points.csv"):
            expected.setdefault(f"deviation/{row['point']}", []).append((int(row["epoch"]), float(row["deviation"])))
        self.assertEqual(set(events.Tags()["scalars"]), set(expected))
        for tag, values in expected.items():
            scalars = events.Scalars(tag)
            self.assertEqual([scalar.step for scalar in scalars], [step for step, _ in values])
            for scalar, (_, value) in zip(scalars, values):
                self.assertAlmostEqual(scalar.value, value, delta=1e-6 * abs(value))
            times = [scalar.wall_time for scalar in scalars]
            self.assertEqual(times, sorted(times))

    def test_tensorboard_reads_the_metrics(self):
        self.train("run", "--epochs", "3", "--method", "anl", "--epsilon", "0.05")
        self.check_events()


if __name__ == "__main__":
    unittest.main()
