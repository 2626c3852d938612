// SPDX-License-Identifier: MIT
#include "rule.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include <fmt/format.h>

namespace neuron::chip::plan {

std::string word(std::string_view name) {
    std::string out(name);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

namespace {

using spec::PlanAction;
using spec::PlanEvent;
using Failed = tl::unexpected<std::string>;

constexpr std::uint64_t MAX_BITS = 4096;
constexpr std::uint64_t MAX_DELAY_US = 1'000'000;

/// What may be said of an event.
struct EventRule {
    PlanEvent event;
    std::string_view place; ///< the word for where it happens; empty: nowhere
    std::vector<PlanAction> actions;
    bool has_origin = false; ///< takes queue, core and unit, too
    bool has_packet = false; ///< takes op and addr, too
    bool in_hbm = false;     ///< its place is one that an error of HBM may be at
};

// What anything that a queue is busy with may meet.
template<class... More>
std::vector<PlanAction> actions_of_work(More... more) {
    using enum PlanAction;
    return {more...,       DELAY,        HANG,      ECC_CORRECTED, ECC_UNCORRECTED,
            AER_CORRECTED, AER_NONFATAL, AER_FATAL, LINK_DOWN,     SLEEP};
}

const std::vector<EventRule> &events() {
    using enum PlanAction;
    constexpr bool OF_UNITS = true;
    static const std::vector<PlanAction> in_hbm{CORRUPT, FLIP, DELAY, ECC_CORRECTED, ECC_UNCORRECTED};
    static const std::vector<EventRule> rules{
        {PlanEvent::DOORBELL, "queue", {DROP, DUPLICATE, REORDER}},
        {PlanEvent::DMA_READ, "addr", {FAIL, ONES, CORRUPT, FLIP, DELAY}, OF_UNITS},
        {PlanEvent::DMA_WRITE, "addr", {FAIL, DROP, DUPLICATE, REORDER, CORRUPT, FLIP, DELAY}, OF_UNITS},
        {PlanEvent::IRQ, "vector", {DROP, DUPLICATE, REORDER, SPURIOUS}},
        {PlanEvent::REG_READ, "addr", {ONES, CORRUPT, FLIP}},
        {.event = PlanEvent::PACKET,
         .place = "queue",
         .actions = actions_of_work(DROP, DUPLICATE, REORDER),
         .has_packet = true},
        {PlanEvent::RESET, "", {HANG}},
        {PlanEvent::INSTRUCTION, "pc", actions_of_work(DROP), OF_UNITS},
        {PlanEvent::TRANSFER, "ring", actions_of_work(DROP, DUPLICATE, REORDER), OF_UNITS},
        {.event = PlanEvent::HBM_READ, .place = "addr", .actions = in_hbm, .has_origin = true, .in_hbm = true},
        {.event = PlanEvent::HBM_WRITE, .place = "addr", .actions = in_hbm, .has_origin = true, .in_hbm = true},
    };
    return rules;
}

/// The argument that an action takes.
struct ArgumentRule {
    PlanAction action;
    std::string_view name;
    std::optional<std::uint64_t> otherwise; ///< without: it must be given
    Range limits;
};

std::optional<ArgumentRule> argument_of(PlanAction action) {
    static const std::array<ArgumentRule, 6> rules{{
        {PlanAction::FLIP, "bits", 1, {1, MAX_BITS}},
        {PlanAction::DELAY, "us", std::nullopt, {0, MAX_DELAY_US}},
        {PlanAction::SPURIOUS, "vector", std::nullopt, {0, spec::MSIX_VECTORS - 1}},
        {PlanAction::ECC_CORRECTED, "at", std::nullopt, {}},
        {PlanAction::ECC_UNCORRECTED, "at", std::nullopt, {}},
        {PlanAction::LINK_DOWN, "us", std::nullopt, {0, MAX_DELAY_US}},
    }};
    const auto *found = std::ranges::find(rules, action, &ArgumentRule::action);
    return found != rules.end() ? std::optional(*found) : std::nullopt;
}

template<class E>
std::optional<E> value_of(std::string_view text) {
    const auto all = spec::values<E>();
    const auto found = std::ranges::find_if(all, [&](E value) { return word(spec::name(value)) == text; });
    return found != all.end() ? std::optional(*found) : std::nullopt;
}

template<class E>
std::string known(std::span<const E> values) {
    std::string out;
    for (const E value : values)
        out += (out.empty() ? "" : ", ") + word(spec::name(value));
    return out;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    const auto first = text.find_first_not_of(blank);
    return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> out;
    for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
        const auto end = std::min(text.find_first_of(" \t\r\n"), text.size());
        out.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return out;
}

std::optional<std::uint64_t> number(std::string_view text) {
    const bool hex = text.starts_with("0x");
    if (hex)
        text.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
    if (text.empty() || error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

/// N, N..M, N.. or N+LENGTH.
std::optional<Range> range(std::string_view text) {
    if (const auto dots = text.find(".."); dots != std::string_view::npos) {
        const auto first = number(text.substr(0, dots));
        const auto last = dots + 2 == text.size() ? Range().last : number(text.substr(dots + 2));
        return first && last && *first <= *last ? std::optional(Range{*first, *last}) : std::nullopt;
    }
    if (const auto plus = text.find('+'); plus != std::string_view::npos) {
        const auto first = number(text.substr(0, plus)), length = number(text.substr(plus + 1));
        const bool good = first && length && *length != 0 && *first + (*length - 1) >= *first;
        return good ? std::optional(Range{*first, *first + *length - 1}) : std::nullopt;
    }
    const auto one = number(text);
    return one ? std::optional(Range{*one, *one}) : std::nullopt;
}

/// NAME=VALUE in two.
std::pair<std::string_view, std::string_view> split(std::string_view word) {
    const auto equals = std::min(word.find('='), word.size());
    return {word.substr(0, equals), word.substr(std::min(equals + 1, word.size()))};
}

tl::expected<Range, std::string> range_of(std::string_view filter) {
    const auto [name, value] = split(filter);
    const auto found = range(value);
    if (!found)
        return Failed(fmt::format("'{}': {} is N, N..M, N.. or N+LENGTH", filter, name));
    return *found;
}

template<class E>
tl::expected<E, std::string> one_of(std::string_view filter) {
    const auto [name, value] = split(filter);
    const auto found = value_of<E>(value);
    if (!found)
        return Failed(fmt::format("'{}': {} is one of {}", filter, name, known(spec::values<E>())));
    return *found;
}

/// The filter says that. True, or what is wrong with it.
template<class Into, class From>
tl::expected<bool, std::string> take(Into &into, const tl::expected<From, std::string> &from) {
    if (!from)
        return Failed(from.error());
    into = *from;
    return true;
}

/// What the event has to match, for those who named something else.
std::string filters_of(const EventRule &event) {
    std::string out(event.place);
    if (event.has_origin)
        out += ", queue, core, unit";
    if (event.has_packet)
        out += ", op, addr";
    return out.empty() ? out : out + ", ";
}

/// Whose the event is. False: the filter says nothing of that.
tl::expected<bool, std::string> add_origin(Rule &rule, std::string_view filter) {
    const auto name = split(filter).first;
    if (name == "unit")
        return take(rule.unit, one_of<spec::Unit>(filter));
    if (name == "queue" || name == "core")
        return take(name == "queue" ? rule.queue : rule.core, range_of(filter));
    return false;
}

/// Which packet it is, likewise.
tl::expected<bool, std::string> add_packet(Rule &rule, std::string_view filter) {
    const auto name = split(filter).first;
    if (name == "op")
        return take(rule.op, one_of<spec::PacketOp>(filter));
    if (name == "addr")
        return take(rule.moves, range_of(filter));
    return false;
}

tl::expected<void, std::string> add_filter(Rule &rule, const EventRule &event, std::string_view filter) {
    const auto [name, value] = split(filter);
    if (event.has_origin || event.has_packet) {
        const auto taken = event.has_packet ? add_packet(rule, filter) : add_origin(rule, filter);
        if (!taken)
            return Failed(taken.error());
        if (*taken)
            return {};
    }
    if ((name == event.place && !name.empty()) || name == "nth") {
        const auto found = range(value);
        if (!found || (name == "nth" && found->first == 0))
            return Failed(fmt::format("'{}': {} is N, N..M, N.. or N+LENGTH{}", filter, name,
                                      name == "nth" ? ", from 1 on" : ""));
        (name == "nth" ? rule.nth : rule.place) = *found;
    } else if (name == "every") {
        const auto found = number(value);
        if (!found || *found == 0)
            return Failed(fmt::format("'{}': every is a number from 1 on", filter));
        rule.every = *found;
    } else {
        return Failed(
            fmt::format("'{}': {} takes {}nth and every", filter, word(spec::name(rule.event)), filters_of(event)));
    }
    return {};
}

tl::expected<void, std::string> add_action(Rule &rule, const EventRule &event,
                                           std::span<const std::string_view> words) {
    if (words.empty())
        return Failed(
            fmt::format("has no action; {} takes {}", word(spec::name(rule.event)), known(std::span(event.actions))));
    const auto action = value_of<PlanAction>(words[0]);
    if (!action || std::ranges::find(event.actions, *action) == event.actions.end())
        return Failed(
            fmt::format("'{}': {} takes {}", words[0], word(spec::name(rule.event)), known(std::span(event.actions))));
    rule.action = *action;
    const auto takes = argument_of(*action);
    if (takes && takes->otherwise)
        rule.argument = *takes->otherwise;
    if (words.size() > 2 || (words.size() == 2 && !takes))
        return Failed(fmt::format("'{}': is too much", words.back()));
    if (words.size() == 1) {
        rule.at_place = event.in_hbm && takes && takes->name == "at";
        if (takes && !takes->otherwise && !rule.at_place)
            return Failed(fmt::format("'{}': needs {}=N", words[0], takes->name));
        return {};
    }
    const auto [name, value] = split(words[1]);
    const auto found = number(value);
    if (name != takes->name || !found || *found < takes->limits.first || *found > takes->limits.last)
        return Failed(takes->limits.last == Range().last
                          ? fmt::format("'{}': {} takes {}=N", words[1], words[0], takes->name)
                          : fmt::format("'{}': {} takes {}=N, from {} to {}", words[1], words[0], takes->name,
                                        takes->limits.first, takes->limits.last));
    rule.argument = *found;
    return {};
}

tl::expected<Rule, std::string> parse_rule(std::string_view text) {
    Rule rule;
    rule.text = std::string(text);
    const auto colon = text.find(':');
    const auto left = words_of(text.substr(0, std::min(colon, text.size())));
    const auto event = left.empty() ? std::nullopt : value_of<PlanEvent>(left[0]);
    if (!event)
        return Failed(fmt::format("'{}': is no event; there are {}", left.empty() ? "" : left[0],
                                  known(spec::values<PlanEvent>())));
    rule.event = *event;
    const auto found = std::ranges::find(events(), *event, &EventRule::event);
    for (const auto filter : std::span(left).subspan(1))
        if (auto added = add_filter(rule, *found, filter); !added)
            return Failed(added.error());
    const auto right = colon < text.size() ? words_of(text.substr(colon + 1)) : std::vector<std::string_view>();
    if (auto added = add_action(rule, *found, right); !added)
        return Failed(added.error());
    return rule;
}

/// The words behind "explore".
tl::expected<Explore, std::string> parse_explore(std::string_view text, std::span<const std::string_view> words) {
    Explore out{.text = std::string(text)};
    std::optional<std::uint64_t> seed;
    for (const auto one : words) {
        const auto [name, value] = split(one);
        if (name == "seed") {
            const auto found = number(value);
            if (!found || seed)
                return Failed(fmt::format("'{}': explore takes one seed=N", one));
            seed = found;
        } else if (const auto aspect = value_of<spec::ExploreAspect>(one)) {
            out.aspects |= spec::raw(*aspect);
        } else {
            return Failed(
                fmt::format("'{}': explore takes seed=N, {}", one, known(spec::values<spec::ExploreAspect>())));
        }
    }
    if (!seed)
        return Failed("'explore': needs seed=N");
    out.seed = *seed;
    if (out.aspects == 0)
        for (const auto aspect : spec::values<spec::ExploreAspect>())
            out.aspects |= spec::raw(aspect);
    return out;
}

/// What is not a rule. False: it is one.
tl::expected<bool, std::string> take_statement(Plan &plan, std::string_view text) {
    const auto words = words_of(text);
    if (words[0] == "seed") {
        const auto seed = words.size() == 2 ? number(words[1]) : std::nullopt;
        if (!seed)
            return Failed(fmt::format("'{}': seed takes one number", text));
        plan.seed = *seed;
        return true;
    }
    if (words[0] != "explore")
        return false;
    if (plan.explore)
        return Failed(fmt::format("'{}': explore is there already", text));
    auto explore = parse_explore(text, std::span(words).subspan(1));
    if (!explore)
        return Failed(explore.error());
    plan.explore = std::move(*explore);
    return true;
}

} // namespace

bool is_of_function(PlanAction action) {
    using enum PlanAction;
    return action == AER_CORRECTED || action == AER_NONFATAL || action == AER_FATAL || action == LINK_DOWN ||
           action == SLEEP;
}

tl::expected<Plan, std::string> parse(std::string_view text) {
    Plan plan;
    // It goes to logs and terminals.
    const auto odd =
        std::ranges::find_if(text, [](char c) { return !((c >= ' ' && c <= '~') || c == '\t' || c == '\n'); });
    if (odd != text.end())
        return Failed(fmt::format("fault plan: byte {} is 0x{:02x}, which is no text", odd - text.begin(),
                                  static_cast<unsigned char>(*odd)));
    while (!text.empty()) {
        const auto line_end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, line_end);
        text.remove_prefix(std::min(line_end + 1, text.size()));
        line = line.substr(0, std::min(line.find('#'), line.size()));
        while (!line.empty()) {
            const auto end = std::min(line.find(';'), line.size());
            const std::string_view part = trimmed(line.substr(0, end));
            line.remove_prefix(std::min(end + 1, line.size()));
            if (part.empty())
                continue;
            const auto statement = take_statement(plan, part);
            if (!statement)
                return Failed("fault plan: " + statement.error());
            if (*statement)
                continue;
            auto rule = parse_rule(part);
            if (!rule)
                return Failed(fmt::format("fault plan: rule {}: {}", plan.rules.size() + 1, rule.error()));
            plan.rules.push_back(std::move(*rule));
        }
    }
    return plan;
}

} // namespace neuron::chip::plan
