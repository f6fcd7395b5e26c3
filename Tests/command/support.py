"""What the tests of the command share: a folder with small random images in MNIST's files, and the command run in it.

SPARRING_COMMAND names the program (default: .build/debug/sparring).
"""

import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

COMMAND = os.path.abspath(os.environ.get("SPARRING_COMMAND", ".build/debug/sparring"))
SIDE = 12
# Where it names kernels below this processor's, the command says so before all that it prints.
os.environ.pop("OPENBLAS_CORETYPE", None)


def write_images(folder, part, count, label_limit=10):
    """Noise that is brighter in the row of its label."""
    generator = random.Random(part)
    labels = bytes(i % label_limit for i in range(count))
    pixels = bytearray(generator.randrange(128) for _ in range(count * SIDE * SIDE))
    for i, label in enumerate(labels):
        for x in range(SIDE):
            pixels[(i * SIDE + label) * SIDE + x] += 120
    images = struct.pack(">4B3I", 0, 0, 8, 3, count, SIDE, SIDE) + bytes(pixels)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, count) + labels)


def write_npy(path, shape, numbers):
    """Bytes as NumPy writes them."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + numbers)


CORRUPTIONS = ["gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur",
               "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression"]


def write_corruptions(folder, data):
    """Copies of the test images in CIFAR-10-C's layout."""
    images = (data / "t10k-images-idx3-ubyte").read_bytes()[16:]
    labels = (data / "t10k-labels-idx1-ubyte").read_bytes()[8:]
    folder.mkdir(exist_ok=True)
    write_npy(folder / "labels.npy", (5 * len(labels),), 5 * labels)
    for name in CORRUPTIONS:
        write_npy(folder / f"{name}.npy", (5 * len(labels), SIDE, SIDE, 1), 5 * images)


def write_png(path, height, width, pixels):
    """One byte a pixel: a file in grey; three: in color."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    path.parent.mkdir(parents=True, exist_ok=True)
    length = len(pixels) // height
    rows = b"".join(b"\0" + pixels[first:first + length] for first in range(0, len(pixels), length))
    header = struct.pack(">2I5B", width, height, 8, 0 if length == width else 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) +
                     chunk(b"IEND", b""))


def read_png(path):
    """Height, width and the rows of a color or grey PNG whose rows have no filter."""
    content = path.read_bytes()
    width, height, _, kind = struct.unpack(">2I2B", content[16:26])
    size = struct.unpack(">I", content[33:37])[0]
    rows = zlib.decompress(content[41:41 + size])
    length = width * (3 if kind == 2 else 1) + 1
    return height, width, [rows[first + 1:first + length] for first in range(0, len(rows), length)]


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.data = self.folder / "data"
        self.data.mkdir()
        write_images(self.data, "train", 640)
        write_images(self.data, "t10k", 100)

    def arguments(self, *arguments):
        return [COMMAND, *(str(argument) for argument in arguments)]

    def run_command(self, *arguments):
        return subprocess.run(self.arguments(*arguments), cwd=self.folder, capture_output=True, text=True, timeout=120)

    def succeed(self, *arguments):
        result = self.run_command(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def fail_with(self, parts, *arguments):
        """Asserts a failure whose one sentence has these parts, and that no file has changed."""
        before = self.snapshot()
        result = self.run_command(*arguments)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertGreater(result.returncode, 0, "ended by a signal")
        error = next(line for line in result.stderr.splitlines() if line.startswith("Error: "))
        for part in parts:
            self.assertIn(part, error)
        self.assertEqual(self.snapshot(), before)

    def snapshot(self):
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def train_arguments(self, out, *more):
        """A small training; `more` may set the options again."""
        usual = {"--data": "mnist", "--data-dir": self.data, "--model": "mlp", "--widths": "32,32",
                 "--normalize": "per-channel", "--lr": "0.1", "--batch-size": "32", "--out": out}
        return ["train", *(word for pair in usual.items() if pair[0] not in more for word in pair), *more]

    def train(self, out, *more):
        return self.succeed(*self.train_arguments(out, *more))

    def run_files(self, run):
        return {str(path.relative_to(self.folder / run)) for path in (self.folder / run).rglob("*")
                if path.is_file() and "tfevents" not in path.name}

    def run_rows(self, run):
        """What metrics.csv has of each epoch but the time, and points.csv."""
        rows = (self.folder / run / "metrics.csv").read_text().splitlines()
        times = {"seconds", "images_per_second"}
        kept = [i for i, column in enumerate(rows[0].split(",")) if column not in times]
        return ([[row.split(",")[i] for i in kept] for row in rows], (self.folder / run / "points.csv").read_text())

    def check_same(self, run, whole):
        """Of two runs of the same settings: models, numbers and the names of files."""
        self.assertEqual(self.run_files(run), self.run_files(whole))
        for path in sorted((self.folder / whole).glob("*.safetensors")):
            self.assertEqual((self.folder / run / path.name).read_bytes(), path.read_bytes(), f"{run}/{path.name}")
        self.assertEqual(self.run_rows(run), self.run_rows(whole))
        self.assertEqual(len(list((self.folder / run).glob("events.out.tfevents.*"))), 1)
