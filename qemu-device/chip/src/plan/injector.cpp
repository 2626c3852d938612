// SPDX-License-Identifier: MIT
#include "injector.hpp"

#include "../split_mix.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace neuron::chip::plan {

namespace {

constexpr std::size_t OCCURRENCES = 16; ///< of a rule that the report names

/// Nobody's events are none of a rule that says whose.
bool is_of(const Rule &rule, const Origin *origin) {
    if (rule.queue && (origin == nullptr || !rule.queue->has(origin->queue)))
        return false;
    if (rule.core && (origin == nullptr || !origin->core || !rule.core->has(*origin->core)))
        return false;
    return !rule.unit || (origin != nullptr && *rule.unit == origin->unit);
}

bool is(const Rule &rule, const Packet *packet) {
    if (!rule.op && !rule.moves)
        return true;
    if (packet == nullptr || (rule.op && *rule.op != packet->op))
        return false;
    return !rule.moves || std::ranges::any_of(packet->moves, [&](const Range &range) {
        return rule.moves->meets(range.first, range.last);
    });
}

bool due(const Rule &rule, std::uint64_t occurrence) {
    return occurrence >= rule.nth.first && occurrence <= rule.nth.last &&
           (occurrence - rule.nth.first) % rule.every == 0;
}

void corrupt(std::span<std::byte> bytes, std::uint64_t random) {
    for (std::byte &byte : bytes)
        byte = static_cast<std::byte>(random = split_mix(random));
}

void flip(std::span<std::byte> bytes, std::uint64_t bits, std::uint64_t random) {
    if (bytes.empty())
        return;
    for (std::uint64_t i = 0; i < bits; ++i) {
        random = split_mix(random);
        bytes[random / 8 % bytes.size()] ^= static_cast<std::byte>(1U << random % 8);
    }
}

} // namespace

thread_local const Origin *Acting::now_ = nullptr;
thread_local bool InHurry::now_ = false;

void Injector::set(Plan plan) {
    {
        const std::lock_guard lock(mutex_);
        rules_.clear();
        held_.clear();
        refused_.clear();
        seed_ = plan.seed;
        plans_.fetch_add(1, std::memory_order_release);
        for (Rule &rule : plan.rules)
            rules_.push_back({.rule = std::move(rule)});
        active_.store(!rules_.empty(), std::memory_order_relaxed);
        woken_.notify_all();
    }
    changed_();
}

void Injector::refuse(std::string why) {
    const std::lock_guard lock(mutex_);
    refused_ = std::move(why);
}

std::optional<Verdict> Injector::ask(spec::PlanEvent event, std::uint64_t first, std::uint64_t last,
                                     const Packet *packet) {
    std::optional<Verdict> verdict;
    std::string line;
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < rules_.size(); ++i) {
            Counted &counted = rules_[i];
            if (counted.rule.event != event || !counted.rule.place.meets(first, last) ||
                !is_of(counted.rule, Acting::now()) || !is(counted.rule, packet))
                continue;
            ++counted.matched;
            if (verdict || !due(counted.rule, counted.matched))
                continue;
            ++counted.fired;
            if (counted.first.size() < OCCURRENCES)
                counted.first.push_back({counted.matched, first});
            const Range met{std::max(first, counted.rule.place.first), std::min(last, counted.rule.place.last)};
            verdict = {counted.rule.action, counted.rule.at_place ? met.first : counted.rule.argument,
                       split_mix(split_mix(seed_ + i) + counted.matched), met, plans_};
            line = fmt::format("fault plan: rule {} ({}): event {} at 0x{:x}", i + 1, counted.rule.text,
                               counted.matched, first);
        }
    }
    if (verdict)
        log_(line);
    return verdict;
}

bool Injector::hold(const Verdict &verdict, spec::PlanEvent event, std::function<void()> later) {
    const std::lock_guard lock(mutex_);
    if (verdict.plan != plans_)
        return true;
    if (std::ranges::count(held_, event, &decltype(held_)::value_type::first) == spec::PLAN_HELD)
        return false;
    held_.emplace_back(event, std::move(later));
    return true;
}

void Injector::happened(spec::PlanEvent event) {
    if (!active())
        return;
    std::vector<std::function<void()>> now;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(held_, [&](auto &held) {
            if (held.first != event)
                return false;
            now.push_back(std::move(held.second));
            return true;
        });
    }
    for (const auto &later : now)
        later();
}

void Injector::forget_held() {
    const std::lock_guard lock(mutex_);
    held_.clear();
}

void Injector::sleep(const Verdict &delay) {
    if (InHurry::now())
        return;
    if (in_steps())
        return pass_ns_(delay_ns(delay));
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::chrono::nanoseconds(delay_ns(delay)), [&] { return awake_ || plans_ != delay.plan; });
}

void Injector::hurry(bool on) {
    const std::lock_guard lock(mutex_);
    awake_ = on;
    woken_.notify_all();
}

std::string Injector::report() const {
    const std::lock_guard lock(mutex_);
    std::string out = rules_.empty() ? "" : fmt::format("seed {}\n", seed_);
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        const Counted &counted = rules_[i];
        std::string at;
        for (const Occurrence &one : counted.first)
            at += fmt::format("{}{}@0x{:x}", at.empty() ? "" : ",", one.number, one.place);
        out += fmt::format("{}: matched={} made={} at={} rule={}\n", i + 1, counted.matched, counted.fired,
                           at.empty() ? "-" : at, counted.rule.text);
    }
    if (!refused_.empty())
        out += fmt::format("refused: {}\n", refused_);
    return out;
}

void garble(const Verdict &verdict, std::span<std::byte> bytes) {
    if (verdict.action == spec::PlanAction::ONES)
        std::ranges::fill(bytes, std::byte{0xff});
    else if (verdict.action == spec::PlanAction::CORRUPT)
        corrupt(bytes, verdict.random);
    else if (verdict.action == spec::PlanAction::FLIP)
        flip(bytes, verdict.argument, verdict.random);
}

} // namespace neuron::chip::plan
