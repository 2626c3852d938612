// SPDX-License-Identifier: MIT
#pragma once

namespace neuron::chip {

class Control;
class Executor;
class Host;
class InterruptGate;

/// What every unit of a chip may use. All members outlive the units.
struct Services {
    const Host &host;
    Executor &executor;
    Control &control;
    InterruptGate &interrupts;
};

} // namespace neuron::chip
