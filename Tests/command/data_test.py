"""The choice of images: lists, sheets of images, photographs in folders, held-out images, and resuming with them."""

import json
import resource
import subprocess

from support import CommandTest, read_png, write_png


class DataTest(CommandTest):
    COLORS = {"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}

    def photos(self, count=12):
        folder = self.folder / "photos"
        for name, color in self.COLORS.items():
            for number in range(count):
                height = 10 + number % 3
                write_png(folder / name / f"{number}.png", height, 14, bytes(color) * height * 14)
        return folder

    def photo_arguments(self, folder):
        return ["--data", "image-folder", "--data-dir", folder, "--image-size", "8"]

    def test_list(self):
        for arguments in [["data"], ["data", "list"]]:
            listing = json.loads(self.succeed(*arguments, "--data-dir", self.data, "--json"))
            sets = {entry["name"]: entry for entry in listing["found"]}
            self.assertEqual(set(sets), {"digits", "mnist", "fashion-mnist"})
            self.assertEqual((sets["mnist"]["trainCount"], sets["mnist"]["testCount"]), (640, 100))
            self.assertIn("cifar-10-binary.tar.gz", listing["missing"]["cifar-10"])
        photos = json.loads(self.succeed("data", "--data-dir", self.photos(), "--json"))["found"][-1]
        self.assertEqual((photos["name"], photos["classes"], photos["trainCount"]), ("image-folder", 3, 32))
        self.assertEqual(sorted(round(32 * mean, 4) for mean in photos["statistics"]["mean"]), [10, 11, 11])
        self.assertIn("--data-dir", json.loads(self.succeed("data", "--json"))["missing"]["cifar-100"])

    def test_show(self):
        folder = self.photos(10)
        told = self.succeed("data", "show", *self.photo_arguments(folder), "--count", "3", "--out", "sheet.png")
        self.assertIn("3 of 27 images", told)
        height, width, rows = read_png(self.folder / "sheet.png")
        self.assertEqual((height, width), (17, 17))
        blue, green, red = (bytes(color) * 8 for color in self.COLORS.values())
        self.assertEqual(rows[0], blue + b"\x80" * 3 + green)
        self.assertEqual(rows[16][:24], red)
        self.succeed("data", "show", "--data", "mnist", "--data-dir", self.data, "--part", "test", "--count", "1",
                     "--out", "digit.png")
        _, _, rows = read_png(self.folder / "digit.png")
        pixels = (self.data / "t10k-images-idx3-ubyte").read_bytes()[16:]
        self.assertEqual(b"".join(rows), pixels[:144])

    def test_write(self):
        told = self.succeed("data", "write", "--data", "mnist", "--data-dir", self.data, "--out", "copy")
        self.assertEqual(told, "640 training and 100 test images of mnist, 1×12×12, in copy\n")
        for path in self.data.iterdir():
            self.assertEqual((self.folder / "copy" / path.name).read_bytes(), path.read_bytes())
        self.fail_with(["grey images", "3×8×8"], "data", "write", *self.photo_arguments(self.photos()), "--out", "photos")

    def test_plain_files_take_no_more_room_than_they_have(self):
        folder = self.folder / "cifar"
        folder.mkdir()
        for name in [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]:
            (folder / f"{name}.bin").write_bytes(bytes(3073 * 4000))
        limit = 4 << 30
        result = subprocess.run(
            self.arguments("data", "show", "--data", "cifar-10", "--data-dir", folder, "--out", "sheet.png"),
            cwd=self.folder, capture_output=True, text=True, timeout=60,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_photographs_that_cannot_be_decoded(self):
        folder = self.photos()
        for name in ["blue/3.png", "green/7.png"]:
            path = folder / name
            path.write_bytes(path.read_bytes()[:-20])
        show = ["data", "show", *self.photo_arguments(folder), "--out", "sheet.png"]
        result = self.run_command(*show)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("31 training images and 3 test images held out of them", result.stderr)
        self.assertIn(f"2 photographs that cannot be decoded; {folder}/blue/3.png", result.stderr)
        self.assertIn("31 images", result.stdout)
        (self.folder / "sheet.png").unlink()
        self.fail_with([f"{folder}/blue/3.png", "damaged PNG"], *show, "--strict-images")
        self.assertNotEqual(self.run_command("data", "show", "--strict-images", "--out", "sheet.png").returncode, 0)

    def test_photographs_train_and_resume(self):
        folder = self.photos()
        arguments = ["train", *self.photo_arguments("photos"), "--model", "mlp", "--widths", "8", "--batch-size", "11",
                     "--lr", "0.01", "--augment", "resized-crops-and-flips", "--validation", "6"]
        self.succeed(*arguments, "--epochs", "2", "--out", "whole")
        self.succeed(*arguments, "--epochs", "2", "--out", "again")
        whole = (self.folder / "whole/last.safetensors").read_bytes()
        self.assertEqual((self.folder / "again/last.safetensors").read_bytes(), whole)
        self.assertEqual(json.loads((self.folder / "whole/run.json").read_text())["data"], "image-folder")
        # 4 of 36 photographs are held out for testing, 6 for validation.
        evaluate = ["evaluate", "--model-file", "whole", "--json"]
        result = json.loads(self.succeed(*evaluate))
        self.assertEqual(result, json.loads(self.succeed(*evaluate, *self.photo_arguments(folder))))
        self.assertEqual(result[0]["count"], 4)
        self.assertEqual(json.loads((self.folder / "whole/run.json").read_text())["recipe"]["validationImages"], 6)
        # A run that is done finds its images again.
        self.assertIn("on image-folder", self.succeed("train", "--resume", "whole"))
        for file in folder.glob("red/*.png"):
            file.write_bytes(b"\x89PNG")
        self.fail_with(["/red/", ".png", "damaged PNG"], "evaluate", "--model-file", "whole/best.safetensors",
                       *self.photo_arguments(folder))

    def test_wrong_settings(self):
        folder = self.photos(2)
        self.fail_with(["image-folders", "'image-folder'", "mnist"], "data", "show", "--out", "x.png",
                       "--data", "image-folders")
        self.fail_with(["--data-dir"], "train", "--data", "image-folder", "--out", "run")
        self.fail_with(["--image-size"], *self.train_arguments("run", "--image-size", "8"))
        self.train("small", "--epochs", "1")
        self.fail_with(["--image-size", "image-folder"],
                       "evaluate", "--model-file", "small", "--image-size", "8", "--count", "10")
        self.fail_with(["640", "639"], *self.train_arguments("run", "--validation", "640"))
        self.fail_with(["64 pixels", "32"], "data", "show", "--data", "image-folder", "--data-dir", folder,
                       "--image-size", "64", "--resized-side", "32", "--out", "x.png")
        self.fail_with(["nowhere"], "data", "show", *self.photo_arguments("nowhere"), "--out", "x.png")
        self.fail_with(["none/x.png"], "data", "show", *self.photo_arguments(folder), "--out", "none/x.png")
        self.fail_with(["--count"], "data", "show", "--count", "0", "--out", "x.png")
