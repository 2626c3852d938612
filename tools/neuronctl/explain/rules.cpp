// SPDX-License-Identifier: MIT
#include "rules.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "device_rules.hpp"
#include "fault_text.hpp"
#include "last_failure.hpp"
#include "launch_rules.hpp"
#include "sanitizer_reports.hpp"

namespace neuronctl::explain {
namespace {

namespace field = spec::field;

std::string label_of(const Queue &queue) { return fmt::format("queue {}", queue.hw); }

std::string packet_text(const Queue &queue, std::uint64_t index) {
    const auto found = std::ranges::find(queue.packets, index, &Packet::index);
    return found == queue.packets.end() ? fmt::format("packet {}", index)
                                        : fmt::format("packet {} ({})", index, found->text);
}

class Explainer {
public:
    Explainer(const State &state, const ProgramView *program, const Programs &loaded)
        : state_(state), program_(program), loaded_(loaded) {}

    Finding of_queue(const Queue &queue) {
        Finding finding;
        finding.queue = queue.hw;
        if (!visited_.insert(queue.hw).second) {
            finding.health = Health::stuck;
            finding.rule = "circle";
            finding.chain.push_back({label_of(queue), fmt::format("queue {} was met before: a circle", queue.hw)});
        } else if (queue.state != "ok") {
            stopped(queue, finding);
        } else if (queue.registers) {
            running(queue, finding);
        } else {
            finding.health = Health::waiting;
            finding.rule = "device_away";
            finding.chain.push_back(
                {label_of(queue), fmt::format("queue {} has {} jobs in flight, and the device is {}", queue.hw,
                                              queue.submitted - queue.completed, state_.device_state)});
        }
        visited_.erase(queue.hw);
        if (visited_.empty() && state_.dump_queue == queue.hw && queue.state == "ok")
            dumped(queue, finding);
        return finding;
    }

    Finding of_stall(const Stall &stall) {
        Finding finding;
        finding.queue = stall.queue;
        const std::string process = fmt::format("{} ({})", stall.process.comm, stall.process.pid);
        if (stall.room)
            room(stall, process, finding);
        else
            fence(stall, process, finding);
        return finding;
    }

private:
    const Queue *find(std::uint64_t hw) const {
        const auto found = std::ranges::find(state_.queues, hw, &Queue::hw);
        return found == state_.queues.end() ? nullptr : &*found;
    }

    const ProgramView *program_of(const Queue &queue) const {
        const auto found = loaded_.find(queue.hw);
        return program_ != nullptr || found == loaded_.end() ? program_ : &found->second;
    }

    // A coredump is taken before the driver marks the queue.
    void dumped(const Queue &queue, Finding &finding) {
        finding.health = std::max(finding.health, Health::stuck);
        finding.chain.insert(finding.chain.begin(),
                             {label_of(queue), state_.reason == "a job has timed out"
                                                   ? fmt::format("a job of queue {} has timed out", queue.hw)
                                                   : fmt::format("queue {}: {}", queue.hw, state_.reason)});
    }

    // The rest of the chain is that of another queue.
    void follow(const Queue &other, Finding &finding) {
        Finding cause = of_queue(other);
        finding.health = std::max(finding.health, cause.health);
        std::ranges::move(cause.chain, std::back_inserter(finding.chain));
        if (finding.hint.empty())
            finding.hint = cause.hint;
    }

    // ---- queues that take no jobs any more

    void stopped(const Queue &queue, Finding &finding) {
        finding.health = Health::failed;
        finding.hint = "it takes no jobs any more; a new queue in the same context does";
        if (queue.state == "faulted") {
            faulted(queue, finding);
        } else if (queue.state == "timed out") {
            finding.rule = "timed_out";
            finding.chain.push_back(
                {label_of(queue), fmt::format("queue {} was stopped by the watchdog{}: {}", queue.hw,
                                              queue.failed ? fmt::format(" in job {}", *queue.failed) : std::string(),
                                              time_out_text(queue))});
            explain_halted(state_, queue, program_of(queue), finding);
        } else if (queue.state == "lost") {
            finding.rule = "lost";
            finding.chain.push_back(
                {label_of(queue), fmt::format("queue {} was lost {}", queue.hw, loss_text(state_))});
        } else {
            canceled(queue, finding);
        }
    }

    static std::string time_out_text(const Queue &queue) {
        return queue.timeout_ms == 0 ? std::string("it took too long")
                                     : fmt::format("it took too long for a time-out of {} ms", queue.timeout_ms);
    }

    void faulted(const Queue &queue, Finding &finding) {
        finding.rule = "fault";
        if (!queue.fault) {
            finding.chain.push_back(
                {label_of(queue), fmt::format("queue {} was halted by a fault that nothing is known "
                                              "of",
                                              queue.hw)});
            return;
        }
        const Fault &fault = *queue.fault;
        if (fault.code == spec::Fault::DEADLOCK)
            finding.rule = "deadlock";
        finding.chain.push_back({label_of(queue), fmt::format("queue {} was halted by a fault: {}", queue.hw,
                                                              fault_text(fault, state_, queue.ctx))});
        if (fault.unit != spec::Unit::QUEUE || fault.code == spec::Fault::DEADLOCK)
            explain_halted(state_, queue, program_of(queue), finding);
    }

    void canceled(const Queue &queue, Finding &finding) {
        const auto guilty = std::ranges::find_if(state_.queues, [&](const Queue &other) {
            return other.ctx == queue.ctx && other.hw != queue.hw && other.state == "faulted";
        });
        finding.rule = "canceled";
        if (guilty == state_.queues.end()) {
            finding.chain.push_back({label_of(queue), fmt::format("queue {} was stopped because another queue of its "
                                                                  "context, which is gone, had a fault",
                                                                  queue.hw)});
            return;
        }
        finding.chain.push_back(
            {label_of(queue), fmt::format("queue {} was stopped because queue {} of the same context "
                                          "had a fault",
                                          queue.hw, guilty->hw)});
        follow(*guilty, finding);
    }

    // ---- queues that work, or should

    void running(const Queue &queue, Finding &finding) {
        const QueueRegisters &regs = *queue.registers;
        if (const std::string wrong = disagreement(queue); !wrong.empty())
            disagrees(queue, wrong, finding);
        else if (is_off(queue))
            off(queue, finding);
        else if (queue.collected && *queue.collected > regs.head)
            ahead(queue, finding);
        else if (queue.written && regs.tail < *queue.written)
            doorbell(queue, finding);
        else if (queue.oldest_end && *queue.oldest_end != 0 && *queue.oldest_end <= regs.head)
            completion(queue, finding);
        else if (regs.head == regs.tail)
            idle(queue, finding);
        else
            packet(queue, finding);
    }

    // What the device has been told of the queue, and the driver believes otherwise.
    static std::string disagreement(const Queue &queue) {
        if (!queue.registers->cfg || is_off(queue))
            return {};
        const std::uint32_t cfg = *queue.registers->cfg;
        const std::uint64_t ctx = field::QUEUE_CFG_CTX.get(cfg), vector = field::QUEUE_CFG_VECTOR.get(cfg);
        if (ctx != queue.ctx)
            return fmt::format("works in context {}, as the driver has told the device, but is one of context {}", ctx,
                               queue.ctx);
        if (queue.vector.value_or(0) != 0 && vector != *queue.vector)
            return fmt::format("raises interrupt vector {}, as the driver has told the device, but the driver listens "
                               "to vector {} for it",
                               vector, *queue.vector);
        return {};
    }

    void disagrees(const Queue &queue, const std::string &wrong, Finding &finding) {
        finding.rule = "configuration";
        finding.health = Health::stuck;
        finding.chain.push_back({label_of(queue), fmt::format("queue {} {}", queue.hw, wrong)});
        finding.hint = "a mistake of the driver: register QUEUE.CFG";
    }

    static bool is_off(const Queue &queue) {
        return static_cast<spec::QueueState>(field::QUEUE_STATUS_STATE.get(queue.registers->status)) ==
               spec::QueueState::DISABLED;
    }

    // One that is being made is not enabled yet, but has no job either.
    void off(const Queue &queue, Finding &finding) {
        if (queue.submitted == 0)
            return idle(queue, finding);
        finding.rule = "forgotten";
        finding.health = Health::stuck;
        finding.chain.push_back(
            {label_of(queue), fmt::format("queue {} is off in the device, but the driver still takes jobs for it, {} "
                                          "so far: it has reset the device, or stopped the queue, and forgotten that",
                                          queue.hw, queue.submitted)});
        finding.hint = "a mistake of the driver: a new queue works";
    }

    // HEAD was read later: it only rises.
    void ahead(const Queue &queue, Finding &finding) {
        finding.rule = "completed_early";
        finding.health = Health::stuck;
        finding.chain.push_back(
            {label_of(queue),
             fmt::format("the driver has completed job {} of queue {}, up to packet {}, but the device "
                         "is at packet {} only: its fence has signalled too early",
                         queue.completed, queue.hw, *queue.collected, queue.registers->head)});
        finding.hint = "a mistake of the driver: what the job writes is not there yet";
    }

    void idle(const Queue &queue, Finding &finding) {
        finding.rule = "idle";
        finding.health = Health::idle;
        const char *const what = queue.mode == "user" ? "packets that its process has rung for" : "jobs";
        finding.chain.push_back(
            {label_of(queue), queue.submitted == 0 && queue.registers->tail == 0
                                  ? fmt::format("queue {} is empty: nothing was submitted", queue.hw)
                                  : fmt::format("queue {} has nothing to do: its {} {} are done", queue.hw,
                                                queue.mode == "user" ? queue.registers->tail : queue.completed, what)});
    }

    void doorbell(const Queue &queue, Finding &finding) {
        const QueueRegisters &regs = *queue.registers;
        finding.rule = "doorbell_behind";
        finding.health = Health::stuck;
        const bool rung = queue.announced && *queue.announced == *queue.written;
        finding.chain.push_back(
            {label_of(queue), fmt::format("queue {} has {} packets in its ring, but the device was told of {} only: {}",
                                          queue.hw, *queue.written, regs.tail,
                                          rung ? "the driver has rung, and the doorbell was lost"
                                               : "the driver has not rung the doorbell")});
        finding.hint = "the watchdog ends the job after its time-out";
    }

    void completion(const Queue &queue, Finding &finding) {
        finding.health = Health::waiting;
        const std::string done = fmt::format("the device has done job {} of queue {}", queue.completed + 1, queue.hw);
        if (queue.seqno && *queue.seqno < *queue.oldest_end) {
            finding.rule = "seqno_behind";
            finding.health = Health::stuck;
            finding.chain.push_back(
                {label_of(queue), fmt::format("{}, but what it has written back is {} instead of {}", done,
                                              *queue.seqno, queue.registers->head)});
        } else if (queue.mode == "polled") {
            finding.rule = "not_polled";
            finding.chain.push_back({label_of(queue), done + ", and nobody has looked: the queue is polled"});
        } else if (queue.coalesce_count > 1 && queue.coalesce_usecs > 0) {
            finding.rule = "interrupt_coalesced";
            finding.chain.push_back(
                {label_of(queue), fmt::format("{}, and coalescing holds back the interrupt: for up to "
                                              "{} jobs or {} µs",
                                              done, queue.coalesce_count, queue.coalesce_usecs)});
        } else {
            finding.rule = "interrupt_lost";
            finding.health = Health::stuck;
            finding.chain.push_back({label_of(queue), done + ", but the driver has not seen its interrupt"});
            finding.hint = "the watchdog completes the job after a second or so";
        }
    }

    void packet(const Queue &queue, Finding &finding) {
        const QueueRegisters &regs = *queue.registers;
        if (field::QUEUE_STATUS_WAITING.get(regs.status) != 0)
            waits_for_cores(queue, finding);
        else if (field::QUEUE_STATUS_BUSY.get(regs.status) == 0)
            not_begun(queue, finding);
        else if (const auto cores = busy_cores(queue.hw); !cores.empty())
            launch(queue, cores, finding);
        else
            transfer(queue, finding);
    }

    std::vector<const Core *> busy_cores(std::uint64_t hw) const {
        auto cores = cores_of(state_, hw);
        std::erase_if(cores, [](const Core *core) { return !core->busy; });
        return cores;
    }

    void launch(const Queue &queue, const std::vector<const Core *> &cores, Finding &finding) {
        std::vector<std::uint32_t> numbers;
        numbers.reserve(cores.size());
        for (const Core *core : cores)
            numbers.push_back(core->index);
        finding.chain.push_back(
            {label_of(queue), fmt::format("queue {} is at {}, a launch on core{} {}", queue.hw,
                                          packet_text(queue, queue.registers->head), numbers.size() > 1 ? "s" : "",
                                          fmt::join(numbers, ", "))});
        explain_launch(state_, queue, program_of(queue), finding);
        if (finding.rule == "endless_loop")
            finding.hint =
                "the watchdog ends it in the end; destroying the queue, or the end of the process, does at once";
    }

    void transfer(const Queue &queue, Finding &finding) {
        if (state_.span_ms == 0) {
            finding.rule = "runs";
            finding.health = Health::busy;
            finding.chain.push_back(
                {label_of(queue), fmt::format("queue {} is at {}; a single look does not tell whether that moves",
                                              queue.hw, packet_text(queue, queue.registers->head))});
            return;
        }
        const bool moves = queue.progressed != 0;
        finding.rule = moves ? "packet_moves" : "packet_stuck";
        finding.health = moves ? Health::busy : Health::stuck;
        finding.chain.push_back(
            {label_of(queue),
             fmt::format("queue {} is at {}, which {}", queue.hw, packet_text(queue, queue.registers->head),
                         moves ? "moves" : fmt::format("has not moved for {} ms", state_.span_ms))});
    }

    void not_begun(const Queue &queue, Finding &finding) {
        const auto more_urgent = std::ranges::find_if(state_.queues, [&](const Queue &other) {
            return rank(other) > rank(queue) && other.registers && other.registers->head != other.registers->tail;
        });
        finding.chain.push_back({label_of(queue), fmt::format("queue {} has not begun {}", queue.hw,
                                                              packet_text(queue, queue.registers->head))});
        if (more_urgent == state_.queues.end()) {
            finding.rule = "not_begun";
            finding.health = state_.span_ms != 0 && queue.retired == 0 ? Health::stuck : Health::busy;
            return;
        }
        finding.rule = "priority";
        finding.health = Health::waiting;
        finding.chain.push_back(
            {label_of(*more_urgent), fmt::format("queue {} has a higher priority and goes first", more_urgent->hw)});
        follow(*more_urgent, finding);
    }

    static int rank(const Queue &queue) { return queue.priority == "high" ? 2 : queue.priority == "low" ? 0 : 1; }

    void waits_for_cores(const Queue &queue, Finding &finding) {
        const Packet *launch = launch_at_head(queue);
        const std::uint32_t mask = launch != nullptr ? launch->core_mask : ~0U;
        std::set<std::uint64_t> holders;
        for (const Core &core : state_.cores)
            if (core.busy && core.queue != queue.hw && (mask >> core.index & 1) != 0)
                holders.insert(core.queue);
        finding.rule = "waits_for_cores";
        finding.health = Health::waiting;
        finding.chain.push_back(
            {label_of(queue), fmt::format("queue {} is at {} and waits for cores that {}", queue.hw,
                                          packet_text(queue, queue.registers->head),
                                          holders.empty() ? "another launch had a moment ago"
                                                          : fmt::format("queue {} has", fmt::join(holders, ", ")))});
        for (const std::uint64_t hw : holders)
            if (const Queue *holder = find(hw))
                follow(*holder, finding);
    }

    // ---- submissions

    void room(const Stall &stall, const std::string &process, Finding &finding) {
        const Queue *queue = find(stall.queue);
        finding.rule = "ring_full";
        finding.health = Health::waiting;
        finding.chain.push_back(
            {process,
             fmt::format("{} waits for {} ms for room for {} packets: the ring of queue {}{} "
                         "is full",
                         process, stall.waited_ms, stall.packets, stall.queue,
                         queue != nullptr && queue->ring != 0 ? fmt::format(", of {} packets,", queue->ring) : "")});
        if (queue != nullptr)
            follow(*queue, finding);
    }

    void fence(const Stall &stall, const std::string &process, Finding &finding) {
        finding.health = Health::waiting;
        const std::string waits = fmt::format("{} waits for {} ms, before its job enters queue {}, for", process,
                                              stall.waited_ms, stall.queue);
        const Queue *of = stall.of ? find(*stall.of) : nullptr;
        if (of == nullptr) {
            finding.rule = "foreign_fence";
            finding.chain.push_back(
                {process, fmt::format("{} fence {}:{} of driver {}, timeline {}: that driver has to "
                                      "signal it",
                                      waits, stall.context, stall.seqno, stall.driver, stall.timeline)});
            return;
        }
        finding.rule = "waits_for_fence";
        finding.chain.push_back({process, fmt::format("{} job {} of queue {}", waits, stall.seqno, of->hw)});
        follow(*of, finding);
    }

    const State &state_;
    const ProgramView *program_;
    const Programs &loaded_;
    std::set<std::uint64_t> visited_;
};

// They are done all the same; it is told for those who ask why that took so long.
std::optional<Finding> unheard_finding(const Queue &queue) {
    if (queue.unheard == 0)
        return std::nullopt;
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    const std::string more = queue.unheard == 1 ? std::string() : fmt::format(", and {} before it", queue.unheard - 1);
    Finding finding{.health = Health::idle, .rule = "interrupts_missed", .queue = queue.hw};
    finding.chain.push_back(
        {label_of(queue), fmt::format("no interrupt has told of job {} of queue {}{}: it had been done for {} ms when "
                                      "the watchdog completed it",
                                      queue.unheard_job, queue.hw, more, queue.unheard_ns / ns_per_ms)});
    finding.hint = "/proc/interrupts has those that arrived, and 'neuronctl decode records' the packets that sent one";
    return finding;
}

void finish(Finding &finding) {
    std::vector<std::string> texts;
    for (const Link &link : finding.chain)
        texts.push_back(link.text);
    finding.sentence = fmt::format("{}", fmt::join(texts, "; "));
}

} // namespace

std::string_view name(Health health) {
    switch (health) {
    case Health::idle: return "idle";
    case Health::busy: return "busy";
    case Health::waiting: return "waiting";
    case Health::stuck: return "stuck";
    case Health::failed: return "failed";
    }
    return "?";
}

std::vector<Finding> explain(const State &state, const ProgramView *program, const Programs &loaded) {
    std::vector<Finding> out = device_findings(state);
    for (const Stall &stall : state.stalls)
        out.push_back(Explainer(state, program, loaded).of_stall(stall));
    for (const Queue &queue : state.queues)
        out.push_back(Explainer(state, program, loaded).of_queue(queue));
    for (const Queue &queue : state.queues)
        if (auto finding = unheard_finding(queue))
            out.push_back(std::move(*finding));
    for (Finding &finding : sanitizer_findings(state))
        out.push_back(std::move(finding));
    if (auto failure = failure_finding(state, out))
        out.push_back(std::move(*failure));
    if (out.empty())
        out.push_back(
            {.health = Health::idle,
             .rule = "no_queues",
             .chain = {{"device", fmt::format("the device is {}, and nobody has a queue", state.device_state)}}});
    for (Finding &finding : out)
        finish(finding);
    std::ranges::stable_sort(out, std::greater{}, &Finding::health);
    return out;
}

Json finding_json(const Finding &finding) {
    Json chain = Json::array();
    for (const Link &link : finding.chain)
        chain.push_back({{"what", link.what}, {"text", link.text}});
    Json out = {{"health", name(finding.health)},
                {"rule", finding.rule},
                {"sentence", finding.sentence},
                {"chain", std::move(chain)}};
    if (finding.queue)
        out["queue"] = *finding.queue;
    if (!finding.hint.empty())
        out["hint"] = finding.hint;
    if (finding.failure)
        out["failure"] = json_of(*finding.failure);
    if (const auto &report = finding.report)
        out["report"] = {{"index", report->index},
                         {"kind", report->kind},
                         {"faulted", report->faulted},
                         {"repeats", report->repeats}};
    return out;
}

} // namespace neuronctl::explain
