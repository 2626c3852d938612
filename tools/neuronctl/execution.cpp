// SPDX-License-Identifier: MIT
#include "execution.hpp"

#include <algorithm>
#include <list>
#include <utility>

#include <fmt/format.h>

#include "chip_run.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"

namespace neuronctl {
namespace {

using std::chrono::steady_clock;

/** How long one chip is waited for before the others are asked whether they have failed. */
constexpr std::chrono::milliseconds glance(20);

class Run {
public:
    Run(const std::vector<std::vector<Binding>> &bindings, const RunSettings &settings) : settings_(settings) {
        for (const auto &of_chip : bindings)
            chips_.emplace_back(of_chip, settings);
    }

    Outcome<RunResult> run(const neuron::KernelFile &file) {
        auto done = step("open", [this] { return open(); })
                        .and_then([&] { return step("load", [&] { return load(file); }); })
                        .and_then([this] { return step("upload", [this] { return upload(); }); })
                        .and_then([this] { return step("execute", [this] { return execute(); }); })
                        .and_then([this] { return step("download", [this] { return moving(&ChipRun::download); }); })
                        .and_then([this] { return step("write", [this] { return moving(&ChipRun::write); }); })
                        .and_then([this] { return check(); })
                        .and_then([this] { return traces(); });
        if (!done)
            return tl::unexpected(done.error());
        for (const ChipRun &chip : chips_) {
            result_.devices.push_back(chip.device());
            result_.jobs += chip.stats().jobs;
            result_.packets += chip.stats().packets;
        }
        result_.path = chips_.front().path();
        return std::move(result_);
    }

private:
    template<class F>
    Outcome<void> step(std::string_view name, F &&work) {
        moved_ = 0;
        const auto start = steady_clock::now();
        Outcome<void> done = work();
        result_.steps.push_back({std::string(name), steady_clock::now() - start, moved_});
        span(name, start, moved_);
        return done;
    }

    void span(std::string_view name, steady_clock::time_point start, std::uint64_t bytes) {
        result_.spans.push_back({std::string(name), std::chrono::nanoseconds(start.time_since_epoch()).count(),
                                 std::chrono::nanoseconds(steady_clock::now() - start).count(), bytes});
    }

    /** Calls `work` with each chip, and each with its number; an error says which chip it is of. */
    template<class F>
    Outcome<void> each(F &&work) {
        std::size_t number = 0;
        for (ChipRun &chip : chips_) {
            if (Outcome<void> done = work(chip, number); !done)
                return tl::unexpected(of_chip(number, std::move(done.error())));
            ++number;
        }
        return {};
    }

    Failure of_chip(std::size_t number, Failure failure) const {
        if (chips_.size() == 1)
            return failure;
        failure.message = fmt::format("chip {}: {}", number, failure.message);
        failure.details["chip"] = number;
        return failure;
    }

    /** A step that moves bytes. */
    Outcome<void> moving(Outcome<std::uint64_t> (ChipRun::*work)()) {
        return each([&](ChipRun &chip, std::size_t) { return add((chip.*work)()); });
    }

    Outcome<void> add(const Outcome<std::uint64_t> &moved) {
        if (!moved)
            return tl::unexpected(moved.error());
        moved_ += *moved;
        return {};
    }

    Outcome<void> open() {
        return each([this](ChipRun &chip, std::size_t number) -> Outcome<void> {
            if (auto opened = chip.open(settings_.devices[number]); !opened)
                return opened;
            const auto same = [&](const ChipRun &other) {
                return &other != &chip && other.device().backend == "accel" &&
                       other.device().name == chip.device().name;
            };
            // Its launches would wait for each other's cores, and inside for each other.
            if (std::ranges::any_of(chips_, same))
                return tl::unexpected(usage_error(fmt::format("{} is given twice", chip.device().name)));
            return {};
        });
    }

    Outcome<void> load(const neuron::KernelFile &file) {
        return each([&](ChipRun &chip, std::size_t) {
            const auto bytes = chip.load(file);
            result_.program_bytes = bytes.value_or(0);
            return add(bytes);
        });
    }

    Outcome<void> upload() {
        ChipRun::Shared shared;
        return each([&](ChipRun &chip, std::size_t) { return add(chip.upload(shared)); });
    }

    Outcome<void> execute() {
        Progress progress("launch", settings_.repeat);
        for (std::uint32_t i = 0; i < settings_.repeat; ++i) {
            if (interrupted())
                return tl::unexpected(interruption());
            if (i != 0) {
                progress.show(i);
                if (auto done = each([](ChipRun &chip, std::size_t) { return chip.rewind(); }); !done)
                    return done;
            }
            const auto start = steady_clock::now();
            if (auto done = launch(settings_.trace && i + 1 == settings_.repeat); !done)
                return done;
            result_.launches.push_back(steady_clock::now() - start);
            if (settings_.repeat > 1 && settings_.trace)
                span(fmt::format("launch {}", i + 1), start, 0);
        }
        return {};
    }

    Outcome<void> launch(bool traced) {
        start_ = steady_clock::now();
        auto done = each([&](ChipRun &chip, std::size_t) { return chip.launch(traced); });
        bool all = false;
        while (done && !all) {
            all = true;
            done = each([&](ChipRun &chip, std::size_t) { return look(chip, all); });
        }
        return done;
    }

    Outcome<void> check() {
        return each([this](ChipRun &chip, std::size_t) -> Outcome<void> {
            const auto checked = chip.check();
            if (!checked)
                return tl::unexpected(checked.error());
            result_.checked += *checked;
            return {};
        });
    }

    Outcome<void> traces() {
        return each([this](ChipRun &chip, std::size_t) -> Outcome<void> {
            auto trace = chip.trace();
            if (!trace)
                return tl::unexpected(trace.error());
            result_.traces.push_back(std::move(*trace));
            return {};
        });
    }

    /** Waits for a chip, but not for long: other chips fail, and people press Ctrl-C. */
    Outcome<void> look(ChipRun &chip, bool &all) const {
        const auto moment = std::chrono::nanoseconds(chips_.size() == 1 ? interrupt_glance : glance);
        auto done = chip.wait(std::min<std::chrono::nanoseconds>(time_left(), moment));
        if (interrupted())
            return tl::unexpected(interruption());
        if (done && !*done && time_left().count() == 0)
            done = tl::unexpected(Failure{Exit::failed,
                                          std::string(neuron::name(neuron::ErrorCode::timeout)),
                                          fmt::format("the kernel goes on, as job {}", chip.job()),
                                          {},
                                          {}});
        if (done) {
            all = all && *done;
            return {};
        }
        Failure &failure = done.error();
        if (failure.code == neuron::name(neuron::ErrorCode::timeout))
            failure.message =
                fmt::format("no end after {} ms (--timeout): {}", settings_.timeout.count(), failure.message);
        return tl::unexpected(std::move(failure));
    }

    std::chrono::nanoseconds time_left() const {
        if (settings_.timeout.count() == 0)
            return neuron::forever;
        return std::max<std::chrono::nanoseconds>(start_ + settings_.timeout - steady_clock::now(),
                                                  std::chrono::nanoseconds(0));
    }

    const RunSettings &settings_;
    std::list<ChipRun> chips_;
    RunResult result_;
    std::uint64_t moved_ = 0;          ///< By the step that is running.
    steady_clock::time_point start_{}; ///< Of the launches.
};

} // namespace

Outcome<RunResult> execute(const neuron::KernelFile &file, const std::vector<std::vector<Binding>> &bindings,
                           const RunSettings &settings) {
    return Run(bindings, settings).run(file);
}

} // namespace neuronctl
