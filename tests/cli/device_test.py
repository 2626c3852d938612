#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl devices and info, the options that choose a device, and the command line itself."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from neuronctl import bad, ctl, good
from tap import case, main


@case("help teaches: every command has examples, and so has the program")
def helps(folder):
    for words in ((), ("run",), ("asm",), ("disasm",), ("devices",), ("info",)):
        text = good(folder, *words, "--help").out
        assert "Examples:" in text and "neuronctl" in text, words
    assert "Exit codes:" in good(folder, "--help").out


@case("--version names program and hardware contract")
def version(folder):
    assert good(folder, "--version").out.startswith("neuronctl ")
    assert "hardware contract 1." in good(folder, "--version").out


@case("a missing or unknown command, and an unknown option, are usage errors")
def usage(folder):
    bad(folder, 2, "subcommand is required")
    bad(folder, 2, "unknown command 'frobnicate'", "frobnicate")
    bad(folder, 2, "--frob", "info", "--frob")
    bad(folder, 2, "KERNEL is required", "run")
    bad(folder, 2, "--submit", "run", "x.nko", "--submit", "pigeon")
    bad(folder, 2, "--placement", "run", "x.nko", "--placement", "moon")
    bad(folder, 2, "--timeout", "run", "x.nko", "--timeout", "-1")


@case("JSON errors are JSON on standard output, with the schema")
def json_errors(folder):
    for words in (("--json",), ("--json", "frobnicate"), ("--json", "run"), ("run", "--json", "nope.nko")):
        result = ctl(folder, *words)
        assert result.code == 2 and result.err == "", result.err
        assert result.json["schema"] == "neuronctl/1" and result.json["ok"] is False and result.json["error"]["message"]


@case("devices lists without failing when there are none")
def devices(folder):
    assert good(folder, "devices").out
    answer = good(folder, "--json", "devices").json
    assert isinstance(answer["devices"], list)


@case("info shows the chip in the process, as the options say")
def info(folder):
    assert "trn2" in good(folder, "info", "--backend", "sim").out
    answer = good(folder, "--json", "info", "--backend", "sim", "--sim-profile", "trn1", "--sim-hbm", "512M", "--sim-cores", "1").json
    device = answer["device"]
    assert (device["profile"], device["cores"], device["hbm_bytes"]) == ("trn1", 1, 512 << 20), device


@case("an unknown device is named")
def unknown_device(folder):
    for command in (("info",), ("run", "x.nko")):
        part = "accel77" if command[0] == "info" else "x.nko"
        bad(folder, 1 if command[0] == "info" else 2, part, *command, "--device", "accel77")
    bad(folder, 1, "/dev/accel/accel77", "info", "--device", "/dev/accel/accel77")


@case("a wrong backend or simulator option is refused, naming it")
def wrong_choices(folder):
    bad(folder, 2, "unknown backend 'gpu'; there is accel, sim, null", "info", "--backend", "gpu")
    bad(folder, 2, "--device is for --backend accel", "info", "--backend", "sim", "--device", "accel0")
    bad(folder, 2, "--sim-hbm needs --backend sim", "info", "--sim-hbm", "4G")
    bad(folder, 2, "--sim-stepped needs --backend sim", "info", "--sim-stepped")
    bad(folder, 2, "unknown profile 'trn9'; there are inf2, trn1, trn2, trn3", "info", "--backend", "sim", "--sim-profile", "trn9")
    for text in ("lots", "0", "4X", "-1"):
        bad(folder, 2, f"--sim-hbm {text}: expected bytes", "info", "--backend", "sim", f"--sim-hbm={text}")
    bad(folder, 2, "hbm", "info", "--backend", "sim", "--sim-hbm", "1")
    bad(folder, 2, "--sim-threads", "info", "--backend", "sim", "--sim-threads", "many")


if __name__ == "__main__":
    sys.exit(main())
