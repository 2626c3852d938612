// SPDX-License-Identifier: MIT
#include "chip.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "../error.hpp"

namespace neuron::sim {
namespace {

constexpr std::chrono::milliseconds nap(1);

LogLevel level_of(neuron_chip_log_level level) {
    switch (level) {
    case NEURON_CHIP_LOG_ERROR: return LogLevel::error;
    case NEURON_CHIP_LOG_WARNING: return LogLevel::warning;
    case NEURON_CHIP_LOG_INFO: return LogLevel::info;
    case NEURON_CHIP_LOG_DEBUG: return LogLevel::debug;
    }
    return LogLevel::debug;
}

// Value of NEURON_SANITIZER, empty if there is none that asks for it.
std::string_view sanitizer_wish() {
    const char *const wish = std::getenv("NEURON_SANITIZER");
    return wish != nullptr && wish != std::string_view("0") ? wish : "";
}

// What is to be explored: a seed, and aspects behind it. Empty: nothing.
std::string explore_wish(const SimOptions &options) {
    const char *const wish = std::getenv("NEURON_EXPLORE");
    if (wish != nullptr && *wish != '\0')
        return wish;
    return options.explore ? std::to_string(options.seed) : std::string();
}

// What is to go wrong. Empty: nothing.
std::string faults_wish(const SimOptions &options) {
    const char *const wish = std::getenv("NEURON_FAULT_PLAN");
    return options.fault_plan.empty() && wish != nullptr ? wish : options.fault_plan;
}

// Who asked by the environment may have no log.
void print_report(neuron_chip_log_level level, std::string_view message) {
    const std::string_view wish = sanitizer_wish();
    if (wish.empty() || level != NEURON_CHIP_LOG_WARNING || !message.starts_with("sanitizer: "))
        return;
    fmt::print(stderr, "{}\n", message);
    if (wish == "fatal")
        std::abort();
}

} // namespace

neuron_chip_host_ops Chip::host_ops() {
    neuron_chip_host_ops ops{};
    ops.size = sizeof(ops);
    ops.dma_read = [](void *self, std::uint64_t addr, void *buf, std::size_t len) {
        return static_cast<Chip *>(self)->memory_.read(addr, {static_cast<std::byte *>(buf), len});
    };
    ops.dma_write = [](void *self, std::uint64_t addr, const void *buf, std::size_t len) {
        return static_cast<Chip *>(self)->memory_.write(addr, {static_cast<const std::byte *>(buf), len});
    };
    ops.raise_irq = [](void *self, std::uint32_t) { static_cast<Chip *>(self)->tell_news(); };
    ops.kick = [](void *self) { static_cast<Chip *>(self)->tell_news(); };
    ops.log = [](void *self, neuron_chip_log_level level, const char *message) {
        static_cast<Chip *>(self)->log_(level_of(level), message);
        print_report(level, message);
    };
    return ops;
}

Result<std::unique_ptr<Chip>> Chip::create(const SimOptions &options, HostMemory &memory, const detail::Log &log) {
    std::unique_ptr<Chip> chip(new Chip(memory, log));
    const std::string tape = !options.record.empty() ? options.record : next_tape_of_environment();
    if (!tape.empty())
        if (auto opened = chip->tape_.open(tape); !opened)
            return detail::forward_error(opened);
    neuron_chip_config config{};
    config.size = sizeof(config);
    config.abi_major = NEURON_CHIP_ABI_MAJOR;
    config.profile = options.profile.empty() ? nullptr : options.profile.c_str();
    config.hbm_bytes = options.hbm_bytes;
    config.aperture_bytes = options.aperture_bytes;
    config.cores = options.cores;
    config.threads = options.threads;
    const std::string explore = explore_wish(options);
    config.stepped = options.stepped || !explore.empty() || chip->tape_.is_open();
    config.hazards = options.hazards;
    config.sanitizer = options.sanitizer || !sanitizer_wish().empty();
    config.simd = options.simd.empty() ? nullptr : options.simd.c_str();
    config.seed = options.seed;
    if (chip->tape_.is_open()) {
        config.tape = [](void *self, const void *data, std::size_t size) {
            return static_cast<Chip *>(self)->tape_.write(data, size);
        };
        config.tape_opaque = chip.get();
    }
    std::array<char, 256> message{};
    const auto ops = host_ops();
    if (const int error = -neuron_chip_create(&config, &ops, chip.get(), &chip->chip_, message.data(), message.size()))
        return detail::fail(detail::code_of(error), "sim: {}", message.data());
    if (config.stepped) {
        const std::uint64_t turns = explore.empty() ? 0 : std::strtoull(explore.c_str(), nullptr, 0);
        chip->group_ = options.group ? options.group : std::make_shared<SimGroup>(turns);
        chip->group_->join(chip->chip_);
    }
    if (auto done = chip->plan(faults_wish(options), explore); !done)
        return detail::forward_error(done);
    return chip;
}

Result<void> Chip::plan(const std::string &faults, const std::string &explore) {
    if (faults.empty() && explore.empty())
        return {};
    std::array<char, 256> message{};
    std::string text = faults;
    if (!explore.empty())
        text += "\nexplore seed=" + explore;
    if (text.find('\0') != std::string::npos)
        return detail::fail(ErrorCode::invalid_argument, "sim: fault plan: holds a byte 0, which is no text");
    if (neuron_chip_set_fault_plan(chip_, text.c_str(), message.data(), message.size()) != 0)
        return explore.empty() ? detail::fail(ErrorCode::invalid_argument, "sim: {}", message.data())
                               : detail::fail(ErrorCode::invalid_argument, "sim: exploring with seed '{}': {}", explore,
                                              message.data());
    plans_ = !faults.empty();
    explores_ = !explore.empty();
    if (explores_)
        tell("explores\n"); // a program that crashes says no more
    return {};
}

std::string Chip::plan_report() const {
    std::string text(neuron_chip_fault_report(chip_, nullptr, 0), '\0');
    neuron_chip_fault_report(chip_, text.data(), text.size() + 1);
    return text;
}

// Who asked for it by the environment learns that a chip explores, and what it has.
void Chip::tell(std::string_view text) {
    if (const char *const path = std::getenv("NEURON_EXPLORE_REPORT"); path != nullptr)
        std::ofstream(path, std::ios::app) << text;
}

void Chip::tell_explored() const {
    if (!explores_)
        return;
    tell(plan_report());
}

Chip::~Chip() {
    tell_explored();
    if (group_)
        group_->leave(chip_);
    neuron_chip_destroy(chip_);
}

std::uint32_t Chip::read32(std::uint32_t offset) const {
    get_ahead();
    return static_cast<std::uint32_t>(neuron_chip_reg_read(chip_, offset, 4));
}

std::uint64_t Chip::read64(std::uint32_t offset) const {
    get_ahead();
    return neuron_chip_reg_read(chip_, offset, 8);
}

void Chip::write32(std::uint32_t offset, std::uint32_t value) {
    get_ahead();
    neuron_chip_reg_write(chip_, offset, value, 4);
}

void Chip::write64(std::uint32_t offset, std::uint64_t value) {
    get_ahead();
    neuron_chip_reg_write(chip_, offset, value, 8);
}

void Chip::ring_doorbell(std::uint32_t context, std::uint32_t slot, std::uint32_t tail) {
    get_ahead();
    neuron_chip_doorbell_write(chip_, spec::doorbell(context, slot), tail, 4);
}

std::span<std::byte> Chip::aperture() const {
    std::uint64_t bytes = 0;
    auto *start = static_cast<std::byte *>(neuron_chip_aperture(chip_, &bytes));
    return {start, bytes};
}

std::vector<SanitizerReport> Chip::reports() const {
    std::vector<SanitizerReport> all;
    std::array<std::byte, spec::SanitizerReport::BYTES> raw;
    std::array<char, spec::REPORT_TEXT> text;
    for (std::uint64_t first = 0; neuron_chip_read_reports(chip_, &first, raw.data(), raw.size()) != 0;) {
        const auto report = spec::unpack<spec::SanitizerReport>(raw);
        // None: it has been forgotten meanwhile.
        if (neuron_chip_report_text(chip_, report.index, text.data(), text.size()) != 0)
            all.push_back({report, text.data()});
    }
    return all;
}

std::uint64_t Chip::news() const {
    const std::lock_guard guard(news_lock_);
    return news_;
}

void Chip::tell_news() {
    {
        const std::lock_guard guard(news_lock_);
        ++news_;
    }
    changed_.notify_all();
}

void Chip::wait_news(std::uint64_t seen, detail::Deadline deadline) {
    if (group_ && run() != 0)
        return;
    // Another thread may be running the stepped chip, and stops as soon as its own job is done.
    const auto until = group_ ? std::min(deadline, detail::Clock::now() + nap) : deadline;
    std::unique_lock guard(news_lock_);
    changed_.wait_until(guard, until, [&] { return news_ != seen; });
}

bool Chip::poll(const std::function<bool()> &done) {
    const auto limit = detail::Clock::now() + std::chrono::seconds(30);
    for (unsigned round = 0; !done(); ++round) {
        if (detail::Clock::now() > limit)
            return false;
        if (group_)
            run();
        else if (round < 64)
            std::this_thread::yield();
        else
            std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    return true;
}

} // namespace neuron::sim
