// SPDX-License-Identifier: MIT
#include "machine.hpp"

#include "check.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include <unistd.h>

namespace neuron::test {

namespace {

std::vector<std::shared_ptr<Machine>> machines;

/// First byte of RAM that the tests use: above everything that a PC keeps at fixed addresses.
constexpr std::uint64_t FIRST_FREE = 16ull << 20;

/// Hex digits per qtest line: its parser copies a line several times.
constexpr std::size_t CHUNK = 65536;

template<class... Values>
std::string format(const char *pattern, Values... values) {
    char line[128];
    std::snprintf(line, sizeof(line), pattern, values...);
    return line;
}

std::string make_folder() {
    std::string folder = "/tmp/neuron-qtest-XXXXXX";
    assert_non_null(mkdtemp(folder.data()));
    return folder;
}

unsigned digit(char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); }

} // namespace

struct Machine::Sockets {
    std::string folder = make_folder();
    LineSocket qtest{folder + "/qtest"};
    LineSocket qmp{folder + "/qmp"};
    /// QMP events that nobody has waited for yet.
    std::vector<nlohmann::json> events;

    std::vector<std::string> arguments(const std::vector<std::string> &more) const {
        std::vector<std::string> all{"-M",
                                     "q35",
                                     "-display",
                                     "none",
                                     "-nodefaults",
                                     "-m",
                                     std::to_string(Machine::RAM_BYTES >> 20) + "M",
                                     "-qtest",
                                     "unix:" + qtest.path(),
                                     "-qtest-log",
                                     "none",
                                     "-qmp",
                                     "unix:" + qmp.path()};
        if (std::ranges::find(more, "-accel") == more.end())
            all.insert(all.end(), {"-accel", "qtest"});
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    ~Sockets() {
        unlink(qtest.path().c_str());
        unlink(qmp.path().c_str());
        rmdir(folder.c_str());
    }
};

std::shared_ptr<Machine> Machine::start(const std::vector<std::string> &args) {
    std::shared_ptr<Machine> machine(new Machine(std::make_unique<Sockets>(), args));
    machines.push_back(machine);
    if (!machine->sockets_->qmp.accept(machine->process_.pidfd()) ||
        !machine->sockets_->qtest.accept(machine->process_.pidfd()))
        fail_msg("QEMU does not start: %s", machine->process_.errors().c_str());
    machine->qmp_message(); // the greeting
    machine->qmp("qmp_capabilities");
    return machine;
}

void Machine::stop_all() {
    for (const std::shared_ptr<Machine> &machine : machines) {
        machine->process_.kill();
        machine->sockets_.reset();
    }
    machines.clear();
}

Machine::Machine(std::unique_ptr<Sockets> sockets, const std::vector<std::string> &args)
    : sockets_(std::move(sockets)), process_(sockets_->arguments(args)), next_free_(FIRST_FREE) {}

Machine::~Machine() = default;

std::string Machine::command(const std::string &line) {
    sockets_->qtest.send(line);
    std::string answer = sockets_->qtest.receive();
    while (answer.starts_with("IRQ "))
        answer = sockets_->qtest.receive();
    if (!answer.starts_with("OK"))
        fail_msg("qtest: %.80s: %s", line.c_str(), answer.c_str());
    return answer.size() > 3 ? answer.substr(3) : "";
}

std::uint64_t Machine::number(const std::string &line) { return std::strtoull(command(line).c_str(), nullptr, 16); }

std::uint8_t Machine::readb(std::uint64_t addr) {
    return static_cast<std::uint8_t>(number(format("readb 0x%" PRIx64, addr)));
}
std::uint16_t Machine::readw(std::uint64_t addr) {
    return static_cast<std::uint16_t>(number(format("readw 0x%" PRIx64, addr)));
}
std::uint32_t Machine::readl(std::uint64_t addr) {
    return static_cast<std::uint32_t>(number(format("readl 0x%" PRIx64, addr)));
}
std::uint64_t Machine::readq(std::uint64_t addr) { return number(format("readq 0x%" PRIx64, addr)); }

void Machine::writel(std::uint64_t addr, std::uint32_t value) {
    command(format("writel 0x%" PRIx64 " 0x%" PRIx32, addr, value));
}
void Machine::writeq(std::uint64_t addr, std::uint64_t value) {
    command(format("writeq 0x%" PRIx64 " 0x%" PRIx64, addr, value));
}

std::vector<std::byte> Machine::read(std::uint64_t addr, std::size_t bytes) {
    std::vector<std::byte> data;
    while (data.size() < bytes) {
        const std::size_t chunk = std::min(bytes - data.size(), CHUNK);
        const std::string hex = command(format("read 0x%" PRIx64 " %zu", addr + data.size(), chunk));
        assert_int_equal(hex.size(), 2 + 2 * chunk);
        for (std::size_t i = 2; i < hex.size(); i += 2)
            data.push_back(static_cast<std::byte>(digit(hex[i]) << 4 | digit(hex[i + 1])));
    }
    return data;
}

void Machine::write(std::uint64_t addr, std::span<const std::byte> data) {
    static constexpr char DIGITS[] = "0123456789abcdef";
    for (std::size_t done = 0; done < data.size(); done += CHUNK) {
        const auto part = data.subspan(done, std::min(data.size() - done, CHUNK));
        std::string line = format("write 0x%" PRIx64 " %zu 0x", addr + done, part.size());
        for (std::byte byte : part) {
            line += DIGITS[std::to_integer<unsigned>(byte >> 4)];
            line += DIGITS[std::to_integer<unsigned>(byte & std::byte{15})];
        }
        command(line);
    }
}

void Machine::outl(std::uint16_t port, std::uint32_t value) { command(format("outl 0x%x 0x%" PRIx32, port, value)); }
void Machine::outw(std::uint16_t port, std::uint16_t value) { command(format("outw 0x%x 0x%x", port, value)); }
void Machine::outb(std::uint16_t port, std::uint8_t value) { command(format("outb 0x%x 0x%x", port, value)); }
void Machine::clock_step(std::uint64_t nanoseconds) { command(format("clock_step %" PRIu64, nanoseconds)); }
std::uint32_t Machine::inl(std::uint16_t port) { return static_cast<std::uint32_t>(number(format("inl 0x%x", port))); }

std::uint64_t Machine::allocate(std::uint64_t bytes, std::uint64_t alignment) {
    const std::uint64_t addr = (next_free_ + alignment - 1) / alignment * alignment;
    next_free_ = addr + bytes;
    assert_true(next_free_ <= RAM_BYTES);
    return addr;
}

nlohmann::json Machine::qmp_message() {
    nlohmann::json message = nlohmann::json::parse(sockets_->qmp.receive(), nullptr, false);
    assert_false(message.is_discarded());
    return message;
}

nlohmann::json Machine::qmp_answer(const std::string &name, const nlohmann::json &arguments) {
    sockets_->qmp.send(nlohmann::json{{"execute", name}, {"arguments", arguments}}.dump());
    for (;;) {
        nlohmann::json answer = qmp_message();
        if (!answer.contains("event"))
            return answer;
        sockets_->events.push_back(std::move(answer));
    }
}

nlohmann::json Machine::qmp(const std::string &name, const nlohmann::json &arguments) {
    nlohmann::json answer = qmp_answer(name, arguments);
    if (!answer.contains("return"))
        fail_msg("QMP: %s: %s", name.c_str(), answer.dump().c_str());
    return answer["return"];
}

std::string Machine::qmp_error(const std::string &name, const nlohmann::json &arguments) {
    const nlohmann::json answer = qmp_answer(name, arguments);
    if (!answer.contains("error"))
        fail_msg("QMP: %s %s did not fail", name.c_str(), arguments.dump().c_str());
    return answer["error"].value("desc", "");
}

void Machine::set_property(const std::string &id, const std::string &property, const nlohmann::json &value) {
    qmp("qom-set", {{"path", "/machine/peripheral/" + id}, {"property", property}, {"value", value}});
}

void Machine::qmp(const std::string &name) { qmp(name, nlohmann::json::object()); }

nlohmann::json Machine::wait_event(const std::string &name) {
    for (;;) {
        auto &events = sockets_->events;
        for (auto event = events.begin(); event != events.end(); ++event) {
            if ((*event)["event"] == name) {
                nlohmann::json data = event->value("data", nlohmann::json::object());
                events.erase(event);
                return data;
            }
        }
        events.push_back(qmp_message());
    }
}

void Machine::reset() {
    qmp("system_reset");
    wait_event("RESET");
}

std::string Machine::monitor(const std::string &line) {
    return qmp("human-monitor-command", {{"command-line", line}}).get<std::string>();
}

bool Machine::alive() { return qmp("query-status", nlohmann::json::object()).value("status", "") == "running"; }

int Machine::quit() {
    qmp("quit");
    return process_.wait();
}

} // namespace neuron::test
