# SPDX-License-Identifier: MIT
"""Runs that start from a booted guest.

The first run with a kernel, a module, a QEMU and options boots a guest up to where it would mount the host's files, and
keeps its RAM and the state of its devices in the cache. Each run with the same starts from there: it maps the RAM
privately, so any number of them may run at once, sets the time, gives the guest fresh random bytes, and goes on.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import time

RECIPE = 1  # changes with what a snapshot is, besides what its key is made of
KEEP = 6  # newest ones that stay in the cache
DESCRIBE_SECONDS = 10  # for the monitor's answers


class Failure(Exception):
    """One line that says why there is no snapshot, or no run from it."""


class Ended(Failure):
    """QEMU has ended."""


class TimedOut(Failure):
    """The time ran out."""


class Lines:
    """A socket that QEMU connects to, and talk in lines over it until `end`, a time of the monotonic clock."""

    def __init__(self, path, end):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.end = end
        self.connection = None
        self.received = b""

    def accept(self, qemu):
        self.listener.settimeout(0.1)
        while self.connection is None:
            with contextlib.suppress(TimeoutError):
                self.connection = self.listener.accept()[0]
            if self.connection is None and (qemu.poll() is not None or time.monotonic() > self.end):
                raise Failure("QEMU does not start")

    def hear(self):
        while b"\n" not in self.received:
            left = self.end - time.monotonic()
            self.connection.settimeout(None if left == float("inf") else max(left, 0.001))
            try:
                data = self.connection.recv(4096)
            except TimeoutError:
                raise TimedOut("the time ran out") from None
            except ConnectionError:
                data = b""
            if not data:
                raise Ended("QEMU ended")
            self.received += data
        line, self.received = self.received.split(b"\n", 1)
        return line.decode()

    def say(self, line):
        self.connection.sendall(line.encode() + b"\n")


class Host:
    """The host's side of a machine: the guest's port neuron.job (see guest/helper.c), and a monitor."""

    def __init__(self, scratch, timeout):
        end = time.monotonic() + timeout
        self.port = Lines(os.path.join(scratch, "job"), end)
        self.monitor = Lines(os.path.join(scratch, "monitor"), end)

    @staticmethod
    def words(scratch):
        """What QEMU is told of it."""
        job, monitor = os.path.join(scratch, "job"), os.path.join(scratch, "monitor")
        words = ["-chardev", f"socket,id=job,path={job}", "-device", "virtserialport,chardev=job,name=neuron.job"]
        return words + ["-chardev", f"socket,id=monitor,path={monitor}", "-mon", "chardev=monitor,mode=control"]

    def begin(self, qemu):
        self.monitor.accept(qemu)
        self.port.accept(qemu)
        self.monitor.hear()  # the greeting
        self.command("qmp_capabilities")
        # RAM of the machine that is saved is a shared mapping, which the state then need not hold. What starts from it
        # maps it privately, but must be told that it was so.
        wanted = ("x-ignore-shared", "events")
        self.command("migrate-set-capabilities", capabilities=[{"capability": name, "state": True} for name in wanted])

    def command(self, name, **arguments):
        self.monitor.say(json.dumps({"execute": name, "arguments": arguments}))
        while True:
            answer = json.loads(self.monitor.hear())
            if "error" in answer:
                raise Failure(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def transfer(self, name, path):
        """Saves to or loads from a file."""
        self.command(name, uri=f"file:{path}")
        while (status := self.command("query-migrate")).get("status") != "completed":
            if status.get("status") == "failed":
                raise Failure(f"{name}: {status.get('error-desc', 'failed')}")
            self.monitor.hear()  # the next event: the status has changed

    def describe(self):
        """What the machine does, for a person who has to find out why it does not answer."""
        self.monitor.end = time.monotonic() + DESCRIBE_SECONDS
        words = ("info status", "info registers -a", "info lapic", "info irq", "info chardev", "info qtree")
        found = [f"(qemu) {word}\n" + self.command("human-monitor-command", **{"command-line": word}) for word in words]
        return "\n".join(found).replace("\r", "")

    def wait_for_end(self):
        """Until the guest says that it has left its results, or QEMU ends by itself."""
        with contextlib.suppress(Ended):
            self.expect("end")

    def expect(self, line):
        said = self.port.hear()
        if said != line:
            raise Failure(f"the guest says '{said}' instead of '{line}'")


def ram_words(size, path, saved):
    mode = "share=off,readonly=on,rom=off" if saved else "share=on"
    return ["-object", f"memory-backend-file,id=ram,size={size},mem-path={path},{mode}", "-machine", "memory-backend=ram"]


class Digests:
    """SHA-256 of files, remembered by size and time: a kernel takes a while to read."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "digests.json")
        try:
            with open(self.path, encoding="utf-8") as file:
                self.known = json.load(file)
        except (FileNotFoundError, ValueError):
            self.known = {}

    def of(self, path):
        status = os.stat(path)
        stamp = f"{os.path.realpath(path)} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
        if stamp not in self.known:
            with open(path, "rb") as file:
                self.known[stamp] = hashlib.file_digest(file, "sha256").hexdigest()
            temporary = f"{self.path}.{os.getpid()}"
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(self.known, file)
            os.rename(temporary, self.path)
        return self.known[stamp]


def libraries(qemu):
    """Files that the program loads, as the loader finds them."""
    result = subprocess.run(["ldd", qemu], stdout=subprocess.PIPE, text=True, check=False)
    words = (line.split("=>")[-1].split() for line in result.stdout.splitlines())
    return [found[0] for found in words if found and found[0].startswith("/")]


class Snapshot:
    """One booted guest in the cache."""

    def __init__(self, folder, qemu, files, words):
        """`words`: of QEMU's command line, without what differs from run to run; `files`: whose content matters."""
        os.makedirs(folder, exist_ok=True)
        digests = Digests(folder)
        content = [digests.of(path) for path in [qemu, *libraries(qemu), *files]]
        key = hashlib.sha256(json.dumps([RECIPE, content, words]).encode()).hexdigest()[:20]
        self.folder = folder
        self.path = os.path.join(folder, key)
        self.ram = os.path.join(self.path, "ram")

    def complete(self):
        return os.path.exists(os.path.join(self.path, "state"))

    @contextlib.contextmanager
    def locked(self):
        """Nobody else makes this snapshot, or removes any."""
        with open(os.path.join(self.folder, "lock"), "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def words(self, size):
        """For a machine that starts from it."""
        os.utime(self.path)  # used just now
        return [*ram_words(size, self.ram, True), "-incoming", "defer"]

    def wake(self, host, qemu, out):
        """Lets that machine go on, at the present time and with random bytes of its own."""
        try:
            host.begin(qemu)
            host.transfer("migrate-incoming", os.path.join(self.path, "state"))
        except Failure as failure:
            raise Failure(f"the guest cannot be restored from {self.path}: {failure}") from None
        host.port.say("wake")
        try:
            host.expect("now")
        except Failure as failure:
            seen = os.path.join(out, "machine.log")
            with contextlib.suppress(Failure), open(seen, "w", encoding="utf-8") as file:
                file.write(host.describe())
            raise Failure(f"the guest does not wake up: {failure}; what the machine was doing is in {seen}") from None
        now = time.time_ns()
        host.port.say(f"{now // 10**9} {now % 10**9} {secrets.token_hex(32)}")

    def make(self, size, build_words, timeout, check):
        """Boots and saves. `build_words(out, scratch)`: QEMU's command line; `check(console)`: what is wrong with it."""
        new = f"{self.path}.new"
        shutil.rmtree(new, ignore_errors=True)
        os.makedirs(os.path.join(new, "scratch"))
        scratch = os.path.join(new, "scratch")
        host = Host(scratch, timeout)
        words = build_words(new, scratch) + ram_words(size, os.path.join(new, "ram"), False)
        with subprocess.Popen(words, stdin=subprocess.PIPE) as qemu:
            try:
                host.begin(qemu)
                host.expect("ready")
                problem = check(os.path.join(new, "console.log"))
                if problem:
                    raise Failure(problem)
                host.transfer("migrate", os.path.join(new, "state.new"))
            except Failure as failure:
                os.unlink(os.path.join(new, "ram"))
                raise Failure(f"no guest to start from: {failure}; its console is {new}/console.log") from None
            finally:
                qemu.kill()
        shutil.rmtree(scratch)
        os.rename(os.path.join(new, "state.new"), os.path.join(new, "state"))
        shutil.rmtree(self.path, ignore_errors=True)
        os.rename(new, self.path)
        self.drop_old()

    def drop_old(self):
        """A machine that runs from one keeps its files open."""
        kept = [entry for entry in os.scandir(self.folder) if entry.is_dir() and not entry.name.endswith(".new")]
        for entry in sorted(kept, key=lambda entry: entry.stat().st_mtime, reverse=True)[KEEP:]:
            shutil.rmtree(entry.path, ignore_errors=True)
