# SPDX-License-Identifier: MIT
"""Draws the pictures of the documents as SVG: from what the tools print, and the architecture from the table below."""

import html
import json

# Told apart also by those who do not see all colours (Okabe and Ito).
COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]

LAYERS = [
    ("your program", [("neuronctl", "run, top, dma, explain"), ("your code", "C++, C, Python by ctypes")]),
    ("libneuron", [("accel", "ioctl, io_uring, doorbell"), ("sim", "the chip in the process"), ("null", "no chip: the library alone")]),
    ("guest kernel", [("kmod/ neuron_accel.ko", "GEM, VM_BIND, queues, fences, uring_cmd, reset")]),
    ("PCIe", [("qemu-device/qemu", "BARs, MSI-X, AER, FLR, migration")]),
    ("chip", [("queues", "packets, doorbells"), ("NeuronCores", "PE ACT DVE POOL SP"), ("memory", "HBM, SBUF, PSUM, MMU, DMA")]),
    ("spec/", [("one contract as data", "every header, decoder and table above is generated from it")]),
]


class Svg:
    """Lines of a picture."""

    def __init__(self, width, height):
        self.width = width
        self.lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
        ]

    def box(self, x, y, width, height, fill, **more):
        extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
        self.lines.append(f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{fill}"{extra}/>')

    def text(self, x, y, words, **more):
        extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
        self.lines.append(f'<text x="{x:.1f}" y="{y:.1f}"{extra}>{html.escape(words)}</text>')

    def finish(self):
        return "\n".join([*self.lines, "</svg>"]) + "\n"


def architecture():
    width, row, left = 760, 66, 110
    svg = Svg(width, row * len(LAYERS) + 10)
    for index, (name, parts) in enumerate(LAYERS):
        y = 8 + index * row
        svg.text(12, y + 30, name, font_weight="bold")
        share = (width - left - 8) / len(parts)
        for place, (title, what) in enumerate(parts):
            x = left + place * share
            svg.box(x, y, share - 8, row - 14, "#f4f8fb", stroke=COLOURS[index], rx=4)
            svg.text(x + share / 2 - 4, y + 22, title, text_anchor="middle", font_weight="bold")
            svg.text(x + share / 2 - 4, y + 40, what, text_anchor="middle", font_size=11)
    return svg.finish()


def terminal(text):
    """A screen, as it was printed."""
    lines = text.rstrip().splitlines()
    svg = Svg(40 + 7.3 * max(map(len, lines)), 30 + 17 * len(lines))
    svg.box(6, 6, svg.width - 12, 18 + 17 * len(lines), "#1d2328", rx=6)
    for number, line in enumerate(lines):
        svg.text(18, 28 + 17 * number, line, fill="#e8e8e8", font_family="monospace", xml__space="preserve")
    return svg.finish().replace("xml--space", "xml:space")


def shares(spans):
    """How much of the time each name takes, the most first."""
    time = {}
    for e in spans:
        time[e["name"]] = time.get(e["name"], 0) + e["dur"]
    return sorted(time, key=time.get, reverse=True)


def timeline(trace):
    """What `neuronctl run --timeline` writes of the device: a row for each track, a bar for each span, a colour for each name."""
    events = json.loads(trace)["traceEvents"]
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    spans = [e for e in events if e["ph"] == "X" and e["pid"] > 0]
    tracks = [track for track in sorted(names) if any((e["pid"], e["tid"]) == track for e in spans)]
    colours = dict(zip(shares(spans), COLOURS))
    start = min(e["ts"] for e in spans)
    length = max(e["ts"] + e["dur"] for e in spans) - start
    width, row, left = 960, 34, 130
    bottom = 20 + row * len(tracks)
    svg = Svg(width, bottom + 50)
    scale = (width - left - 50) / length
    for index, track in enumerate(tracks):
        svg.text(10, 36 + row * index, names[track], font_weight="bold")
        for e in spans:
            if (e["pid"], e["tid"]) == track:
                x, long = left + (e["ts"] - start) * scale, max(e["dur"] * scale, 0.6)
                svg.box(x, 18 + row * index, long, row - 8, colours.get(e["name"], "#888"))
    for tenth in range(0, 11, 2):
        svg.text(left + tenth / 10 * length * scale, bottom + 14, f"{tenth / 10 * length:.0f} µs", text_anchor="middle", fill="#555")
    for index, (name, colour) in enumerate(colours.items()):
        svg.box(left + 110 * index, bottom + 28, 12, 12, colour)
        svg.text(left + 110 * index + 18, bottom + 38, name)
    return svg.finish()
