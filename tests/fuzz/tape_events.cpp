// SPDX-License-Identifier: MIT
#include "tape_events.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace fuzz {

namespace {

using spec::TapeEvent;
using spec::TapeHeader;

template<class T>
T read(std::span<const std::uint8_t> tape, std::size_t at) {
    return spec::unpack<T>(std::as_bytes(tape.subspan(at)).template first<T::BYTES>());
}

template<class T>
void write(std::span<std::uint8_t> tape, std::size_t at, const T &value) {
    const auto raw = spec::packed(value);
    std::memcpy(tape.data() + at, raw.data(), raw.size());
}

/// A whole event, with its data.
struct Place {
    std::size_t at;
    std::size_t bytes;
};

std::vector<Place> places(std::span<const std::uint8_t> tape) {
    std::vector<Place> found;
    for (std::size_t at = TapeHeader::BYTES; at + TapeEvent::BYTES <= tape.size();) {
        const std::size_t bytes = TapeEvent::BYTES + (std::size_t{read<TapeEvent>(tape, at).bytes} + 7) / 8 * 8;
        if (bytes > tape.size() - at)
            break;
        found.push_back({at, bytes});
        at += bytes;
    }
    return found;
}

std::uint32_t fnv(std::span<const std::uint8_t> bytes, std::uint32_t hash = 0x811c9dc5) { // spec-ok: FNV's
    for (const std::uint8_t byte : bytes)
        hash = (hash ^ byte) * 0x01000193; // spec-ok: FNV's
    return hash;
}

/// Small, or like another one, or anything.
std::uint64_t number(Random &random, std::uint64_t old) {
    switch (random.below(4)) {
    case 0: return random.below(256);
    case 1: return old + random.below(65) - 32;
    case 2: return old ^ (1ULL << random.below(64));
    default: return random.next() >> random.below(64);
    }
}

void change_header(Random &random, std::span<std::uint8_t> tape) {
    TapeHeader head = read<TapeHeader>(tape, 0);
    switch (random.below(8)) {
    case 0: head.options = static_cast<std::uint32_t>(random.below(8)); break;
    case 1: head.profile = static_cast<spec::Profile>(random.below(6)); break;
    case 2: head.cores = static_cast<std::uint32_t>(number(random, head.cores)); break;
    case 3: head.recorder = 1U << random.below(21); break;
    case 4: head.hbm_bytes = random.chance(50) ? number(random, head.hbm_bytes) : 1ULL << random.below(48); break;
    case 5:
        head.aperture_bytes = random.chance(50) ? number(random, head.aperture_bytes) : 1ULL << random.below(48);
        break;
    case 6: head.version = static_cast<std::uint32_t>(1 + random.below(2)); break;
    default: head.seed = random.next();
    }
    write(tape, 0, head);
}

void change_event(Random &random, std::span<std::uint8_t> tape, const Place &place) {
    TapeEvent head = read<TapeEvent>(tape, place.at);
    const std::size_t kinds = spec::values<spec::TapeKind>().size();
    switch (random.below(9)) {
    case 0: head.kind = spec::values<spec::TapeKind>()[random.below(kinds)]; break;
    case 1: head.size = static_cast<std::uint8_t>(1U << random.below(4)); break;
    case 2: head.flags = static_cast<std::uint16_t>(random.below(8)); break;
    case 3: head.step = number(random, head.step); break;
    case 4: head.addr = number(random, head.addr); break;
    case 5: head.value = number(random, head.value); break;
    case 6: head.unit = static_cast<spec::TapeUnit>(random.below(10)); break;
    case 7: head.index = static_cast<std::uint8_t>(random.next()); break;
    default: head.bytes = static_cast<std::uint32_t>(random.below(place.bytes - TapeEvent::BYTES + 1));
    }
    write(tape, place.at, head);
}

} // namespace

std::size_t change_tape(Random &random, std::span<std::uint8_t> tape, std::size_t size) {
    const std::vector<Place> events = places(tape.first(size));
    const std::uint64_t kind = random.below(100);
    if (events.empty() || kind < 8) {
        change_header(random, tape);
        return size;
    }
    const Place place = events[random.below(events.size())];
    std::uint8_t *const at = tape.data() + place.at;
    if (kind < 50) {
        change_event(random, tape, place);
    } else if (kind < 75) {
        if (place.bytes > TapeEvent::BYTES)
            at[TapeEvent::BYTES + random.below(place.bytes - TapeEvent::BYTES)] =
                static_cast<std::uint8_t>(random.next());
    } else if (kind < 85) {
        std::memmove(at, at + place.bytes, size - place.at - place.bytes);
        size -= place.bytes;
    } else if (kind < 95) {
        if (place.bytes <= tape.size() - size) {
            std::memmove(at + place.bytes, at, size - place.at);
            size += place.bytes;
        }
    } else if (const Place other = events[random.below(events.size())]; other.at > place.at) {
        std::rotate(at, tape.data() + other.at, tape.data() + other.at + other.bytes);
    }
    return size;
}

void seal_tape(std::span<std::uint8_t> tape) {
    if (tape.size() < TapeHeader::BYTES)
        return;
    TapeHeader header = read<TapeHeader>(tape, 0);
    header.check = 0;
    write(tape, 0, header);
    header.check = fnv(tape.first(TapeHeader::BYTES));
    write(tape, 0, header);
    std::uint64_t index = 0;
    for (const Place &place : places(tape)) {
        TapeEvent head = read<TapeEvent>(tape, place.at);
        if (head.kind == spec::TapeKind::END)
            head.value = index;
        head.check = 0;
        write(tape, place.at, head);
        head.check = fnv(tape.subspan(place.at, TapeEvent::BYTES + head.bytes));
        write(tape, place.at, head);
        ++index;
    }
}

} // namespace fuzz
