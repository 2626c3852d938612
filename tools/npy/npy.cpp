// SPDX-License-Identifier: MIT
#include "npy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "../support/files.hpp"

namespace neuron::npy {
namespace {

using spec::Dtype;

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t prefix_v1 = 10; // magic, two bytes of version, two of header length
constexpr std::size_t prefix_v2 = 12;
constexpr std::size_t alignment = 64; // of the first element, as NumPy does it

struct TypeCode {
    Dtype dtype;
    std::string_view code; ///< Kind and bytes of NumPy's descr, without the byte order.
};

constexpr std::array<TypeCode, 9> type_codes = {{
    {Dtype::BF16, "V2"},
    {Dtype::F16, "f2"},
    {Dtype::F32, "f4"},
    {Dtype::I8, "i1"},
    {Dtype::U8, "u1"},
    {Dtype::I16, "i2"},
    {Dtype::U16, "u2"},
    {Dtype::I32, "i4"},
    {Dtype::U32, "u4"},
}};

/** What the header says. */
struct Header {
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<std::uint64_t>> shape;
};

/** The dictionary of the header: a Python literal, of which only what numpy.save() writes is understood. */
class HeaderParser {
public:
    explicit HeaderParser(std::string_view text) : text_(text) {}

    // An error message without the file name, or nothing.
    std::optional<std::string> run(Header &header) {
        if (!take('{'))
            return problem("expected '{'");
        while (!take('}')) {
            const auto key = quoted();
            if (!key || !take(':'))
                return problem("expected a key and ':'");
            if (auto error = value(*key, header))
                return error;
            if (!take(',') && !at('}'))
                return problem("expected ',' or '}'");
        }
        skip();
        if (next_ != text_.size())
            return problem("text behind the dictionary");
        if (!header.descr || !header.fortran_order || !header.shape)
            return std::string("its header lacks 'descr', 'fortran_order' or 'shape'");
        return std::nullopt;
    }

private:
    std::string problem(std::string_view what) const {
        return fmt::format("malformed header at byte {}: {}", next_, what);
    }

    std::optional<std::string> value(const std::string &key, Header &header) {
        if (key == "descr") {
            if (at('['))
                return "structured elements (several fields) are not supported";
            auto text = quoted();
            if (!text || header.descr)
                return problem("'descr' must be one text");
            header.descr = std::move(text);
        } else if (key == "fortran_order") {
            const bool yes = take_word("True");
            if ((!yes && !take_word("False")) || header.fortran_order)
                return problem("'fortran_order' must be True or False, once");
            header.fortran_order = yes;
        } else if (key == "shape") {
            auto shape = tuple();
            if (!shape || header.shape)
                return problem("'shape' must be one tuple of sizes");
            header.shape = std::move(shape);
        } else
            return fmt::format("its header has the unknown key '{}'", key);
        return std::nullopt;
    }

    void skip() {
        while (next_ < text_.size() && (text_[next_] == ' ' || text_[next_] == '\n'))
            ++next_;
    }
    bool at(char c) {
        skip();
        return next_ < text_.size() && text_[next_] == c;
    }
    bool take(char c) {
        if (!at(c))
            return false;
        ++next_;
        return true;
    }
    bool take_word(std::string_view word) {
        skip();
        if (!text_.substr(next_).starts_with(word))
            return false;
        next_ += word.size();
        return true;
    }

    std::optional<std::string> quoted() {
        const char quote = at('"') ? '"' : '\'';
        if (!take(quote))
            return std::nullopt;
        const std::size_t end = text_.find(quote, next_);
        if (end == std::string_view::npos)
            return std::nullopt;
        std::string out(text_.substr(next_, end - next_));
        next_ = end + 1;
        return out;
    }

    std::optional<std::vector<std::uint64_t>> tuple() {
        std::vector<std::uint64_t> out;
        if (!take('('))
            return std::nullopt;
        while (!take(')')) {
            skip();
            std::uint64_t size = 0;
            const auto [end, status] = std::from_chars(text_.data() + next_, text_.data() + text_.size(), size);
            if (status != std::errc())
                return std::nullopt;
            next_ = static_cast<std::size_t>(end - text_.data());
            out.push_back(size);
            if (!take(',') && !at(')'))
                return std::nullopt;
        }
        return out;
    }

    std::string_view text_;
    std::size_t next_ = 0;
};

std::string known_types() {
    std::string out;
    for (const TypeCode &type : type_codes)
        out += fmt::format("{}{}", out.empty() ? "" : ", ", type.code);
    return out;
}

std::optional<Dtype> type_of(std::string_view descr) {
    // '|' means that there is no byte order: single bytes, and raw bytes.
    if (descr.size() != 3 || (descr[0] != '<' && !(descr[0] == '|' && (descr[1] == 'V' || descr[2] == '1'))))
        return std::nullopt;
    const auto found = std::ranges::find(type_codes, descr.substr(1), &TypeCode::code);
    return found == type_codes.end() ? std::nullopt : std::optional(found->dtype);
}

/** Reads one file. */
class Reader {
public:
    Reader(std::vector<std::byte> file, std::string_view name) : name_(name) { array_.file = std::move(file); }

    Result<Array> run() {
        const auto header_bytes = find_header();
        if (!header_bytes)
            return tl::unexpected(header_bytes.error());
        const std::string_view text(
            reinterpret_cast<const char *>(array_.file.data()) + array_.data_offset - *header_bytes, *header_bytes);
        Header header;
        if (const auto error = HeaderParser(text).run(header))
            return fail(*error);
        if (const auto error = check(header))
            return fail(*error);
        array_.shape = std::move(*header.shape);
        if (const auto error = check_size())
            return fail(*error);
        return std::move(array_);
    }

private:
    tl::unexpected<Error> fail(std::string_view what) const {
        return tl::unexpected(Error{ErrorCode::invalid_argument, fmt::format("{}: {}", name_, what)});
    }

    std::size_t byte(std::size_t at) const { return std::to_integer<std::size_t>(array_.file[at]); }

    // Length of the header; data_offset is behind it.
    Result<std::size_t> find_header() {
        const std::vector<std::byte> &file = array_.file;
        if (file.size() < prefix_v1 || std::memcmp(file.data(), magic.data(), magic.size()) != 0)
            return fail("not a NumPy array file (wrong magic)");
        const std::size_t major = byte(6), minor = byte(7);
        if ((major != 1 && major != 2) || minor != 0)
            return fail(fmt::format("NumPy file version {}.{}; 1.0 and 2.0 are supported", major, minor));
        const std::size_t prefix = major == 1 ? prefix_v1 : prefix_v2;
        if (file.size() < prefix)
            return fail("truncated in the header");
        std::size_t length = byte(8) | byte(9) << 8;
        if (major == 2)
            length |= byte(10) << 16 | byte(11) << 24;
        if (length > file.size() - prefix)
            return fail("truncated in the header");
        array_.data_offset = prefix + length;
        return length;
    }

    std::optional<std::string> check(const Header &header) {
        const std::string &descr = *header.descr;
        const auto dtype = type_of(descr);
        if (!dtype && descr.starts_with('>'))
            return fmt::format("big-endian elements ('{}'); save it with array.astype('<{}')", descr, descr.substr(1));
        if (!dtype)
            return fmt::format("element type '{}' is not supported; there are {}", descr, known_types());
        if (*header.fortran_order)
            return "Fortran order; save it with numpy.ascontiguousarray(array)";
        array_.dtype = *dtype;
        return std::nullopt;
    }

    std::optional<std::string> check_size() const {
        std::uint64_t bytes = spec::bytes(array_.dtype);
        bool overflow = false;
        for (const std::uint64_t size : array_.shape)
            overflow |= __builtin_mul_overflow(bytes, size, &bytes);
        if (overflow)
            return fmt::format("shape [{}] does not fit 64 bits", fmt::join(array_.shape, ", "));
        const std::uint64_t have = array_.file.size() - array_.data_offset;
        if (have != bytes)
            return fmt::format("{}: shape [{}] needs {} bytes of data, the file has {}",
                               have < bytes ? "truncated" : "too long", fmt::join(array_.shape, ", "), bytes, have);
        return std::nullopt;
    }

    std::string_view name_;
    Array array_;
};

} // namespace

Result<Array> parse(std::vector<std::byte> file, std::string_view name) { return Reader(std::move(file), name).run(); }

Result<Array> read(const std::filesystem::path &path) {
    auto file = support::read_file(path);
    if (!file)
        return tl::unexpected(file.error());
    return parse(std::move(*file), path.string());
}

std::vector<std::byte> format(Dtype dtype, std::span<const std::uint64_t> shape, std::span<const std::byte> data) {
    const auto type = std::ranges::find(type_codes, dtype, &TypeCode::dtype);
    std::string dims = fmt::format("{}", fmt::join(shape, ", "));
    if (shape.size() == 1)
        dims += ','; // Python's tuple of one
    const bool single_bytes = spec::bytes(dtype) == 1;
    std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                                     single_bytes ? '|' : '<', type->code, dims);
    const std::size_t unpadded = prefix_v1 + header.size() + 1;
    header.append((alignment - unpadded % alignment) % alignment, ' ');
    header += '\n';
    std::string prefix(magic);
    prefix += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
    std::vector<std::byte> out(prefix.size() + header.size() + data.size());
    std::memcpy(out.data(), prefix.data(), prefix.size());
    std::memcpy(out.data() + prefix.size(), header.data(), header.size());
    if (!data.empty())
        std::memcpy(out.data() + prefix.size() + header.size(), data.data(), data.size());
    return out;
}

Result<void> write(const std::filesystem::path &path, Dtype dtype, std::span<const std::uint64_t> shape,
                   std::span<const std::byte> data) {
    return support::write_file(path, format(dtype, shape, data));
}

} // namespace neuron::npy
