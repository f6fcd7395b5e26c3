"""The image folder against Pillow: JPEG and PNG files of many kinds, upright, resized and cut as torchvision does it.

SPARRING_COMMAND names the program (default: .build/debug/sparring).
"""

import ctypes
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

import numpy
from PIL import Image, ImageOps

COMMAND = os.path.abspath(os.environ.get("SPARRING_COMMAND", ".build/debug/sparring"))
ORIENTATION = 0x0112


def scene(height, width, seed=0):
    """Smooth colors with some sharp edges: neither flat nor noise."""
    y, x = numpy.mgrid[0:height, 0:width]
    generator = numpy.random.default_rng(seed)
    waves = [numpy.sin(y * a + x * b + c) for a, b, c in generator.uniform(0.02, 0.3, (3, 3))]
    pixels = 127 + 90 * numpy.stack(waves, axis=-1)
    pixels[height // 3:height // 2, width // 4:width // 3] = generator.uniform(0, 255, 3)
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def center(image, size, resized_side):
    """Resize(resized_side) and CenterCrop(size) of torchvision."""
    width, height = image.size
    shorter = min(width, height)
    image = image.resize((resized_side * width // shorter, resized_side * height // shorter),
                         Image.Resampling.BILINEAR)
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))


def write_png(path, samples, interlaced):
    """A color PNG of 8 or 16 bits a sample, as Pillow cannot write it: interlaced by Adam7, or of 16 bits."""
    height, width, _ = samples.shape
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b""
    for top, left, down, right in passes if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::right]
        rows += b"".join(b"\0" + row.tobytes() for row in part.astype(samples.dtype.newbyteorder(">")) if row.size)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">2I5B", width, height, 8 * samples.dtype.itemsize, 2, 0, 0, interlaced)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
                     + chunk(b"IEND", b""))


def write_ycck(path, inverted):
    """A JPEG of four channels in Adobe's YCCK, by TurboJPEG, from 255 - ink."""
    turbo = ctypes.CDLL("libturbojpeg.so.0")
    turbo.tjInitCompress.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(turbo.tjInitCompress())
    height, width, _ = inverted.shape
    cmyk, full_color = 11, 0
    jpeg, size = ctypes.c_void_p(), ctypes.c_ulong()
    status = turbo.tjCompress2(handle, inverted.ctypes.data_as(ctypes.c_void_p), width, 0, height, cmyk,
                               ctypes.byref(jpeg), ctypes.byref(size), full_color, 95, 0)
    assert status == 0
    path.write_bytes(ctypes.string_at(jpeg, size.value))
    turbo.tjFree(jpeg)
    turbo.tjDestroy(handle)


class ImagesTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        """A file's path in a class folder that sorts as the names are asked for."""
        number = len(list(self.folder.glob("data/train/*")))
        folder = self.folder / "data/train" / f"{number:03} {name}"
        folder.mkdir(parents=True)
        return folder / name

    def shown(self, size, resized_side, *more):
        """What the command makes of the folder's images, in the order of the classes."""
        shutil.copytree(self.folder / "data/train", self.folder / "data/val", dirs_exist_ok=True)
        sheet = self.folder / "sheet.png"
        subprocess.run([COMMAND, "data", "show", "--data", "image-folder", "--data-dir", self.folder / "data",
                        "--image-size", str(size), "--resized-side", str(resized_side), "--columns", "1", "--out", sheet,
                        *more], check=True, capture_output=True, text=True, timeout=300)
        pixels = numpy.asarray(Image.open(sheet))
        return [pixels[top:top + size] for top in range(0, len(pixels), size + 1)]

    def assert_agree(self, expected, size, resized_side, tolerance=1):
        """`expected`: an upright color image a file, in the order of the files."""
        shown = self.shown(size, resized_side)
        self.assertEqual(len(shown), len(expected))
        for name, actual, image in zip(sorted(os.listdir(self.folder / "data/train")), shown, expected):
            with self.subTest(name):
                target = numpy.asarray(center(image.convert("RGB"), size, resized_side)).astype(int)
                self.assertLessEqual(numpy.abs(actual - target).max(), tolerance)

    def save(self, name, image, **options):
        path = self.path(name)
        image.save(path, **options)
        return ImageOps.exif_transpose(Image.open(path)).convert("RGB")

    def test_jpeg_kinds(self):
        color = scene(90, 130)
        expected = [
            self.save("444.jpg", color, quality=90, subsampling=0),
            self.save("422.JPEG", color, quality=90, subsampling=1),
            self.save("420.jpeg", color, quality=60, subsampling=2),
            self.save("progressive.jpg", color, progressive=True),
            self.save("grey.jpg", color.convert("L")),
            self.save("cmyk.jpg", color.convert("CMYK"), quality=95),
            self.save("odd.jpg", scene(101, 67, seed=1)),
            self.save("png named jpg.jpg", color, format="PNG"),
        ]
        path = self.path("ycck.jpg")
        write_ycck(path, 255 - numpy.asarray(color.convert("CMYK")))
        expected.append(Image.open(path))
        self.assert_agree(expected, 64, 64)

    def test_orientations(self):
        expected = []
        for orientation in range(10):
            exif = Image.Exif()
            exif[ORIENTATION] = orientation
            expected.append(self.save(f"{orientation}.jpg", scene(60, 90), exif=exif, quality=95))
        self.assert_agree(expected, 48, 48)

    def test_png_kinds(self):
        color = scene(90, 130)
        alpha = Image.fromarray(numpy.mgrid[0:90, 0:130].sum(axis=0).astype(numpy.uint8))
        transparent = color.copy()
        transparent.putalpha(alpha)
        palette = color.quantize(50)
        grey_samples = numpy.asarray(color.convert("L")).astype(numpy.uint16) * 257
        samples = numpy.asarray(color).astype(numpy.uint16) * 257
        expected = [
            self.save("color.png", color),
            self.save("grey.png", color.convert("L")),
            self.save("bits.png", color.convert("1")),
            self.save("alpha.png", transparent),
            self.save("grey alpha.png", transparent.convert("LA")),
            self.save("palette.png", palette),
            self.save("palette transparent.png", palette, transparency=3),
        ]
        Image.fromarray(grey_samples).save(self.path("grey 16.png"))
        write_png(self.path("color 16.png"), samples, interlaced=False)
        write_png(self.path("interlaced.png"), numpy.asarray(color), interlaced=True)
        write_png(self.path("interlaced 16.png"), samples, interlaced=True)
        expected += [color.convert("L"), color, color, color]
        self.assert_agree(expected, 64, 64)

    def test_resizing(self):
        sizes = [(300, 400), (401, 299), (64, 64), (20, 31), (65, 700), (1000, 1500)]
        expected = [self.save(f"{number}.png", scene(*size, seed=number)) for number, size in enumerate(sizes)]
        for size, resized_side in [(64, 64), (64, 73), (37, 40), (224, 256)]:
            self.assert_agree(expected, size, resized_side)

    def test_random_crops_show_parts_of_the_image(self):
        """Coordinates as colors: the crop can be read off the result."""
        y, x = numpy.mgrid[0:256, 0:256].astype(numpy.uint8)
        Image.fromarray(numpy.stack([y, x, y], axis=-1)).save(self.path("coordinates.png"))
        seen = set()
        for seed in range(8):
            (part,) = self.shown(64, 64, "--augment", "resized-crops-and-flips", "--seed", str(seed))
            rows, columns = part[:, :, 0].astype(int), part[:, :, 1].astype(int)
            self.assertLessEqual(numpy.abs(rows - rows[:, :1]).max(), 1)
            self.assertLessEqual(numpy.abs(columns - columns[:1]).max(), 1)
            height, width = rows[-1, 0] - rows[0, 0], columns[0, -1] - columns[0, 0]
            share = (abs(height) + 4) * (abs(width) + 4) / 65536
            self.assertTrue(0.06 < share < 1.05, share)
            self.assertTrue(0.7 < abs(width) / height < 1.45)
            seen.add((rows[0, 0], columns[0, 0], width < 0))
        self.assertEqual(len(seen), 8)
        self.assertEqual({mirrored for _, _, mirrored in seen}, {True, False})


if __name__ == "__main__":
    unittest.main()
