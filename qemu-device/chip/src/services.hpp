// SPDX-License-Identifier: MIT
#pragma once

namespace neuron::chip {

namespace hazard {
class Monitor;
}

namespace plan {
class Injector;
}

class Coalescer;
class Control;
class DeviceClock;
class Executor;
class Explorer;
class Host;
class InterruptGate;
class PacketWatcher;
class Recorder;
class Sanitizer;

/// What every unit of a chip may use. All members outlive the units.
struct Services {
    const Host &host;
    Executor &executor;
    Control &control;
    InterruptGate &interrupts;
    Coalescer &coalescer;
    const DeviceClock &clock;
    Recorder &recorder;
    plan::Injector &faults;
    Explorer &explorer;
    hazard::Monitor *hazards; ///< nullptr: nobody looks
    Sanitizer *sanitizer;     ///< the same
    PacketWatcher *watcher;   ///< the same
};

} // namespace neuron::chip
