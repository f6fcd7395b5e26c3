"""Tests of the Debian packages in SPARRING_PACKAGES/1 and, as a later revision, /2: in fresh roots, as root."""

import gzip
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from fresh_root import FreshRoot, output

PACKAGES = pathlib.Path(os.environ["SPARRING_PACKAGES"])
PROGRAMS = pathlib.Path(__file__).resolve().parent.parent / "c"
COMPILER = os.environ.get("CC", "cc")
# Sources a file of completions, and prints what a line is completed by.
BASH_COMPLETES = r"""
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
read -ra COMP_WORDS <<<"$2"
[[ $2 != *" " ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"$(complete -p sparring | sed -E 's/.*-F ([^ ]+) .*/\1/')" sparring "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%s\n' "${COMPREPLY[@]}"
"""


def packages(revision, *names):
    return [str(*PACKAGES.glob(f"{revision}/{name}_*.deb")) for name in names]


def without_spaces(text):
    return "".join(text.split())


def fresh_root(test, *names):
    folder = tempfile.TemporaryDirectory(prefix="sparring-root-")
    test.addClassCleanup(folder.cleanup)
    root = FreshRoot(folder.name)
    if names:
        root.install(*packages(1, *names))
    return root


class Command(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = fresh_root(cls, "sparring")
        cls.help = json.loads(cls.root.run("usr/bin/sparring", "--experimental-dump-help"))["command"]

    def commands(self, command=None, above=()):
        command = command or self.help
        words = (*above, command["commandName"])
        if command["commandName"] != "help":
            yield words, command
        for inner in command.get("subcommands", []):
            yield from self.commands(inner, words)

    def page(self, words):
        return self.root.path / f"usr/share/man/man1/{'-'.join(words)}.1.gz"

    def test_trains_with_nothing_but_what_the_package_depends_on(self):
        run = self.root.path / "tmp/run"
        told = json.loads(self.root.run("usr/bin/sparring", "train", "--model", "mlp", "--widths", "16", "--method", "anl",
                                        "--epsilon", "0.03", "--epochs", "1", "--out", run, "--json"))
        self.assertLess(told["last"]["mean"], 80)
        self.assertIn("<html", (run / "report.html").read_text())

    def test_tells_the_version_of_the_package(self):
        version = self.root.run("usr/bin/sparring", "--version").strip()
        self.assertEqual(output("dpkg-deb", "--field", *packages(1, "sparring"), "Version").strip(), f"{version}-1")

    def test_every_subcommand_has_a_page_that_tells_its_options_and_what_the_help_says_of_them(self):
        told = 0
        for words, command in self.commands():
            text = without_spaces(re.sub(".\b", "", output("mandoc", "-T", "utf8", self.page(words))))
            for argument in command["arguments"]:
                for name in argument["names"] if argument["kind"] != "positional" else []:
                    self.assertIn(("--" if name["kind"] == "long" else "-") + name["name"], text, words)
                self.assertIn(without_spaces(argument["abstract"]), text, words)
                told += 1
        self.assertEqual(len(list(self.commands())), len(list(self.root.path.glob("usr/share/man/man1/*"))))
        self.assertGreater(told, 300)

    def test_pages_are_without_a_complaint(self):
        for words, _ in self.commands():
            with self.subTest(page=words), tempfile.NamedTemporaryFile("wb", suffix=".1") as page:
                page.write(gzip.decompress(self.page(words).read_bytes()))
                page.flush()
                self.assertEqual(output("mandoc", "-T", "lint", "-W", "warning", page.name), "")
                formatted = subprocess.run(["groff", "-ww", "-mdoc", "-T", "utf8", page.name], text=True,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                self.assertEqual((formatted.returncode, formatted.stderr), (0, ""))

    def test_bash_completes_subcommands_options_values_and_files(self):
        completions = self.root.path / "usr/share/bash-completion/completions/sparring"
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.mkdir(f"{folder.name}/runs")
        for line, expected in {"sparring tra": {"train", "transfer"}, "sparring data ": {"list", "show", "fetch"},
                               "sparring train --epoc": {"--epochs"},
                               "sparring train --optimizer ": {"sgd", "adamw"},
                               "sparring train --model res": {"resnet18", "resnet20"},
                               "sparring predict ru": {"runs"}, "sparring train --data-dir ": {"runs"}}.items():
            found = output("bash", "-c", BASH_COMPLETES, "bash", completions, line, cwd=folder.name)
            self.assertLessEqual(expected, {word.strip() for word in found.splitlines()}, line)

    def test_fish_completes_and_zsh_reads_its_file(self):
        completions = self.root.path / "usr/share/fish/vendor_completions.d/sparring.fish"
        with tempfile.TemporaryDirectory() as home:
            found = output("fish", "--command", f"source {completions}; complete --do-complete 'sparring tra'",
                           env={**os.environ, "HOME": home})
        self.assertLessEqual({"train", "transfer"}, {line.split("\t")[0] for line in found.splitlines()})
        output("zsh", "-n", self.root.path / "usr/share/zsh/vendor-completions/_sparring")


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.library_alone = fresh_root(cls, "libsparring0")
        cls.root = fresh_root(cls, "libsparring0", "libsparring-dev")

    def folder(self):
        """Of the library, within a root."""
        (library,) = self.root.path.glob("usr/lib/**/libsparring.so")
        return library.parent.relative_to(self.root.path)

    def test_programs_linked_against_it_run_with_nothing_but_what_it_depends_on(self):
        about = {**os.environ, "PKG_CONFIG_LIBDIR": f"{self.root.path / self.folder()}/pkgconfig:"
                 + output("pkg-config", "--variable", "pc_path", "pkg-config").strip()}
        for linking in [], ["--static"]:
            flags = output("pkg-config", "--cflags", "--libs", *linking, "sparring", env=about).split()
            if linking:
                flags = ["-l:libsparring.a" if flag == "-lsparring" else flag for flag in flags]
            program = self.library_alone.path / "tmp/train"
            output(COMPILER, "-std=c11", PROGRAMS / "train.c", *flags, "-lm", "-o", program)
            needed = output("readelf", "--dynamic", program)
            self.assertEqual("libsparring.so.0" in needed, not linking)
            self.assertIn(" right", self.library_alone.run("tmp/train"))

    def test_cmake_finds_it(self):
        with tempfile.TemporaryDirectory() as build:
            output("cmake", "-S", PROGRAMS, "-B", build, f"-DCMAKE_C_COMPILER={COMPILER}",
                   f"-DCMAKE_PREFIX_PATH={self.root.path}/usr")
            told = pathlib.Path(build, "CMakeCache.txt").read_text()
        self.assertIn(f"sparring_DIR:PATH={self.root.path / self.folder()}/cmake/sparring\n", told)


class Packages(unittest.TestCase):
    NAMES = "libsparring0", "libsparring-dev", "sparring"

    def test_are_upgraded_and_removed_without_a_trace(self):
        root = fresh_root(Packages)
        first, second = (packages(revision, *self.NAMES) for revision in (1, 2))
        root.install(*first)
        installed = root.files()
        root.install(*second)
        self.assertEqual(root.files(), installed)
        versions = output("dpkg-query", f"--root={root.path}", "--show", "--showformat=${Version} ", *self.NAMES)
        self.assertRegex(versions, r"^(\d+\.\d+\.\d+-2 ){3}$")
        self.assertEqual(root.dpkg("--audit"), "")

        owned = {line.lstrip("/") for name in self.NAMES
                 for line in output("dpkg-query", f"--root={root.path}", "--listfiles", name).splitlines()}
        ours = {path for path in owned if "sparring" in path}
        self.assertLess(ours, installed)
        root.dpkg("--purge", *self.NAMES)
        self.assertEqual([path for path in root.files() if "sparring" in path], [])
        self.assertEqual(root.files() & ours, set())
        self.assertNotIn("sparring", (root.database / "status").read_text())

    def test_have_no_error_that_lintian_finds(self):
        told = subprocess.run(["lintian", "--allow-root", "--fail-on", "error", *packages(1, *self.NAMES)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(told.returncode, 0, told.stdout)


if __name__ == "__main__":
    unittest.main()
