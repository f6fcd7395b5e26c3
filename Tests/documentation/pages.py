#!/usr/bin/env python3
"""What README.md and the pages of the catalog say, held against what is there: their blocks of code are run or compiled, the
commands' options and the links looked up.

What becomes of a fenced block is told by its language and, where a comment stands on the line above, by that:

    sh                    run by bash in a folder of its own page, empty at first
    text                  what the sh block before it prints: numbers by their form, percentages within five points
    c, cpp, python, swift compiled; Python is run, with images, labels and batches that the page may use
    <!-- file: NAME -->   the block is a file of that folder, for the sh blocks after it, of at most 40 lines
    console, none, others not run; what stands behind `sparring` has to be an option of the command

The first two sh blocks of README.md are left to .ci/run, which calls `pages.py output README.md LOG` for what they print,
and those of the results' pages, which `sparring reproduce` wrote, take hours.
`pages.py file PAGE NAME` prints a file. Runs in the environment that Tests/documentation/run makes.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOG = ROOT / "Sources/Sparring/Documentation.docc"
PAGES = [ROOT / "README.md", ROOT / "Sources/Python/README.md", *sorted(CATALOG.rglob("*.md"))]
LINE_LIMIT = 40

IMAGES = """
import numpy as _numpy
_random = _numpy.random.default_rng(1)
images = _random.random((64, 1, 28, 28), dtype=_numpy.float32)
labels = _random.integers(0, 10, 64)
batches = [(images, labels)]
"""


@dataclasses.dataclass
class Block:
    line: int
    language: str
    code: str
    file: str | None


def blocks(page):
    found, comment, opened = [], "", None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = re.match(r"\s*```(.*)", line)
        if opened is None and fence:
            file = re.match(r"\s*<!-- file: (\S+) -->", comment)
            opened = Block(number, fence[1].strip(), "", file[1] if file else None)
        elif fence:
            opened.code = textwrap.dedent(opened.code)
            found.append(opened)
            opened = None
        elif opened is not None:
            opened.code += line + "\n"
        comment = line
    return found


def outside_blocks(page):
    """The page's text without fenced blocks, as many lines as there are."""
    return re.sub(r"^\s*```.*?^\s*```$", lambda block: "\n" * block[0].count("\n"), page.read_text(), flags=re.M | re.S)


def fail(page, line, why):
    sys.exit(f"{page.relative_to(ROOT)}:{line}: {why}")


# Running


def compare(page, block, printed):
    """An "…" stands for anything, a line of it for any lines."""
    def pattern(line):
        parts = re.split(r"(\d[\d.,]*)", re.sub(r"\s+", " ", line.strip()))
        return r"\s*" + "".join(r"\d[\d.,]*" if n % 2 else re.escape(part).replace(r"\ ", r"\s+").replace("…", ".*")
                                for n, part in enumerate(parts)) + r"\s*"

    expected = [line for line in block.code.splitlines() if line.strip()]
    lines = [line for line in printed.splitlines() if line.strip()]
    position = 0
    for number, line in enumerate(expected):
        if line.strip() == "…":
            continue
        skipping = number > 0 and expected[number - 1].strip() == "…"
        last = len(lines) if skipping else min(position + 1, len(lines))
        match = next(((n, found) for n in range(position, last) if (found := re.fullmatch(pattern(line), lines[n]))), None)
        if match is None:
            fail(page, block.line, f"what is printed has no line '{line}' there, but:\n{printed}")
        position = match[0] + 1
        percent = r"(\d[\d.,]*)(?= %)"
        for ours, theirs in zip(re.findall(percent, line), re.findall(percent, lines[match[0]])):
            if abs(float(ours) - float(theirs)) > 5:
                fail(page, block.line, f"'{line.strip()}', but what is printed is '{lines[match[0]].strip()}'")
    if position != len(lines) and expected[-1].strip() != "…":
        fail(page, block.line, f"what is printed goes on:\n" + "\n".join(lines[position:]))


def run(page, block, command, folder, **environment):
    result = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        fail(page, block.line, f"the block ends with {result.returncode}:\n{block.code}\n{result.stdout}")
    return result.stdout


def run_page(page, folder):
    """Its files, its commands and what they print, and its Python, in order. Gives how many blocks that were."""
    if page.is_relative_to(CATALOG / "Results"):
        return 0
    count, printed, found = 0, None, blocks(page)
    if page == ROOT / "README.md":
        found = found[[number for number, block in enumerate(found) if block.language == "sh"][1] + 1:]
    python = [block for block in found if block.language == "python" and not block.file]
    for block in found:
        if block.file:
            length = block.code.count("\n")
            if length > LINE_LIMIT:
                fail(page, block.line, f"{block.file} has {length} lines, more than {LINE_LIMIT}")
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.code)
        elif block.language == "sh":
            printed = run(page, block, ["bash", "-euo", "pipefail", "-c", block.code], folder)
        elif block.language == "text":
            if printed is None:
                fail(page, block.line, "there is no sh block whose output this is")
            compare(page, block, printed)
            printed = None
        elif block in python:
            if block is python[-1]:
                run(page, block, ["python3", "-c", IMAGES + "".join(part.code for part in python)], folder)
        else:
            continue
        count += 1
    return count


# Compiling


def compile_c(page, folder):
    found = [block for block in blocks(page) if block.language == "c" and not block.file]
    for block in found:
        includes, body = [], []
        for line in block.code.splitlines():
            (includes if line.startswith("#include") else body).append(line)
        code = "\n".join(["#include <stdio.h>", *includes, "void snippet(const float *, const int32_t *, int32_t);",
                          "void snippet(const float *images, const int32_t *labels, int32_t count) {", *body, "}"])
        (folder / "snippet.c").write_text(code)
        run(page, block, ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-fsyntax-only",
                          f"-I{ROOT}/csrc/include", f"-I{ROOT}/csrc/distributed/include", "snippet.c"], folder)
    return len(found)


def swift_page(page):
    """A page's blocks as a Swift file: what is declared, and the statements as a function, in which a block may name anew
    what one before it has named."""
    found = [block for block in blocks(page) if block.language == "swift" and block.file != "Package.swift"]
    imports, declared, statements = ["import Sparring"], [], []
    for block in found:
        statements.append("do {")
        position = f'#sourceLocation(file: "{page.relative_to(ROOT)}", line: '
        chunk, is_open = [], False
        for number, line in enumerate(block.code.splitlines() + [""], block.line + 1):
            starts = re.match(r"[^\s})\].]", line) and not is_open
            if starts and chunk or number == block.line + 1 + block.code.count("\n"):
                text = "\n".join(chunk)
                kind = re.match(r"(\s*(//.*)?\n)*(@\w+\s+|public |private |final )*(struct|class|enum|extension|protocol|actor|func) ", text)
                (declared if kind else statements).append(f"{position}{number - len(chunk)})\n{text}")
                chunk = []
            is_open = line.startswith(("//", "@"))
            if line.startswith("import "):
                imports.append(line)
                line = ""
            chunk.append(line)
    name = re.sub(r"\W", "_", str(page.relative_to(ROOT)))
    code = [*dict.fromkeys(imports), *declared, f"func {name}() async throws {{", *statements, *["}"] * len(found),
            "#sourceLocation()", "}"]
    return len(found), "\n".join(code) + "\n"


def compile_swift(pages, folder):
    count, files = 0, []
    for page in pages:
        blocks_of_page, code = swift_page(page)
        if blocks_of_page:
            files.append(folder / f"{len(files)}.swift")
            files[-1].write_text(code)
            count += blocks_of_page
    if not files:
        return 0
    command = ["swiftc", *os.environ["SPARRING_SWIFT_FLAGS"].split(), "-swift-version", "6", "-suppress-warnings",
               "-parse-as-library", "-wmo", "-c", "-o", "/dev/null", *map(str, files)]
    result = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode:
        sys.exit(f"Swift blocks do not compile:\n{result.stdout}")
    return count


# Options and links


def check_options(pages):
    """Every option that a page names, of the command, is one of its subcommand."""
    def help_of(*words):
        text = subprocess.run(["sparring", *words, "--help"], text=True, capture_output=True, check=True).stdout
        found[words] = set(re.findall(r"--[a-z][\w-]*", text))
        return re.findall(r"^  (\w[\w-]*)(?: \(default\))?(?:  +|$)", text.split("SUBCOMMANDS:")[1], re.M) if "SUBCOMMANDS:" in text else []

    found = {}
    for name in help_of():
        if name != "help":
            for part in help_of(name):
                help_of(name, part)
    everything = set().union(*found.values())
    for page in pages:
        lines = [(block.line, command) for block in blocks(page) if block.language != "text"
                 for command in re.sub(r"\\\n", " ", block.code).splitlines()]
        text = outside_blocks(page)
        lines += [(text[:span.start()].count("\n") + 1, span[1]) for span in re.finditer(r"`([^`\n]+)`", text)]
        for line, command in lines:
            words = re.match(r"\s*(?:\S*/)?sparring ((?:[a-z-]+ ?)*)", command)
            options = re.findall(r"(?<!\S)--[a-z][\w-]*", command)
            if words:
                names = tuple(words[1].split())
                known = next((found[names[:n]] for n in (2, 1, 0) if names[:n] in found))
                if names and names[:1] not in found:
                    fail(page, line, f"there is no 'sparring {names[0]}'")
            elif command.startswith("--"):
                known = everything
            else:
                continue
            for option in options:
                if option not in known and option != "--help":
                    fail(page, line, f"'{command.strip()}': there is no {option}")


def check_facts():
    """The newest version of the changelog is the library's, and every method has its section."""
    header = (ROOT / "csrc/include/sparring.h").read_text()
    version = re.search(r'#define SPAR_VERSION "(.*)"', header)[1]
    page = CATALOG / "Changelog.md"
    newest = re.search(r"^## (\d\S*)$", page.read_text(), re.M)[1]
    if newest != version:
        fail(page, 1, f"its newest version is {newest}, the library's {version}")
    page = CATALOG / "Methods.md"
    text = subprocess.run(["sparring", "train", "--help"], text=True, capture_output=True, check=True).stdout
    names = re.search(r"How training perturbs: (.*?)\. A method", re.sub(r"\s+", " ", text))[1].split(", ")
    told = " ".join(re.findall(r"^### (.*)$", page.read_text(), re.M)).split()
    if missing := set(names) - set(told):
        fail(page, 1, f"no section tells of {', '.join(sorted(missing))}")


def anchors(page):
    """Of its headings, as hosts of repositories make them."""
    headings = re.findall(r"^#+ +(.*)$", outside_blocks(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def check_links(pages):
    """DocC looks after its own links; here are those that it takes for an address. None is asked for over a network."""
    for page in pages:
        text = outside_blocks(page)
        for link in re.finditer(r"(!?)\[[^\]]*\]\(<?([^)\s>]+)>?\)|<a href=\"([^\"]+)\"|<(https?:[^>]*)>", text):
            line = text[:link.start()].count("\n") + 1
            target = link[2] or link[3] or link[4]
            in_catalog = page.is_relative_to(CATALOG)
            if re.match(r"https?:", target):
                if not re.fullmatch(r"https?://([\w-]+\.)+[a-z]{2,}(:\d+)?(/[\w./%~+#?=&,:@()-]*)?", target):
                    fail(page, line, f"{target} is no address")
            elif in_catalog and (target.startswith("doc:") or link[1]):
                continue
            elif in_catalog:
                fail(page, line, f"{target} leads nowhere in the catalog; name the page by doc:")
            else:
                path, _, anchor = target.partition("#")
                file = page.parent / path if path else page
                if not file.exists() or anchor and anchor not in anchors(file):
                    fail(page, line, f"{target} is not there")


def in_empty_folder(call):
    def called(page):
        with tempfile.TemporaryDirectory() as folder:
            return call(page, pathlib.Path(folder))
    return called


def main(arguments):
    if arguments[:1] == ["file"]:
        page, name = arguments[1:]
        print(next(block.code for block in blocks(ROOT / page) if block.file == name), end="")
        return
    if arguments[:1] == ["output"]:
        page = ROOT / arguments[1]
        compare(page, next(block for block in blocks(page) if block.language == "text"),
                pathlib.Path(arguments[2]).read_text())
        return
    pages = [page for page in PAGES if not arguments or page.name in arguments]
    check_links(pages)
    check_options(pages)
    check_facts()
    with concurrent.futures.ThreadPoolExecutor(2) as pool, tempfile.TemporaryDirectory() as folder:
        swift = pool.submit(compile_swift, pages, pathlib.Path(folder))
        run_blocks = sum(pool.map(in_empty_folder(run_page), pages))
        compiled = sum(pool.map(in_empty_folder(compile_c), pages)) + swift.result()
    count = sum(len(blocks(page)) for page in pages)
    print(f"{count} blocks: {run_blocks} run, {compiled} compiled, {count - run_blocks - compiled} neither")


if __name__ == "__main__":
    main(sys.argv[1:])
