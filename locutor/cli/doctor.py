"""`locutor doctor`"""

from __future__ import annotations

import typer

from locutor.cli import options


def doctor(as_json: options.Json = False) -> None:
    """Check this machine: libraries, weights, engines, codecs, sockets, room. Exit code 1 where something does not work."""
    import json
    from dataclasses import asdict

    from rich.console import Console

    from locutor.cli import checks

    console = Console()
    colors = {checks.OK: "green", checks.WARN: "yellow", checks.FAIL: "red"}
    findings = []
    for check in checks.CHECKS:
        for finding in check():
            findings.append(finding)
            if not as_json:
                console.print(f"[{colors[finding.level]}]{finding.level:4}[/] ", end="")
                console.print(f"{finding.subject}: {finding.detail}", markup=False, highlight=False, soft_wrap=True)
                if finding.remedy:
                    console.print(f"     → {finding.remedy}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2))
    failed = sum(finding.level == checks.FAIL for finding in findings)
    if not as_json:
        warned = sum(finding.level == checks.WARN for finding in findings)
        console.print(f"{len(findings)} checks: {failed} failed, {warned} to know of.", highlight=False)
    if failed:
        raise typer.Exit(1)
