# SPDX-License-Identifier: MIT
"""Errors of the contract: each names its file and its entry, and all of them are told at once."""


class SpecError(Exception):
    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


class Problems:
    def __init__(self) -> None:
        self.list: list[str] = []

    def add(self, file: str, entry: str, text: str) -> None:
        self.list.append(f"{file}: {entry}: {text}" if entry else f"{file}: {text}")

    def stop_if_any(self) -> None:
        if self.list:
            raise SpecError(self.list)
