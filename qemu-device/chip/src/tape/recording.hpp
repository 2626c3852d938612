// SPDX-License-Identifier: MIT
// A chip that is recorded: what stands between its host and it.
#pragma once

#include "../chip.hpp"
#include "../hbm_watcher.hpp"
#include "host_window.hpp"
#include "monitor.hpp"
#include "neuron_chip.h"
#include "writer.hpp"

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace neuron::chip::tape {

/// Brings all calls into one order, and writes down what the chip sees and does. The chip must be a stepped one: only its
/// order of work follows from what it sees.
class Recording final : public HbmWatcher {
public:
    static tl::expected<std::unique_ptr<Recording>, CreateError> create(const ChipInfo &info, Writer::Sink sink,
                                                                        const neuron_chip_host_ops &ops, void *opaque);
    /// Writes the end. The chip is gone.
    ~Recording() override;

    /// What the chip is made with in place of the host's.
    neuron_chip_host_ops ops() const;
    /// Of the chip, before its first call.
    void attach(Chip &chip);
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
    std::uint64_t reg_read(std::uint64_t offset, unsigned size);
    std::uint64_t run(std::uint64_t max_steps);

    void before_read(std::uint64_t offset, std::uint64_t bytes) override;
    void after_write(std::uint64_t offset, std::uint64_t bytes) override;
    void zeroed(std::uint64_t offset, std::uint64_t bytes) override { window_->zero(offset, bytes); }
    bool host_touched(std::uint64_t offset, bool found) override;
    const std::byte *host_memory() const override { return window_->data(); }

private:
    /// A call of the host, from here to the end of the scope.
    class Entry {
    public:
        explicit Entry(Recording &recording) : recording_(recording), inside_(recording.monitor_.enter()) {}
        ~Entry() { recording_.monitor_.leave(); }
        Entry(const Entry &) = delete;
        Entry &operator=(const Entry &) = delete;
        spec::TapeEvent flags(spec::TapeEvent head) const {
            head.flags = inside_ ? spec::raw(spec::TapeFlag::INSIDE) : 0;
            return head;
        }

    private:
        Recording &recording_;
        bool inside_;
    };

    Recording(Writer::Sink sink, std::unique_ptr<HostWindow> window, const neuron_chip_host_ops &ops, void *opaque)
        : writer_(std::move(sink)), window_(std::move(window)), host_(ops), opaque_(opaque) {}

    // Callbacks of the chip.
    int dma_read(std::uint64_t addr, std::span<std::byte> out);
    int dma_write(std::uint64_t addr, std::span<const std::byte> in);
    void log(neuron_chip_log_level level, const char *message);

    void note(spec::TapeEvent head, std::span<const std::byte> data = {});
    void check(int result);

    Monitor monitor_; ///< whoever is in it has all below
    Writer writer_;
    const std::unique_ptr<HostWindow> window_;
    const neuron_chip_host_ops host_;
    void *const opaque_;
    Chip *chip_ = nullptr;
    std::byte *hbm_ = nullptr;
    std::vector<std::byte> bounce_;
    std::uint64_t steps_ = 0;
    std::uint64_t reads_ = 0; ///< of HBM
    bool idle_noted_ = false; ///< nothing has happened since
    bool ended_ = false;
    bool complained_ = false;
};

} // namespace neuron::chip::tape
