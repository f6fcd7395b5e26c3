"""Trains LeNet-5 with adversarial noise layers on digits that NumPy draws, and attacks it."""

import numpy as np
import sparring

SEGMENTS = ["abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg"]
BARS = {"a": (0, 0, 2, 10), "b": (0, 8, 8, 2), "c": (8, 8, 8, 2), "d": (14, 0, 2, 10), "e": (8, 0, 8, 2),
        "f": (0, 0, 8, 2), "g": (7, 0, 2, 10)}  # first row and column, height, width

random = np.random.default_rng(1)


def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
    labels = random.integers(0, 10, count)
    images = random.uniform(0, 0.4, (count, 1, 28, 28)).astype(np.float32)
    for image, label in zip(images, labels):
        y, x = random.integers(4, 8), random.integers(6, 12)
        for row, column, height, width in (BARS[segment] for segment in SEGMENTS[label]):
            image[0, y + row:y + row + height, x + column:x + column + width] += random.uniform(0.2, 0.6)
    return images.clip(0, 1), labels


graph = sparring.Graph()
x = graph.conv2d(graph.input(1, 28, 28), channels=6, kernel=5, padding=2, bias=True)
x = graph.max_pool2d(graph.relu(graph.perturb(x)))
x = graph.conv2d(x, channels=16, kernel=5, padding=0, bias=True)
x = graph.flatten(graph.max_pool2d(graph.relu(graph.perturb(x))))
x = graph.relu(graph.perturb(graph.dense(x, 120)))
x = graph.dense(graph.relu(graph.perturb(graph.dense(x, 84))), 10, name="fc")
network = sparring.Network(x, batch_size=128, seed=1)
network.method = sparring.Method("anl", epsilon=0.03)

for _ in range(250):
    result = network.train_step(*draw(128), sparring.SGD(learning_rate=0.05, momentum=0.9))
images, labels = draw(1000)
attacked = network.attack(sparring.Attack("fgsm", delta=8), images, labels)
clean, robust = network.evaluate(images, labels), network.evaluate(attacked, labels)
print(f"{clean.correct / 10:.1f} % right, under attack {robust.correct / 10:.1f} %")
assert clean.correct > 900 and robust.correct < clean.correct
