// SPDX-License-Identifier: MIT
// The order of a stream: what the chip is, its registers, its queues, its cores, its memories, and whose turn it is.
#include "chip.hpp"
#include "state/touched_pages.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

namespace neuron::chip {

namespace {

/// Changes with the stream. A stream of another one is refused.
constexpr std::uint32_t STREAM_VERSION = 5;
constexpr std::uint64_t STREAM_MAGIC = 0x4554'4154'534e'524e; // "NRNSTATE"

constexpr std::size_t BLOCK = 4096;           ///< memory that is all zero is left out in such pieces
constexpr std::size_t MAX_RUN = 256UL * 1024; ///< of one section

/// Calls `emit(offset, bytes)` for the runs of blocks of `memory` in [begin, end) that are not all zero.
template<class Emit>
void for_each_filled(std::span<const std::byte> memory, std::size_t begin, std::size_t end, Emit &&emit) {
    std::size_t start = begin;
    for (std::size_t at = begin; at < end; at += BLOCK) {
        const std::size_t block = std::min(BLOCK, end - at);
        const bool zero = all_zero(memory.subspan(at, block));
        if (start < at && (zero || at - start >= MAX_RUN)) {
            emit(start, at - start);
            start = at;
        }
        if (zero)
            start = at + block;
    }
    if (start < end)
        emit(start, end - start);
}

/// What the chip that wrote a stream was must be what this one is. `text(value)` is what people call it.
template<class T, class Text>
void same(Archive &archive, std::string_view name, T value, Text &&text) {
    T other = value;
    archive.number(name, other);
    if (other != value)
        throw StateError(EINVAL,
                         fmt::format("{}: the saved chip has {}, this one has {}", name, text(other), text(value)));
}
template<class T>
void same(Archive &archive, std::string_view name, T value) {
    same(archive, name, value, [](T number) { return fmt::format("{}", number); });
}

std::string profile_name(std::uint32_t id) {
    const spec::ProfileDesc *const profile = spec::find_profile(static_cast<spec::Profile>(id));
    return profile != nullptr ? std::string(profile->name) : fmt::format("number {}", id);
}

void hbm_serialize(Archive &archive, const Hbm &hbm) {
    const auto run = [&](std::uint64_t at, std::size_t bytes) {
        archive.section("hbm", [&] {
            archive.number("offset", at);
            bytes = archive.loading() ? archive.left() : bytes;
            archive.require(hbm.contains(at, bytes), "offset", "is outside HBM");
            archive.bytes({hbm.data() + at, bytes});
        });
    };
    if (archive.loading()) {
        hbm.zero(0, hbm.bytes());
        while (archive.next_is("hbm"))
            run(0, 0);
    } else {
        const std::span<const std::byte> all(hbm.data(), hbm.bytes());
        for_each_touched(all, [&](std::size_t at, std::size_t bytes) { for_each_filled(all, at, at + bytes, run); });
    }
    archive.section("spoilt", [&] { hbm.errors().serialize(archive, hbm.bytes()); });
}

/// SBUF and PSUM of core `index`; reading, they are zero.
class CoreMemoryState {
public:
    CoreMemoryState(Archive &archive, CoreMemory &memory, std::uint32_t index)
        : archive_(archive), memory_(memory), index_(index) {}

    void save() {
        std::vector<std::pair<std::size_t, std::size_t>> touched;
        for_each_touched(memory_.mapping(),
                         [&](std::size_t at, std::size_t bytes) { touched.emplace_back(at, at + bytes); });
        for (const spec::Space space : spec::values<spec::Space>())
            for (unsigned p = 0; p < spec::PARTITIONS; ++p)
                save_row(space, p, touched);
    }
    void load() {
        while (archive_.next_is("memory") && archive_.next_number() == index_)
            run({}, 0, 0, 0);
    }

private:
    void save_row(spec::Space space, unsigned partition,
                  const std::vector<std::pair<std::size_t, std::size_t>> &touched) {
        const std::span row = memory_.partition(space, partition);
        const auto first = static_cast<std::size_t>(row.data() - memory_.mapping().data());
        for (const auto &[begin, end] : touched) {
            const std::size_t from = std::max(begin, first);
            const std::size_t to = std::min(end, first + row.size());
            if (from < to)
                for_each_filled(row, from - first, to - first,
                                [&](std::size_t at, std::size_t bytes) { run(space, partition, at, bytes); });
        }
    }
    void run(spec::Space space, std::uint32_t partition, std::size_t at, std::size_t bytes) {
        archive_.section("memory", index_, [&] {
            archive_.choice("space", space);
            archive_.number("partition", partition, 0, spec::PARTITIONS - 1);
            archive_.number("offset", at);
            bytes = archive_.loading() ? archive_.left() : bytes;
            const std::span row = memory_.partition(space, partition);
            archive_.require(at <= row.size() && bytes <= row.size() - at, "offset", "is outside the partition");
            archive_.bytes(row.subspan(at, bytes));
        });
    }

    Archive &archive_;
    CoreMemory &memory_;
    std::uint32_t index_;
};

} // namespace

std::vector<Unit *> Chip::units() {
    std::vector<Unit *> all{&reset_unit_, &events_, &scrubber_, &commands_, &coalescer_};
    for (Queue &queue : queues_)
        all.push_back(&queue);
    for (Core &core : cores_)
        core.for_each_unit([&](Unit &unit) { all.push_back(&unit); });
    return all;
}

void Chip::clear() {
    executor_->forget(units());
    for (Queue &queue : queues_)
        queue.clear();
    for (Core &core : cores_)
        core.clear();
    pool_.clear();
    events_.reset();
    scrubber_.reset();
    commands_.reset();
    channel_.reset();
    port_.reset();
    book_.clear();
    coalescer_.reset();
    control_.clear();
    hbm_->zero(0, hbm_->bytes());
    clock_.reset();
    recorder_.clear();
}

bool Chip::catches_up() const {
    return std::ranges::any_of(queues_, &Queue::catches_up) || std::ranges::any_of(cores_, &Core::catches_up);
}

void Chip::serialize(Archive &archive) {
    if (hazards_ != nullptr)
        throw StateError(ENOTSUP, "hazards: what hazard detection has seen is not saved");
    if (faults_.active() || explorer_.active())
        throw StateError(ENOTSUP, "fault plan: a chip with one is not saved");
    if (!archive.loading() && catches_up())
        throw StateError(ENOTSUP, "fault plan: what one has put off is at work");
    if (sanitizer_ != nullptr)
        throw StateError(ENOTSUP, "sanitizer: what it has seen is not saved");
    if (!archive.loading()) {
        serialize_all(archive);
        return;
    }
    serialize_info(archive); // the chip stays as it is if it does not fit
    try {
        clear();
        serialize_all(archive);
    } catch (...) {
        clear();
        throw;
    }
}

void Chip::serialize_info(Archive &archive) {
    archive.section("chip", [&] {
        same(archive, "magic", STREAM_MAGIC);
        same(archive, "stream version", STREAM_VERSION);
        same(archive, "spec version", spec::VERSION);
        same(archive, "profile", static_cast<std::uint32_t>(spec::raw(info_.profile)), profile_name);
        same(archive, "cores", info_.cores);
        same(archive, "hbm_bytes", info_.hbm_bytes);
        same(archive, "aperture_bytes", info_.aperture_bytes);
        same(archive, "stepped", static_cast<std::uint32_t>(info_.stepped),
             [](std::uint32_t on) { return on != 0 ? "on" : "off"; });
    });
}

void Chip::serialize_all(Archive &archive) {
    if (!archive.loading())
        serialize_info(archive);
    archive.section("device", [&] {
        executor_->clock_state(archive);
        clock_.serialize(archive);
        interrupts_.serialize(archive);
        registers_.serialize(archive);
        events_.serialize(archive);
        scrubber_.serialize(archive);
        commands_.serialize(archive);
        channel_.serialize(archive);
        port_.serialize(archive);
        reset_unit_.serialize(archive);
    });
    recorder_.serialize(archive);
    book_.serialize(archive);
    control_.serialize(archive, info_.cores);
    coalescer_.serialize(archive);
    archive.sections(
        "work", spec::MAX_QUEUES, [&](std::uint32_t i) { return queues_[i].at_work(); },
        [&](std::uint32_t i) { queues_[i].serialize(archive); });
    serialize_cores(archive);
    serialize_memory(archive);
    archive.section("turns", [&] { executor_->units_state(archive, units()); });
    if (archive.loading())
        for (const Queue &queue : queues_)
            if (queue.told_cores())
                for (Core *const core : queue.running_launch()->cores())
                    core->wake_aborted();
    archive.section("end", [] {});
}

void Chip::serialize_cores(Archive &archive) {
    std::vector<Unit *> owners;
    for (Queue &queue : queues_)
        owners.push_back(&queue);
    archive.section("claims", [&] {
        pool_.serialize(archive, owners, static_cast<std::uint32_t>((1ULL << info_.cores) - 1));
        for (const Queue &queue : queues_)
            queue.check_claim(archive);
    });
    std::vector<Launch *> launches(info_.cores);
    for (const Queue &queue : queues_)
        if (Launch *const launch = queue.running_launch())
            for (const Core *core : launch->cores())
                launches[core->index()] = launch;

    archive.sections(
        "core", info_.cores, [&](std::uint32_t i) { return cores_[i].owned() || launches[i] != nullptr; },
        [&](std::uint32_t i) { cores_[i].serialize(archive, launches[i]); });
    if (!archive.loading())
        return;
    for (const Queue &queue : queues_)
        if (Launch *const launch = queue.running_launch()) {
            std::uint32_t left = 0;
            std::uint32_t active = 0;
            for (const Core *core : launch->cores()) {
                left += core->ended() ? 0 : 1;
                active += core->active() ? 1 : 0;
            }
            launch->census.restore(left, active);
        }
}

void Chip::serialize_memory(Archive &archive) {
    for (Core &core : cores_) {
        CoreMemoryState memory(archive, core.memory(), core.index());
        if (archive.loading())
            memory.load();
        else if (core.owned())
            memory.save();
    }
    hbm_serialize(archive, *hbm_);
}

} // namespace neuron::chip
