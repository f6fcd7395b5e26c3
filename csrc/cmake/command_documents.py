"""Writes the man pages and the shells' completions of a built command into a folder, from its own help.

usage: command_documents.py COMMAND FOLDER
"""

import datetime
import gzip
import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap

SHELLS = {"bash": "{}", "zsh": "_{}", "fish": "{}.fish"}


def run(command, *arguments):
    return subprocess.run([command, *arguments], check=True, capture_output=True, text=True, encoding="utf-8").stdout


def escaped(text):
    """Text as roff has it: what stands in a page is what can be copied from it, in any encoding."""
    for character, escape in ("\\", "\\e"), ("-", "\\-"), ("~", "\\(ti"), ("^", "\\(ha"), ("`", "\\(ga"):
        text = text.replace(character, escape)
    return re.sub(r"[^\x00-\x7f]", lambda character: f"\\[u{ord(character[0]):04X}]", text)


def on_a_macro_line(text):
    """Text after a macro, whose words are not macros themselves."""
    return re.sub(r"(?<!\S)(?=[A-Z][a-z]\b)", r"\\&", escaped(text))


def filled(text):
    """Paragraphs: a line a sentence, and none that begins like a request."""
    paragraphs = []
    for paragraph in filter(None, text.split("\n\n")):
        lines = []
        for sentence in re.split(r"(?<=[.?!]) (?=[A-Z])", " ".join(paragraph.split())):
            lines += textwrap.wrap(escaped(sentence), 78, break_on_hyphens=False, break_long_words=False)
        paragraphs.append("\n".join("\\&" + line if line[0] in ".'" else line for line in lines))
    return "\n.Pp\n".join(paragraphs)


class Page:
    """The page of one command among all."""

    def __init__(self, command, above):
        self.command = command
        self.words = [*above, command["commandName"]]
        self.subcommands = [Page(inner, self.words) for inner in shown(command.get("subcommands", []))
                            if inner["commandName"] != "help"]

    @property
    def name(self):
        return "-".join(self.words)

    def all(self):
        yield self
        for page in self.subcommands:
            yield from page.all()

    def text(self, version, date):
        abstract = self.command["abstract"].removesuffix(".")
        return "\n".join([
            f".Dd {date:%B} {date.day}, {date.year}",
            f".Dt {self.name.upper()} 1",
            f".Os {self.words[0].capitalize()} {version}",
            ".Sh NAME", f".Nm {self.name}", f".Nd {on_a_macro_line(abstract[0].lower() + abstract[1:])}",
            ".Sh SYNOPSIS", *self.synopsis(),
            ".Sh DESCRIPTION", filled(self.command["abstract"] + "\n\n" + self.command.get("discussion", "")),
            *self.list_of_arguments(), *self.list_of_options(), *self.list_of_subcommands(), *self.see_also(), ""])

    def synopsis(self):
        yield ".Nm " + " ".join(self.words)
        arguments = shown(self.command["arguments"])
        if any(argument["kind"] != "positional" and argument["isOptional"] for argument in arguments):
            yield ".Op Ar options"
        for argument in arguments:
            if argument["kind"] == "positional" or not argument["isOptional"]:
                value = notation(argument) + (" ..." if argument["isRepeating"] else "")
                yield f".Op {value}" if argument["isOptional"] else f".{value}"
        if self.subcommands:
            yield ".Ar subcommand"

    def list_of_arguments(self):
        positional = [argument for argument in shown(self.command["arguments"]) if argument["kind"] == "positional"]
        if positional:
            yield ".Sh ARGUMENTS"
            yield from tagged_list((notation(argument), explanation(argument)) for argument in positional)

    def list_of_options(self):
        sections = {}
        for argument in shown(self.command["arguments"]):
            if argument["kind"] != "positional":
                section = sections.setdefault(argument.get("sectionTitle", ""), {})
                # A flag and its contrary follow each other, and the help tells of them once.
                last = next(reversed(section), None)
                if argument["kind"] == "flag" and section.get(last) == explanation(argument):
                    del section[last]
                    section[f"{last} | {notation(argument)}"] = explanation(argument)
                else:
                    section[notation(argument)] = explanation(argument)
        yield ".Sh OPTIONS"
        for title in sorted(sections, key=bool):
            if title:
                yield f".Ss {on_a_macro_line(title)}"
            yield from tagged_list(sections[title].items())

    def list_of_subcommands(self):
        if self.subcommands:
            yield ".Sh SUBCOMMANDS"
            yield from tagged_list((f"Cm {page.command['commandName']}", page.command["abstract"])
                                   for page in self.subcommands)

    def see_also(self):
        related = [page.name for page in self.subcommands]
        if len(self.words) > 1:
            related.append("-".join(self.words[:-1]))
        if related:
            yield ".Sh SEE ALSO"
            yield " ,\n".join(f".Xr {name} 1" for name in sorted(related))


def shown(entries):
    return [entry for entry in entries if entry["shouldDisplay"]]


def notation(argument):
    """An argument as mdoc has it, after the dot or `.It`."""
    if argument["kind"] == "positional":
        return f"Ar {argument['valueName']}"
    names = " , ".join(("Fl -" if name["kind"] == "long" else "Fl ") + name["name"] for name in argument["names"])
    return names if argument["kind"] == "flag" else f"{names} Ar {argument['valueName']}"


def explanation(argument):
    """What the help says of an argument."""
    told = []
    if "allValues" in argument:
        told.append("values: " + ", ".join(argument["allValues"]))
    if "defaultValue" in argument:
        told.append(f"default: {argument['defaultValue']}")
    told = [f"({'; '.join(told)})"] if told else []
    text = " ".join([argument.get("abstract", ""), *told]).strip()
    return "\n\n".join(filter(None, [text, argument.get("discussion", "")]))


def tagged_list(entries):
    yield ".Bl -tag -width Ds"
    for tag, text in entries:
        yield f".It {tag}"
        yield filled(text)
    yield ".El"


def main(command, folder):
    folder = pathlib.Path(folder)
    root = Page(json.loads(run(command, "--experimental-dump-help"))["command"], [])
    version = run(command, "--version").strip()
    moment = os.environ.get("SOURCE_DATE_EPOCH")
    date = datetime.datetime.fromtimestamp(int(moment), datetime.timezone.utc) if moment else datetime.date.today()

    pages = folder / "man1"
    pages.mkdir(parents=True, exist_ok=True)
    for old in pages.iterdir():
        old.unlink()
    for page in root.all():
        (pages / f"{page.name}.1.gz").write_bytes(gzip.compress(page.text(version, date).encode("ascii"), 9, mtime=0))

    for shell, name in SHELLS.items():
        # The files are read by the shell, never run.
        script = run(command, "--generate-completion-script", shell).removeprefix("#!/bin/bash\n").lstrip("\n")
        path = folder / shell / name.format(root.name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(script, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
