// SPDX-License-Identifier: MIT
#include "launch_rules.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "last_failure.hpp"
#include "places.hpp"

namespace neuronctl::explain {
namespace {

using spec::EngineState;

/** A sequencer of a launch. */
struct Node {
    const Core *core = nullptr;
    const Engine *engine = nullptr;
    friend bool operator==(const Node &, const Node &) = default;
};

std::string what(const Node &node) {
    return fmt::format("core {} {}", node.core->index, spec::name(node.engine->engine));
}

std::string who(const Node &node) {
    return fmt::format("the {} of core {}", spec::name(node.engine->engine), node.core->index);
}

std::string condition(const Wait &wait) {
    const char *const op = wait.op == spec::WaitOp::EQ ? "==" : ">=";
    return fmt::format("semaphore {} {} {}{}", wait.semaphore, op, wait.value,
                       wait.op == spec::WaitOp::TAKE ? " to take" : "");
}

std::vector<Node> nodes_of(const std::vector<const Core *> &cores) {
    std::vector<Node> out;
    for (const Core *core : cores)
        for (const Engine &engine : core->engines)
            out.push_back({core, &engine});
    return out;
}

/** Who could make the semaphore grow that a sequencer waits for. */
struct Signaller {
    Node node;
    std::uint32_t pc = 0;
};

class Launch {
public:
    Launch(const State &state, const Queue &queue, const ProgramView *program)
        : state_(state),
          queue_(queue),
          program_(program),
          kernel_(kernel_of(state, queue)),
          nodes_(nodes_of(cores_of(state, queue.hw))) {}

    const std::vector<Node> &nodes() const { return nodes_; }
    std::string place(const Node &node, std::uint32_t pc) const {
        if (program_ != nullptr)
            return program_->place(node.engine->engine, pc);
        return fmt::format("instruction {}{}", pc, kernel_.empty() ? "" : fmt::format(" of '{}'", kernel_));
    }

    std::string wait_text(const Node &node) const {
        const bool now = node.engine->state == EngineState::WAITING && queue_.state == "ok";
        const Wait &wait = *node.engine->wait;
        return fmt::format("{} {} at {} for {}, it {} {}", who(node), now ? "waits" : "waited",
                           place(node, node.engine->pc), condition(wait), now ? "is" : "was", wait.is);
    }

    std::vector<Signaller> signallers(const Node &waiter) const {
        std::vector<Signaller> out;
        if (program_ == nullptr)
            return out;
        for (const ProgramView::Producer &producer : program_->producers(waiter.engine->wait->semaphore))
            for (const Node &node : nodes_)
                if (node.engine->engine == producer.engine && (producer.remote || node.core == waiter.core))
                    out.push_back({node, producer.pc});
        return out;
    }

    /** Why nobody signals, as far as the program tells; empty without it. */
    std::string signal_text(const Node &waiter) const {
        if (program_ == nullptr)
            return {};
        const auto list = signallers(waiter);
        if (list.empty())
            return fmt::format("nothing in {} signals semaphore {}", program_->name(), waiter.engine->wait->semaphore);
        std::vector<std::string> texts;
        for (const Signaller &signaller : std::span(list).first(std::min(list.size(), most_signallers)))
            texts.push_back(fmt::format("{} signals it at {} and {}", who(signaller.node),
                                        place(signaller.node, signaller.pc), progress_text(signaller)));
        if (list.size() > most_signallers)
            texts.push_back(fmt::format("and so do {} more instructions", list.size() - most_signallers));
        return fmt::format("{}", fmt::join(texts, ", "));
    }

    /** Sequencers each of which waits for the next one, and the last for the first; empty: there is no such circle. */
    std::vector<Signaller> circle() const {
        for (const Node &node : nodes_) {
            std::vector<Signaller> path;
            std::vector<Node> seen;
            if (node.engine->wait && find_way(node, node, path, seen))
                return path;
        }
        return {};
    }

    std::string circle_text(const std::vector<Signaller> &circle, const Node &first) const {
        std::string out = fmt::format("a circle: {}", who(first));
        for (const Signaller &next : circle)
            out +=
                fmt::format(" waits for {}, which would signal at {} but", who(next.node), place(next.node, next.pc));
        out.resize(out.size() - std::string_view(" but").size());
        return out;
    }

private:
    static constexpr std::size_t most_signallers = 8; // in a sentence

    static bool is_over(const Node &node) { return node.engine->state == EngineState::ENDED; }

    std::string progress_text(const Signaller &signaller) const {
        if (is_over(signaller.node))
            return "has ended";
        const bool behind = signaller.pc < signaller.node.engine->pc;
        if (signaller.node.engine->state == EngineState::HALTED)
            return behind ? "had passed it" : "was halted before";
        return behind ? "has passed it" : "has still to get there";
    }

    // Along those that wait and have not come to the signal. From where there was no way once, there is none.
    bool find_way(const Node &from, const Node &to, std::vector<Signaller> &path, std::vector<Node> &seen) const {
        for (const Signaller &next : signallers(from)) {
            if (!next.node.engine->wait || next.pc < next.node.engine->pc || std::ranges::count(seen, next.node) != 0)
                continue;
            seen.push_back(next.node);
            path.push_back(next);
            if (next.node == to || find_way(next.node, to, path, seen))
                return true;
            path.pop_back();
        }
        return false;
    }

    const State &state_;
    const Queue &queue_;
    const ProgramView *program_;
    const std::string kernel_;
    std::vector<Node> nodes_;
};

void add_wait(const Launch &launch, const Node &node, Finding &finding) {
    finding.chain.push_back({what(node), launch.wait_text(node)});
    if (const std::string text = launch.signal_text(node); !text.empty())
        finding.chain.push_back({fmt::format("semaphore {}", node.engine->wait->semaphore), text});
}

void add_circle(const Launch &launch, Finding &finding) {
    const auto circle = launch.circle();
    if (!circle.empty())
        finding.chain.push_back({"deadlock", launch.circle_text(circle, circle.back().node)});
}

std::string range_text(const std::set<std::uint32_t> &pcs) {
    return pcs.size() == 1 ? fmt::format("instruction {}", *pcs.begin())
                           : fmt::format("instructions {} to {}", *pcs.begin(), *pcs.rbegin());
}

// A sequencer that goes on. What it has done since the first look tells loops from programs.
void explain_runner(const Launch &launch, const State &state, const ProgramView *program, const Node &node,
                    Finding &finding) {
    const Engine &engine = *node.engine;
    const std::set<std::uint32_t> pcs = engine.pcs.empty() ? std::set{engine.pc} : engine.pcs;
    const std::uint64_t span = *pcs.rbegin() - *pcs.begin() + 1;
    if (state.span_ms == 0) {
        finding.rule = "runs";
        finding.health = Health::busy;
        finding.chain.push_back({what(node), fmt::format("{} is at {}; it has run {} instructions", who(node),
                                                         launch.place(node, engine.pc), engine.retired)});
    } else if (engine.moved == 0) {
        finding.rule = "stands_still";
        finding.health = Health::stuck;
        finding.chain.push_back(
            {what(node), fmt::format("{} stands still at {} for {} ms, with {} transfers in flight", who(node),
                                     launch.place(node, engine.pc), state.span_ms, engine.transfers)});
    } else if (program != nullptr && program->closed(engine.engine, *pcs.begin(), *pcs.rbegin())) {
        finding.rule = "endless_loop";
        finding.health = Health::stuck;
        finding.chain.push_back(
            {what(node), fmt::format("{} is in a loop without an end at {}: no branch leads out of {}", who(node),
                                     launch.place(node, engine.pc), range_text(pcs))});
    } else if (engine.moved > 8 * span) {
        finding.rule = "loops";
        finding.health = Health::busy;
        finding.chain.push_back({what(node), fmt::format("{} goes round a loop at {}: {} instructions in {} ms, seen "
                                                         "only at {}",
                                                         who(node), launch.place(node, engine.pc), engine.moved,
                                                         state.span_ms, range_text(pcs))});
    } else {
        finding.rule = "computes";
        finding.health = Health::busy;
        finding.chain.push_back({what(node), fmt::format("{} goes on: {} instructions in {} ms, now at {}", who(node),
                                                         engine.moved, state.span_ms, launch.place(node, engine.pc))});
    }
}

void explain_drain(const Launch &launch, const State &state, const Queue &queue, const Node &node, Finding &finding) {
    const bool moves = state.span_ms == 0 || queue.progressed != 0;
    finding.rule = moves ? "transfers" : "transfers_stuck";
    finding.health = moves ? Health::busy : Health::stuck;
    finding.chain.push_back({what(node), fmt::format("{} waits at {} for {} transfers that it has issued, which {}",
                                                     who(node), launch.place(node, node.engine->pc),
                                                     node.engine->transfers, moves ? "move" : "do not move")});
}

bool in(const Node &node, EngineState state) { return node.engine->state == state; }

} // namespace

std::vector<const Core *> cores_of(const State &state, std::uint64_t queue) {
    std::vector<const Core *> out;
    for (const Core &core : state.cores)
        if (core.queue == queue)
            out.push_back(&core);
    return out;
}

const Packet *launch_at_head(const Queue &queue) {
    if (!queue.registers)
        return nullptr;
    const auto at = std::ranges::find(queue.packets, queue.registers->head, &Packet::index);
    return at != queue.packets.end() && at->core_mask != 0 ? &*at : nullptr;
}

bool has_come_since(const State &state, const Queue &queue, std::uint64_t va) {
    const Failure *const failure = failure_of(state, queue);
    return failure != nullptr && std::ranges::any_of(failure->bound_since, [&](const Mapping &mapping) {
               return va - mapping.va < mapping.size;
           });
}

std::string kernel_of(const State &state, const Queue &queue) {
    const Packet *launch = launch_at_head(queue);
    if (launch == nullptr || has_come_since(state, queue, launch->program))
        return {};
    for (const Range &range : mapped(state, queue.ctx))
        if (const auto code = state.buffers.find(range.buffer);
            range.holds(launch->program) && code != state.buffers.end())
            return code->second.label;
    return {};
}

void explain_launch(const State &state, const Queue &queue, const ProgramView *program, Finding &finding) {
    const Launch launch(state, queue, program);
    for (const Node &node : launch.nodes())
        if (in(node, EngineState::WAITING) && node.engine->wait)
            add_wait(launch, node, finding);
    // The worst of what goes on is why the others wait.
    Finding worst{.health = Health::idle};
    for (const Node &node : launch.nodes()) {
        Finding one{.health = Health::idle};
        if (in(node, EngineState::RUNNING))
            explain_runner(launch, state, program, node, one);
        else if (in(node, EngineState::DRAINING))
            explain_drain(launch, state, queue, node, one);
        if (one.chain.empty())
            continue;
        finding.chain.push_back(one.chain.front());
        if (worst.rule.empty() || one.health > worst.health)
            worst = one;
    }
    if (!worst.rule.empty()) {
        finding.rule = worst.rule;
        finding.health = worst.health;
        return;
    }
    const auto waits = [](const Node &node) { return in(node, EngineState::WAITING); };
    const bool all_wait = std::ranges::any_of(launch.nodes(), waits);
    finding.rule = all_wait ? "deadlock" : "launch_ends";
    finding.health = all_wait ? Health::stuck : Health::busy;
    if (all_wait)
        add_circle(launch, finding);
    else
        finding.chain.push_back({fmt::format("queue {}", queue.hw), "all its sequencers have ended; what is left is "
                                                                    "in flight"});
}

void explain_halted(const State &state, const Queue &queue, const ProgramView *program, Finding &finding) {
    // What cores show is of a queue before it that had the same number.
    if (queue.core_ns && *queue.core_ns == 0)
        return;
    const Launch launch(state, queue, program);
    for (const Node &node : launch.nodes()) {
        // One that waits is told of the fault in its next step.
        const bool waits = in(node, EngineState::WAITING) && node.engine->wait;
        if (!in(node, EngineState::HALTED) && !waits)
            continue;
        if (node.engine->wait)
            add_wait(launch, node, finding);
        else
            finding.chain.push_back(
                {what(node), fmt::format("{} was halted at {} after {} instructions", who(node),
                                         launch.place(node, node.engine->pc), node.engine->retired)});
    }
    add_circle(launch, finding);
}

} // namespace neuronctl::explain
