#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_synopsis: the manual against the public headers.

    check_synopsis.py SRCDIR

What SYNOPSIS says of each function, macro, structure and enumeration has to be what the headers
declare, names of parameters and fields included; nothing public may be missing, and nothing may
be there that is not public. Status 1 and a line for each difference if it is not so.
"""
import re
import sys
from pathlib import Path

failures = []


def complain(text):
    failures.append(text)
    print("FAIL:", text)


def spaced(code):
    """C with one blank wherever some may stand."""
    code = re.sub(r"\s+", " ", code).strip()
    return re.sub(r" ?([(),;{}*]) ?", r"\1", code)


class Header:
    """What cprom.h and the C half of cprom_macros.h declare; names that end in _ are private."""

    def __init__(self, include):
        text = (include / "cprom.h").read_text()
        macros = (include / "cprom_macros.h").read_text()
        macros = re.sub(r"^#else /\* C\+\+ \*/$.*?^#endif$", "", macros, flags=re.S | re.M)
        self.comment = re.search(r"^ \*    calls .*?\*/", text, re.S | re.M)[0]
        text = re.sub(r"/\*.*?\*/", "", text + macros, flags=re.S).replace("\\\n", " ")
        common = re.search(r"^#define CPROM_COMMON_OPTIONS (.*)$", text, re.M)[1]
        self.macros = dict(re.findall(r"^#define ((?:cprom|CPROM)_\w*[^\W_])\(([^)]*)\)", text, re.M))
        self.constants = set(re.findall(r"^#define (CPROM_(?:DEFAULT_)?MAX_\w+) ", text, re.M))
        text = re.sub(r"^#.*$", "", text, flags=re.M).replace("CPROM_COMMON_OPTIONS", common)
        self.types = {name: spaced(whole) for whole, name in
                      re.findall(r"^(typedef (?:struct|enum) \w+ \{[^}]*\} (\w+);)", text, re.S | re.M)}
        for name, whole in self.types.items():
            if " enum " in whole:
                self.constants |= set(re.findall(r"CPROM_\w+", whole))
        self.functions = {}
        for kind, name, parameters in re.findall(
                r"(?:CPROM_API|^static inline)(?:\s+CPROM_MUST_USE)?\s([^;{()]*?)(cprom_\w*[^\W_])\(([^;{]*)\)\s*[;{]",
                text, re.S | re.M):
            self.functions[name] = spaced(f"{kind} {name}({parameters})")


class Page:
    def __init__(self, path):
        self.name = path.name
        self.text = path.read_text()
        name, synopsis = (self.section(s) for s in ("NAME", "SYNOPSIS"))
        self.rest = self.text.replace(name, "").replace(synopsis, "").replace(self.section("EXAMPLES"), "")
        self.names = [m.rstrip(" ,") for m in re.findall(r"^\.Nm (.*)$", name, re.M)]
        self.literals = "\n".join(re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed$", self.text, re.S | re.M))
        self.types = {name: spaced(whole) for whole, name in
                      re.findall(r"^(typedef (?:struct|enum) \w+ \{[^}]*\} (\w+);)", self.literals, re.S | re.M)}
        self.functions = {}
        self.parameters = {}
        kind = ""
        for line in self.joined(synopsis):
            words = [w.strip('"') for w in re.findall(r'"[^"]*"|\S+', line)]
            if words[:1] == [".Ft"]:
                kind = words[1]
            elif words[:1] == [".Fn"]:
                self.functions[words[1]] = spaced(f"{kind} {words[1]}({', '.join(words[2:])})")
                self.parameters[words[1]] = words[2:]
                kind = ""
        for name, parameters in re.findall(r"^(CPROM_\w+)\((.*)\)[; ]", synopsis, re.M):
            self.parameters[name] = parameters.split(", ")

    def section(self, title):
        found = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh|\Z)", self.text, re.S | re.M)
        return found[1] if found else ""

    @staticmethod
    def joined(synopsis):
        """Its lines, with .Fo … .Fa … .Fc as one .Fn."""
        synopsis = re.sub(r"^\.Fo (.*)\n((?:\.Fa .*\n)*)\.Fc$",
                          lambda m: f".Fn {m[1]} " + m[2].replace(".Fa ", "").replace("\n", " "),
                          synopsis, flags=re.M)
        return synopsis.splitlines()


def check_functions(header, pages):
    said = {}
    for page in pages:
        for name, text in page.functions.items():
            if name in said:
                complain(f"{name} is in the SYNOPSIS of two pages")
            said[name] = text
            if name not in page.names:
                complain(f"{page.name}: {name} is in SYNOPSIS, but not in NAME")
            if name not in header.functions and name not in header.macros:
                complain(f"{page.name}: there is no {name}")
    for name, text in header.functions.items():
        if said.get(name) != text:
            complain(f"{name}: the header says {text}, its page {said.get(name)}")


def check_macros(header, pages):
    """A macro's own parameters have to be as many as its page names, or fewer and variable."""
    for name, parameters in header.macros.items():
        said = [page.parameters[name] for page in pages if name in page.names and name in page.parameters]
        own = [p.strip() for p in parameters.split(",")]
        if not said:
            complain(f"{name}: no page has it in NAME and SYNOPSIS")
        elif (own[-1] == "...") != (said[0][-1] == "..."):
            complain(f"{name}: variable arguments in the header or the page, not in both")
        elif len(own) > len(said[0]) or (own[-1] != "..." and len(own) != len(said[0])):
            complain(f"{name}: the header has {own}, its page {said[0]}")


def check_types(header, pages):
    said = {name: text for page in pages for name, text in page.types.items()}
    for name in said.keys() - header.types.keys():
        complain(f"there is no type {name}")
    for name, text in header.types.items():
        if said.get(name) != text:
            complain(f"{name}: the header says {text}, its page {said.get(name)}")


def check_names(header, pages):
    public = {**header.functions, **header.macros, **header.types}
    where = {}
    for page in pages:
        for name in page.names:
            if where.setdefault(name, page) is not page:
                complain(f"{name} is in the NAME of {page.name} and {where[name].name}")
            if name in public and not re.search(rf"\b{name}\b", page.rest):
                complain(f"{page.name}: nothing is said of {name}")
            if name not in public and name != page.name[:-2]:
                complain(f"{page.name}: {name} is in NAME, but not public")


def check_overview(comment, page):
    """The table of calls in the header's first comment, and that of cprom_threads(7): which, by call."""
    rows = []
    for line in comment.splitlines():
        cells = re.split(r"  +", re.sub(r"^ \*| \(\d\)", "", line).strip())
        if len(cells) == 4:
            rows.append(cells)
        elif rows and line.startswith(" *      "):
            rows[-1][0] += " " + cells[0]
        elif rows:
            break
    said = [line.split(" Ta ") for line in re.findall(r"^\.It (.* Ta .*)$", page.text, re.M)]
    one, other = ({call: row[1:] for row in table[1:] for call in row[0].split(", ")} for table in (rows, said))
    for call in one.keys() | other.keys():
        if one.get(call) != other.get(call):
            complain(f"{call}: the header says {one.get(call)}, cprom_threads.7 {other.get(call)}")


def check_references(header, pages):
    there = {(name, page.name[-1]) for page in pages for name in [*page.names, page.name[:-2]]}
    everything = "\n".join(page.text for page in pages)
    for page in pages:
        for name, section in re.findall(r"^\.Xr ((?:cprom|CPROM)\w*) (\d)", page.text, re.M):
            if (name, section) not in there:
                complain(f"{page.name}: there is no {name}({section})")
        if page.name != "cprom.7" and f".Xr {page.name[:-2]} {page.name[-1]}" not in pages[0].text:
            complain(f"cprom.7 does not lead to {page.name}")
    for name in sorted(header.constants):
        if not re.search(rf"\b{name}\b", everything):
            complain(f"{name} is in no page")


def main(srcdir):
    header = Header(Path(srcdir, "include"))
    pages = [Page(path) for path in sorted(Path(srcdir, "man").glob("*.[1-9]"))]
    check_functions(header, pages)
    check_macros(header, pages)
    check_types(header, pages)
    check_names(header, pages)
    check_overview(header.comment, next(page for page in pages if page.name == "cprom_threads.7"))
    check_references(header, pages)
    print(f"{len(header.functions)} functions, {len(header.macros)} macros, {len(header.types)} types, "
          f"{len(header.constants)} constants, {len(pages)} pages")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
