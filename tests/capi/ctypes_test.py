#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The interface for C carries another language: a kernel runs from Python with ctypes alone."""

import ctypes
import os
import select
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


class QueueOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("ring_log2", c_uint32), ("path", c_uint32), ("job_timeout_ms", c_uint64), ("priority", c_uint32),
                ("polled", c_uint32)]


class Point(ctypes.Structure):
    _fields_ = [("timeline", c_void_p), ("value", c_uint64)]


class SubmitOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("wait", ctypes.POINTER(Point)), ("wait_count", c_size_t), ("signal", ctypes.POINTER(Point)),
                ("signal_count", c_size_t)]


class PacketList(ctypes.Structure):
    _fields_ = [("packets", c_void_p), ("count", c_size_t)]


class Times(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("start_ns", c_uint64), ("end_ns", c_uint64)]


class Status(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("id", c_uint32), ("state", c_uint32), ("priority", c_uint32), ("ring_packets", c_uint32),
                ("submitted", c_uint64), ("completed", c_uint64)]


class LogicalCore(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("core_mask", c_uint32), ("bank", c_uint32)]


class DeviceEvent(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("kind", c_uint32), ("queue", c_uint32), ("job", c_uint64)]


MINUTE = c_int64(60 * 10**9)


class Stage:
    """A device with a context and a queue of low priority, given back at the end."""

    def __enter__(self):
        self.device = open_device(BACKEND)
        self.context = made("neuron_context_create", self.device, None)
        self.queue = made("neuron_queue_create", self.context, byref(QueueOptions(ctypes.sizeof(QueueOptions), priority=1)))
        return self

    def __exit__(self, *_):
        for function, handle in (("queue_destroy", self.queue), ("context_destroy", self.context), ("device_close", self.device)):
            give_back(function, handle)


def give_back(function: str, handle: c_void_p) -> None:
    getattr(LIB, f"neuron_{function}").argtypes = [c_void_p]
    getattr(LIB, f"neuron_{function}")(handle)


def nops(count: int):
    packets = ctypes.create_string_buffer(64 * count)
    for i in range(count):
        LIB.neuron_packet_nop(byref(packets, 64 * i))
    return packets


def refused(part: str, function: str, *args) -> None:
    try:
        check(function, *args)
    except RuntimeError as error:
        contains(str(error), part)
    else:
        raise AssertionError(f"{function} took it")


@case("batches, times, status and priorities")
def batches(_):
    with Stage() as stage:
        packets, job = nops(3), c_uint64()
        lists = (PacketList * 2)(PacketList(ctypes.addressof(packets), 1), PacketList(ctypes.addressof(packets), 2))
        check("neuron_queue_submit_batch", stage.queue, lists, c_size_t(2), byref(job))
        equal(job.value, 2)
        check("neuron_queue_wait", stage.queue, job, MINUTE)
        times = Times(ctypes.sizeof(Times))
        check("neuron_queue_get_times", stage.queue, job, byref(times))
        assert 0 < times.start_ns <= times.end_ns
        status = Status(ctypes.sizeof(Status))
        check("neuron_queue_get_status", stage.queue, byref(status))
        equal((status.state, status.priority, status.submitted, status.completed), (0, 1, 2, 2))
        refused("jobs is NULL", "neuron_queue_submit_batch", stage.queue, None, c_size_t(2), None)
        refused("times is NULL", "neuron_queue_get_times", stage.queue, job, None)
        refused("status is NULL", "neuron_queue_get_status", stage.queue, None)
        refused("no priority 9", "neuron_queue_create", stage.context, byref(QueueOptions(ctypes.sizeof(QueueOptions), priority=9)),
                byref(c_void_p()))


@case("timelines, events and files to poll")
def timelines(_):
    with Stage() as stage:
        timeline = made("neuron_timeline_create", stage.context)
        options = SubmitOptions(ctypes.sizeof(SubmitOptions), signal=ctypes.pointer(Point(timeline, 4)), signal_count=1)
        check("neuron_queue_submit_sync", stage.queue, nops(1), c_size_t(1), byref(options), None)
        event = made("neuron_event_create", stage.queue, c_uint64(1))
        files = [ctypes.c_int(), ctypes.c_int()]
        check("neuron_event_fd", event, byref(files[0]))
        check("neuron_timeline_fd", timeline, c_uint64(4), byref(files[1]))
        for file in files:
            equal(select.select([file.value], [], [], 60)[0], [file.value])
            os.close(file.value)
        value = c_uint64()
        check("neuron_timeline_get_value", timeline, byref(value))
        equal(value.value, 4)
        check("neuron_event_wait", event, c_int64(0))
        refused("signal, or the timeline", "neuron_queue_submit_sync", stage.queue, nops(1), c_size_t(1),
                byref(SubmitOptions(ctypes.sizeof(SubmitOptions), signal_count=1)), None)
        refused("event is NULL", "neuron_event_wait", None, c_int64(0))
        refused("timeline is NULL", "neuron_timeline_signal", None, c_uint64(1))
        give_back("event_destroy", event)
        give_back("timeline_destroy", timeline)


@case("device events and logical cores")
def device_events(_):
    with Stage() as stage:
        file, found, event = ctypes.c_int(), ctypes.c_bool(), DeviceEvent(ctypes.sizeof(DeviceEvent))
        check("neuron_context_events_fd", stage.context, byref(file))
        packet = ctypes.create_string_buffer(64)
        LIB.neuron_packet_fence(packet, c_uint64(8), c_uint64(1))
        check("neuron_queue_submit", stage.queue, packet, c_size_t(1), None)
        equal(select.select([file.value], [], [], 60)[0], [file.value])
        check("neuron_context_next_event", stage.context, byref(event), byref(found))
        equal((found.value, event.kind, event.job), (True, 0, 1))
        os.close(file.value)
        core = LogicalCore(ctypes.sizeof(LogicalCore))
        check("neuron_device_get_logical_core", stage.device, c_uint32(0), c_uint32(1), byref(core))
        equal((core.core_mask, core.bank), (1, 1))
        refused("event is NULL", "neuron_context_next_event", stage.context, None, byref(found))
        refused("core is NULL", "neuron_device_get_logical_core", stage.device, c_uint32(0), c_uint32(1), None)


if __name__ == "__main__":
    sys.exit(main())
