// SPDX-License-Identifier: MIT
/**
 * @file
 * What is known of a device at a moment, wherever it was read: plain data for the rules.
 */
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <neuron/spec.hpp>

namespace neuronctl::explain {

namespace spec = neuron::spec;

/** A process, as the driver names it. */
struct Process {
    std::string comm;
    std::uint64_t pid = 0;
};

/** What a sequencer waits for, or waited for when it was halted. */
struct Wait {
    spec::WaitOp op = spec::WaitOp::NONE;
    std::uint32_t semaphore = 0;
    std::uint32_t value = 0;
    std::uint32_t is = 0;
};

struct Engine {
    spec::Engine engine{};
    spec::EngineState state{};
    std::uint32_t pc = 0;
    std::uint64_t retired = 0;
    std::uint32_t transfers = 0; ///< In flight.
    std::optional<Wait> wait{};
    // From several looks at it; see observe().
    std::set<std::uint32_t> pcs{};
    std::uint64_t moved = 0; ///< Instructions retired between the first look and the last.
};

struct Core {
    std::uint32_t index = 0;
    std::uint64_t queue = 0; ///< Of the launch that it has, or had last.
    bool busy = false;
    std::vector<Engine> engines{};                       ///< Those that the program uses.
    std::map<std::uint32_t, std::uint32_t> semaphores{}; ///< Those that are not 0.
};

struct Fault {
    spec::Fault code{};
    spec::Unit unit{};
    std::uint32_t core = 0;
    std::uint32_t ring = 0;
    std::uint32_t pc = 0;
    bool write = false;
    std::uint64_t job = 0;
    std::uint64_t packet = 0; ///< Since the queue started.
    std::uint64_t va = 0;
    std::uint64_t info = 0;
};

struct Packet {
    std::uint64_t index = 0;
    std::string name{};          ///< Of the opcode.
    std::string text{};          ///< With its fields.
    std::uint32_t core_mask = 0; ///< Of a LAUNCH.
    std::uint64_t program = 0;   ///< Likewise: its context address.
};

/** What the registers of a queue say. */
struct QueueRegisters {
    std::uint32_t status = 0;
    std::optional<std::uint32_t> cfg{};
    std::uint64_t head = 0;
    std::uint64_t tail = 0;
    std::uint64_t progress = 0;
};

struct Queue {
    std::uint64_t hw = 0;
    std::uint64_t ctx = 0;
    std::string mode = "kernel"; ///< kernel, polled or user.
    std::string priority = "normal";
    std::string state = "ok";    ///< ok, faulted, timed out, canceled or lost.
    std::uint64_t submitted = 0; ///< Jobs; of a queue in user mode packets.
    std::uint64_t completed = 0;
    std::uint64_t ring = 0; ///< Packets that it holds; 0: not known.
    std::uint64_t timeout_ms = 0;
    std::optional<std::uint64_t> core_ns{}; ///< Time of cores since the start; 0: it has launched nothing.
    std::uint32_t coalesce_count = 0;
    std::uint32_t coalesce_usecs = 0;
    std::optional<std::uint64_t> failed{}; ///< The job that it was stopped in.
    std::uint64_t unheard = 0;             ///< Jobs that the watchdog completed, as no interrupt told of them.
    std::uint64_t unheard_job = 0;         ///< The last of them,
    std::uint64_t unheard_ns = 0;          ///< and how long it had been done.
    // Of a queue that the driver writes: packets since the start.
    std::optional<std::uint64_t> written{};
    std::optional<std::uint64_t> announced{};  ///< That the driver has rung for.
    std::optional<std::uint64_t> collected{};  ///< That are done, as far as the driver believes.
    std::optional<std::uint64_t> seqno{};      ///< That the device has written back.
    std::optional<std::uint64_t> oldest_end{}; ///< End of the oldest job in flight, 0 if there is none.
    std::optional<std::uint64_t> vector{};     ///< That the driver listens to for it; 0: none yet.
    std::optional<Fault> fault{};
    std::optional<QueueRegisters> registers{}; ///< Nothing while the device is cut off.
    std::vector<Packet> packets{};             ///< Around HEAD, if they can be seen.
    // From several looks; see observe().
    std::uint64_t progressed = 0;
    std::uint64_t retired = 0; ///< Packets.
};

struct Mapping {
    std::uint64_t ctx = 0;
    std::uint64_t va = 0;
    std::uint64_t size = 0;
    std::string place{}; ///< hbm, host or process.
    bool read_only = false;
    std::uint64_t buffer = 0; ///< 0: none.
    std::uint64_t offset = 0; ///< In the buffer.
    std::string label{};      ///< What the context calls it; empty without a name.
};

struct Buffer {
    std::uint64_t id = 0;
    std::string place{};
    std::uint64_t size = 0;
    std::string label{}; ///< Empty without one.
    std::string made{};  ///< "foo.cc:88": where its program made it; empty if it has not said.
    Process owner{};
    bool used = true;        ///< A handle, a mapping, or another driver has it.
    bool owner_gone = false; ///< The process has ended.
};

/** A task that waits in a submission, before its job is in a queue. */
struct Stall {
    std::uint64_t queue = 0;
    std::uint64_t packets = 0;
    std::uint64_t waited_ms = 0;
    bool room = false; ///< For room in the ring; else for a fence:
    std::string driver{};
    std::string timeline{};
    std::uint64_t context = 0;
    std::uint64_t seqno = 0;
    std::optional<std::uint64_t> of{}; ///< The queue of this device that it belongs to.
    Process process{};
};

/** What the sanitizer has seen. */
struct Report {
    std::uint64_t index = 0;
    std::string kind{}; ///< By the contract's name.
    bool faulted = false;
    std::uint64_t repeats = 0; ///< How often it was seen again.
    std::string text{};
};

/** The event ring, in records since power-on, counted as the registers do. */
struct Events {
    std::uint64_t handled = 0; ///< By the driver.
    std::uint64_t head = 0;    ///< Up to which it has told the device so.
    std::uint64_t tail = 0;    ///< Up to which the device has written.
};

/** A fault that the device remembers. Its process may have ended, and then nobody knows the number of the job. */
struct Failure {
    Fault fault{};
    std::uint64_t ctx = 0;
    std::uint64_t queue = 0;
    std::string opcode{};  ///< Of the packet; empty if the records do not say.
    std::uint64_t pid = 0; ///< Who had bound memory in the context; 0: not known.
    std::optional<std::uint64_t> ns_ago{};
    std::vector<Mapping> mappings{};       ///< What the context had bound, as far as the records reach back.
    std::vector<Mapping> bound_since{};    ///< What it has bound since.
    std::optional<Mapping> unbound{};      ///< What had been at the address before.
    std::set<std::uint64_t> stopped_too{}; ///< Queues of the same context, which the fault has stopped.
};

/** What the driver has counted since it was bound, and when it has last said so in the kernel's log. */
struct Losses {
    std::uint64_t resets = 0;
    std::uint64_t fatal_link_errors = 0;
    std::string link_error{}; ///< What the kernel calls the errors; empty if it does not know.
    std::optional<std::uint64_t> gone_ms_ago{};
    std::optional<std::uint64_t> wedged_ms_ago{};
    std::optional<std::uint64_t> link_ms_ago{};
};

/** Whether the function may sleep when nobody uses it. */
struct Power {
    bool active = false; ///< During the whole time that was looked at.
    bool allowed = false;
    std::uint64_t delay_ms = 0; ///< That it stays awake after its last use.
};

/** What the configuration space of the function says. */
struct Function {
    bool answers = true; ///< Not all ones.
    bool memory = true;
    bool bus_master = true;
    bool msix = true;         ///< Enabled.
    bool msix_masked = false; ///< The whole function.
    unsigned power = 0;       ///< D state.
    bool placed = true;       ///< Its BARs have addresses, if the kernel has given them some.

    [[nodiscard]] bool reachable() const { return answers && placed; }
};

struct State {
    std::string source{}; ///< "live", or the name of a file.
    std::string device{}; ///< PCI address.
    /** ready, resetting, recovering, sleeping, wedged, gone; "unbound" without a driver. */
    std::string device_state = "ready";
    std::string reason{};                      ///< Why a coredump was taken.
    std::optional<std::uint64_t> dump_queue{}; ///< That it was taken for.
    std::optional<Function> function{};
    std::uint64_t span_ms = 0; ///< From the first look to the last; 0: there was one.
    std::uint64_t events_lost = 0;
    std::optional<Events> events{};
    std::optional<Power> power{};
    bool used = true; ///< Somebody had it open, or HBM of it exported, at some moment.
    std::vector<Queue> queues{};
    std::vector<Core> cores{};
    std::map<std::uint64_t, Process> contexts{}; ///< Whose each is.
    std::vector<Mapping> mappings{};
    std::map<std::uint64_t, Buffer> buffers{};
    std::vector<Stall> stalls{};
    std::vector<Report> reports{};    ///< None without the sanitizer.
    std::optional<Failure> failure{}; ///< The last one.
    std::optional<Losses> losses{};
};

/** Adds a later look at the same device: what has moved. */
void observe(State &state, const State &later);

} // namespace neuronctl::explain
