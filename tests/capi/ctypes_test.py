#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The interface for C carries another language: a kernel runs from Python with ctypes alone."""

import ctypes
import struct
import sys
from ctypes import byref, c_char_p, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from tap import BUILD, case, contains, equal, main  # noqa: E402

BACKEND = b"accel" if Path("/dev/accel/accel0").exists() else b"sim"
LIB = ctypes.CDLL(str(BUILD / "user/libneuron/libneuron.so.0"))
LIB.neuron_error_message.restype = c_char_p
LIB.neuron_error_message.argtypes = [c_void_p]
LIB.neuron_error_free.argtypes = [c_void_p]
LIB.neuron_version.restype = c_char_p


class DeviceOptions(ctypes.Structure):
    """As of the first version: what comes later is zero."""

    _fields_ = [("size", c_size_t), ("backend", c_char_p)]


class Argument(ctypes.Structure):
    _fields_ = [("buffer", c_void_p), ("value", c_uint64)]


class BufferOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("placement", c_uint32), ("bank", c_uint32)]


def check(function: str, *args) -> None:
    error = c_void_p()
    if getattr(LIB, function)(*args, byref(error)) != 0:
        text = LIB.neuron_error_message(error).decode()
        LIB.neuron_error_free(error)
        raise RuntimeError(text)


def made(function: str, *args) -> c_void_p:
    handle = c_void_p()
    check(function, *args, byref(handle))
    return handle


def open_device(backend: bytes) -> c_void_p:
    return made("neuron_device_open", byref(DeviceOptions(ctypes.sizeof(DeviceOptions), backend)))


@case("the library says its version")
def version(_):
    contains(LIB.neuron_version().decode(), ".")


@case("errors arrive as texts")
def errors(_):
    try:
        open_device(b"magic")
    except RuntimeError as error:
        contains(str(error), "magic")
    else:
        raise AssertionError("it was opened")


@case(f"a kernel runs on {BACKEND.decode()}")
def kernel(_):
    device = open_device(BACKEND)
    context = made("neuron_context_create", device, None)
    queue = made("neuron_queue_create", context, None)
    file = made("neuron_kernel_load", str(BUILD / "user/tests/capi/hello.nko").encode())
    hbm = BufferOptions(ctypes.sizeof(BufferOptions), 1, 0)
    count = 128 * 512
    x = made("neuron_buffer_create", context, c_uint64(4 * count), byref(hbm))
    y = made("neuron_buffer_create", context, c_uint64(2 * count), byref(hbm))
    data = struct.pack(f"<{count}f", *(float(i % 256) for i in range(count)))
    check("neuron_buffer_write", x, queue, c_uint64(0), data, c_size_t(len(data)))
    program = made("neuron_program_load", context, queue, file, None)
    job = c_uint64()
    check("neuron_program_launch", program, queue, (Argument * 2)(Argument(x, 0), Argument(y, 0)), c_size_t(2), c_uint32(1), byref(job))
    check("neuron_queue_wait", queue, job, c_int64(60 * 10**9))
    out = ctypes.create_string_buffer(2 * count)
    check("neuron_buffer_read", y, queue, c_uint64(0), out, c_size_t(2 * count))
    upper = b"".join(data[i + 2 : i + 4] for i in range(0, len(data), 4))
    equal(out.raw == upper, True, "the upper halves of small whole numbers")
    for function, handle in (("program_destroy", program), ("buffer_destroy", x), ("buffer_destroy", y), ("kernel_free", file),
                             ("queue_destroy", queue), ("context_destroy", context), ("device_close", device)):
        getattr(LIB, f"neuron_{function}").argtypes = [c_void_p]
        getattr(LIB, f"neuron_{function}")(handle)


if __name__ == "__main__":
    sys.exit(main())
