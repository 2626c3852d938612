# SPDX-License-Identifier: MIT
"""Functions and variables that public headers declare and do not define: what a program that includes them may ask the linker for."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

FUNCTIONS = ("FunctionDecl", "CXXMethodDecl", "CXXConstructorDecl", "CXXDestructorDecl", "CXXConversionDecl")
# A part of the library's own that a header has to name belongs to nobody else.
OWN = "detail"


def _documents(text: str) -> Iterator[dict]:
    """clang writes one object after another."""
    decoder, at = json.JSONDecoder(), 0
    while (start := text.find("{", at)) != -1:
        document, at = decoder.raw_decode(text, start)
        yield document


def _has_body(node: dict) -> bool:
    return any(child.get("kind") in ("CompoundStmt", "CXXTryStmt") for child in node.get("inner", ()))


def _wanted(node: dict) -> bool:
    """Whether somebody else than this header has to define it."""
    if node.get("isImplicit") or node.get("explicitlyDefaulted") or node.get("explicitlyDeleted") or "mangledName" not in node:
        return False
    if node["kind"] == "VarDecl":
        return node.get("storageClass") == "extern" and "init" not in node
    return not node.get("inline") and not node.get("constexpr") and not _has_body(node)


def _walk(node: dict) -> Iterator[dict]:
    kind = node.get("kind")
    if kind in (*FUNCTIONS, "VarDecl"):
        yield node
        return
    if kind == "NamespaceDecl" and node.get("name") == OWN:
        return
    # Of a template only what is made of it by name, e.g. a specialization, can be in a library.
    template = kind in ("FunctionTemplateDecl", "ClassTemplateDecl", "ClassTemplatePartialSpecializationDecl")
    public = node.get("tagUsed") != "class"
    for child in node.get("inner", ()):
        if child.get("kind") == "AccessSpecDecl":
            public = child.get("access") == "public"
        elif public and not template:
            yield from _walk(child)


def declared(headers: list[str], flags: list[str], folder: Path) -> set[str]:
    """Mangled names in the project's namespace, and functions for C."""
    source = folder / "all.cpp"
    source.write_text("".join(f"#include <{header}>\n" for header in headers), encoding="utf-8")
    command = ["clang++", "-std=c++20", *flags, "-fsyntax-only", "-Xclang", "-ast-dump=json", "-Xclang", "-ast-dump-filter=neuron", str(source)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {node["mangledName"] for document in _documents(text) for node in _walk(document) if _wanted(node)}


def exported(*libraries: Path) -> set[str]:
    names = set()
    for library in libraries:
        text = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True).stdout
        names |= {line.split()[-1].split("@")[0] for line in text.splitlines()}
    return names


def demangled(names: set[str]) -> list[str]:
    return subprocess.run(["c++filt"], input="\n".join(sorted(names)), capture_output=True, text=True, check=True).stdout.splitlines()
