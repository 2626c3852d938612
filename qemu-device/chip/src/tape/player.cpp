// SPDX-License-Identifier: MIT
#include "player.hpp"

#include "../abi.hpp"
#include "../state/archive.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>

namespace neuron::chip::tape {

using spec::TapeFlag;
using spec::TapeKind;

namespace {

// How often somebody who may want to end it is asked.
constexpr std::uint64_t STEPS_BETWEEN_GLANCES = 1024;
// Of a tape that was cut off; a program may loop for ever.
constexpr std::uint64_t STEPS_AFTER_CUT = 1 << 20;

std::string text_of(const Event &event) {
    return {reinterpret_cast<const char *>(event.data.data()), event.data.size()};
}

std::string with_value(const Event &event) {
    const std::string value = describe_value(event);
    return describe(event) + (value.empty() ? "" : ": " + value);
}

} // namespace

Player::Player(Reader reader, const neuron_chip_replay_options &options)
    : reader_(std::move(reader)),
      options_(options),
      sanitized_((reader_.header().options & spec::raw(spec::TapeOption::SANITIZER)) != 0) {
    counts_.size = sizeof counts_;
}

neuron_chip_host_ops Player::ops() const {
    neuron_chip_host_ops ops{};
    ops.size = sizeof ops;
    ops.dma_read = [](void *self, std::uint64_t addr, void *buf, std::size_t len) {
        return static_cast<Player *>(self)->dma_read(addr, {static_cast<std::byte *>(buf), len});
    };
    ops.dma_write = [](void *self, std::uint64_t addr, const void *buf, std::size_t len) {
        return static_cast<Player *>(self)->dma_write(addr, {static_cast<const std::byte *>(buf), len});
    };
    ops.raise_irq = [](void *self, std::uint32_t vector) { static_cast<Player *>(self)->irq(vector); };
    ops.log = [](void *self, neuron_chip_log_level level, const char *message) {
        static_cast<Player *>(self)->log(level, message);
    };
    if ((reader_.header().options & spec::raw(spec::TapeOption::FUNCTION)) != 0)
        ops.function_fault = [](void *self, std::uint32_t action, std::uint64_t argument) {
            static_cast<Player *>(self)->function(action, argument);
        };
    return ops;
}

void Player::attach(neuron_chip &chip) {
    handle_ = &chip;
    chip_ = chip.chip.get();
    hbm_ = chip_->aperture();
    hbm_bytes_ = chip_->info().hbm_bytes;
}

neuron_chip_replay_result Player::result() const {
    neuron_chip_replay_result result = counts_;
    result.steps = steps_;
    result.events = index_;
    result.complete = end_ == End::COMPLETE;
    return result;
}

void Player::play() {
    advance();
    if (next_ && next_->kind() == TapeKind::STATE)
        load_state();
    while (!over() && (next_ || damage_))
        play_next();
    if (!over())
        run_out();
}

void Player::load_state() {
    std::span<const std::byte> rest;
    const auto read = [&](std::span<std::byte> out) {
        while (!out.empty()) {
            if (rest.empty()) {
                if (!damage_ && (!next_ || next_->kind() != TapeKind::STATE))
                    throw StateError(EBADMSG, "its end is missing");
                if (!ready())
                    throw StateError(EBADMSG, message_);
                rest = next_->data;
                advance();
            }
            const std::size_t count = std::min(out.size(), rest.size());
            std::ranges::copy(rest.first(count), out.begin());
            out = out.subspan(count);
            rest = rest.subspan(count);
        }
    };
    try {
        Archive archive{Archive::Read(read)};
        chip_->pause();
        chip_->serialize(archive);
        if (!rest.empty() || (next_ && next_->kind() == TapeKind::STATE))
            throw StateError(EBADMSG, "something follows it");
    } catch (const StateError &error) {
        finish(End::DAMAGED, error.code() == ENOTSUP ? ENOTSUP : EBADMSG,
               fmt::format("the state of the chip that the tape begins with: {}", error.what()));
    }
}

void Player::list() {
    for (advance(); ready(); advance())
        if (next_->kind() == TapeKind::END) {
            const auto more = reader_.next(); // nothing may follow
            return more ? finish(End::COMPLETE, 0, "") : finish(End::DAMAGED, more.error().code, more.error().message);
        }
}

void Player::finish(End end, int error, std::string message) {
    if (over())
        return;
    end_ = end;
    error_ = error;
    message_ = std::move(message);
    neuron_chip_tape_stop(index_, steps_);
    if (options_.stopped != nullptr && handle_ != nullptr)
        options_.stopped(options_.opaque, handle_);
}

void Player::diverge(const std::string &what) {
    finish(End::DIVERGED, ESTALE, fmt::format("diverges at event {} (step {}): {}", index_, steps_, what));
}

void Player::tell(const Event &event) const {
    if (options_.event == nullptr)
        return;
    const std::string what = describe(event);
    const std::string value = describe_value(event);
    const std::string by = describe_unit(event);
    const neuron_chip_tape_event told{.index = index_,
                                      .step = event.head.step,
                                      .kind = spec::raw(event.kind()),
                                      .flags = event.head.flags,
                                      .addr = event.head.addr,
                                      .value = event.head.value,
                                      .data = event.data.data(),
                                      .bytes = event.data.size(),
                                      .what = what.c_str(),
                                      .text = value.c_str(),
                                      .by = by.c_str()};
    options_.event(options_.opaque, &told);
}

void Player::advance() {
    do {
        told_ = false;
        index_ = reader_.index();
        auto read = reader_.next();
        next_.reset();
        if (!read)
            damage_ = read.error();
        else
            next_ = *read;
        if (next_ && next_->kind() == TapeKind::LOG)
            tell(*next_);
    } while (next_ && next_->kind() == TapeKind::LOG);
}

bool Player::ready() {
    if (over())
        return false;
    if (options_.until_event != 0 && index_ >= options_.until_event)
        finish(End::STOPPED, 0, "");
    else if (damage_)
        finish(End::DAMAGED, damage_->code, damage_->message);
    else if (!next_)
        finish(End::CUT_OFF, 0, "");
    if (over())
        return false;
    if (!told_) {
        told_ = true;
        tell(*next_);
        neuron_chip_tape_at(index_, next_->head.step);
    }
    return true;
}

void Player::run_out() {
    for (std::uint64_t i = 0; i < STEPS_AFTER_CUT && !over(); ++i) {
        if (options_.until_step != 0 && steps_ >= options_.until_step)
            return finish(End::STOPPED, 0, "");
        ++steps_;
        if (run_step() == 0) {
            --steps_;
            break;
        }
        glance();
    }
    finish(End::CUT_OFF, 0, "");
}

void Player::play_next() {
    if (damage_ || next_->head.step <= steps_) {
        if (!ready())
            return;
    } else if (options_.until_step != 0 && steps_ >= options_.until_step) {
        return finish(End::STOPPED, 0, "");
    } else {
        return take_step();
    }
    const Event event = *next_;
    if (event.kind() == TapeKind::END) {
        const auto more = reader_.next(); // nothing may follow
        return more ? finish(End::COMPLETE, 0, "") : finish(End::DAMAGED, more.error().code, more.error().message);
    }
    if (!event.of_host()) {
        if (const auto read = read_behind())
            return play_read(*read);
        return diverge(fmt::format("the tape has {}, and the chip does not do it", with_value(event)));
    }
    if (event.has(TapeFlag::INSIDE))
        return diverge(fmt::format("{} came in while the chip waited for DMA, and it does not", describe(event)));
    play_host(event);
}

std::uint64_t Player::run_step() {
    in_step_ = true;
    const std::uint64_t done = chip_->executor().run(1);
    in_step_ = false;
    return done;
}

void Player::take_step() {
    ++steps_;
    if (run_step() == 0 && !over()) {
        --steps_;
        diverge(fmt::format("the chip has nothing left to do; the tape has {} in step {}", with_value(*next_),
                            next_->head.step));
    }
    glance();
}

void Player::glance() {
    if (steps_ % STEPS_BETWEEN_GLANCES == 0 && options_.go_on != nullptr && !options_.go_on(options_.opaque))
        finish(End::STOPPED, EINTR, "interrupted");
}

void Player::play_host(const Event &event) {
    if (event.is_access())
        play_access(event);
    else
        play_other(event);
}

// A read lets out what a chip that explores has held back, and stands behind what came of that.
std::optional<Event> Player::read_behind() const {
    Reader ahead = reader_;
    for (auto event = ahead.next(); event && *event && (*event)->head.step == steps_; event = ahead.next())
        if ((*event)->of_host() && !(*event)->has(TapeFlag::INSIDE))
            return (*event)->kind() == TapeKind::REG_READ ? *event : std::nullopt;
    return std::nullopt;
}

void Player::play_read(const Event &event) {
    const spec::TapeEvent &head = event.head;
    ++counts_.accesses;
    const std::uint64_t value = chip_->registers().read(head.addr, head.size);
    if (!expect({{.kind = TapeKind::REG_READ, .addr = head.addr, .value = head.value}, {}}))
        return;
    if (value != head.value)
        return diverge(fmt::format("{} gives 0x{:x}, the tape has 0x{:x}", describe(event), value, head.value));
    advance();
}

void Player::play_access(const Event &event) {
    const spec::TapeEvent &head = event.head;
    if (event.kind() == TapeKind::REG_READ)
        return play_read(event);
    ++counts_.accesses;
    advance(); // a write may have the chip read memory at once
    if (event.kind() == TapeKind::REG_WRITE)
        chip_->registers().write(head.addr, head.value, head.size);
    else
        chip_->registers().doorbell(head.addr, head.value, head.size);
}

void Player::play_other(const Event &event) {
    advance();
    switch (event.kind()) {
    case TapeKind::IDLE:
        if (run_step() != 0) {
            ++steps_;
            diverge("the chip has a step to take where the tape has none");
        }
        break;
    case TapeKind::RESET: chip_->registers().reset(); break;
    case TapeKind::PAUSE: chip_->pause(); break;
    case TapeKind::RESUME: chip_->executor().resume(); break;
    case TapeKind::ECC: (void)chip_->inject_ecc(event.head.addr, event.head.value != 0); break;
    case TapeKind::TEST_FAULT:
        (void)neuron_chip_set_test_fault(handle_, static_cast<std::uint32_t>(event.head.value));
        break;
    case TapeKind::PLAN: (void)chip_->set_fault_plan(text_of(event)); break;
    case TapeKind::FORGET: neuron_chip_forget_reports(handle_); break;
    default: break;
    }
}

void Player::play_inside() {
    while (!over() && next_) {
        // While an access waits, the chip may take steps.
        if (next_->head.step > steps_ && !in_step_)
            take_step();
        else if (next_->of_host() && next_->has(TapeFlag::INSIDE) && next_->head.step <= steps_)
            ready() ? play_host(Event(*next_)) : void();
        else
            return;
    }
}

std::optional<Event> Player::expect(const Event &mine) {
    if (!ready())
        return std::nullopt;
    const Event event = *next_;
    const spec::TapeEvent &head = event.head;
    const bool same = head.kind == mine.head.kind && head.addr == mine.head.addr && head.value == mine.head.value;
    if (!same || head.step != steps_) {
        const std::string step = head.step != steps_ ? fmt::format(" in step {}", head.step) : "";
        diverge(fmt::format("{}, the tape has {}{}", describe(mine), describe(event), step));
        return std::nullopt;
    }
    return event;
}

bool Player::bytes_differ(const Event &tape, std::span<const std::byte> mine) {
    for (std::size_t i = 0; i < mine.size(); ++i) {
        if (mine[i] == tape.byte(i))
            continue;
        diverge(fmt::format("{}: byte {} is 0x{:02x}, the tape has 0x{:02x}", describe(tape), i,
                            std::to_integer<unsigned>(mine[i]), std::to_integer<unsigned>(tape.byte(i))));
        return true;
    }
    return false;
}

int Player::dma_read(std::uint64_t addr, std::span<std::byte> out) {
    play_inside();
    const auto event = expect({{.kind = TapeKind::DMA_READ, .addr = addr, .value = out.size()}, {}});
    if (!event)
        return -EIO;
    ++counts_.dma_reads;
    const bool failed = event->has(TapeFlag::FAILED);
    for (std::size_t i = 0; !failed && i < out.size(); ++i)
        out[i] = event->byte(i);
    advance();
    return failed ? -EIO : 0;
}

int Player::dma_write(std::uint64_t addr, std::span<const std::byte> in) {
    play_inside();
    const auto event = expect({{.kind = TapeKind::DMA_WRITE, .addr = addr, .value = in.size()}, {}});
    if (!event || bytes_differ(*event, in))
        return -EIO;
    ++counts_.dma_writes;
    advance();
    return event->has(TapeFlag::FAILED) ? -EIO : 0;
}

void Player::irq(std::uint32_t vector) {
    if (!expect({{.kind = TapeKind::IRQ, .value = vector}, {}}))
        return;
    ++counts_.interrupts;
    advance();
}

void Player::function(std::uint32_t action, std::uint64_t argument) {
    if (expect({{.kind = TapeKind::FUNCTION, .addr = action, .value = argument}, {}}))
        advance();
}

void Player::log(neuron_chip_log_level level, const char *message) const {
    if (options_.log != nullptr)
        options_.log(options_.opaque, level, message);
}

void Player::before_read(std::uint64_t offset, std::uint64_t bytes) {
    const std::uint64_t number = reads_++;
    while (!over() && next_ && next_->kind() == TapeKind::PATCH && next_->head.value == number && ready()) {
        const Event event = *next_;
        const std::uint64_t at = event.head.addr;
        if (at < offset || at - offset > bytes || event.data.size() > bytes - (at - offset) ||
            event.head.step != steps_)
            return diverge(fmt::format("the chip reads {} bytes of HBM at 0x{:x}, the tape has {}", bytes, offset,
                                       describe(event)));
        std::ranges::copy(event.data, hbm_ + at);
        ++counts_.patches;
        advance();
    }
}

void Player::taken_up(std::uint32_t queue, std::uint64_t packet, std::span<const std::byte, spec::PACKET_BYTES> raw) {
    if (!reader_.has_packets())
        return;
    const auto event = expect({{.kind = TapeKind::PACKET, .addr = queue, .value = packet}, raw});
    if (event && !bytes_differ(*event, raw))
        advance();
}

void Player::retired(std::uint32_t queue, std::uint64_t packet) {
    if (reader_.has_packets() && expect({{.kind = TapeKind::RETIRED, .addr = queue, .value = packet}, {}}))
        advance();
}

// Of a tape without the sanitizer nobody knows: a page may have been touched in any case.
bool Player::host_touched(std::uint64_t offset, bool) {
    if (!sanitized_)
        return true;
    const bool touched = next_ && next_->head.value != 0;
    if (!expect({{.kind = TapeKind::TOUCHED, .addr = offset, .value = touched}, {}}))
        return true;
    advance();
    return touched;
}

} // namespace neuron::chip::tape
