"""Tests of what the command says of photographs, as they are and under attack."""

import json
import unittest

from support import SIDE, CommandTest, read_png, write_png


class PredictTest(CommandTest):
    def setUp(self):
        super().setUp()
        self.train("run", "--epochs", "6")
        # The test images as files, and a name for each class number.
        pixels = (self.data / "t10k-images-idx3-ubyte").read_bytes()[16:]
        self.labels = list((self.data / "t10k-labels-idx1-ubyte").read_bytes()[8:])
        self.paths = []
        for number in range(len(self.labels)):
            first = number * SIDE * SIDE
            path = f"image-{number}.png"
            write_png(self.folder / path, SIDE, SIDE, pixels[first:first + SIDE * SIDE])
            self.paths.append(path)

    def predict(self, *more):
        return json.loads(self.succeed("predict", "run", *more, "--json"))

    def accuracy(self, *more):
        return json.loads(self.succeed("evaluate", "--model-file", "run", *more, "--json"))[0]["accuracy"]

    def test_an_image_file_is_seen_as_the_same_image_of_the_test_set(self):
        seen = self.predict(*self.paths, "--batch-size", "7")
        self.assertEqual([image["image"] for image in seen], self.paths)
        right = [image["classes"][0]["class"] == label for image, label in zip(seen, self.labels)]
        self.assertEqual(100 * sum(right) / len(right), self.accuracy())
        attacked = self.predict(*self.paths, "--attack", "fgsm", "--delta", "24", "--top", "10")
        still = 0
        for image, label, was_right in zip(attacked, self.labels, right):
            after = max(image["classes"], key=lambda row: row["attacked"])
            still += was_right and after["class"] == label
            self.assertEqual(sorted(row["class"] for row in image["classes"]), list(range(10)))
        self.assertEqual(100 * still / len(right), self.accuracy("--attack", "fgsm", "--deltas", "24"))
        self.assertLess(still, sum(right))

    def test_the_likeliest_classes_come_first(self):
        [image] = self.predict(self.paths[3], "--top", "3")
        probabilities = [row["probability"] for row in image["classes"]]
        self.assertEqual((len(probabilities), probabilities), (3, sorted(probabilities, reverse=True)))
        table = self.succeed("predict", "run", self.paths[3], "--attack", "pgd", "--delta", "4", "--top", "1")
        self.assertIn("image-3.png", table)
        self.assertIn("under pgd, δ = 4 of 255, %", table)
        self.assertIn(f"{100 * probabilities[0]:.2f}", table)

    def test_pictures_of_an_attack_add_up(self):
        self.succeed("predict", "run", self.paths[0], "--attack", "fgsm", "--delta", "16", "--out", "pictures")
        pictures = []
        for part in ["original", "perturbation", "result"]:
            height, width, rows = read_png(self.folder / f"pictures/image-0-{part}.png")
            self.assertEqual((height, width, len(rows[0])), (SIDE, SIDE, SIDE))
            pictures.append(b"".join(rows))
        original, perturbation, result = pictures
        self.assertEqual(original, b"".join(read_png(self.folder / self.paths[0])[2]))
        self.assertGreater(len(set(perturbation)), 1)
        for before, change, after in zip(original, perturbation, result):
            self.assertLessEqual(abs(before + (change - 127.5) / 127.5 * 16 - after), 1)

    def test_images_of_one_name_do_not_overwrite_each_other(self):
        (self.folder / "other").mkdir()
        for name in ["image-0.png", "image-0-2.png"]:
            (self.folder / "other" / name).write_bytes((self.folder / self.paths[1]).read_bytes())
        self.succeed("predict", "run", self.paths[0], "other/image-0.png", "other/image-0-2.png", "--attack", "fgsm",
                     "--out", "pictures")
        self.assertEqual(len(list((self.folder / "pictures").iterdir())), 9)

    def test_wrong_arguments(self):
        (self.folder / "text.png").write_text("no image")
        for parts, arguments in [
            (["--delta", "--attack"], ["predict", "run", self.paths[0], "--delta", "4"]),
            (["--out", "--attack"], ["predict", "run", self.paths[0], "--out", "x"]),
            (["fgms", "fgsm"], ["predict", "run", self.paths[0], "--attack", "fgms"]),
            (["lbfgs"], ["predict", "run", self.paths[0], "--attack", "lbfgs"]),
            (["--queries", "square"], ["predict", "run", self.paths[0], "--attack", "fgsm", "--queries", "5"]),
            (["nowhere.png"], ["predict", "run", self.paths[0], "nowhere.png"]),
            (["text.png", "JPEG"], ["predict", "run", self.paths[0], "text.png"]),
            (["no run's folder"], ["predict", "data", self.paths[0]]),
            (["<images>"], ["predict", "run"]),
        ]:
            with self.subTest(arguments):
                self.fail_with(parts, *arguments)


if __name__ == "__main__":
    unittest.main()
