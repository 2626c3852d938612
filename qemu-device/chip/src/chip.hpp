// SPDX-License-Identifier: MIT
#pragma once

#include "chip_info.hpp"
#include "clock.hpp"
#include "control/coalescer.hpp"
#include "control/control.hpp"
#include "control/core_pool.hpp"
#include "control/events.hpp"
#include "control/reset.hpp"
#include "control/scrubber.hpp"
#include "core/core.hpp"
#include "exec/executor.hpp"
#include "explore/explorer.hpp"
#include "hazard/monitor.hpp"
#include "hbm.hpp"
#include "host.hpp"
#include "plan/hbm_faults.hpp"
#include "plan/injector.hpp"
#include "plan/port.hpp"
#include "queue/queue.hpp"
#include "recorder/book.hpp"
#include "recorder/commands.hpp"
#include "recorder/debug_channel.hpp"
#include "recorder/recorder.hpp"
#include "registers.hpp"
#include "sanitizer/sanitizer.hpp"
#include "services.hpp"
#include "state/archive.hpp"
#include "watcher.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace neuron::chip {

struct CreateError {
    int code; ///< errno
    std::string message;
};

/// A unit by name.
struct UnitName {
    spec::TapeUnit kind = spec::TapeUnit::NONE;
    std::uint8_t core = 0;
    std::uint8_t index = 0;
};

/// A whole chip; what the functions of the C ABI work on.
class Chip {
public:
    /// `watcher` hears of all accesses to HBM, and of packets; nullptr: nobody does. It outlives the chip.
    static tl::expected<std::unique_ptr<Chip>, CreateError>
    create(const ChipInfo &info, const neuron_chip_host_ops &ops, void *opaque, Watcher *watcher = nullptr);
    ~Chip();
    Chip(const Chip &) = delete;
    Chip &operator=(const Chip &) = delete;

    Registers &registers() { return registers_; }
    Executor &executor() { return *executor_; }
    /// Executor::pause(), which does not wait for the delays of a fault plan.
    void pause();
    /// 0, EINVAL or EAGAIN; see neuron_chip_inject_ecc().
    int inject_ecc(std::uint64_t offset, bool uncorrectable);
    /// What is wrong with the text, or nothing; see neuron_chip_set_fault_plan().
    std::string set_fault_plan(std::string_view text);
    std::string fault_report() const { return explorer_.report() + faults_.report(); }
    void set_test_faults(std::uint32_t faults) { control_.set_test_faults(faults); }
    /// Writes or reads everything that a guest can observe. The chip is paused and nobody accesses it. StateError: what was
    /// read is no state of this chip, which has become as after creation.
    void serialize(Archive &archive);
    const Host &host() const { return host_; }
    const ChipInfo &info() const { return info_; }
    const Book &book() const { return book_; }
    const Recorder &recorder() const { return recorder_; }
    /// nullptr: the chip was made without.
    Sanitizer *sanitizer() const { return sanitizer_.get(); }
    std::byte *aperture() const { return hbm_->data(); }
    /// Who takes a step now, and whom that is; nullptr and NONE: nobody. Stepped mode.
    const Unit *stepping() const { return executor_->stepping(); }
    UnitName name_of(const Unit *unit);
    /// Its memory outlives the chip, which does nothing any more. Stepped mode.
    std::unique_ptr<Hbm> retire();

private:
    Chip(const ChipInfo &info, const neuron_chip_host_ops &ops, void *opaque, std::unique_ptr<Hbm> hbm,
         Watcher *watcher);
    std::unique_ptr<Sanitizer> make_sanitizer(HbmWatcher *watcher);
    /// The sanitizer, unless the driver shall not know of it.
    Sanitizer *open_sanitizer() const { return info_.observer ? nullptr : sanitizer_.get(); }
    /// Called by registers_, which lets no other access in meanwhile.
    void reset();
    /// Whether it does what a fault plan has put off.
    bool catches_up() const;
    void serialize_all(Archive &archive);
    void serialize_info(Archive &archive);
    void serialize_cores(Archive &archive);
    void serialize_memory(Archive &archive);
    /// As after creation, whatever is at work.
    void clear();
    /// What hangs by a plan looks again.
    void wake_hung();
    std::string refused(std::string why);
    /// All that the executor runs, in an order that does not change.
    std::vector<Unit *> units();

    // Later members use earlier ones. The executor's threads end in ~Chip(), before any unit dies.
    const ChipInfo info_;
    plan::Injector faults_;
    Explorer explorer_;
    Host host_;
    InterruptGate interrupts_;
    std::unique_ptr<Hbm> hbm_;
    std::unique_ptr<Executor> executor_;
    DeviceClock clock_;
    Recorder recorder_;
    Book book_;
    std::unique_ptr<Sanitizer> sanitizer_;
    DebugChannel channel_;
    plan::Port port_;
    ResetUnit reset_unit_;
    EventRing events_;
    Scrubber scrubber_;
    RecorderCommands commands_;
    Coalescer coalescer_;
    Control control_;
    plan::HbmFaults hbm_faults_{*hbm_, faults_, control_};
    std::unique_ptr<hazard::Monitor> hazards_;
    Services services_;
    CorePool pool_;
    std::deque<Core> cores_;
    std::deque<Queue> queues_;
    Registers registers_;
};

} // namespace neuron::chip
