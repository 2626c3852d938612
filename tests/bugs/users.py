# SPDX-License-Identifier: MIT
"""Mistakes in programs. The first command is the program itself, whose error says what was wrong; or explain, if it stands still."""

from corpus import bug, explained, program, standing_still

ERROR = "the program's error"
EXPLAIN = "neuronctl explain"
SUBMITTED = r"the job was submitted at tests/bugs/programs\.cpp:\d+"
MADE = r"made at tests/bugs/programs\.cpp:\d+"
BY = r"destroyed [\d.]+ ms ago at tests/bugs/programs\.cpp:\d+ \(bug\+0x[0-9a-f]+\)"


def fails(name: str, story: str, kernel: str | None = None, **names: str) -> None:
    bug(name, "program", story, ERROR, **names)(lambda folder: program(folder, name, kernel))


fails("copy-past-end", "A copy is as long as its source, which is longer than its destination.",
      cause="PAGE_NOT_MAPPED.*writing address", job=r"job 1, packet 1 \(COPY\)", buffer=rf"behind buffer 'weights' that ends at address \w+, {MADE}", place=SUBMITTED)
fails("read-before-start", "A header is looked for in front of the buffer.",
      cause="PAGE_NOT_MAPPED.*reading address", job=r"job 1, packet 0 \(COPY\)", buffer="before buffer 'first'", place=SUBMITTED)
fails("use-after-destroy", "A buffer is destroyed while a job still fills it.",
      cause="PAGE_NOT_MAPPED.*writing address", job=r"job 2, packet 0 \(FILL\)", buffer=rf"of buffer 'scratch'.*{MADE}, which was {BY}", place=SUBMITTED)
fails("write-to-read-only", "Weights that the device may only read are cleared.",
      cause="PAGE_READ_ONLY", job=r"job 1, packet 2 \(FILL\)", buffer=rf"byte 128 of buffer 'weights'.*{MADE}", place=SUBMITTED)
fails("address-of-another-context", "An address is used in a context that it does not belong to.",
      cause="PAGE_NOT_MAPPED.*writing address", job=r"job 1, packet 0 \(COPY\)", buffer="behind buffer 'ours' that ends at", place=SUBMITTED)
fails("uninitialised-address", "Nobody has set the destination.",
      cause="writing address 0x0", job=r"job 1, packet 0 \(FENCE\)", place=SUBMITTED)
fails("wild-address", "An address that no context can have.",
      cause="BAD_ADDRESS", job=r"job 1, packet 0 \(FENCE\)", place=SUBMITTED)
fails("bytes-taken-for-elements", "An output has room for so many bytes as it should have elements.",
      cause="PAGE_NOT_MAPPED.*writing address", job=r"job 1, packet 0 \(COPY\)", buffer=rf"behind buffer 'output'.*{MADE}", place=SUBMITTED)
fails("unknown-packet", "A packet of which only the opcode was forgotten.",
      cause="ILLEGAL_PACKET.*opcode 0xee", job=r"job 1, packet 1 \(opcode 0xee\)", place=SUBMITTED)
fails("misaligned-fence", "A flag of four bytes, next to another one.",
      cause="ILLEGAL_PACKET|BAD_ADDRESS", job=r"job 1, packet 0 \(FENCE\)", place=SUBMITTED)
fails("program-was-never-loaded", "The program's buffer was made, and nothing put in it.",
      cause="PROGRAM_HEADER", job=r"job 1, packet 0 \(LAUNCH\)", place=SUBMITTED)
fails("too-many-packets", "A job that no ring has room for.",
      cause="4096 packets")
fails("tensor-too-small", "A tensor has a page, and the kernel wants more.", "store_and_load",
      cause="needs 16384 bytes, its buffer has 4096", buffer="parameter 'X'", place="store_and_load")
fails("argument-forgotten", "The second tensor was forgotten.", "store_and_load",
      cause="2 parameters|takes 2|has 2", buffer="Y", place="store_and_load")
fails("program-destroyed-too-early", "A program is destroyed while a job that runs it waits its turn.", "store_and_load",
      cause="PAGE_NOT_MAPPED", job=r"job 3, packet 0 \(LAUNCH\)", buffer=rf"store_and_load.*{BY}", place=SUBMITTED)
fails("point-that-nobody-signals", "A job waits for a point of a timeline that nobody will reach.",
      cause="no job was submitted yet that signals it", buffer="point 7")
fails("point-of-another-context", "A timeline of another context was not imported.",
      cause="of another context than the queue's: import it there", buffer="point 1")
fails("queue-used-by-two-threads", "Two threads submit to one queue.",
      cause="thread")
fails("goes-on-after-a-fault", "Nobody looks at the result of a job that faulted.",
      cause="takes no more jobs, because it stopped: .*PAGE_READ_ONLY", job="job 1, packet 0", buffer=r"byte 0 of buffer 'flag'", place=SUBMITTED)
fails("sibling-of-a-fault", "A queue stops because of another one's fault.",
      cause="another queue of the context stopped: .*PAGE_READ_ONLY", job="job 1, packet 0", buffer=r"byte 0 of buffer 'flag'")
fails("makes-no-progress", "A kernel goes round for ever.", "endless",
      cause="stopped, because it made no progress", job="job 1", place=SUBMITTED)
fails("canceled-with-its-queue", "A queue is destroyed while somebody waits for its job.", "endless",
      cause="canceled", job="job 1")


@bug("launch-and-stay", "program", "A kernel goes round for ever, and its process waits.", EXPLAIN, cause="endless|no way out|no branch leaves", job="queue 0",
     place=r"line 5 of endless: blt")
def _launch(folder):
    with standing_still(folder, "launch-and-stay", "endless"):
        return explained(folder, "stuck:")


@bug("cores-taken", "program", "A launch waits for the core that another process's launch has.", EXPLAIN, cause="waits for core|cores", job="queue 0", place="core 0")
def _cores(folder):
    with standing_still(folder, "cores-taken", "endless"):
        return explained(folder, "waiting:")


@bug("ring-is-full", "program", "Nobody waits for jobs, and the ring fills up behind one that does not end.", EXPLAIN, cause="for room for 1 packets: the ring of queue", job="queue 1 is at packet 0",
     place="core 0")
def _ring(folder):
    with standing_still(folder, "ring-is-full", "endless"):
        return explained(folder, "for room for")
