"""Tests of the images that the command attacks for others, as NumPy and image folders have them."""

import ast
import json
import struct
import subprocess
import unittest
import zipfile

from support import SIDE, CommandTest, read_png


def read_arrays(path):
    """Name → (shape, numbers) of a file of NumPy's; of what zipfile finds whole."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            content = archive.read(name)
            assert content[:8] == b"\x93NUMPY\x01\x00", content[:8]
            length = struct.unpack("<H", content[8:10])[0]
            assert (10 + length) % 64 == 0 and content[9 + length:10 + length] == b"\n"
            head = ast.literal_eval(content[10:10 + length].decode("ascii"))
            assert head["fortran_order"] is False
            kind = {"<f4": "f", "<i4": "i"}[head["descr"]]
            body = content[10 + length:]
            arrays[name.removesuffix(".npy")] = head["shape"], struct.unpack(f"<{len(body) // 4}{kind}", body)
    return arrays


class AttackTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.train("run", "--epochs", "6")

    def test_a_folder_that_could_not_be_written_whole_is_not_there(self):
        limited = ["bash", "-c", 'ulimit -f 4; trap "" XFSZ; exec "$@"', "-"]
        result = subprocess.run(limited + self.arguments("attack", "run", "--out", "out"), cwd=self.folder,
                                capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(list(self.folder.glob("out*")), [])
        # A slash at the end, as shells complete folders, names the same one.
        self.succeed("attack", "run", "--out", "new/out/")
        self.assertEqual([path.name for path in (self.folder / "new").iterdir()], ["out"])

    def test_arrays_and_pictures_are_the_attacked_images(self):
        told = json.loads(self.succeed("attack", "run", "--delta", "12", "--out", "out", "--json"))
        rows = json.loads(self.succeed("evaluate", "--model-file", "run", "--attack", "none,fgsm", "--deltas", "12",
                                       "--json"))
        self.assertEqual([told["clean"], told["attacked"]], [row["accuracy"] for row in rows])
        arrays = read_arrays(self.folder / "out/attacked.npz")
        self.assertEqual({name: shape for name, (shape, _) in arrays.items()},
                         {"images": (100, 1, SIDE, SIDE), "labels": (100,), "original_classes": (100,),
                          "attacked_classes": (100,)})
        labels = arrays["labels"][1]
        self.assertEqual(bytes(labels), (self.data / "t10k-labels-idx1-ubyte").read_bytes()[8:])
        for name, accuracy in [("original_classes", told["clean"]), ("attacked_classes", told["attacked"])]:
            self.assertEqual(sum(a == b for a, b in zip(labels, arrays[name][1])), round(accuracy))
        originals = (self.data / "t10k-images-idx3-ubyte").read_bytes()[16:]
        images = arrays["images"][1]
        self.assertGreater(max(abs(image - byte / 255) for image, byte in zip(images, originals)), 11.9 / 255)
        self.assertTrue(all(0 <= image <= 1 and abs(image - byte / 255) < 12.001 / 255
                            for image, byte in zip(images, originals)))
        for number, label in enumerate(labels):
            height, width, rows = read_png(self.folder / f"out/{label}/{number}.png")
            self.assertEqual((height, width), (SIDE, SIDE))
            first = number * SIDE * SIDE
            for byte, image in zip(b"".join(rows), images[first:first + SIDE * SIDE]):
                self.assertLess(abs(byte - 255 * image), 0.501)

    def test_the_pictures_are_an_image_folder(self):
        self.succeed("attack", "run", "--count", "60", "--attack", "pgd", "--delta", "8", "--out", "out")
        [found] = [entry for entry in json.loads(self.succeed("data", "--data-dir", "out", "--json"))["found"]
                   if entry["name"] == "image-folder"]
        self.assertEqual((found["classes"], found["trainCount"] + found["testCount"]), (10, 60))

    def test_images_of_every_attack_are_kept(self):
        for attack, more in [("autoattack", ["--iterations", "5", "--queries", "20"]), ("rays", ["--queries", "60"]),
                             ("noise", []), ("apgd-ce", ["--norm", "l2", "--unit", "one", "--delta", "2"])]:
            told = json.loads(self.succeed("attack", "run", "--attack", attack, *more, "--count", "20", "--out", attack,
                                           "--json"))
            arrays = read_arrays(self.folder / attack / "attacked.npz")
            self.assertEqual(arrays["images"][0], (20, 1, SIDE, SIDE))
            right = sum(a == b for a, b in zip(arrays["labels"][1], arrays["attacked_classes"][1]))
            self.assertAlmostEqual(told["attacked"], 5 * right)
            self.assertLessEqual(told["attacked"], told["clean"])

    def test_wrong_arguments(self):
        (self.folder / "there").mkdir()
        for parts, arguments in [
            (["there", "new folder"], ["attack", "run", "--out", "there"]),
            (["--out"], ["attack", "run"]),
            (["lbfgs"], ["attack", "run", "--attack", "lbfgs", "--out", "out"]),
            (["0.5", "--unit one"], ["attack", "run", "--delta", "0.5", "--out", "out"]),
            (["1×28×28"], ["attack", "run", "--data", "digits", "--out", "out"]),
        ]:
            with self.subTest(arguments):
                self.fail_with(parts, *arguments)


if __name__ == "__main__":
    unittest.main()
