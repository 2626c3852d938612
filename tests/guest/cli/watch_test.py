#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl top and monitor beside a process that works on the real driver."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

import prometheus
import schema
from endless import endless
from neuronctl import NEURONCTL, bad, good
from tap import case, contains, equal, main

CLEAR = "\033[H\033[J"
QUICK = ("--interval", "0.3")


def busy(sample: dict, pid: int) -> dict:
    """The one line of this process, whose job takes a core and a queue all of the time."""
    client, = (entry for entry in sample["clients"] if entry["pid"] == pid)
    assert 0.5 < client["cores"] < 1.5 and 0.5 < client["queues"] < 1.5, client
    return client


@contextmanager
def in_terminal(*words: object):
    """neuronctl in a terminal of its own: gives its pid and what it writes to."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(NEURONCTL, [str(NEURONCTL), *map(str, words)], {**os.environ, "TERM": "xterm"})
    try:
        yield pid, terminal
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(terminal)


def screens(terminal: int, wanted: int) -> list[str]:
    """The first so many whole screens."""
    text, end = "", time.monotonic() + 60
    while text.count(CLEAR) <= wanted:
        assert time.monotonic() < end, f"only this came: {text!r}"
        if select.select([terminal], [], [], 1)[0]:
            text += os.read(terminal, 65536).decode()
    return text.replace("\r\n", "\n").split(CLEAR)[1 : wanted + 1]


@case("top in a terminal shows devices with engines, queues and memory, and the process that works; Ctrl-C ends it well")
def top_live(folder):
    with endless(folder) as process, in_terminal("top", *QUICK) as (pid, terminal):
        shown = screens(terminal, 2)[-1]
        os.write(terminal, b"\x03")
        equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
    lines = shown.splitlines()
    assert re.match(r"DEVICE +ADDRESS +STATE +CORES BUSY +QUEUES BUSY +HBM +HOST +TEMP +POWER +FAULTS +RESETS", lines[0]), shown
    device = re.match(r"accel0 +[0-9a-f:.]+ +ready +(\d+\.\d\d) of 8 +(\d+\.\d\d) +\S+ [KM]iB +\S+ [KM]iB +[\d.]+ C +[\d.]+ W +\d+ +\d+", lines[1])
    assert device and all(0.5 < float(device[i]) < 1.5 for i in (1, 2)), shown
    assert re.match(r"PID +COMMAND +DEVICE +CORES +QUEUES +CORE TIME +HBM +HOST +RESIDENT", lines[3]), shown
    client = re.match(rf" *{process.pid} +neuronctl +[0-9a-f:.]+ +(\d+\.\d\d) +(\d+\.\d\d) +\S+ m?s +\S+ KiB", lines[4])
    assert client and all(0.5 < float(client[i]) < 1.5 for i in (1, 2)), shown
    contains(shown, "Ctrl-C ends")


@case("top once, as text and as JSON, tells of the same process, and of none when it has gone")
def top_once(folder):
    with endless(folder) as process:
        answer = good(folder, "--json", "top", *QUICK).json
        client = busy(answer, process.pid)
        equal(client["command"], "neuronctl")
        assert client["fdinfo"]["drm-total-hbm"] >= 8192 and client["fdinfo"]["drm-engine-core"] > 0, client
        device, = answer["devices"]
        equal((device["node"], device["state"], device["address"]), ("accel0", "ready", client["address"]))
        assert {"faults", "resets"} <= set(device["ras"]) and "temp1_input" in device["sensors"], device
        contains(good(folder, "top", "--once", *QUICK).out, str(process.pid))
    answer = good(folder, "--json", "top", *QUICK).json
    equal(answer["clients"], [])
    contains(good(folder, "top", "--once", *QUICK).out, "No process that you may look at has the device open.")


@case("who may not look at a process sees the device and not the process")
def others(folder):
    folder.chmod(0o755)
    with endless(folder) as process:
        answer = good(folder, "--json", "top", *QUICK, before=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")).json
        equal((len(answer["devices"]), answer["clients"]), (1, []))
        assert process.poll() is None


@case("monitor prints a sample in each line, in which the times of a process that works grow")
def monitors(folder):
    with endless(folder) as process:
        out = good(folder, "monitor", "--count", "3", *QUICK).out.splitlines()
        samples = [json.loads(line) for line in out]
        equal(len(samples), 3)
        for sample in samples:
            schema.validate(sample)
        spent = [busy(sample, process.pid)["fdinfo"]["drm-engine-core"] for sample in samples]
        assert spent == sorted(set(spent)), spent
        assert samples[0]["time_ns"] < samples[1]["time_ns"] < samples[2]["time_ns"]


@case("monitor --listen answers a scrape on loopback with valid text, and counters of a process that works grow")
def scrapes(folder):
    with endless(folder) as process:
        server = subprocess.Popen([NEURONCTL, "monitor", "--listen", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            url = server.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", url), url
            both = []
            for _ in range(2):
                with urllib.request.urlopen(url, timeout=30) as answer:
                    contains(answer.headers["Content-Type"], "version=0.0.4")
                    both.append(prometheus.parse(answer.read().decode()))
        finally:
            server.send_signal(signal.SIGINT)
            out, err = server.communicate(timeout=30)
        equal((server.returncode, out, err), (0, "", ""))
        first, second = ({name: {labels.get("pid"): value for labels, value in entries} for name, entries in scrape.items()}
                         for scrape in both)
        for name in ("neuron_client_core_seconds_total", "neuron_client_queue_seconds_total"):
            assert 0 < first[name][str(process.pid)] < second[name][str(process.pid)], (name, first, second)
        assert second["neuron_client_hbm_bytes"][str(process.pid)] >= 8192
        labels, ready = both[1]["neuron_device_ready"][0]
        equal((labels["state"], ready), ("ready", 1))
        kinds = {labels["kind"] for labels, _ in both[1]["neuron_ras_total"]}
        assert {"faults", "resets"} <= kinds, kinds
        assert both[1]["neuron_power_watts"][0][1] > 0


@case("arguments of top and monitor that are wrong are named")
def wrong(folder):
    for words, part in ((("top", "--interval", "0"), "--interval"), (("top", "--interval", "3601"), "--interval"), (("top", "now"), "now"),
                        (("top", "--count", "3"), "--count"), (("monitor", "--interval", "-1"), "--interval"),
                        (("monitor", "--count", "-3"), "--count"), (("monitor", "--listen", "65536"), "--listen"),
                        (("monitor", "--listen", "http"), "--listen"), (("monitor", "x"), "x")):
        bad(folder, 2, part, *words)


if __name__ == "__main__":
    sys.exit(main())
