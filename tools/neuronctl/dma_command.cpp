// SPDX-License-Identifier: MIT
// neuronctl dma copy, fill, test
#include <memory>

#include <fmt/format.h>

#include "commands.hpp"
#include "device_options.hpp"
#include "dma_transfer.hpp"
#include "interrupt.hpp"
#include "terminal.hpp"
#include "times.hpp"

namespace neuronctl {
namespace {

struct Options {
    DeviceChoice device;
    std::string from = "host";
    std::string to = "hbm";
    std::string bytes = "1M";
    std::string from_offset = "0";
    std::string to_offset = "0";
    std::string pattern = "random";
    std::string value = "0xa5a5a5a5a5a5a5a5";
    std::uint64_t seed = 1;
    std::uint32_t repeat = 1;
    std::string most = "64K";
    std::uint32_t rounds = 0;
    double seconds = 0;
};

/** What one process may sensibly ask for; HBM of the largest chip is less. */
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 40;
constexpr std::uint32_t default_rounds = 4;

Outcome<std::uint64_t> size_option(std::string_view option, const std::string &text, bool zero) {
    const auto bytes = parse_bytes(text);
    if (!bytes || (*bytes == 0 && !zero) || *bytes > most_bytes)
        return tl::unexpected(
            usage_error(fmt::format("{} {}: expected bytes{}, e.g. 4096 or 64M", option, text, zero ? "" : ", not 0")));
    return *bytes;
}

Outcome<Place> place_option(std::string_view option, const std::string &text) {
    const auto place = parse_place(text);
    if (!place)
        return tl::unexpected(
            usage_error(fmt::format("{} {}: expected host, hbm, or hbm:N for one stack", option, text)));
    return *place;
}

// The device's stacks are only known when it is open.
Outcome<void> check_bank(std::string_view option, const Place &place, const neuron::DeviceInfo &device) {
    if (place.bank && *place.bank >= device.hbm_banks)
        return tl::unexpected(usage_error(
            fmt::format("{} {}: {} has HBM stacks 0 to {}", option, text(place), device.name, device.hbm_banks - 1)));
    return {};
}

Failure in_transfer(Failure failure, std::string_view what) {
    failure.message = fmt::format("{}: {}", what, failure.message);
    return failure;
}

std::string rate_line(std::uint64_t bytes, const Times &times) {
    const Spread spread = spread_of(times);
    std::string out = fmt::format("{} in {} ({})", bytes_text(bytes), time_text(spread.median),
                                  rate_text(rate_of(bytes, spread.median)));
    if (times.size() > 1)
        out += fmt::format(", median of {}: {} to {}", times.size(), time_text(spread.least), time_text(spread.most));
    return out;
}

// ---- copy

struct Copy {
    Place from;
    Place to;
    Transfer transfer;
};

Outcome<Copy> copy_of(const Options &options) {
    Copy out;
    const auto from = place_option("--from", options.from);
    const auto to = place_option("--to", options.to);
    const auto bytes = size_option("--bytes", options.bytes, false);
    const auto from_offset = size_option("--from-offset", options.from_offset, true);
    const auto to_offset = size_option("--to-offset", options.to_offset, true);
    for (const auto *place : {&from, &to})
        if (!*place)
            return tl::unexpected(place->error());
    for (const auto *size : {&bytes, &from_offset, &to_offset})
        if (!*size)
            return tl::unexpected(size->error());
    out.from = *from;
    out.to = *to;
    // The parser has checked the name.
    out.transfer = {*from_offset, *to_offset, *bytes, find_pattern(options.pattern).value_or(Pattern::random),
                    options.seed};
    return out;
}

Outcome<void> copy(const Global &global, const Options &options) {
    const auto device = options.device.working();
    if (!device)
        return tl::unexpected(device.error());
    const auto plan = copy_of(options);
    if (!plan)
        return tl::unexpected(plan.error());
    auto session = Session::open(*device);
    if (!session)
        return tl::unexpected(session.error());
    const neuron::DeviceInfo &info = session->device.info();
    auto known = check_bank("--from", plan->from, info).and_then([&] { return check_bank("--to", plan->to, info); });
    if (!known)
        return known;
    const Transfer &transfer = plan->transfer;
    const auto from =
        Arena::create(session->context, session->queue, plan->from, room_for(transfer.from_offset, transfer.bytes));
    if (!from)
        return tl::unexpected(from.error());
    const auto to =
        Arena::create(session->context, session->queue, plan->to, room_for(transfer.to_offset, transfer.bytes));
    if (!to)
        return tl::unexpected(to.error());
    Times times;
    Progress progress("copy", options.repeat);
    for (std::uint32_t i = 0; i < options.repeat; ++i) {
        progress.show(i);
        if (interrupted())
            return tl::unexpected(interruption());
        Transfer now = transfer;
        now.seed += i;
        const auto time = copy_verified(*session, *from, *to, now);
        if (!time)
            return tl::unexpected(in_transfer(time.error(), fmt::format("{} -> {}", text(plan->from), text(plan->to))));
        times.push_back(*time);
    }
    const std::uint64_t median = spread_of(times).median;
    print_result(global, "dma copy",
                 {{"device", device_json(info)},
                  {"from", {{"place", text(plan->from)}, {"offset", transfer.from_offset}}},
                  {"to", {{"place", text(plan->to)}, {"offset", transfer.to_offset}}},
                  {"bytes", transfer.bytes},
                  {"pattern", name(transfer.pattern)},
                  {"seed", transfer.seed},
                  {"seen_by_cpu", to->visible()},
                  {"times", times_json(times)},
                  {"bytes_per_second", rate_of(transfer.bytes, median)}},
                 fmt::format("{} {} -> {} on {}: {}, all bytes right\n", coloured(Colour::good, "OK:"),
                             text(plan->from), text(plan->to), info.name, rate_line(transfer.bytes, times)));
    return {};
}

// ---- fill

Outcome<std::uint64_t> value_option(const std::string &text) {
    try {
        std::size_t used = 0;
        const std::uint64_t value = std::stoull(text, &used, 0);
        if (used == text.size() && text[0] != '-')
            return value;
    } catch (const std::exception &) { // not a number, or too large
    }
    return tl::unexpected(usage_error(fmt::format("--value {}: expected 64 bits, decimal or 0x", text)));
}

Outcome<void> fill(const Global &global, const Options &options) {
    const auto device = options.device.working();
    if (!device)
        return tl::unexpected(device.error());
    const auto place = place_option("--to", options.to);
    const auto bytes = size_option("--bytes", options.bytes, false);
    const auto offset = size_option("--to-offset", options.to_offset, true);
    const auto value = value_option(options.value);
    if (!place)
        return tl::unexpected(place.error());
    for (const auto *number : {&bytes, &offset, &value})
        if (!*number)
            return tl::unexpected(number->error());
    auto session = Session::open(*device);
    if (!session)
        return tl::unexpected(session.error());
    const neuron::DeviceInfo &info = session->device.info();
    if (auto known = check_bank("--to", *place, info); !known)
        return known;
    const auto to = Arena::create(session->context, session->queue, *place, room_for(*offset, *bytes));
    if (!to)
        return tl::unexpected(to.error());
    Times times;
    for (std::uint32_t i = 0; i < options.repeat; ++i) {
        if (interrupted())
            return tl::unexpected(interruption());
        const auto time = fill_verified(*session, *to, *offset, *bytes, *value);
        if (!time)
            return tl::unexpected(in_transfer(time.error(), "fill " + text(*place)));
        times.push_back(*time);
    }
    print_result(global, "dma fill",
                 {{"device", device_json(info)},
                  {"to", {{"place", text(*place)}, {"offset", *offset}}},
                  {"bytes", *bytes},
                  {"value", *value},
                  {"seen_by_cpu", to->visible()},
                  {"times", times_json(times)},
                  {"bytes_per_second", rate_of(*bytes, spread_of(times).median)}},
                 fmt::format("{} fill {} on {}: {}, all bytes right\n", coloured(Colour::good, "OK:"), text(*place),
                             info.name, rate_line(*bytes, times)));
    return {};
}

// ---- test

/** Numbers from a seed, the same everywhere. */
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t below(std::uint64_t limit) {
        state_ += 1;
        std::uint64_t word = 0;
        for (unsigned i = 0; i < 8; ++i)
            word |= std::to_integer<std::uint64_t>(byte_at(Pattern::random, state_, i)) << 8 * i;
        return word % limit;
    }

private:
    std::uint64_t state_;
};

/** Sizes at which something in the way of a transfer changes: words, cache lines, pages; and any other. */
std::uint64_t some_size(Dice &dice, std::uint64_t most) {
    const std::uint64_t edges[] = {1, 2, 3, 7, 8, 9, 63, 64, 65, 4095, 4096, 4097};
    const std::uint64_t pick = dice.below(2 * std::size(edges));
    const std::uint64_t size = pick < std::size(edges) ? edges[pick] : 1 + dice.below(most);
    return std::min(size, most);
}

struct Direction {
    std::string name;
    std::uint64_t transfers = 0;
    std::uint64_t bytes = 0;
    std::chrono::nanoseconds time{};
};

class Test {
public:
    Test(Session &session, const Options &options, std::uint64_t most)
        : session_(session),
          options_(options),
          most_(most),
          dice_(options.seed),
          places_(all_places(session.device.info())) {}

    Outcome<void> run() {
        for (const Place &place : places_) {
            for (auto *arenas : {&from_, &to_}) {
                auto arena = Arena::create(session_.context, session_.queue, place, most_ + 2 * page + guard_bytes);
                if (!arena)
                    return tl::unexpected(arena.error());
                arenas->push_back(std::move(*arena));
            }
        }
        for (std::size_t from = 0; from < places_.size(); ++from)
            for (std::size_t to = 0; to < places_.size(); ++to)
                results_.push_back({fmt::format("{} -> {}", text(places_[from]), text(places_[to]))});
        for (const Place &place : places_)
            results_.push_back({"fill " + text(place)});
        const auto start = std::chrono::steady_clock::now();
        Progress progress("dma test: round", options_.rounds);
        while (!over(start)) {
            progress.show(rounds_ + 1);
            if (auto done = round(); !done)
                return done;
            ++rounds_;
        }
        return {};
    }

    std::uint64_t rounds() const { return rounds_; }
    const std::vector<Direction> &results() const { return results_; }

private:
    static constexpr std::uint64_t page = 4096;

    bool over(std::chrono::steady_clock::time_point start) const {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        if (rounds_ == 0)
            return false;
        if (options_.seconds > 0)
            return spent.count() >= options_.seconds || (options_.rounds != 0 && rounds_ >= options_.rounds);
        return rounds_ >= (options_.rounds != 0 ? options_.rounds : default_rounds);
    }

    Outcome<void> round() {
        std::size_t index = 0;
        for (std::size_t from = 0; from < places_.size(); ++from)
            for (std::size_t to = 0; to < places_.size(); ++to)
                if (auto done = one_copy(from, to, results_[index++]); !done)
                    return done;
        for (std::size_t to = 0; to < places_.size(); ++to)
            if (auto done = one_fill(to, results_[index++]); !done)
                return done;
        return {};
    }

    Outcome<void> one_copy(std::size_t from, std::size_t to, Direction &result) {
        const Transfer transfer{dice_.below(page), dice_.below(page), some_size(dice_, most_),
                                find_pattern(options_.pattern).value_or(Pattern::random), dice_.below(1ULL << 32)};
        return add(result, transfer.bytes, copy_verified(session_, from_[from], to_[to], transfer),
                   fmt::format("{} bytes from offset {} to offset {}", transfer.bytes, transfer.from_offset,
                               transfer.to_offset));
    }

    Outcome<void> one_fill(std::size_t to, Direction &result) {
        const std::uint64_t offset = dice_.below(page);
        const std::uint64_t bytes = some_size(dice_, most_);
        return add(result, bytes, fill_verified(session_, to_[to], offset, bytes, dice_.below(~0ULL)),
                   fmt::format("{} bytes at offset {}", bytes, offset));
    }

    Outcome<void> add(Direction &result, std::uint64_t bytes, const Outcome<std::chrono::nanoseconds> &time,
                      const std::string &what) const {
        if (interrupted())
            return tl::unexpected(interruption());
        if (!time)
            return tl::unexpected(in_transfer(time.error(), fmt::format("{}, round {} of seed {}, {}", result.name,
                                                                        rounds_ + 1, options_.seed, what)));
        ++result.transfers;
        result.bytes += bytes;
        result.time += *time;
        return {};
    }

    Session &session_;
    const Options &options_;
    std::uint64_t most_;
    Dice dice_;
    std::vector<Place> places_;
    std::vector<Arena> from_;
    std::vector<Arena> to_;
    std::vector<Direction> results_;
    std::uint64_t rounds_ = 0;
};

Outcome<void> test(const Global &global, const Options &options) {
    const auto device = options.device.working();
    if (!device)
        return tl::unexpected(device.error());
    const auto most = size_option("--max", options.most, false);
    if (!most)
        return tl::unexpected(most.error());
    auto session = Session::open(*device);
    if (!session)
        return tl::unexpected(session.error());
    Test run(*session, options, *most);
    if (auto done = run.run(); !done)
        return done;
    Json list = Json::array();
    std::vector<std::vector<std::string>> rows;
    std::uint64_t transfers = 0;
    for (const Direction &result : run.results()) {
        const auto ns = static_cast<std::uint64_t>(result.time.count());
        transfers += result.transfers;
        list.push_back({{"direction", result.name},
                        {"transfers", result.transfers},
                        {"bytes", result.bytes},
                        {"ns", ns},
                        {"bytes_per_second", rate_of(result.bytes, ns)}});
        rows.push_back({result.name, fmt::format("{} transfers", result.transfers), bytes_text(result.bytes),
                        rate_text(rate_of(result.bytes, ns))});
    }
    print_result(global, "dma test",
                 {{"device", device_json(session->device.info())},
                  {"seed", options.seed},
                  {"rounds", run.rounds()},
                  {"transfers", transfers},
                  {"directions", list}},
                 fmt::format("{}{} {} transfers on {}, seed {}: every byte right, none beside them touched\n",
                             table(rows, "<>>>"), coloured(Colour::good, "OK:"), transfers, session->device.info().name,
                             options.seed));
    return {};
}

// ---- the command line

constexpr std::uint32_t most_repeats = 1'000'000;

void add_common(CLI::App &command, Options &options) {
    command.add_option("--pattern", options.pattern, "What the bytes are")
        ->check(CLI::IsMember(CLI::detail::split(pattern_names(), ',')))
        ->type_name("{" + pattern_names() + "}")
        ->capture_default_str()
        ->group("Transfer");
    command.add_option("--seed", options.seed, "Of random bytes, offsets and sizes")
        ->capture_default_str()
        ->group("Transfer");
}

void add_destination(CLI::App &command, Options &options) {
    command.add_option("--to", options.to, "Destination: host, hbm, or hbm:N for one stack")
        ->type_name("PLACE")
        ->capture_default_str()
        ->group("Transfer");
    command.add_option("--to-offset", options.to_offset, "First byte in the destination's buffer; any alignment")
        ->type_name("BYTES")
        ->capture_default_str()
        ->group("Transfer");
    command.add_option("--bytes", options.bytes, "Length; any")
        ->type_name("BYTES")
        ->capture_default_str()
        ->group("Transfer");
    command.add_option("--repeat", options.repeat, "How often")
        ->check(CLI::Range(1U, most_repeats))
        ->capture_default_str()
        ->group("Transfer");
}

CLI::App *add_verb(CLI::App &group, const CommandLine &line, const std::string &verb, const std::string &help,
                   const std::shared_ptr<Options> &options, Outcome<void> (*work)(const Global &, const Options &)) {
    CLI::App *command = group.add_subcommand(verb, help);
    command->callback([=] { line.action = [=] { return work(line.global, *options); }; });
    return command;
}

} // namespace

void add_dma(const CommandLine &line) {
    CLI::App *group = line.app.add_subcommand("dma", "Move bytes with the device, and look at every one of them");
    group->require_subcommand(1);

    const auto copying = std::make_shared<Options>();
    CLI::App *command =
        add_verb(*group, line, "copy", "Copy bytes from one memory to another, and verify them", copying, copy);
    command->add_option("--from", copying->from, "Source: host, hbm, or hbm:N for one stack")
        ->type_name("PLACE")
        ->capture_default_str()
        ->group("Transfer");
    command->add_option("--from-offset", copying->from_offset, "First byte in the source's buffer; any alignment")
        ->type_name("BYTES")
        ->capture_default_str()
        ->group("Transfer");
    add_destination(*command, *copying);
    add_common(*command, *copying);
    copying->device.add_to(*command);
    command->footer(R"(
Examples:
  neuronctl dma copy --from host --to hbm --bytes 64M --repeat 10
  neuronctl dma copy --from hbm:0 --to hbm:3 --from-offset 3 --to-offset 61 --bytes 4097
  neuronctl dma copy --backend sim --from hbm --to host --pattern address

The first byte that is wrong is named, and so is one beside the destination that has changed; exit code 3.)");

    const auto filling = std::make_shared<Options>();
    command = add_verb(*group, line, "fill", "Fill memory with a value, and verify it", filling, fill);
    add_destination(*command, *filling);
    command->add_option("--value", filling->value, "8 bytes, little-endian, repeated")
        ->type_name("NUMBER")
        ->capture_default_str()
        ->group("Transfer");
    filling->device.add_to(*command);
    command->footer(R"(
Examples:
  neuronctl dma fill --to hbm:1 --bytes 1G --value 0
  neuronctl dma fill --to host --to-offset 5 --bytes 13 --value 0x1122334455667788)");

    const auto testing = std::make_shared<Options>();
    command = add_verb(*group, line, "test",
                       "Copy and fill between all memories, at any alignment and size, and verify", testing, test);
    command->add_option("--max", testing->most, "Longest transfer")
        ->type_name("BYTES")
        ->capture_default_str()
        ->group("Transfer");
    command->add_option("--rounds", testing->rounds, "How often each direction is tried (default: 4, or --time)")
        ->check(CLI::Range(1U, most_repeats))
        ->group("Transfer");
    command->add_option("--time", testing->seconds, "Go on for so many seconds")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.001, 1e6))
        ->group("Transfer");
    add_common(*command, *testing);
    testing->device.add_to(*command);
    command->footer(R"(
Examples:
  neuronctl dma test
  neuronctl dma test --time 60 --max 4M --seed 7
  neuronctl dma test --backend sim --rounds 20

Directions are host and each HBM stack with each other and with themselves. The same seed makes the same transfers.)");
}

} // namespace neuronctl
