"""Which module imports what, read from the source without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import statement's target, as an absolute dotted name."""

    name: str
    """ "services.weights.ModelStore" for `from services.weights import ModelStore`."""
    line: int
    lazy: bool
    """Inside a function, or for the type checker alone: loading the module does not run it."""


def imports_of(source: str, module: str) -> list[Import]:
    """All imports of the module named `module` (a package's own name for its __init__)."""
    return list(_walk(ast.parse(source), module, lazy=False))


def module_name(path: Path, root: Path) -> str:
    """ "services.tts.engine" for services/tts/engine.py. An __init__ keeps its last part, so that relative names resolve alike."""
    return ".".join(path.relative_to(root).with_suffix("").parts)


def _walk(node: ast.AST, module: str, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, lazy) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            parts = module.split(".")
            base = ".".join([*parts[: len(parts) - child.level], child.module or ""]).strip(".") if child.level else child.module
            yield from (Import(f"{base}.{alias.name}", child.lineno, lazy) for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for statement in child.body:
                yield from _walk(ast.Module([statement], []), module, lazy=True)
            for statement in child.orelse:
                yield from _walk(ast.Module([statement], []), module, lazy)
        else:
            yield from _walk(child, module, lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))
