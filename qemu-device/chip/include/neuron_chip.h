/* SPDX-License-Identifier: MIT */
/**
 * @file
 * C ABI of the chip model.
 *
 * The chip is a stand-alone library without global state: it knows neither QEMU nor a kernel. A host (the QEMU glue, the
 * in-process backend of libneuron, a fuzzer, a test) creates it, forwards register and doorbell accesses, and gives it
 * host memory and interrupts through callbacks.
 *
 * Threading: every function may be called from any thread, concurrently, unless it says otherwise. Callbacks come from
 * the chip's worker threads, in stepped mode from inside neuron_chip_run() and neuron_chip_quiesce(); a register or
 * doorbell access calls back nothing but @ref neuron_chip_host_ops::kick, and @ref neuron_chip_host_ops::log for a fault plan;
 * a write of register REC.DEBUG_TAIL reads host memory, one of PLAN.CMD reads or writes it. While a chip in stepped mode explores
 * (spec/plan.toml), a doorbell may also take steps, as inside neuron_chip_run(), unless another thread does, and any access may
 * let out interrupts that were held back. The chip holds none of its locks while it calls
 * back, except where a callback's comment says otherwise.
 *
 * Errors: the library never throws across this interface and never ends the process. What a guest does wrong becomes a
 * fault record that the guest sees (spec/faults.toml).
 */
#ifndef NEURON_CHIP_H
#define NEURON_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Version of this interface; neuron_chip_create() refuses another major. */
#define NEURON_CHIP_ABI_MAJOR 1
#define NEURON_CHIP_ABI_MINOR 7

struct neuron_chip;

/** Take or give exactly @p size bytes of a stream. Returns 0, or a negative errno. */
typedef int (*neuron_chip_write_fn)(void *opaque, const void *data, size_t size);
typedef int (*neuron_chip_read_fn)(void *opaque, void *data, size_t size);

enum neuron_chip_log_level {
    NEURON_CHIP_LOG_ERROR = 0, /**< The host failed the chip. */
    NEURON_CHIP_LOG_WARNING = 1,
    NEURON_CHIP_LOG_INFO = 2, /**< What a guest did wrong: every fault. */
    NEURON_CHIP_LOG_DEBUG = 3,
};

/** What the host gives the chip. All members but @ref kick, @ref log and @ref function_fault are mandatory. */
struct neuron_chip_host_ops {
    /** Size of this structure, for compatible growth. */
    size_t size;

    /**
     * Read or write host memory at a bus address. May block. Returns 0, or a negative errno when the bus refused any
     * part of the transfer (the chip then raises HOST_BUS). @p len is at most 1 MiB.
     * The chip may call these from several threads at once.
     */
    int (*dma_read)(void *opaque, uint64_t addr, void *buf, size_t len);
    int (*dma_write)(void *opaque, uint64_t addr, const void *buf, size_t len);

    /**
     * Raise MSI-X vector @p vector. All DMA writes before the call are visible first. The chip holds an internal lock that
     * neuron_chip_reset() takes, so that no interrupt of before comes after it: note the vector (QEMU: a pending bit and a
     * bottom half), but call neither the chip nor wait for a lock that a caller of the chip may hold.
     */
    void (*raise_irq)(void *opaque, uint32_t vector);

    /**
     * Stepped mode only: there is work for neuron_chip_run(). Called from whatever thread made the work, with locks of the
     * chip held; it must only note the fact (schedule a bottom half, set an eventfd), not call the chip.
     */
    void (*kick)(void *opaque);

    /**
     * One line of text for the host's log, without a newline. What a fault plan says of a reset comes with locks of the chip
     * held: do not call the chip.
     */
    void (*log)(void *opaque, enum neuron_chip_log_level level, const char *message);

    /**
     * A fault plan wants the PCIe function around the chip to do wrong: @p action is AER_CORRECTED, AER_NONFATAL, AER_FATAL,
     * LINK_DOWN (@p argument: microseconds) or SLEEP of enum plan_action. It must only note the fact (schedule a bottom half).
     * NULL: there is no such function, and plans with these actions are refused. Since minor 4.
     */
    void (*function_fault)(void *opaque, uint32_t action, uint64_t argument);
};

/** What to build. Zero-initialise, set @ref size, then what differs from the default. */
struct neuron_chip_config {
    /** Size of this structure, for compatible growth. */
    size_t size;
    /** NEURON_CHIP_ABI_MAJOR of the caller. */
    uint32_t abi_major;
    /** Profile name ("trn2"), NULL for the default. */
    const char *profile;
    /** HBM bytes; 0: what the profile says. A multiple of 2 MiB per bank. Backed sparsely. */
    uint64_t hbm_bytes;
    /** Bytes of HBM behind the aperture; a power of two, at most HBM; 0: min(256 MiB, HBM rounded down to a power of two). */
    uint64_t aperture_bytes;
    /** NeuronCores; 0: what the profile says. */
    uint32_t cores;
    /** Worker threads; 0: one per host CPU, at most 8. Ignored in stepped mode. */
    uint32_t threads;
    /** Stepped mode: no threads; the host calls neuron_chip_run(), and work runs in an order that only @ref seed decides. */
    bool stepped;
    /** Seed of the stepped order. */
    uint64_t seed;
    /**
     * Hazard detection: accesses to SBUF and PSUM that no semaphore orders, and reads of what nothing wrote there, become
     * faults (HAZARD_ORDER, HAZARD_UNWRITTEN). HBM and host memory are not looked at. A launch takes two or three times as
     * long, the chip two bytes more for each byte that is touched; for tests of programs.
     */
    bool hazards;
    /**
     * Instruction set of the host that the engines run on: "auto" or NULL (what other chips of the process run with, or the
     * best one), "avx512", "avx2", or "scalar" (no vectors). Results are the same on all of them. One for the whole process:
     * creation fails if the host lacks it, or while another chip runs with another one.
     */
    const char *simd;
    /**
     * Records that the flight recorder holds: a power of two from 64 to 1048576; 0: 65536. A record has 64 bytes.
     * NEURON_CHIP_RECORDER_OFF: there is no recorder. Since minor 3.
     */
    uint32_t recorder_records;
    /**
     * The sanitizer: looks at every access to memory, and reports what is wrong though it does not fault
     * (spec/sanitizer.toml). Needs the recorder, and a driver that uses the debug channel. Since minor 4.
     */
    bool sanitizer;
    /**
     * Record a tape (spec/tape.toml): what the chip sees and does from creation to destroy, for neuron_chip_replay(). Called with
     * @ref tape_opaque, event by event, one at a time; an error ends the tape and is logged, the chip works on. It must not call the
     * chip. Stepped mode only. The chip then serves one call at a time, and others while it waits in dma_read and dma_write;
     * neuron_chip_aperture() is memory of its own, which the chip looks at where it reads. NULL: no tape. Since minor 5.
     */
    neuron_chip_write_fn tape;
    void *tape_opaque;
};

/** For @ref neuron_chip_config::recorder_records. */
#define NEURON_CHIP_RECORDER_OFF UINT32_MAX

/**
 * Create a chip. @p ops is copied; @p opaque must outlive the chip.
 *
 * @return 0 and the chip in @p out, or a negative errno with a message that names the offending member in @p error
 *         (always terminated when @p error_size is not 0).
 */
int neuron_chip_create(const struct neuron_chip_config *config, const struct neuron_chip_host_ops *ops, void *opaque,
                       struct neuron_chip **out, char *error, size_t error_size);

/**
 * Stop all work, wait for callbacks in flight, and free the chip. NULL is fine. The caller must not hold a lock that a
 * callback takes, and no other call on this chip may be running.
 */
void neuron_chip_destroy(struct neuron_chip *chip);

/**
 * Reset to the state after creation: queues, contexts and registers at once, on-chip memory and HBM before READY.
 * Returns at once: STATUS.READY reads 0 until work in flight has ended. No interrupt and no event of the old state
 * is raised after the return; DMA in flight ends within one chunk.
 */
void neuron_chip_reset(struct neuron_chip *chip);

/**
 * Wait until nothing is in flight and nothing can start without a new access; a program that loops for ever keeps it
 * waiting. Same locking rule as destroy. In stepped mode it runs the work on the calling thread, like neuron_chip_run().
 * Of a paused chip nothing is in flight, so it returns at once.
 */
void neuron_chip_quiesce(struct neuron_chip *chip);

/** Access of BAR REGS (without the MSI-X table). @p size is 1, 2, 4 or 8. Never waits for an engine. */
uint64_t neuron_chip_reg_read(struct neuron_chip *chip, uint64_t offset, unsigned int size);
void neuron_chip_reg_write(struct neuron_chip *chip, uint64_t offset, uint64_t value, unsigned int size);

/** Write to BAR DOORBELLS. Never waits for an engine. */
void neuron_chip_doorbell_write(struct neuron_chip *chip, uint64_t offset, uint64_t value, unsigned int size);

/**
 * Memory behind BAR APERTURE: page-aligned, valid until destroy, zero at first. The host may map it into a guest;
 * accesses race with the chip's DMA as they would on a real device.
 */
void *neuron_chip_aperture(struct neuron_chip *chip, uint64_t *bytes);

/**
 * Stepped mode: run at most @p max_steps steps on the calling thread.
 *
 * @return steps taken; fewer than @p max_steps means that nothing is left to do. 0 at once in threaded mode.
 *         Only one thread at a time.
 */
uint64_t neuron_chip_run(struct neuron_chip *chip, uint64_t max_steps);

/**
 * Make up an error of HBM at byte @p hbm_offset, as if the chip had met it by itself: a counter and an event record tell
 * the guest. An uncorrectable one spoils the 64-byte line around it: what the chip reads there ends in a fault, HBM_ECC,
 * until all of the line has been written or scrubbed. neuron_chip_aperture() does not know: the bytes stay what they
 * were for the host, and what the host stores there mends nothing.
 *
 * @return 0; -EINVAL: outside HBM; -EAGAIN: a reset is under way. Since minor 1.
 */
int neuron_chip_inject_ecc(struct neuron_chip *chip, uint64_t hbm_offset, bool uncorrectable);

/** Ways to misbehave, for tests of drivers; a sum of them. */
enum neuron_chip_test_fault {
    /** A reset does not get READY. */
    NEURON_CHIP_TEST_STUCK_RESET = 1,
    /** A queue that is stopped with work in flight stays BUSY, and its launch keeps its cores. A reset gets it to stop. */
    NEURON_CHIP_TEST_HANG_STOP = 2,
};

/**
 * Misbehave like that from now on; 0: not at all. No reset changes it. What hangs goes on once its flag is gone.
 *
 * @return 0; -EINVAL: an unknown flag. Since minor 1.
 */
int neuron_chip_set_test_fault(struct neuron_chip *chip, uint32_t faults);

/**
 * Do wrong from now on what a fault plan says, and no more what the one before said; an empty @p text: nothing. The language is that
 * of spec/plan.toml. With the same plan, seed and order of events the same goes wrong. No reset changes it, and each fault that is
 * made is a line of the log. A chip with a plan is not saved.
 *
 * @return 0; -EINVAL with a message in @p error that names the rule and the word, and the plan of before stays. Since minor 4.
 */
int neuron_chip_set_fault_plan(struct neuron_chip *chip, const char *text, char *error, size_t error_size);

/**
 * What has become of the plan, as the reference of plans says. At most @p size - 1 bytes and a 0 are written.
 *
 * @return the length of the whole text, without the 0. Since minor 4.
 */
size_t neuron_chip_fault_report(struct neuron_chip *chip, char *text, size_t size);

/**
 * Stop all work where it is, until neuron_chip_resume(): at the end of the steps that are being taken, so within a chunk of
 * DMA or an instruction. From the return on the chip calls nothing back but @ref neuron_chip_host_ops::kick, and the device
 * clock stands still. Accesses are served as ever; what they start begins after neuron_chip_resume(), and so does the rest
 * of a reset. Neither call does anything the second time. Same locking rule for neuron_chip_pause() as for destroy. Since
 * minor 2.
 */
void neuron_chip_pause(struct neuron_chip *chip);
void neuron_chip_resume(struct neuron_chip *chip);

/**
 * Read records of the flight recorder (spec/recorder.toml), as they are in host memory after REC_OP_DUMP. Records from number
 * *@p first on are written one after the other to @p records, as many as are there and fit into @p size bytes; *@p first becomes
 * the number to go on with. Records that are not there any more are skipped: each one says its own number. Nothing waits.
 *
 * @return how many; 0: there is none from *@p first on. Since minor 3.
 */
size_t neuron_chip_read_records(struct neuron_chip *chip, uint64_t *first, void *records, size_t size);

/**
 * Read reports of the sanitizer (spec/sanitizer.toml), each a struct sanitizer_report of 512 bytes, in the manner of
 * neuron_chip_read_records(). Each one was a warning in the host's log, too.
 *
 * @return how many; 0: there is none from *@p first on. Since minor 4.
 */
size_t neuron_chip_read_reports(struct neuron_chip *chip, uint64_t *first, void *reports, size_t size);

/**
 * The whole sentence of report @p index, of which the report itself has only the beginning if it is long. At most @p size - 1
 * bytes and a 0 are written.
 *
 * @return the length of the whole text, without the 0; 0: there is no such report. Since minor 7.
 */
size_t neuron_chip_report_text(struct neuron_chip *chip, uint64_t index, char *text, size_t size);

/** Forget them: their causes are reported anew; numbers go on. Since minor 4. */
void neuron_chip_forget_reports(struct neuron_chip *chip);

/**
 * Whose memory address @p va of context @p ctx is, or was, as far as a driver has told through the debug channel: a struct
 * blame_record of 256 bytes in @p record, and the same as text (cut; always terminated when @p text_size is not 0).
 *
 * @return 0; -EINVAL: there is no such context. Since minor 3.
 */
int neuron_chip_blame(struct neuron_chip *chip, uint32_t ctx, uint64_t va, void *record, char *text, size_t text_size);

/**
 * Write everything that a guest can observe: registers, queues, what is in flight and how far it is, on-chip memory, HBM as
 * far as it is not zero. Nothing changes. The chip must be paused, and not be accessed during the call.
 *
 * @return 0, or a negative errno with a message in @p error: -EBUSY, not paused; -ENOTSUP, the chip detects hazards, has the sanitizer or a fault plan, or is recorded; what
 *         @p write returned. Since minor 2.
 */
int neuron_chip_save(struct neuron_chip *chip, neuron_chip_write_fn write, void *opaque, char *error,
                     size_t error_size);

/**
 * Become what neuron_chip_save() has written, of a chip of the same profile, cores, HBM, aperture and stepped mode, and of the
 * same versions of contract and stream; threads, seed and instruction set may differ. The chip must be paused and not be accessed; it
 * goes on with neuron_chip_resume(). What the chip was before does not matter. All that is read is checked: a stream that is
 * damaged or made up gives an error, or some state that a guest could have brought about as well.
 *
 * @return 0, or a negative errno with a message that names what is wrong in @p error: -ENOTSUP, it is recorded. The chip is then as after creation, or,
 *         if the stream is one of another chip, as it was. Since minor 2.
 */
int neuron_chip_load(struct neuron_chip *chip, neuron_chip_read_fn read, void *opaque, char *error, size_t error_size);

/**
 * Begin a tape in the middle of a run. It begins with what the chip is now, so a replay needs nothing of what was before. The chip must
 * be paused and not be accessed, and goes on with neuron_chip_resume(); it becomes a new one with the state of the old one, which
 * takes as much memory for a time. What neuron_chip_config::tape says of a recorded chip is true from then on; the memory behind
 * neuron_chip_aperture() stays where it is.
 *
 * @return 0, or a negative errno with a message in @p error, and nothing has changed: -EINVAL, the chip is not stepped; -EBUSY, it is not paused;
 *         -EALREADY, it is being recorded; -ENOTSUP, it cannot be saved, see neuron_chip_save(); what @p write returned. Since minor 6.
 */
int neuron_chip_start_tape(struct neuron_chip *chip, neuron_chip_write_fn write, void *opaque, char *error,
                           size_t error_size);

/**
 * End the tape of a recorded chip as destroy does, for a host that ends without it. The chip works on, unrecorded. Since minor 5.
 */
void neuron_chip_end_tape(struct neuron_chip *chip);

/** An event of a tape, as struct tape_event of spec/tape.toml has it, and what it says. */
struct neuron_chip_tape_event {
    uint64_t index; /**< From 0 on. */
    uint64_t step;
    uint32_t kind;  /**< enum tape_kind */
    uint32_t flags; /**< enum tape_flag */
    uint64_t addr;
    uint64_t value;
    const void *data;
    size_t bytes;
    const char *what; /**< "DMA write to 0x1000 (64 bytes)" */
    const char *text; /**< Its value, or the first bytes of its data; may be empty. */
    const char *by;   /**< "queue 3": who in the chip did it; empty: the host, or nobody knows. Since minor 6. */
};

/** How to replay. Zero-initialise, set @ref size, then what differs from the default. All functions may be NULL. */
struct neuron_chip_replay_options {
    size_t size;
    /** Only read the tape: there is no chip. */
    bool list;
    /** Stop before this event; 0: do not. */
    uint64_t until_event;
    /** Stop when the chip has taken so many steps; 0: do not. */
    uint64_t until_step;
    /**
     * Replay with the sanitizer a tape that was recorded without. It looks on, and nothing else changes: it does not spoil the slots
     * of packets that are done, and finds no packet that is executed twice.
     */
    bool sanitizer;
    /** As neuron_chip_config::simd. */
    const char *simd;
    void *opaque;
    /** Before each event is played. */
    void (*event)(void *opaque, const struct neuron_chip_tape_event *event);
    /** What the chip logs. */
    void (*log)(void *opaque, enum neuron_chip_log_level level, const char *message);
    /** The replay is over, for whatever reason, and the chip is still there to be read: records, reports, registers. */
    void (*stopped)(void *opaque, struct neuron_chip *chip);
    /** Whether to go on; asked now and then. */
    bool (*go_on)(void *opaque);
};

struct neuron_chip_replay_result {
    size_t size;
    uint64_t events; /**< Played. */
    uint64_t steps;
    uint64_t accesses; /**< Of registers and doorbells. */
    uint64_t dma_reads;
    uint64_t dma_writes;
    uint64_t interrupts;
    uint64_t patches;  /**< Pieces of HBM that the CPU had changed. */
    uint32_t contract; /**< Version of the contract that the tape was recorded with: major << 16 | minor. */
    bool complete;     /**< Up to the end of the tape, and it was not cut off. */
};

/**
 * Replay a tape: make the chip that it was recorded of, do with it what its host did, and compare what it does. Returns when the tape is
 * over, where @p options said to stop, or at the first difference. A tape that was cut off is played as far as it goes, and then the
 * chip runs on until it needs what is not there.
 *
 * @return 0; or a negative errno with a message in @p error: -ESTALE, the chip does something else, and the message says what; -EBADMSG, the tape
 *         is damaged there; -ENOTSUP, a tape of another version; -EINTR, @ref neuron_chip_replay_options::go_on said so; others: the
 *         chip cannot be made. Since minor 5.
 */
int neuron_chip_replay(const void *tape, size_t bytes, const struct neuron_chip_replay_options *options,
                       struct neuron_chip_replay_result *result, char *error, size_t error_size);

/**
 * Places for breakpoints, called by neuron_chip_replay() before each event and when the replay is over. They do nothing. Since minor 5.
 */
void neuron_chip_tape_at(uint64_t event, uint64_t step);
void neuron_chip_tape_stop(uint64_t event, uint64_t step);

#ifdef __cplusplus
}
#endif

#endif /* NEURON_CHIP_H */
