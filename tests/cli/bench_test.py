#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""neuronctl bench, top and monitor, as far as they go without a device."""

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import xml.dom.minidom
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import schema
from neuronctl import NEURONCTL, bad, good
from tap import case, contains, equal, main

SIM = ("--backend", "sim", "--sim-hbm", "1G")
QUICK = ("--jobs", "100", "--batch", "10", "--repeat", "3", "--max", "16K")


@case("bench measures jobs and copies, as many as told")
def benches(folder):
    answer = good(folder, "--json", "bench", *SIM, *QUICK).json
    rows = {(row["bench"], row.get("direction", row.get("path")), row.get("bytes")): row for row in answer["results"]}
    directions = ("host -> hbm", "hbm -> host", "hbm -> hbm", "host -> host")
    equal(set(rows), {("latency", "direct", None), ("throughput", "direct", None)}
          | {("copy", direction, size) for direction in directions for size in (4096, 16384)})
    equal((rows["latency", "direct", None]["times"]["count"], rows["throughput", "direct", None]["times"]["count"]), (100, 10))
    assert all(row["times"]["count"] == 3 and row["bytes_per_second"] > 0 for row in answer["results"] if row["bench"] == "copy")
    equal((answer["priority"], answer["polled"]), ("normal", False))
    answer = good(folder, "--json", "bench", *SIM, *QUICK, "latency", "--polled", "--priority", "high").json
    equal((answer["priority"], answer["polled"], len(answer["results"])), ("high", True, 1))
    out = good(folder, "bench", *SIM, *QUICK, "latency").out
    contains(out, "jobs/s")
    assert "copy" not in out, out


@case("the plot is an SVG with a line for each direction, or for each path")
def plots(folder):
    good(folder, "bench", *SIM, *QUICK, "copy", "--plot", "c.svg")
    lines = xml.dom.minidom.parse(str(folder / "c.svg")).getElementsByTagName("polyline")
    equal([len(line.getAttribute("points").split()) for line in lines], [2, 2, 2, 2])
    good(folder, "bench", *SIM, *QUICK, "latency", "--plot", "l.svg")
    equal(len(xml.dom.minidom.parse(str(folder / "l.svg")).getElementsByTagName("polyline")), 1)
    bad(folder, 2, "no/p.svg: cannot write", "bench", *SIM, *QUICK, "--plot", "no/p.svg")


@case("wrong arguments of bench are refused, each by its name")
def wrong(folder):
    for words, part in ((("nonsense",), "BENCH"), (("--path", "pigeon"), "--path"), (("--jobs", "0"), "--jobs"),
                        (("--batch", "257"), "--batch"), (("--repeat", "0"), "--repeat"), (("--min", "0"), "--min 0: expected bytes"),
                        (("--max", "1K"), "--max 1K: expected bytes, not less than --min 4K"), (("--max", "x"), "--max x"), (("--priority", "urgent"), "--priority"), (("--polled=maybe",), "--polled"),
                        (("--backend", "gpu"), "unknown backend")):
        bad(folder, 2, part, "bench", *SIM[:0 if "--backend" in words else None], *words)


@case("top shows a sample and ends where there is no terminal")
def top(folder):
    good(folder, "top", "--once", "--interval", "0.05")
    answer = good(folder, "--json", "top", "--interval", "0.05").json
    assert isinstance(answer["devices"], list) and answer["time_ns"] > 0
    for text in ("0", "-1", "x", "4000"):
        bad(folder, 2, "--interval", "top", f"--interval={text}")


@case("monitor prints so many lines, each of them one object of the schema")
def lines(folder):
    out = good(folder, "monitor", "--count", "3", "--interval", "0.05").out.splitlines()
    equal(len(out), 3)
    for line in out:
        schema.validate(json.loads(line))
    assert json.loads(out[0])["time_ns"] < json.loads(out[2])["time_ns"]
    for text in ("x", "-1"):
        bad(folder, 2, "--count", "monitor", "--count", text)
    bad(folder, 2, "--listen", "monitor", "--listen", "70000")


@case("monitor --listen answers Prometheus on loopback only, and Ctrl-C ends it well")
def listens(folder):
    process = subprocess.Popen([NEURONCTL, "monitor", "--listen", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        url = process.stdout.readline().strip()
        text = urllib.request.urlopen(url, timeout=30).read().decode()
        contains(text, "# TYPE neuron_device_ready gauge\n")
        port = int(url.split(":")[2].split("/")[0])
        for path, data, code in (("/", None, 404), ("/metrics", b"x", 405)):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data=data, timeout=30)
                raise AssertionError(path)
            except urllib.error.HTTPError as error:
                equal(error.code, code)
        listening = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:] if line.split()[3] == "0A"]
        assert f"0100007F:{port:04X}" in listening and f"00000000:{port:04X}" not in listening
        bad_port = subprocess.run([NEURONCTL, "monitor", "--listen", str(port)], capture_output=True, text=True, check=False)
        equal((bad_port.returncode, bad_port.stderr), (1, f"neuronctl: error: cannot listen on 127.0.0.1:{port}: Address already "
                                                          "in use; another program has the port: choose another one\n"))
        # Whoever connects and says nothing does not keep others out for long.
        with socket.create_connection(("127.0.0.1", port)):
            contains(urllib.request.urlopen(url, timeout=30).read().decode(), "neuron_device_ready")
        process.send_signal(signal.SIGINT)
        equal(process.wait(timeout=30), 0)
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    sys.exit(main())
