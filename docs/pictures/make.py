#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the pictures of the documents anew, from runs in the guest: needs what `make build` has built."""

import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
import draw  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WORK = TOP / "build/pictures"
NEURONCTL = TOP / "build/user/tools/neuronctl/neuronctl"
SIZE = "512"

GUEST = f"""
set -e
run() {{ {NEURONCTL} run {WORK}/matmul.nko --in A={WORK}/A.npy --in B={WORK}/B.npy --out C=$NEURON_OUT/C.npy "$@"; }}
run --timeline $NEURON_OUT/timeline.json
run --repeat 2000 >/dev/null 2>&1 &
sleep 2
{NEURONCTL} top --once >$NEURON_OUT/top.txt
kill $!
{NEURONCTL} bench latency --jobs 2000 --plot $NEURON_OUT/submission.svg
"""


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    matmul = TOP / "kernels/matmul"
    defines = [word for name in "MNK" for word in ("-D", f"{name}={SIZE}")]
    subprocess.run([NEURONCTL, "asm", matmul / "matmul.s", *defines, "-o", WORK / "matmul.nko"], check=True)
    subprocess.run([matmul / "make_inputs.py", "--seed", "1", "--out", WORK], check=True)
    subprocess.run([TOP / "guest/run", "--out", WORK, "--", "sh", "-c", GUEST], check=True)
    pictures = {
        "architecture": draw.architecture(),
        "timeline": draw.timeline((WORK / "timeline.json").read_text()),
        "top": draw.terminal((WORK / "top.txt").read_text()),
        "submission": (WORK / "submission.svg").read_text(),
    }
    for name, picture in pictures.items():
        (HERE / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C.UTF-8"
    main()
