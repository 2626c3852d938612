#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""reloaded.py FIRST.nko SECOND.nko: launches the first kernel, which fails, and says so with a line. After each line of standard input it
goes on: puts the second kernel into the place of the first, and ends."""

import ctypes
import os
import sys
from ctypes import byref, c_char_p, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path

LIB = ctypes.CDLL(str(Path(os.environ["NEURON_BUILD"]) / "user/libneuron/libneuron.so.0"))
LIB.neuron_error_message.restype = c_char_p
LIB.neuron_program_destroy.argtypes = [c_void_p]


class DeviceOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("backend", c_char_p)]


def call(function: str, *args) -> str:
    """What went wrong, if anything."""
    error = c_void_p()
    failed = getattr(LIB, function)(*args, byref(error)) != 0
    return LIB.neuron_error_message(error).decode() if failed else ""


def made(function: str, *args) -> c_void_p:
    handle = c_void_p()
    if message := call(function, *args, byref(handle)):
        raise RuntimeError(message)
    return handle


def tell(line: str) -> None:
    print(line, flush=True)
    sys.stdin.readline()


def main() -> None:
    device = made("neuron_device_open", byref(DeviceOptions(ctypes.sizeof(DeviceOptions), b"accel")))
    context = made("neuron_context_create", device, None)
    first, second = (made("neuron_kernel_load", path.encode()) for path in sys.argv[1:])
    queue = made("neuron_queue_create", context, None)
    program = made("neuron_program_load", context, queue, first, None)
    job = c_uint64()
    call("neuron_program_launch", program, queue, None, c_size_t(0), c_uint32(1), byref(job))
    tell(call("neuron_queue_wait", queue, job, c_int64(60 * 10**9)))
    LIB.neuron_program_destroy(program)
    other = made("neuron_queue_create", context, None)
    made("neuron_program_load", context, other, second, None)
    tell("loaded")


main()
