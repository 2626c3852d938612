// SPDX-License-Identifier: MIT
// A chip that is recorded: what stands between its host and it.
#pragma once

#include "../chip.hpp"
#include "../watcher.hpp"
#include "host_window.hpp"
#include "monitor.hpp"
#include "neuron_chip.h"
#include "writer.hpp"

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace neuron::chip::tape {

/// Brings all calls into one order, and writes down what the chip sees and does. The chip must be a stepped one: only its
/// order of work follows from what it sees.
class Recording final : public Watcher {
public:
    /// Writes the start of the tape.
    static tl::expected<std::unique_ptr<Recording>, CreateError> create(const ChipInfo &info, Writer::Sink sink,
                                                                        const neuron_chip_host_ops &ops, void *opaque);
    /// The recording begins in the middle of a run: writes what the chip is then. 0, or a negative errno.
    int add_state(std::span<const std::byte> state);
    /// Writes the end. The chip is gone.
    ~Recording() override;

    /// What the chip is made with in place of the host's.
    neuron_chip_host_ops ops() const;
    /// Of the chip, before its first call. `window`: what the host has in place of the start of HBM.
    void attach(Chip &chip, std::unique_ptr<HostWindow> window);
    /// It is over, and somebody else goes on with what the host has.
    std::unique_ptr<HostWindow> give_window() { return std::move(window_); }
    /// The memory behind the aperture for the host.
    std::byte *aperture() const { return window_->data(); }

    /// Calls `f`, which is what `head` says: an access, or something else of the host.
    template<std::invocable F>
    auto call(spec::TapeEvent head, std::span<const std::byte> data, F &&f) {
        const Entry entry(*this);
        note(entry.flags(head), data);
        return f();
    }
    /// Writes the end; nothing is written after it.
    void end();
    bool ended() const { return ended_; }
    std::uint64_t reg_read(std::uint64_t offset, unsigned size);
    std::uint64_t run(std::uint64_t max_steps);

    void before_read(std::uint64_t offset, std::uint64_t bytes) override;
    void after_write(std::uint64_t offset, std::uint64_t bytes) override;
    void zeroed(std::uint64_t offset, std::uint64_t bytes) override;
    bool host_touched(std::uint64_t offset, bool found) override;
    const std::byte *host_memory() const override { return window_ != nullptr ? window_->data() : nullptr; }
    void taken_up(std::uint32_t queue, std::uint64_t packet,
                  std::span<const std::byte, spec::PACKET_BYTES> raw) override;
    void retired(std::uint32_t queue, std::uint64_t packet) override;

private:
    /// A call of the host, from here to the end of the scope.
    class Entry {
    public:
        explicit Entry(Recording &recording)
            : recording_(recording),
              inside_(recording.monitor_.enter()),
              waiting_(std::exchange(recording.waiting_, recording.stepping())) {}
        ~Entry() {
            recording_.waiting_ = waiting_;
            recording_.monitor_.leave();
        }
        Entry(const Entry &) = delete;
        Entry &operator=(const Entry &) = delete;
        spec::TapeEvent flags(spec::TapeEvent head) const {
            head.flags = inside_ ? spec::raw(spec::TapeFlag::INSIDE) : 0;
            return head;
        }

    private:
        Recording &recording_;
        bool inside_;
        const Unit *waiting_;
    };

    Recording(Writer::Sink sink, const neuron_chip_host_ops &ops, void *opaque)
        : writer_(std::move(sink)), host_(ops), opaque_(opaque) {}

    // Callbacks of the chip.
    int dma_read(std::uint64_t addr, std::span<std::byte> out);
    int dma_write(std::uint64_t addr, std::span<const std::byte> in);
    void log(neuron_chip_log_level level, const char *message);

    const Unit *stepping() const { return chip_ != nullptr ? chip_->stepping() : nullptr; }
    void name_unit(spec::TapeEvent &head);
    void note(spec::TapeEvent head, std::span<const std::byte> data = {});
    void check(int result);

    Monitor monitor_; ///< whoever is in it has all below
    Writer writer_;
    std::unique_ptr<HostWindow> window_;
    const neuron_chip_host_ops host_;
    void *const opaque_;
    Chip *chip_ = nullptr;
    std::byte *hbm_ = nullptr;
    std::vector<std::byte> bounce_;
    const Unit *waiting_ = nullptr; ///< it waits for DMA, and the present call has come in
    const Unit *named_ = nullptr;   ///< last, and how
    UnitName name_;
    std::uint64_t steps_ = 0;
    std::uint64_t reads_ = 0; ///< of HBM
    bool idle_noted_ = false; ///< nothing has happened since
    bool ended_ = false;
    bool complained_ = false;
};

} // namespace neuron::chip::tape
