// SPDX-License-Identifier: MIT
// The byte stream that holds the state of a chip.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <neuron/spec.hpp>

namespace neuron::chip {

/// What is wrong with a stream, or with reading or writing it.
class StateError : public std::runtime_error {
public:
    StateError(int code, const std::string &message) : std::runtime_error(message), code_(code) {}
    /// errno
    int code() const { return code_; }

private:
    int code_;
};

/// Writes or reads a stream: one description of an object's state serves both ways, so the two cannot differ.
///
/// A stream is a sequence of sections: a name of at most 16 bytes, a number, a length, then the fields in their order, all
/// little-endian. When it reads, everything is checked that can be without knowing the object; whoever uses a value as more
/// than a value checks the rest with require(). Errors are StateError and name section and field.
class Archive {
public:
    /// Takes or gives exactly that many bytes; throws StateError.
    using Write = std::function<void(std::span<const std::byte>)>;
    using Read = std::function<void(std::span<std::byte>)>;

    static constexpr std::size_t MAX_SECTION = 16U << 20;

    explicit Archive(Write write) : write_(std::move(write)) {}
    explicit Archive(Read read) : read_(std::move(read)) {}
    Archive(const Archive &) = delete;
    Archive &operator=(const Archive &) = delete;

    bool loading() const { return read_ != nullptr; }

    // ---- sections ----

    /// One section, described by `body`. Reading: it must be the next one, and be read to its end.
    template<class Body>
    void section(std::string_view name, std::uint32_t number, Body &&body) {
        begin(name, number);
        body();
        end();
    }
    template<class Body>
    void section(std::string_view name, Body &&body) {
        section(name, 0, body);
    }
    /// Sections of one name for those numbers below `count` that `wanted(number)` asks for when writing; `body(number)`
    /// describes each. Reading: those that the stream has, in ascending order.
    template<class Wanted, class Body>
    void sections(std::string_view name, std::uint32_t count, Wanted &&wanted, Body &&body) {
        if (!loading()) {
            for (std::uint32_t i = 0; i < count; ++i)
                if (wanted(i))
                    section(name, i, [&] { body(i); });
            return;
        }
        for (std::uint32_t from = 0; next_is(name);) {
            const std::uint32_t number = next_number();
            begin(name, number);
            require(number >= from && number < count, "number", "is out of order, or there is no such one");
            body(number);
            end();
            from = number + 1;
        }
    }
    /// Reading: whether the next section has that name, and its number.
    bool next_is(std::string_view name);
    std::uint32_t next_number() const { return header_number_; }
    /// Reading: bytes of the present section that are not read yet.
    std::size_t left() const { return buffer_.size() - at_; }

    // ---- fields ----

    /// An integer, of `least` to `most`.
    template<std::integral T>
    void number(std::string_view name, T &value, std::type_identity_t<T> least = std::numeric_limits<T>::min(),
                std::type_identity_t<T> most = std::numeric_limits<T>::max()) {
        transfer(value);
        if (value < least || value > most)
            reject(name, "is out of range");
    }
    template<std::integral T>
    void number(std::string_view name, std::atomic<T> &value) {
        T plain = value.load(std::memory_order_relaxed);
        number(name, plain);
        value.store(plain, std::memory_order_relaxed);
    }
    void flag(std::string_view name, bool &value) {
        auto byte = static_cast<std::uint8_t>(value);
        number(name, byte, 0, 1);
        value = byte != 0;
    }
    /// A value of an enumeration of the contract, one that it has.
    template<class E>
    void choice(std::string_view name, E &value) {
        auto number = static_cast<std::underlying_type_t<E>>(value);
        transfer(number);
        value = static_cast<E>(number);
        const std::span<const E> known = spec::values<E>();
        if (std::ranges::find(known, value) == known.end())
            reject(name, "is no value of its kind");
    }
    /// A finite number.
    void real(std::string_view name, double &value);
    void bytes(std::span<std::byte> value);
    template<class T, std::size_t N>
    requires std::is_arithmetic_v<T>
    void array(std::array<T, N> &values) { bytes(std::as_writable_bytes(std::span(values))); }
    /// An integer of 128 bits.
    __extension__ using Wide = unsigned __int128;
    void wide(Wide &value);

    // ---- checks ----

    /// Reading: StateError unless `holds`; what is written is true anyway.
    void require(bool holds, std::string_view field, std::string_view problem) const {
        if (loading() && !holds)
            reject(field, problem);
    }
    [[noreturn]] void reject(std::string_view field, std::string_view problem) const;

private:
    static constexpr std::size_t NAME_BYTES = 16;
    static constexpr std::size_t HEADER_BYTES = NAME_BYTES + 2 * sizeof(std::uint32_t);

    void begin(std::string_view name, std::uint32_t number);
    void end();
    void read_header();
    void raw(void *value, std::size_t size);
    template<class T>
    void transfer(T &value) {
        static_assert(std::is_trivially_copyable_v<T>);
        raw(&value, sizeof value);
    }

    const Write write_;
    const Read read_;
    std::vector<std::byte> buffer_; ///< the present section
    std::size_t at_ = 0;            ///< reading: how far
    std::string name_;              ///< of it
    std::uint32_t number_ = 0;
    bool header_known_ = false; ///< reading: that of the next section has been read
    std::string header_name_;
    std::uint32_t header_number_ = 0;
    std::uint32_t header_length_ = 0;
};

} // namespace neuron::chip
