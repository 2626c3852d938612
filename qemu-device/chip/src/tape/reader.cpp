// SPDX-License-Identifier: MIT
#include "reader.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <fmt/format.h>

namespace neuron::chip::tape {

namespace {

using spec::TapeEvent;
using spec::TapeFlag;
using spec::TapeHeader;
using spec::TapeKind;

std::uint32_t major_of(std::uint32_t version) { return version >> 16; }
std::uint32_t minor_of(std::uint32_t version) { return version & 0xffff; }

bool has_data(TapeKind kind) {
    return kind == TapeKind::DMA_READ || kind == TapeKind::DMA_WRITE || kind == TapeKind::PATCH ||
           kind == TapeKind::PLAN || kind == TapeKind::LOG || kind == TapeKind::STATE || kind == TapeKind::PACKET;
}

bool known(TapeKind kind) {
    return std::ranges::find(spec::values<TapeKind>(), kind) != spec::values<TapeKind>().end();
}

// What a DMA must have: all of its bytes, one for all, or none.
std::uint64_t data_of_dma(const Event &event) {
    if (event.has(TapeFlag::SAME))
        return 1;
    const bool nothing = event.kind() == TapeKind::DMA_READ && event.has(TapeFlag::FAILED);
    return nothing ? 0 : event.head.value;
}

} // namespace

tl::expected<Reader, Damage> Reader::open(std::span<const std::byte> tape) {
    if (tape.size() < TapeHeader::BYTES)
        return tl::unexpected(
            Damage{EBADMSG, fmt::format("not a tape: {} bytes are less than its header", tape.size())});
    const auto raw = tape.first<TapeHeader::BYTES>();
    const auto header = spec::unpack<TapeHeader>(raw);
    if (!std::ranges::equal(header.magic, spec::TAPE_MAGIC))
        return tl::unexpected(Damage{EBADMSG, "not a tape: it does not begin like one"});
    if (header.version < OLDEST || header.version > spec::TAPE_VERSION)
        return tl::unexpected(Damage{ENOTSUP, fmt::format("a tape of version {}; this is for versions up to {}",
                                                          header.version, spec::TAPE_VERSION)});
    if (!spec::reserved_clear<TapeHeader>(raw) || header.check != check_of(header))
        return tl::unexpected(Damage{EBADMSG, "the tape's header is damaged"});
    if (major_of(header.contract) != spec::VERSION_MAJOR)
        return tl::unexpected(Damage{ENOTSUP, fmt::format("a tape of contract version {}.{}, this chip has {}.{}",
                                                          major_of(header.contract), minor_of(header.contract),
                                                          spec::VERSION_MAJOR, spec::VERSION_MINOR)});
    return Reader(tape, header);
}

tl::unexpected<Damage> Reader::damaged(const std::string &why) const {
    return tl::unexpected(
        Damage{EBADMSG, fmt::format("the tape is damaged at byte {}, event {}: {}", at_, index_, why)});
}

// What could not have been written.
std::optional<std::string> Reader::wrong(const Event &event) const {
    const TapeEvent &head = event.head;
    if (!known(head.kind))
        return fmt::format("there is no kind {}", spec::raw(head.kind));
    if (event.is_access() ? !std::has_single_bit(head.size) || head.size > 8 : head.size != 0)
        return fmt::format("it has {} bytes of access", head.size);
    if (event.is_dma() && (head.value > spec::TAPE_DATA_BYTES || head.value == 0 || head.bytes != data_of_dma(event)))
        return fmt::format("{} bytes of data do not make a DMA of {} bytes", head.bytes, head.value);
    if (!has_data(head.kind) && head.bytes != 0)
        return "it has data";
    if ((head.kind == TapeKind::PATCH || head.kind == TapeKind::STATE) && head.bytes == 0)
        return "it has no data";
    if (head.kind == TapeKind::PACKET && head.bytes != spec::PACKET_BYTES)
        return fmt::format("{} bytes of data are no packet", head.bytes);
    if (head.kind == TapeKind::STATE && begun_)
        return "it is a state of the chip in the middle of a run";
    if (head.step < step_)
        return fmt::format("step {} comes after step {}", head.step, step_);
    if (head.kind == TapeKind::END && head.value != index_)
        return fmt::format("it is the end of {} events", head.value);
    return std::nullopt;
}

tl::expected<std::optional<Event>, Damage> Reader::next() {
    const auto rest = tape_.subspan(at_);
    if (ended_ && !rest.empty())
        return damaged("something follows the end");
    if (rest.size() < TapeEvent::BYTES)
        return std::nullopt;
    const auto raw = rest.first<TapeEvent::BYTES>();
    Event event{spec::unpack<TapeEvent>(raw), {}};
    if (event.head.bytes > spec::TAPE_DATA_BYTES)
        return damaged(fmt::format("it has {} bytes of data", event.head.bytes));
    const std::size_t whole = TapeEvent::BYTES + padded(event.head.bytes);
    if (rest.size() < whole)
        return std::nullopt;
    event.data = rest.subspan(TapeEvent::BYTES, event.head.bytes);
    if (!spec::reserved_clear<TapeEvent>(raw) || event.head.check != check_of(event))
        return damaged("its check sum is wrong");
    if (const auto why = wrong(event))
        return damaged(*why);
    step_ = event.head.step;
    begun_ = begun_ || event.kind() != TapeKind::STATE;
    ended_ = event.kind() == TapeKind::END;
    at_ += whole;
    ++index_;
    return event;
}

} // namespace neuron::chip::tape
