"""Verdicts for continuous integration: JUnit XML and a Markdown summary; names come from elsewhere and are escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from edgekit.bench.history import Entry
from edgekit.bench.page import described
from edgekit.bench.policy import UNKNOWN, WORSE, Finding

#: What XML 1.0 cannot hold.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: What Markdown or HTML would read as more than text: markup, tables, mentions, and bare links.
_MARKUP = re.compile(r"[\\`*_\[\]<>#|~&@]|:(?=//)|(?<=www)\.", re.IGNORECASE)


def junit(entries: Sequence[Entry]) -> str:
    """Return JUnit XML: a suite for each run, a case for each finding; worse fails, "cannot tell" is skipped."""
    root = ElementTree.Element("testsuites", name="edgekit bench")
    for entry in entries:
        findings = entry.verdict.findings
        counts = {state: sum(f.state == state for f in findings) for state in (WORSE, UNKNOWN)}
        title = _xml(described(entry))
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=title,
            tests=str(len(findings) or 1),
            failures=str(counts[WORSE]),
            errors="0",
            skipped=str(counts[UNKNOWN] if findings else int(entry.verdict.state == UNKNOWN)),
            timestamp=_xml(entry.run.started),
            time=f"{entry.run.seconds:.3f}",
        )
        for finding in findings or (_whole(entry),):
            case = ElementTree.SubElement(suite, "testcase", classname=title, name=_xml(finding.measure), time="0")
            if finding.state == WORSE:
                ElementTree.SubElement(case, "failure", message=_xml(finding.why), type="regression")
            elif finding.state == UNKNOWN:
                ElementTree.SubElement(case, "skipped", message=_xml(finding.why))
            else:
                ElementTree.SubElement(case, "system-out").text = _xml(finding.why)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def markdown(entries: Sequence[Entry]) -> str:
    """Return a summary as Markdown: each run with its findings."""
    lines = ["## Benchmarks", ""]
    for entry in entries:
        lines += [f"### {_text(entry.verdict.state)}: {_text(described(entry))}", "", _text(entry.verdict.why), ""]
        if entry.verdict.findings:
            lines += ["| measure | verdict | baseline | candidate | ratio |", "|---|---|---|---|---|"]
            lines += [_row(f) for f in entry.verdict.findings] + [""]
    return "\n".join(lines)


def _whole(entry: Entry) -> Finding:
    """A run without findings is one case."""
    return Finding("verdict", "", entry.verdict.state, None, None, None, None, None, 0, entry.verdict.why)


def _row(f: Finding) -> str:
    unit = f" {f.unit}" if f.unit and f.unit != "rows" else ""
    sides = ["" if v is None else f"{v:.5g}{unit}" for v in (f.baseline, f.candidate)]
    ratio = "" if f.ratio is None else f"{f.ratio:.2f}"
    return "| " + " | ".join(map(_text, (f.measure, f.state, *sides, ratio))) + " |"


def _xml(text: str) -> str:
    return _NO_XML.sub(lambda c: ascii(c.group())[1:-1], text)


def _text(text: str) -> str:
    return _MARKUP.sub(lambda c: f"&#{ord(c.group())};", " ".join(_xml(text).split()))
