// SPDX-License-Identifier: MIT
#include "hazard_watch.hpp"

#include "core.hpp"

#include <algorithm>
#include <vector>

namespace neuron::chip {

namespace {

using hazard::Monitor;
using hazard::Site;
using Mode = Monitor::Mode;
using Raw = std::span<const std::byte, spec::INSTRUCTION_BYTES>;

/// What an instruction touches.
struct Touch {
    hazard::Region region;
    Mode mode;
};

// What the table cannot say: that an access depends on flags or data.
Mode mode_of(spec::Opcode opcode, const spec::OperandDesc &operand, Raw raw) {
    const bool write = operand.access != spec::OperandAccess::READ;
    switch (opcode) {
    case spec::Opcode::MATMUL:
        if (write && spec::unpack<spec::InsnMatmul>(raw).flags & spec::MatmulFlag::START)
            return Mode::WRITE;
        break;
    case spec::Opcode::COPY_PREDICATED:
    case spec::Opcode::FILL_PREDICATED:
    case spec::Opcode::STREAM_SHUFFLE:
        if (write)
            return Mode::WRITE_PARTLY;
        break;
    case spec::Opcode::GATHER:
    case spec::Opcode::LOCAL_GATHER:
        if (operand.name == "src")
            return Mode::READ_PARTLY;
        break;
    default: break;
    }
    switch (operand.access) {
    case spec::OperandAccess::WRITE: return Mode::WRITE;
    case spec::OperandAccess::UPDATE: return Mode::MODIFY;
    default: return Mode::READ;
    }
}

template<class T>
T operand_at(Raw raw, const spec::OperandDesc &operand) {
    return spec::unpack<T>(raw.subspan(operand.offset).first<T::BYTES>());
}

// The column of a scalar operand; MATCH_REPLACE8_INDEX takes eight elements from it on.
std::optional<spec::Tile> column_of(spec::Opcode opcode, const spec::Scalar &scalar, std::uint8_t partitions) {
    if (scalar.kind != spec::ScalarKind::VECTOR)
        return std::nullopt;
    constexpr std::uint16_t MATCH_VALUES = 8;
    spec::Tile tile{.offset = scalar.value,
                    .reg = scalar.reg,
                    .partition = scalar.partition,
                    .partitions = partitions,
                    .space = scalar.space,
                    .dtype = scalar.dtype,
                    .step = {1, 0, 0, 0},
                    .num = {1, 1, 1, 1}};
    if (opcode == spec::Opcode::MATCH_REPLACE8_INDEX)
        tile.num[0] = MATCH_VALUES;
    return tile;
}

// What LOCAL_GATHER uses of its index tile: column by column, the partitions of a group in turn.
void add_indices(std::vector<Touch> &out, const TileView &dst, const TileView &index, unsigned run) {
    constexpr unsigned GROUP = 16;
    const std::uint32_t used = dst.elements() / std::max(run, 1U);
    const std::uint32_t columns = std::min(used / GROUP, index.elements());
    hazard::Region whole(index), rest(index);
    whole.elements = columns;
    rest.first = columns;
    rest.elements = std::min(index.elements() - columns, 1U);
    for (unsigned row = 0; row < index.partitions(); ++row)
        rest.rows[row] = row % GROUP < used % GROUP;
    out.push_back({whole, Mode::READ});
    out.push_back({rest, Mode::READ});
}

// The tiles of an instruction, inputs first. Nothing if one of them is no legal tile: the instruction is about to fault.
std::vector<Touch> touches(const ExecContext &context, spec::Opcode opcode, Raw raw) {
    std::vector<Touch> out;
    std::uint8_t partitions = 0;
    for (const spec::OperandDesc &operand : spec::find_instruction(opcode)->operands) {
        std::optional<spec::Tile> tile;
        if (operand.kind == spec::OperandKind::TILE) {
            tile = operand_at<spec::Tile>(raw, operand);
            partitions = partitions == 0 ? tile->partitions : partitions;
        } else if (operand.kind == spec::OperandKind::SCALAR) {
            tile = column_of(opcode, operand_at<spec::Scalar>(raw, operand), partitions);
        }
        if (!tile)
            continue;
        const auto view = resolve(*tile, context.regs, operand.offset, context.memory);
        if (!view)
            return {};
        if (opcode == spec::Opcode::LOCAL_GATHER && operand.name == "index")
            add_indices(out, out.front().region.tile, *view, spec::unpack<spec::InsnLocalGather>(raw).run);
        else
            out.push_back({*view, mode_of(opcode, operand, raw)});
    }
    std::stable_partition(out.begin(), out.end(), [](const Touch &touch) { return !hazard::writes(touch.mode); });
    return out;
}

} // namespace

void SequencerWatch::waiting(const spec::InstructionHeader &header) {
    if (monitor_ != nullptr && header.wait_op == spec::WaitOp::TAKE)
        monitor_->taking(agent_, core_, header.wait_sem);
}

void SequencerWatch::waited(const spec::InstructionHeader &header) {
    if (monitor_ != nullptr && header.wait_op != spec::WaitOp::NONE)
        monitor_->waited(agent_, core_, header.wait_sem, header.wait_op, header.wait_value);
}

void SequencerWatch::updating(std::uint8_t core, spec::UpdateOp op, std::uint8_t semaphore, std::uint32_t value) {
    if (monitor_ != nullptr && op != spec::UpdateOp::NONE)
        monitor_->updating(agent_, core, semaphore, op, value);
}

void SequencerWatch::clearing(std::uint32_t first, std::uint32_t count) {
    if (monitor_ != nullptr)
        monitor_->clearing(agent_, core_, first, count);
}

void SequencerWatch::drained() {
    if (monitor_ != nullptr)
        monitor_->drained(agent_);
}

std::optional<FaultInfo> SequencerWatch::look(const ExecContext &context, std::uint32_t pc, spec::Opcode opcode,
                                              Raw raw) {
    const auto unit = static_cast<spec::Unit>(spec::raw(spec::Unit::PE) + spec::raw(engine_));
    for (const Touch &touch : touches(context, opcode, raw))
        if (auto found = monitor_->access(agent_, Site{core_, unit, 0, pc}, core_, touch.region, touch.mode))
            return found;
    return std::nullopt;
}

void RingWatch::issued(spec::Engine engine) {
    if (monitor_ != nullptr)
        monitor_->issued(Monitor::sequencer(core_, engine), agent_);
}

std::optional<FaultInfo> RingWatch::start(const DmaJob &job, const hazard::Region::Rows &rows) {
    if (monitor_ == nullptr)
        return std::nullopt;
    monitor_->started(agent_);
    const Site site{core_, spec::Unit::DMA, ring_, job.pc};
    const auto touch = [&](const TileView &view, const hazard::Region::Rows &rows, std::uint8_t core, Mode mode) {
        hazard::Region region(view);
        region.rows = rows;
        return monitor_->access(agent_, site, core, region, mode);
    };
    std::optional<FaultInfo> found;
    if (job.index)
        found = touch(job.index->tile, hazard::Region::all_rows(), core_, Mode::READ);
    if (const auto *src = std::get_if<DmaTile>(&job.src); src != nullptr && !found)
        found = touch(src->view, rows, core_, Mode::READ);
    if (const auto *dst = std::get_if<DmaTile>(&job.dst); dst != nullptr && !found)
        found = touch(dst->view, rows, job.peer ? job.peer->core->index() : core_,
                      job.op != spec::DmaOp::WRITE ? Mode::MODIFY : Mode::WRITE);
    return found;
}

void RingWatch::updating(std::uint8_t core, spec::UpdateOp op, std::uint8_t semaphore, std::uint32_t value) {
    if (monitor_ != nullptr && op != spec::UpdateOp::NONE)
        monitor_->updating(agent_, core, semaphore, op, value);
}

void RingWatch::completed(spec::Engine engine) {
    if (monitor_ != nullptr)
        monitor_->completed(agent_, Monitor::sequencer(core_, engine));
}

} // namespace neuron::chip
