// SPDX-License-Identifier: MIT
// neuronctl addr: whose is this address?
#include <algorithm>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "commands.hpp"
#include "explain/coredump_file.hpp"
#include "explain/history.hpp"
#include "explain/places.hpp"
#include "explain/readers.hpp"
#include "registers_by_name.hpp"
#include "system.hpp"

namespace neuronctl {
namespace {

namespace spec = neuron::spec;
using explain::Place;
using explain::Range;
using explain::State;

struct Options {
    std::string address;
    std::string device;
    std::string file;
    std::string space;
    std::optional<std::uint64_t> context;
    bool dump = false;
};

/** One reading of the address: what it is if it is an address of that space. */
struct Answer {
    std::string space;                ///< "context 3", "hbm", "bus", "physical", "bar".
    std::vector<explain::Past> was{}; ///< What was there, or is, newest first.
    bool found = false;
    std::string text;
    Json json = Json::object();
};

Json range_json(const Range &range, const State &state) {
    Json out = {{"what", range.what}, {"start", range.start}, {"size", range.size}};
    if (range.buffer != 0) {
        out["buffer"] = range.buffer;
        out["buffer_offset"] = range.offset;
    }
    const auto known = state.buffers.find(range.buffer);
    if (known != state.buffers.end() && !known->second.label.empty())
        out["label"] = known->second.label;
    if (known != state.buffers.end() && !known->second.made.empty())
        out["made"] = known->second.made;
    const explain::Process &process = known != state.buffers.end() ? known->second.owner : range.process;
    if (process.pid != 0) {
        out["pid"] = process.pid;
        out["comm"] = process.comm;
    }
    return out;
}

Answer answer_of(std::string space, const std::vector<Range> &ranges, std::uint64_t address, const State &state) {
    Answer out;
    out.space = std::move(space);
    const Place place = explain::find_place(ranges, address);
    out.found = place.in != nullptr;
    out.text = explain::place_text(place, address, state);
    if (place.in != nullptr) {
        out.json["in"] = range_json(*place.in, state);
        out.json["offset"] = place.in->offset + (address - place.in->start);
    } else {
        if (place.below != nullptr) {
            out.json["below"] = range_json(*place.below, state);
            out.json["below"]["distance"] = address - (place.below->start + place.below->size);
        }
        if (place.above != nullptr) {
            out.json["above"] = range_json(*place.above, state);
            out.json["above"]["distance"] = place.above->start - address;
        }
    }
    return out;
}

// Where else the buffer can be seen that the address is in.
std::string mappings_text(const State &state, std::uint64_t buffer, std::uint64_t offset, Json &json) {
    std::string out;
    json = Json::array();
    for (const explain::Mapping &mapping : state.mappings) {
        if (buffer == 0 || mapping.buffer != buffer || offset < mapping.offset ||
            offset - mapping.offset >= mapping.size)
            continue;
        const std::uint64_t va = mapping.va + (offset - mapping.offset);
        json.push_back({{"context", mapping.ctx}, {"va", va}, {"read_only", mapping.read_only}});
        if (!mapping.label.empty())
            json.back()["label"] = mapping.label;
        out += fmt::format("  mapped at {:#x} of context {}{}{}\n", va, mapping.ctx,
                           mapping.read_only ? ", read-only" : "",
                           mapping.label.empty() ? std::string() : fmt::format(", as '{}'", mapping.label));
    }
    return out;
}

// ---- BARs

struct Bar {
    std::uint64_t start = 0;
    std::uint64_t end = 0; ///< Last byte.
};

std::vector<Bar> bars_of(const std::string &address) {
    std::vector<Bar> out;
    for (const std::string &line :
         sys::lines(sys::read("/sys/bus/pci/devices/" + address + "/resource").value_or(""))) {
        std::istringstream words(line);
        std::string first, last;
        words >> first >> last;
        out.push_back({sys::number(first).value_or(0), sys::number(last).value_or(0)});
    }
    return out;
}

bool in(const std::vector<Bar> &bars, std::size_t index, std::uint64_t address) {
    return index < bars.size() && bars[index].end != 0 && address >= bars[index].start && address <= bars[index].end;
}

std::optional<Answer> bar_answer(const std::vector<Bar> &bars, std::uint64_t address, const explain::MemoryMap &map,
                                 const State &state) {
    Answer out;
    out.found = true;
    if (in(bars, spec::BAR_REGS, address)) {
        const auto offset = static_cast<std::uint32_t>(address - bars[spec::BAR_REGS].start);
        const spec::RegisterRef where = spec::find_register(offset);
        const std::string name = where.desc != nullptr ? register_name(where) : std::string("no register");
        out.space = "BAR REGS";
        out.text = fmt::format("offset {:#x}: {}", offset, name);
        out.json = {{"bar", "REGS"}, {"offset", offset}};
        if (where.desc != nullptr)
            out.json["register"] = name;
        return out;
    }
    if (in(bars, spec::BAR_DOORBELLS, address)) {
        const std::uint64_t offset = address - bars[spec::BAR_DOORBELLS].start;
        const std::uint64_t ctx = offset / spec::PAGE_SIZE;
        const std::uint64_t slot = offset % spec::PAGE_SIZE / spec::DOORBELL_STRIDE;
        out.space = "BAR DOORBELLS";
        out.text = fmt::format("doorbell {} of context {}", slot, ctx);
        out.json = {{"bar", "DOORBELLS"}, {"offset", offset}, {"context", ctx}, {"slot", slot}};
        return out;
    }
    if (!in(bars, spec::BAR_APERTURE, address))
        return std::nullopt;
    const std::uint64_t offset = address - bars[spec::BAR_APERTURE].start;
    out = answer_of("BAR APERTURE", map.hbm, offset, state);
    out.text = fmt::format("HBM {:#x}: {}", offset, out.text);
    out.json["bar"] = "APERTURE";
    out.json["hbm"] = offset;
    return out;
}

// ---- all of them

/** Everything that answers are made of. */
struct Sources {
    State state;
    std::optional<explain::MemoryMap> map; ///< Not of a coredump.
    std::vector<Bar> bars;
    std::string dump{}; ///< Text of the coredump.
};

/// What the context has had at the address.
std::vector<explain::Past> history(const Sources &sources, std::uint64_t ctx, std::uint64_t address) {
    return sources.map ? explain::ask_history(sources.state.device, std::to_string(ctx), address)
                       : explain::history_in_coredump(sources.dump, sources.state, ctx, address);
}

Outcome<Sources> sources_of(const Options &options) {
    Sources out;
    if (!options.file.empty() || options.dump) {
        if (!options.device.empty())
            return tl::unexpected(usage_error("--device and a coredump exclude each other"));
        const auto dump = explain::find_coredump(options.file);
        if (!dump)
            return tl::unexpected(dump.error());
        auto state = explain::read_coredump(dump->name, dump->text);
        out.dump = dump->text;
        if (!state)
            return tl::unexpected(state.error());
        out.state = std::move(*state);
        return out;
    }
    const auto address = sys::address_of(options.device);
    if (!address)
        return tl::unexpected(address.error());
    auto map = explain::read_memory_map(*address);
    if (!map)
        return tl::unexpected(map.error());
    auto state = explain::read_live(*address);
    if (!state)
        return tl::unexpected(state.error());
    out.map = std::move(*map);
    out.state = std::move(*state);
    out.bars = bars_of(*address);
    return out;
}

bool asked(const Options &options, std::string_view space) { return options.space.empty() || options.space == space; }

std::vector<std::uint64_t> contexts_of(const State &state) {
    std::set<std::uint64_t> out;
    for (const auto &[ctx, process] : state.contexts)
        out.insert(ctx);
    for (const explain::Mapping &mapping : state.mappings)
        out.insert(mapping.ctx);
    return {out.begin(), out.end()};
}

std::vector<Answer> answers_of(const Options &options, const Sources &sources, std::uint64_t address) {
    std::vector<Answer> out;
    if (asked(options, "context"))
        for (const std::uint64_t ctx : contexts_of(sources.state))
            if (!options.context || *options.context == ctx) {
                out.push_back(answer_of(fmt::format("context {}", ctx), explain::mapped(sources.state, ctx), address,
                                        sources.state));
                out.back().was = history(sources, ctx, address);
            }
    if (!sources.map || options.context)
        return out;
    for (const auto &[space, ranges] : {std::pair("hbm", &sources.map->hbm), {"bus", &sources.map->bus}})
        if (asked(options, space)) {
            out.push_back(answer_of(space, *ranges, address, sources.state));
            out.back().was = explain::ask_history(sources.state.device, space, address);
        }
    if (asked(options, "physical")) {
        if (auto bar = bar_answer(sources.bars, address, *sources.map, sources.state)) {
            out.push_back(std::move(*bar));
            if (out.back().json.contains("hbm"))
                out.back().was =
                    explain::ask_history(sources.state.device, "hbm", out.back().json["hbm"].get<std::uint64_t>());
        } else
            out.push_back(answer_of("physical", sources.map->physical, address, sources.state));
    }
    return out;
}

Outcome<void> check(const Options &options, const Sources &sources) {
    if (!sources.map && !options.space.empty() && options.space != "context")
        return tl::unexpected(
            usage_error(fmt::format("--space {}: a coredump has addresses of contexts only", options.space)));
    if (options.context && !options.space.empty() && options.space != "context")
        return tl::unexpected(usage_error(fmt::format("--context and --space {} exclude each other", options.space)));
    const auto contexts = contexts_of(sources.state);
    if (options.context && std::ranges::find(contexts, *options.context) == contexts.end())
        return tl::unexpected(with_hint({Exit::failed,
                                         "not_found",
                                         fmt::format("{} has no context {}", sources.state.device, *options.context),
                                         {},
                                         {}},
                                        "'neuronctl vm list' shows those there are"));
    return {};
}

// An address that is somebody's in one space is most likely meant there: neighbours in others would only confuse.
void keep_hits(std::vector<Answer> &answers) {
    const auto says = [](const Answer &answer) { return answer.found || !answer.was.empty(); };
    if (std::ranges::any_of(answers, says))
        std::erase_if(answers, [&](const Answer &answer) { return !says(answer); });
}

Outcome<void> run(const Global &global, const Options &options) {
    const auto address = sys::number(options.address);
    if (!address)
        return tl::unexpected(usage_error(fmt::format("{}: expected an address, e.g. 0x200000", options.address)));
    const auto sources = sources_of(options);
    if (!sources)
        return tl::unexpected(sources.error());
    if (const auto good = check(options, *sources); !good)
        return good;
    auto answers = answers_of(options, *sources, *address);
    keep_hits(answers);
    Json list = Json::array();
    std::string text;
    bool found = false;
    for (Answer &answer : answers) {
        found = found || answer.found;
        Json entry = {{"space", answer.space}, {"found", answer.found}, {"text", answer.text}};
        entry.update(answer.json);
        text += fmt::format("{} {:#x}: {}\n", answer.space, *address, answer.text);
        if (answer.found && answer.json.contains("in")) {
            Json mappings;
            text += mappings_text(sources->state, answer.json["in"].value("buffer", std::uint64_t{0}),
                                  answer.json.value("offset", std::uint64_t{0}), mappings);
            entry["mappings"] = mappings;
        }
        Json was = Json::array();
        for (const explain::Past &past : answer.was) {
            const bool now = past.relation == spec::name(spec::BlameRelation::INSIDE);
            text += fmt::format("  {} {}\n", now ? "is" : "was", explain::text_of(past));
            was.push_back(explain::json_of(past));
        }
        if (!was.empty())
            entry["history"] = was;
        list.push_back(std::move(entry));
    }
    if (text.empty())
        text = "Nobody uses the device: there is nothing that the address could be.\n";
    print_result(global, "addr",
                 {{"address", *address},
                  {"source", sources->state.source},
                  {"device", sources->state.device},
                  {"found", found},
                  {"answers", list}},
                 text);
    return {};
}

} // namespace

void add_addr(const CommandLine &line) {
    const auto options = std::make_shared<Options>();
    CLI::App *command = line.app.add_subcommand("addr", "Say whose an address is: buffer, process, offset (root)");
    command->add_option("ADDRESS", options->address, "Of a context, the bus (IOVA), HBM, or the guest's memory")
        ->required();
    command
        ->add_option("--device", options->device, "accel1, /dev/accel/accel1 or a bus address; default: the only one")
        ->type_name("DEVICE");
    command->add_option("--space", options->space, "What kind of address it is; default: whatever fits")
        ->check(CLI::IsMember({"context", "hbm", "bus", "physical"}));
    command->add_option("--context", options->context, "An address of this context")
        ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{UINT32_MAX}));
    command->add_flag("--dump", options->dump, "Ask the coredump that the kernel holds, not the device as it is");
    command->add_option("--file", options->file, "Ask a saved coredump")->type_name("FILE");
    command->footer(R"(
Examples:
  neuronctl addr 0x201040 --context 0
  neuronctl addr 0xffe01000 --space bus          of a line of the IOMMU
  neuronctl addr 0x10000040 --space hbm
  neuronctl --json addr 0x201040 | jq '.answers[].in'

An address that is in nothing is told with its neighbours and how far they are. The device remembers what was there before: which buffer,
bound and taken away when, by whom and where in the source, as far as the program has said. What bus addresses were it knows behind an
IOMMU, or with the sanitizer.)");
    command->callback([options, line] { line.action = [options, line] { return run(line.global, *options); }; });
}

} // namespace neuronctl
