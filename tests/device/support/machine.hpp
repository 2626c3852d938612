// SPDX-License-Identifier: MIT
// A q35 machine without a guest: the test is its CPU, over QEMU's qtest protocol, and its operator, over QMP.
#pragma once

#include "process.hpp"
#include "socket.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace neuron::test {

/// Addresses are those of the guest's physical address space. Whatever fails ends the running test. One thread only.
class Machine {
public:
    static constexpr std::uint64_t RAM_BYTES = 128ull << 20;

    /// Start a machine with further arguments, and wait until it is ready.
    static std::shared_ptr<Machine> start(const std::vector<std::string> &args);
    /// Guest RAM is as `before` left it, so what that has allocated is in use.
    void continue_from(const Machine &before) { next_free_ = before.next_free_; }
    /// End every machine that was started, whoever still refers to it: a failed test never runs its destructors.
    static void stop_all();

    ~Machine();

    std::uint8_t readb(std::uint64_t addr);
    std::uint16_t readw(std::uint64_t addr);
    std::uint32_t readl(std::uint64_t addr);
    std::uint64_t readq(std::uint64_t addr);
    void writel(std::uint64_t addr, std::uint32_t value);
    void writeq(std::uint64_t addr, std::uint64_t value);
    std::vector<std::byte> read(std::uint64_t addr, std::size_t bytes);
    void write(std::uint64_t addr, std::span<const std::byte> data);

    void outl(std::uint16_t port, std::uint32_t value);
    void outw(std::uint16_t port, std::uint16_t value);
    void outb(std::uint16_t port, std::uint8_t value);
    std::uint32_t inl(std::uint16_t port);

    /// Let the machine's clock, which stands still otherwise, go on by that much.
    void clock_step(std::uint64_t nanoseconds);

    /// Guest RAM that nobody else uses, zeroed.
    std::uint64_t allocate(std::uint64_t bytes, std::uint64_t alignment = 4096);

    /// Run a QMP command. Returns "return", or ends the test on an error.
    nlohmann::json qmp(const std::string &command, const nlohmann::json &arguments);
    void qmp(const std::string &command);
    /// Run a QMP command that must fail; returns what it said.
    std::string qmp_error(const std::string &command, const nlohmann::json &arguments);
    /// Set a property of device `id`, while the machine runs.
    void set_property(const std::string &id, const std::string &property, const nlohmann::json &value);
    /// Wait for a QMP event of that name; returns its data.
    nlohmann::json wait_event(const std::string &name);
    /// Press the reset button, and wait until the machine is reset.
    void reset();
    /// Run a command of the human monitor; returns what it printed.
    std::string monitor(const std::string &command);
    /// Whether QEMU answers and the machine runs.
    bool alive();
    /// End QEMU in order; returns its exit code.
    int quit();

    Process &process() { return process_; }

private:
    struct Sockets;

    Machine(std::unique_ptr<Sockets> sockets, const std::vector<std::string> &args);
    std::string command(const std::string &line);
    std::uint64_t number(const std::string &line);
    nlohmann::json qmp_message();
    nlohmann::json qmp_answer(const std::string &command, const nlohmann::json &arguments);

    std::unique_ptr<Sockets> sockets_;
    Process process_;
    std::uint64_t next_free_;
};

} // namespace neuron::test
