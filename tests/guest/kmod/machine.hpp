// SPDX-License-Identifier: MIT
// What is around the device: the machine's monitor, the driver's attributes, messages of the kernel to user space.
#pragma once

#include "support.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <liburing.h>

namespace kmod {

/// QEMU's monitor, as the guest reaches it.
class Monitor {
public:
    Monitor();
    ~Monitor();
    Monitor(Monitor &&) = delete;

    /// A QMP command with its arguments as JSON. Return: the whole reply, a line of JSON.
    std::string execute(const std::string &command, const std::string &arguments = "{}");
    /// The same, which must succeed.
    std::string succeed(const std::string &command, const std::string &arguments = "{}");
    /// A command of the human monitor. Return: the whole reply.
    std::string human(const std::string &line);

private:
    std::string read_line();

    int fd_;
    int number_ = 0;
    std::string buffer_;
};

/// The device's id in QEMU; guest/run gives it.
inline constexpr const char *QEMU_ID = "npu0";

/// Sets a property of the device in QEMU; `value` is JSON.
void set_property(const std::string &name, const std::string &value);

/// A property that is true as long as this exists, or until end().
class Misbehaviour {
public:
    explicit Misbehaviour(std::string property) : property_(std::move(property)) { set_property(property_, "true"); }
    ~Misbehaviour() { end(); }
    Misbehaviour(Misbehaviour &&) = delete;
    void end() {
        if (std::exchange(on_, false))
            set_property(property_, "false");
    }

private:
    std::string property_;
    bool on_ = true;
};

/// Content of a file of sysfs without the line end, or "-errno".
std::string read_file(const std::string &path);

/// Waits until something holds; looks often, and fails never by itself.
bool wait_until(const std::function<bool()> &holds, std::chrono::milliseconds timeout = LONG);

/// An attribute of the PCI device that has its old value again in the end.
class Attribute {
public:
    Attribute(const std::string &name, const std::string &value);
    ~Attribute();
    Attribute(Attribute &&) = delete;

private:
    std::string path_;
    std::string old_;
};

/// While it lives, a job that loops is stopped after two timeouts of its queue, and not after dozens.
struct Impatient : Attribute {
    Impatient() : Attribute("watchdog/job_timeouts", "2") {}
};

/// DEV_QUERY of the structures about errors.
drm_neuron_query_context context_of(const File &file);
drm_neuron_query_ras ras_of(const File &file);

/// A fresh file runs a job.
void device_works();

void unbind(const std::string &name);
void bind_driver(const std::string &name);

/// The device coredump that there is, if any, without waiting; drop_coredumps() makes room for the next one.
std::optional<std::string> coredump();
/// Waits for one, and returns its text.
std::string await_coredump();
void drop_coredumps();

/// Uevents from here on.
class Uevents {
public:
    Uevents();
    ~Uevents();
    Uevents(Uevents &&) = delete;
    /// Waits for one with this NAME=VALUE. Return: all its lines, or nothing in time.
    std::optional<std::vector<std::string>> await(const std::string &pair, std::chrono::milliseconds timeout = LONG);

private:
    int fd_;
};

/// A bound host buffer with a program in it that ends at once, and the packet that launches it.
class Finisher {
public:
    explicit Finisher(const File &file);
    const Packet &packet() const { return packet_; }

private:
    Packet packet_;
};

/// A word of the function's configuration space.
class ConfigSpace {
public:
    ConfigSpace();
    ~ConfigSpace();
    ConfigSpace(ConfigSpace &&) = delete;
    std::uint16_t read(unsigned offset) const;
    void write(unsigned offset, std::uint16_t value) const;
    /// Offset of a capability; fails the test when there is none.
    unsigned capability(std::uint8_t id) const;

private:
    int fd_;
};

/// A job on io_uring that never ends, and how its command ends.
class PendingCommand {
public:
    explicit PendingCommand(const File &file);
    ~PendingCommand();
    PendingCommand(PendingCommand &&) = delete;
    /// Waits for it.
    int result();

private:
    Spinner spinner_;
    Packet packet_;
    drm_neuron_submit args_{};
    io_uring ring_{};
};

/// Reads an event if there is one.
std::optional<drm_neuron_event> next_event(const File &file, std::chrono::milliseconds timeout = NOW);
/// Chooses the events of the file.
int event_mask(const File &file, std::uint32_t mask, std::uint32_t pad = 0);

} // namespace kmod
