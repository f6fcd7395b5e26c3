"""The installed Python package, as a researcher would use it."""

import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import numpy as np
import sparring

random = np.random.default_rng(1)
IMAGES = random.random((20, 2, 5, 4), np.float32)
LABELS = random.integers(0, 3, 20).astype(np.int32)
SGD = sparring.SGD(learning_rate=0.1, momentum=0)


def make_network(normalizes=False, **options):
    graph = sparring.Graph()
    x = graph.conv2d(graph.perturb(graph.input(2, 5, 4), "pixels"), 4, name="convolution")
    x = graph.batch_norm(x) if normalizes else x
    x = graph.flatten(graph.tanh(graph.perturb(x, "hidden")))
    return sparring.Network(graph.dense(x, 3, name="fc"), **{"batch_size": 8, "threads": 1, **options})


def make_linear(**options):
    graph = sparring.Graph()
    return sparring.Network(graph.dense(graph.flatten(graph.input(2, 5, 4)), 3, name="fc"), batch_size=20, **options)


def slow_attack():
    return sparring.Attack("square", queries=2**30, delta=0)


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


class PassesTest(unittest.TestCase):
    def test_auxiliary_parameters_are_those_of_the_method_in_force(self):
        network = make_network(normalizes=True)
        parameters, names = network.parameters, list(network.parameters)
        network.method = sparring.Method("advprop", epsilon=4 / 255)
        auxiliary = [name for name in parameters if name not in names]
        self.assertEqual(len(auxiliary), 4, auxiliary)
        np.testing.assert_array_equal(parameters[auxiliary[0]], np.ones(4))
        self.assertEqual(len(network.gradients), len([name for name in parameters if "running" not in name]))
        network.method = sparring.Method("backprop")
        self.assertEqual(list(parameters), names)

    def test_a_step_is_that_of_the_formulas(self):
        network = make_linear()
        weight, bias = (network.parameters[f"fc.{part}"].astype(float) for part in ("weight", "bias"))
        x, hot = IMAGES.reshape(20, -1).astype(float), np.eye(3)[LABELS]
        logits = x @ weight.T + bias
        np.testing.assert_allclose(network.forward(IMAGES), logits, atol=1e-5)
        gradient = (softmax(logits) - hot) / 20
        np.testing.assert_allclose(network.input_gradient(IMAGES, LABELS).reshape(20, -1), gradient @ weight, atol=1e-6)

        result = network.train_step(IMAGES, LABELS, SGD)
        self.assertAlmostEqual(result.loss, -np.log((softmax(logits) * hot).sum(1)).mean(), places=5)
        self.assertEqual((result.correct, result.count), ((logits.argmax(1) == LABELS).sum(), 20))
        np.testing.assert_allclose(network.gradients["fc.weight"], gradient.T @ x, atol=1e-6)
        np.testing.assert_allclose(network.parameters["fc.weight"], weight - 0.1 * gradient.T @ x, atol=1e-6)

    def test_normalization_is_part_of_the_network(self):
        graph = sparring.Graph()
        mean, deviation = np.array([0.4, 0.6]), np.array([0.2, 0.3])
        x = graph.normalize(graph.input(2, 5, 4), mean, deviation)
        network = sparring.Network(graph.dense(graph.flatten(x), 3, name="fc"), batch_size=20)
        normalized = (IMAGES - mean[:, None, None]) / deviation[:, None, None]
        logits = normalized.reshape(20, -1) @ network.parameters["fc.weight"].T + network.parameters["fc.bias"]
        np.testing.assert_allclose(network.forward(IMAGES), logits, atol=1e-5)

    def test_passes_and_update_are_a_step(self):
        step, passes = make_network(), make_network()
        step.train_step(IMAGES[:8], LABELS[:8], SGD)
        passes.forward_pass(IMAGES[:8], train=True, update_statistics=True)
        passes.backward_pass(LABELS[:8])
        passes.update(SGD)
        self.assertEqual(step.to_bytes(), passes.to_bytes())
        self.assertEqual(passes.step, 1)

    def test_a_backward_pass_takes_the_labels_of_its_forward_pass_alone(self):
        network = make_network()
        with self.assertRaises(sparring.StateError):
            network.backward_pass(LABELS[:8])
        network.forward_pass(IMAGES[:4])
        with self.assertRaises(sparring.ShapeError):
            network.backward_pass(LABELS[:3])
        network.attack(sparring.Attack(), IMAGES, LABELS)
        with self.assertRaises(sparring.StateError):
            network.backward_pass(LABELS[:4])

    def test_targets_and_losses_of_ones_own_train_as_labels_do(self):
        def cross_entropy(logits):
            share = softmax(logits.astype(float))
            return -np.log(share[np.arange(8), LABELS[:8]]), (share - np.eye(3)[LABELS[:8]]) / 8

        networks = [make_linear() for _ in range(3)]
        results = [networks[0].train_step(IMAGES[:8], LABELS[:8], SGD),
                   networks[1].train_step(IMAGES[:8], np.eye(3)[LABELS[:8]], SGD),
                   networks[2].train_step(IMAGES[:8], LABELS[:8], SGD, loss=cross_entropy)]
        for network, result in zip(networks[1:], results[1:]):
            self.assertAlmostEqual(result.loss, results[0].loss, places=5)
            np.testing.assert_allclose(network.parameters["fc.weight"], networks[0].parameters["fc.weight"], atol=1e-6)

    def test_evaluation_takes_any_number_of_images(self):
        network = make_network()
        logits = network.forward(IMAGES)
        result = network.evaluate(IMAGES, LABELS)
        self.assertEqual((result.correct, result.count), ((logits.argmax(1) == LABELS).sum(), 20))
        self.assertAlmostEqual(result.loss, -np.log(softmax(logits)[np.arange(20), LABELS]).mean(), places=5)
        self.assertEqual(network.forward(IMAGES[:0]).shape, (0, 3))


class ArraysTest(unittest.TestCase):
    def test_images_of_other_types_and_layouts_are_converted(self):
        network, image_bytes = make_network(), random.integers(0, 256, IMAGES.shape, np.uint8)
        expected = network.forward(image_bytes.astype(np.float32) / np.float32(255))
        np.testing.assert_array_equal(network.forward(image_bytes), expected)
        expected = network.forward(IMAGES)
        wide = np.zeros((20, 2, 5, 8), np.float32)
        wide[..., ::2] = IMAGES
        for images in (IMAGES.astype(float), np.asfortranarray(IMAGES), wide[..., ::2], IMAGES.astype(">f4"),
                       IMAGES.tolist()):
            np.testing.assert_array_equal(network.forward(images), expected)

    def test_arrays_as_the_engine_takes_them_are_not_copied(self):
        from sparring._arrays import take_images, take_labels
        self.assertTrue(np.shares_memory(take_images(IMAGES, (2, 5, 4)), IMAGES))
        self.assertTrue(np.shares_memory(take_labels(LABELS, 20, 3)[0], LABELS))

    def test_labels_of_any_integers_are_taken_and_none_is_cut(self):
        network = make_network()
        expected = network.evaluate(IMAGES, LABELS)
        for kind in (np.int64, np.uint8, np.int16):
            self.assertEqual(network.evaluate(IMAGES, LABELS.astype(kind)), expected)
        self.assertEqual(network.evaluate(IMAGES, LABELS.tolist()), expected)
        with self.assertRaises(sparring.ArgumentError):
            network.evaluate(IMAGES, LABELS.astype(np.int64) + 2**32)

    def test_what_does_not_fit_is_refused_before_it_is_read(self):
        network = make_network()
        for images, labels in ((IMAGES[:, :1], LABELS), (IMAGES[0], LABELS), (IMAGES, LABELS[:19]),
                               (IMAGES, LABELS[:, None]), (IMAGES, np.eye(2)[LABELS % 2])):
            with self.assertRaises(sparring.ShapeError):
                network.evaluate(images, labels)
            with self.assertRaises(sparring.ShapeError):
                network.attack(sparring.Attack(), images, labels)
        with self.assertRaises(sparring.ShapeError):
            network.attack(sparring.Attack(), IMAGES, np.eye(3)[LABELS])
        with self.assertRaises(sparring.ArgumentError):
            network.forward(IMAGES.astype(np.int32))


class SettingsTest(unittest.TestCase):
    def test_defaults_are_the_engines(self):
        self.assertEqual(sparring.SGD(), sparring.SGD(0.1, 0, "all", 0, 0, 0.9, False))
        self.assertEqual(sparring.AdamW(), sparring.AdamW(0.001, 0, "all", 0, 0, 0.9, 0.999, 1e-8))
        self.assertEqual((sparring.Attack("pgd").iterations, sparring.Attack("ifgsm").iterations), (20, 16))

    def test_methods_come_back_from_a_network_as_they_were_set(self):
        network = make_network(normalizes=True)
        self.assertIn("anl", sparring.method_names())
        for name in sparring.method_names():
            network.method = method = sparring.Method(name, epsilon=0.03)
            self.assertEqual(network.method, method)
        network.method = method = sparring.Method("layerwise", epsilon=10, input_epsilon=0.01, last_point="hidden",
                                                  clean_weight=0.25, granularity="sample")
        self.assertEqual(network.method, method)
        self.assertEqual((method.direction, method.epsilon), ("previous-batch", 10))
        network.method = method = sparring.Method("layerwise", epsilon=10, hidden_points="hidden")
        self.assertEqual(network.method, method)

    def test_copies_keep_what_is_not_replaced(self):
        for name in sparring.method_names():
            method = sparring.Method(name, epsilon=0.03)
            copy = dataclasses.replace(method, clean_weight=0.5)
            self.assertEqual(dataclasses.replace(copy, clean_weight=method.clean_weight), method)
        self.assertEqual(dataclasses.replace(sparring.Method("anl", epsilon=0.03), epsilon=0.5),
                         sparring.Method("anl", epsilon=0.5))

    def test_methods_perturb(self):
        plain, noisy = make_network(), make_network()
        noisy.method = sparring.Method("anl", epsilon=0.5)
        for network in (plain, noisy):
            network.train_step(IMAGES[:8], LABELS[:8], SGD)
        self.assertFalse(np.array_equal(plain.parameters["fc.weight"], noisy.parameters["fc.weight"]))

    def test_attacks_stay_in_their_ball_and_raise_the_loss(self):
        network = make_network()
        clean = network.evaluate(IMAGES, LABELS).loss
        for kind in ("fgsm", "ifgsm", "pgd", "square"):
            attack = sparring.Attack(kind, delta=8)
            attack.queries = 20
            attacked = network.attack(attack, IMAGES, LABELS)
            self.assertLessEqual(np.abs(attacked - IMAGES).max(), 8.01 / 255)
            self.assertGreater(network.evaluate(attacked, LABELS).loss, clean)
            np.testing.assert_array_equal(network.evaluate_attack(attack, IMAGES, LABELS)[0], attacked)
        one = network.attack(sparring.Attack("fgsm", delta=8 / 255, unit="one"), IMAGES, LABELS)
        np.testing.assert_allclose(one, network.attack(sparring.Attack("fgsm", delta=8), IMAGES, LABELS), atol=1e-6)

    def test_verdicts_are_the_networks(self):
        network = make_network()
        right = network.forward(IMAGES).argmax(1) == LABELS
        for kind in "rays", "fab-t", "square":
            attack = sparring.Attack(kind, delta=12, iterations=5, queries=40)
            attacked, verdicts = network.evaluate_attack(attack, IMAGES, LABELS)
            stands = network.forward(attacked).argmax(1) == LABELS
            np.testing.assert_array_equal(verdicts == sparring.WRONG, ~right)
            np.testing.assert_array_equal(verdicts == sparring.STANDS, right & stands)
            np.testing.assert_array_equal(verdicts == sparring.ATTACKS.index(kind), right & ~stands)

    def test_batches_of_an_attack_draw_what_one_batch_does(self):
        many, one = make_network(batch_size=3), make_network(batch_size=20)
        attack = sparring.Attack("pgd", delta=8, iterations=1, step=0.001)
        np.testing.assert_allclose(many.attack(attack, IMAGES, LABELS), one.attack(attack, IMAGES, LABELS), atol=1e-5)


class ParametersTest(unittest.TestCase):
    def test_parameters_are_a_mapping_that_is_read_and_written(self):
        network = make_network()
        self.assertEqual(list(network.parameters), ["convolution.weight", "fc.weight", "fc.bias"])
        self.assertEqual(network.parameters["convolution.weight"].shape, (4, 2, 3, 3))
        values = random.normal(size=(3, 80))
        network.parameters["fc.weight"] = values
        np.testing.assert_array_equal(network.parameters["fc.weight"], values.astype(np.float32))
        with self.assertRaises(sparring.ShapeError):
            network.parameters["fc.weight"] = values.T
        with self.assertRaises(sparring.NonFiniteError):
            network.parameters["fc.bias"] = [0, np.nan, 0]
        with self.assertRaises(KeyError):
            network.parameters["fc"]

    def test_a_factor_of_zero_freezes(self):
        network = make_network()
        before = network.parameters["fc.weight"]
        network.set_learning_rate_factor("fc.weight", 0)
        network.train_step(IMAGES[:8], LABELS[:8], SGD)
        np.testing.assert_array_equal(network.parameters["fc.weight"], before)
        self.assertTrue(network.parameters["fc.bias"].any())


class FilesTest(unittest.TestCase):
    def test_a_saved_network_goes_on_with_the_same_bits(self):
        network = make_network(seed=3)
        network.method = sparring.Method("layerwise", epsilon=1)
        network.train_step(IMAGES[:8], LABELS[:8], sparring.SGD())
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "modèle.safetensors")
            network.save(path, training_state=True, metadata={"data": "Ziffern"})
            self.assertEqual(sparring.metadata(path, "data"), "Ziffern")
            self.assertIsNone(sparring.metadata(path, "other"))
            copies = [sparring.Network.load(path, batch_size=8), network.clone(),
                      sparring.Network.load(network.to_bytes(training_state=True), batch_size=8)]
            other = make_network(seed=4)
            other.load_parameters(path)
        np.testing.assert_array_equal(other.forward(IMAGES), network.forward(IMAGES))
        self.assertEqual([copy.seed for copy in copies], [3, 3, 3])
        for each in (network, *copies):
            each.train_step(IMAGES[8:16], LABELS[8:16], sparring.SGD())
            self.assertEqual(each.to_bytes(training_state=True), network.to_bytes(training_state=True))

    def test_a_prefix_gives_a_layers_values(self):
        network = make_network()
        features = network.prefix().forward(IMAGES)
        weight, bias = network.parameters["fc.weight"], network.parameters["fc.bias"]
        np.testing.assert_allclose(features @ weight.T + bias, network.forward(IMAGES), atol=1e-5)
        self.assertEqual(network.prefix("convolution").forward(IMAGES).shape, (20, 80))


class FailuresTest(unittest.TestCase):
    def test_errors_have_the_class_of_their_status_and_the_engines_sentence(self):
        network, graph = make_network(), sparring.Graph()
        image = graph.input(1, 4, 4)
        wrong_pixel = IMAGES[:8].copy()
        wrong_pixel[2, 1, 0, 3] = np.inf
        with tempfile.NamedTemporaryFile() as empty:
            for kind, native, sentence, call in (
                (sparring.ArgumentError, ValueError, "label 3 of image 0", lambda: network.evaluate(IMAGES, [3] * 20)),
                (sparring.ArgumentError, ValueError, "the methods are backprop", lambda: sparring.Method("none")),
                (sparring.ArgumentError, ValueError, "there are fgsm", lambda: sparring.Attack("none")),
                (sparring.ArgumentError, ValueError, "zero byte", lambda: network.save("a\0b")),
                (sparring.ArgumentError, ValueError, "9 images", lambda: network.train_step(IMAGES[:9], [0] * 9, SGD)),
                (sparring.ArgumentError, ValueError, "another graph", lambda: sparring.Graph().relu(image)),
                (sparring.NonFiniteError, ArithmeticError, "row 0, column 3", lambda: network.forward(wrong_pixel)),
                (sparring.FileError, OSError, "/nowhere/model", lambda: sparring.Network.load("/nowhere/model")),
                (sparring.FormatError, ValueError, empty.name, lambda: sparring.Network.load(empty.name)),
                (sparring.ShapeError, ValueError, "normalize", lambda: graph.normalize(image, [0, 0], [1, 1])),
                (sparring.ShapeError, ValueError, "dense", lambda: graph.dense(image, 3)),
                (OverflowError, OverflowError, "channels", lambda: sparring.Graph().conv2d(image, 2**32 + 1)),
                (OverflowError, OverflowError, "input", lambda: sparring.Graph().input(2**32 + 1, 4, 4)),
                (OverflowError, OverflowError, "channels",
                 lambda: sparring.Graph().conv2d(image, np.int64(2**32 + 1))),
                (OverflowError, OverflowError, "input", lambda: sparring.Graph().input(np.int64(2**32 + 1), 4, 4)),
                (OverflowError, OverflowError, "seed", lambda: make_network(seed=-1)),
            ):
                with self.subTest(sentence), self.assertRaisesRegex(kind, sentence) as caught:
                    call()
                self.assertIsInstance(caught.exception, native)

    def test_a_library_that_is_not_there_is_an_import_error(self):
        tried = subprocess.run([sys.executable, "-c", "import sparring"], stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "SPARRING_LIBRARY": "/nowhere/libsparring.so"})
        self.assertIn("ImportError: sparring needs its library, which SPARRING_LIBRARY may name", tried.stderr)


class AverageTest(unittest.TestCase):
    def test_a_clone_takes_the_mean_of_the_weights(self):
        network = make_network()
        seen = []
        for step in range(3):
            network.train_step(IMAGES[:8], LABELS[:8], SGD)
            network.average(1 / (step + 1))
            seen.append(network.parameters["fc.bias"])
        average = network.clone()
        average.use_average()
        np.testing.assert_allclose(average.parameters["fc.bias"], np.mean(seen, axis=0), rtol=1e-5, atol=1e-7)
        average.forward_pass(IMAGES[:8], train=True)
        average.update_statistics(1)
        with self.assertRaises(sparring.StateError):
            average.use_average()


class CallbacksTest(unittest.TestCase):
    def test_proceed_gets_the_share_that_is_done(self):
        shares = []
        make_network().attack(sparring.Attack("pgd"), IMAGES, LABELS, proceed=shares.append)
        self.assertEqual(shares, sorted(shares))
        self.assertTrue(0 <= shares[0] < 0.1 and 0.9 < shares[-1] <= 1)

    def test_what_a_callback_raises_stops_the_call_and_is_raised(self):
        def fail(_):
            raise LookupError("enough")

        network = make_network()
        before = network.to_bytes()
        with self.assertRaisesRegex(LookupError, "enough"):
            network.attack(slow_attack(), IMAGES, LABELS, proceed=fail)
        with self.assertRaisesRegex(LookupError, "enough"):
            network.train_step(IMAGES[:8], None, SGD, loss=fail)
        with self.assertRaises(sparring.CancelledError):
            network.attack(slow_attack(), IMAGES, LABELS, proceed=lambda _: False)
        with self.assertRaises(sparring.CancelledError):
            network.attack(slow_attack(), IMAGES, LABELS, proceed=lambda _: np.bool_(False))
        with self.assertRaises(sparring.ShapeError):
            network.train_step(IMAGES[:8], None, SGD, loss=lambda logits: (logits, logits))
        self.assertEqual(network.to_bytes(), before)

    def test_a_callback_may_not_use_its_network(self):
        network = make_network()
        for use in (lambda: network.forward(IMAGES), lambda: network.parameters["fc.bias"], network.clone):
            with self.assertRaises(sparring.StateError):
                network.attack(slow_attack(), IMAGES, LABELS, proceed=lambda _: use())

    def test_ctrl_c_stops_an_attack_and_is_raised(self):
        # Programs that are started in the background ignore it.
        self.addCleanup(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        handler = signal.default_int_handler
        signal.signal(signal.SIGINT, handler)
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with self.assertRaises(KeyboardInterrupt):
            make_network().attack(slow_attack(), IMAGES, LABELS)
        timer.join()
        self.assertIs(signal.getsignal(signal.SIGINT), handler)

    def test_other_threads_run_during_a_call_and_wait_for_its_network(self):
        network, stop, waited = make_network(), threading.Event(), []

        def use():
            network.forward(IMAGES)
            waited.append(stop.is_set())

        def proceed(_):
            if other.ident is None:
                other.start()
            time.sleep(0.05)
            stop.set()
            return False

        other = threading.Thread(target=use)
        with self.assertRaises(sparring.CancelledError):
            network.attack(slow_attack(), IMAGES, LABELS, proceed=proceed)
        other.join()
        self.assertEqual(waited, [True])

    def test_forked_processes_go_on_with_a_network(self):
        network = make_network(threads=2)
        expected = network.forward(IMAGES)
        with multiprocessing.get_context("fork").Pool(1, initializer=globals().update, initargs=(
                {"inherited": network},)) as pool:
            np.testing.assert_array_equal(pool.apply_async(forward_inherited).get(timeout=60), expected)


def forward_inherited():
    return inherited.forward(IMAGES)  # noqa: F821


if __name__ == "__main__":
    unittest.main()
