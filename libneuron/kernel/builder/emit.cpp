// SPDX-License-Identifier: MIT
#include <map>
#include <string_view>

#include <fmt/format.h>

#include <encoding/encoder.hpp>
#include <encoding/ranges.hpp>

#include "state.hpp"

namespace neuron::builder::detail {
namespace {

using encoding::Dimension;
using encoding::Position;
using spec::OperandDesc;
using spec::OperandKind;

/** Gives the operands of one call to the encoder. */
class Call {
public:
    Call(KernelState &state, spec::Engine engine, const encoding::Mnemonic &mnemonic, Position at)
        : state_(state),
          diagnostics_(state.diagnostics),
          engine_(engine),
          encoder_(mnemonic, engine, state.profile, state.diagnostics),
          slots_(encoding::slots(mnemonic)),
          at_(at) {}

    encoding::Encoded run(std::initializer_list<Operand> operands) {
        bool good = encoder_.begin(at_);
        auto slot = slots_.begin();
        for (const Operand &operand : operands)
            good = good && set(*slot++, operand);
        // A broken instruction still takes its place, so that labels behind it keep their meaning.
        return good && encoder_.join() ? encoder_.finish({}) : encoding::Encoded{};
    }

private:
    bool set(const encoding::Slot &slot, const Operand &operand) {
        return std::visit([&](const auto &value) { return put(slot, value); }, operand);
    }

    bool put(const encoding::Slot &slot, std::int64_t value) {
        const OperandDesc &operand = *slot.operand;
        switch (operand.kind) {
        case OperandKind::ENUM: return enumerator(operand, value);
        case OperandKind::FLAGS: return flags(operand, static_cast<std::uint64_t>(value));
        case OperandKind::F32: encoder_.bits(operand, static_cast<std::uint64_t>(value)); return true;
        default: return encoder_.number(operand, value, at_);
        }
    }

    bool put(const encoding::Slot &slot, Reg reg) {
        const auto number = encoding::register_number(reg.number, at_, diagnostics_);
        if (number)
            encoder_.bits(*slot.operand, *number);
        return number.has_value();
    }

    bool put(const encoding::Slot &slot, const Sum &sum) {
        return put(slot, sum.reg) && encoder_.number(*slot.addend, sum.offset, at_);
    }

    bool put(const encoding::Slot &slot, const TileValue &value) {
        auto tile = head(value);
        return tile &&
               encoding::place_tile(*tile, dimensions(value.dims, value.rank), state_.profile, at_, diagnostics_) &&
               encoder_.tile(*slot.operand, *tile, at_);
    }

    bool put(const encoding::Slot &slot, const MemValue &value) {
        encoding::MemBlock block;
        const auto address = this->address(value.address.sum, value.address.shift);
        if (!address)
            return false;
        block.arg = value.arg;
        block.dtype = value.dtype;
        block.address = *address;
        block.rows = dimension(value.rows);
        block.dims = dimensions(value.dims, value.rank);
        block.where = at_;
        return encoder_.mem(*slot.operand, std::move(block));
    }

    bool put(const encoding::Slot &slot, const ScalarValue &value) {
        const auto scalar = this->scalar(value);
        return scalar && encoder_.scalar(*slot.operand, *scalar);
    }

    bool put(const encoding::Slot &slot, const LabelName &label) {
        state_.streams.refer(engine_, *slot.operand, std::string(label.name), at_);
        return true;
    }

    bool put(const encoding::Slot &slot, std::span<const std::int64_t> numbers) {
        for (std::uint32_t i = 0; i < numbers.size(); ++i)
            if (!encoder_.number(encoding::element(*slot.operand, i), numbers[i], at_))
                return false;
        return true;
    }

    bool enumerator(const OperandDesc &operand, std::int64_t value) {
        const spec::EnumValueDesc *found = operand.enum_desc->find(static_cast<std::uint64_t>(value));
        if (found != nullptr)
            return encoder_.enumerator(operand, *found, at_);
        diagnostics_.error(
            at_, fmt::format("{}: expected one of {}, found {}", operand.name, encoding::value_names(operand), value));
        return false;
    }

    bool flags(const OperandDesc &operand, std::uint64_t bits) {
        std::uint64_t known = 0;
        for (const spec::EnumValueDesc &value : operand.enum_desc->values) {
            known |= value.value;
            if ((bits & value.value) != 0 && !encoder_.has(operand, value, at_))
                return false;
        }
        encoder_.bits(operand, bits);
        if ((bits & ~known) == 0)
            return true;
        diagnostics_.error(at_, fmt::format("{}: expected any of {} joined by '|', or 0, found {}", operand.name,
                                            encoding::value_names(operand), bits));
        return false;
    }

    std::optional<encoding::Address> address(const Sum &sum, std::int64_t shift) {
        const auto reg = encoding::register_number(sum.reg.number, at_, diagnostics_);
        if (!reg || !encoding::in_range(shift, encoding::field_range<spec::Mem>("shift"), "shift", at_, diagnostics_))
            return std::nullopt;
        return encoding::Address{sum.offset, *reg, static_cast<std::uint32_t>(shift), at_};
    }

    std::optional<spec::Tile> head(const TileValue &value) {
        const auto address = this->address(value.address, 0);
        if (!address || !encoding::check_partitions(value.first, value.end, at_, diagnostics_))
            return std::nullopt;
        return encoding::tile_head(value.space, value.dtype, value.first, value.end, *address, diagnostics_);
    }

    std::optional<encoding::ScalarOperand> scalar(const ScalarValue &value) {
        encoding::ScalarOperand out;
        if (value.kind == spec::ScalarKind::VECTOR) {
            const auto tile = head(value.column);
            if (!tile || !encoding::check_tile(*tile, state_.profile, at_, diagnostics_))
                return std::nullopt;
            out = encoding::column(*tile);
        } else {
            const auto reg = encoding::register_number(value.reg.number, at_, diagnostics_);
            if (!reg)
                return std::nullopt;
            out.scalar.kind = value.kind;
            out.scalar.dtype = value.dtype;
            out.scalar.value = value.bits;
            out.scalar.reg = static_cast<std::uint8_t>(*reg);
        }
        out.where = at_;
        return out;
    }

    Dimension dimension(const Dim &dim) const {
        return {dim.num, dim.step == Dim::dense ? std::nullopt : std::optional(dim.step), at_};
    }
    std::vector<Dimension> dimensions(std::span<const Dim> dims, std::size_t rank) const {
        std::vector<Dimension> out;
        for (const Dim &dim : dims.first(rank))
            out.push_back(dimension(dim));
        return out;
    }

    KernelState &state_;
    encoding::Diagnostics &diagnostics_;
    spec::Engine engine_;
    encoding::Encoder encoder_;
    std::vector<encoding::Slot> slots_;
    Position at_;
};

/** Changes the header of an instruction that is there already. */
template<class Change>
void change_header(KernelState &state, spec::Engine engine, std::size_t index, Change change) {
    InstructionBytes &bytes = state.streams.stream(engine)[index];
    const std::span<std::byte, spec::InstructionHeader::BYTES> head(bytes.data(), spec::InstructionHeader::BYTES);
    auto header = spec::unpack<spec::InstructionHeader>(head);
    change(header);
    spec::pack(header, head);
}

} // namespace

std::vector<BuildError> KernelState::errors_of(const encoding::Diagnostics &list) const {
    std::vector<BuildError> out;
    for (const encoding::Diagnostic &diagnostic : list.list()) {
        const Where where = diagnostic.where.line == 0 ? Where{} : places[diagnostic.where.line - 1];
        out.push_back({where.file, where.line, diagnostic.message});
    }
    return out;
}

void KernelState::set_lines(encoding::KernelImage &image) const {
    std::map<std::string_view, std::uint32_t> files;
    for (auto &stream : image.lines)
        for (encoding::ImageLine &line : stream) {
            const Where where = places[line.line - 1]; // each instruction has a place
            const auto [file, is_new] = files.try_emplace(where.file, static_cast<std::uint32_t>(image.sources.size()));
            if (is_new)
                image.sources.emplace_back(where.file);
            line = {.line = where.line, .file = file->second};
        }
}

std::size_t emit(KernelState &state, spec::Engine engine, std::string_view word,
                 std::initializer_list<Operand> operands, Where where) {
    const Position at = state.position(where);
    const encoding::Encoded encoded = Call(state, engine, *encoding::find_mnemonic(word), at).run(operands);
    state.streams.append(engine, encoded, at);
    return state.streams.stream(engine).size() - 1;
}

void set_wait(KernelState &state, spec::Engine engine, std::size_t index, const Wait &wait, Where where) {
    const Position at = state.position(where);
    const auto sem = encoding::semaphore_number(wait.sem, at, state.diagnostics);
    const auto value = sem ? encoding::semaphore_value(wait.value, at, state.diagnostics) : std::nullopt;
    if (value)
        change_header(state, engine, index, [&](spec::InstructionHeader &header) {
            header.wait_op = wait.op;
            header.wait_sem = static_cast<std::uint8_t>(*sem);
            header.wait_value = *value;
        });
}

void set_update(KernelState &state, spec::Engine engine, std::size_t index, const Update &update, Where where) {
    const Position at = state.position(where);
    const auto sem = encoding::semaphore_number(update.sem, at, state.diagnostics);
    const auto value = sem ? encoding::semaphore_value(update.value, at, state.diagnostics) : std::nullopt;
    if (value)
        change_header(state, engine, index, [&](spec::InstructionHeader &header) {
            header.update_op = update.op;
            header.update_sem = static_cast<std::uint8_t>(*sem);
            header.update_value = *value;
        });
}

std::string label_name(const KernelState &state, std::string_view name) {
    return state.scope.empty() ? std::string(name) : fmt::format("{}${}", name, state.scope.back());
}

void place_label(KernelState &state, spec::Engine engine, const std::string &name, Where where) {
    const Position at = state.position(where);
    if (state.streams.place(engine, name, at) != nullptr)
        state.diagnostics.error(at, fmt::format("label '{}' is there already", name));
}

std::size_t open_scope(KernelState &state) {
    state.scope.push_back(++state.scopes);
    return state.scopes;
}

void close_scope(KernelState &state) { state.scope.pop_back(); }

} // namespace neuron::builder::detail
