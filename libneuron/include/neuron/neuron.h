/* SPDX-License-Identifier: MIT */
/**
 * @file
 * The interface of libneuron for C, and through it for other languages. Plain C11; nothing of it is inline.
 *
 * Handles are opaque and belong to the caller: each is given back to the function that its description names, once, in any order. Those functions
 * take NULL. What a handle was made from may be given back first: it lives on as long as it is needed.
 *
 * Functions that can fail return a `neuron_status`, NEURON_OK if all is well. Their last parameter may be NULL; otherwise it receives a
 * description of the error, which the caller gives back with neuron_error_free(), or NULL if there was none. Outputs are NULL or 0 then. A
 * handle or output that is NULL where it must not be is NEURON_INVALID_ARGUMENT.
 *
 * Structures begin with their size, so that later versions can have more fields:
 *
 * @code
 * struct neuron_buffer_options options = {.size = sizeof options, .placement = NEURON_PLACEMENT_HBM};
 * @endcode
 *
 * Zero in a field means the default, and a NULL structure of options all defaults. A program that was built with a newer header than the library
 * gets NEURON_UNSUPPORTED if it asks for something that the library does not know; fields that such a library would have filled are zero.
 *
 * Running out of memory for small objects ends the process, as in C++.
 */
#ifndef NEURON_NEURON_H
#define NEURON_NEURON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define NEURON_C_API __attribute__((visibility("default")))
#else
#define NEURON_C_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ==== neuron_error: what went wrong ==== */

/** What a function returns. */
typedef enum neuron_status {
    NEURON_OK = 0,
    NEURON_INVALID_ARGUMENT = 1,  /**< The caller broke a rule of the function, or a file is malformed. */
    NEURON_NOT_FOUND = 2,         /**< No such file, device, parameter. */
    NEURON_PERMISSION_DENIED = 3, /**< The device node may not be opened by this user. */
    NEURON_NO_DEVICE = 4,         /**< No device is there, or it is gone. */
    NEURON_VERSION_MISMATCH = 5,  /**< Library, driver, device or kernel file speak different majors. */
    NEURON_OUT_OF_MEMORY = 6,     /**< Host memory, device memory, queues or address space ran out. */
    NEURON_DEVICE_FAULT = 7,      /**< A job faulted; neuron_error_fault() tells where. */
    NEURON_TIMEOUT = 8,           /**< A wait ran out, or a job that made no progress was stopped. */
    NEURON_CANCELED = 9,          /**< The job was stopped with its queue or context. */
    NEURON_IO = 10,               /**< The operating system refused something unexpectedly. */
    NEURON_UNSUPPORTED = 11,      /**< This device, driver or build cannot do it. */
} neuron_status;

/** A description of an error. */
typedef struct neuron_error neuron_error;

/** Where and why a job faulted. Numbers are those of the hardware contract. */
struct neuron_fault {
    size_t size;
    uint32_t code;   /**< What went wrong: an enum fault. */
    uint32_t unit;   /**< Where it arose: an enum unit. */
    uint64_t job;    /**< Number of the job. */
    uint64_t packet; /**< Index of the packet in that job. */
    uint32_t opcode; /**< What that packet is, an enum packet_op; 0: not known. */
    uint32_t core;   /**< Core, for units other than the queue. */
    uint32_t ring;   /**< DMA ring, for a unit of DMA. */
    uint32_t pc;     /**< Index of the instruction in its stream. */
    uint64_t va;     /**< First context address that failed, or 0. */
    uint64_t info;   /**< More, by code. */
    uint32_t write;  /**< 1: the failed access was a write. */
    uint32_t reserved;
};

/**
 * Names a status.
 * @param status Any number.
 * @return "device_fault" and the like, "ok", or "?"; never NULL, and valid for ever.
 * Threading: any thread.
 */
NEURON_C_API const char *neuron_status_name(neuron_status status);

/**
 * Tells the kind of an error.
 * @param error NULL is no error.
 * @return What the function that made it returned; NEURON_OK for NULL.
 * Threading: any thread, while nobody frees it.
 */
NEURON_C_API neuron_status neuron_error_status(const neuron_error *error);

/**
 * Tells people what went wrong: one line without a newline that names the thing.
 * @param error NULL is no error.
 * @return The text, which belongs to the error; "" for NULL.
 * Threading: any thread, while nobody frees it.
 */
NEURON_C_API const char *neuron_error_message(const neuron_error *error);

/**
 * Tells where a job faulted.
 * @param error NULL is no error.
 * @param fault Receives the record; its size must be set.
 * @return false if the error has no such record: fault is as it was.
 * Threading: any thread, while nobody frees it.
 */
NEURON_C_API bool neuron_error_fault(const neuron_error *error, struct neuron_fault *fault);

/**
 * Gives an error back.
 * @param error May be NULL.
 * Threading: any thread.
 */
NEURON_C_API void neuron_error_free(neuron_error *error);

/* ==== neuron_version: what the library is ==== */

/**
 * Tells the version of the library that is loaded.
 * @return "0.1.0"; valid for ever.
 * Threading: any thread.
 */
NEURON_C_API const char *neuron_version(void);

/**
 * Tells the version of the hardware contract that the library was built for.
 * @return major << 16 | minor.
 * Threading: any thread.
 */
NEURON_C_API uint32_t neuron_spec_version(void);

/**
 * Names the backends of this build.
 * @param index From 0.
 * @return "accel", "sim" and the like, NULL behind the last one; valid for ever.
 * Threading: any thread.
 */
NEURON_C_API const char *neuron_backend_name(size_t index);

/* ==== neuron_device: finding and opening devices ==== */

/** An opened device. */
typedef struct neuron_device neuron_device;

/** The nodes of the accel class at one moment. */
typedef struct neuron_device_list neuron_device_list;

/** A node of the accel class, whether it is ours or not. The texts belong to the list. */
struct neuron_device_node {
    size_t size;
    const char *name;    /**< "accel0" */
    const char *path;    /**< "/dev/accel/accel0" */
    const char *driver;  /**< Driver that answered, "" if the node could not be asked. */
    const char *address; /**< Bus address, "" if unknown. */
    const char *problem; /**< Why neuron_device_open() would refuse it; "" if it looks usable. */
};

/** Severity of a line of the log. */
typedef enum neuron_log_level {
    NEURON_LOG_ERROR = 0,
    NEURON_LOG_WARNING = 1,
    NEURON_LOG_INFO = 2,
    NEURON_LOG_DEBUG = 3,
} neuron_log_level;

/** Receives one line without a newline, from any thread and with locks held: it must not call the library. */
typedef void (*neuron_log_callback)(void *user, neuron_log_level level, const char *message);

/** Stepped chips of this process that run in turns: whoever waits for one of them runs them all. */
typedef struct neuron_sim_group neuron_sim_group;

/** How to open a device. */
struct neuron_device_options {
    size_t size;
    const char *backend;               /**< "accel", the default, "sim": a chip in this process, or "null": none. */
    const char *node;                  /**< accel: "accel1", a path or a bus address; NULL for the first usable one. */
    neuron_log_callback log;           /**< NULL: nothing is logged. */
    void *log_user;                    /**< First argument of log. */
    const char *sim_profile;           /**< sim: "trn2"; NULL for the default. */
    uint64_t sim_hbm_bytes;            /**< sim: HBM capacity. */
    uint32_t sim_cores;                /**< sim: NeuronCores. */
    uint32_t sim_threads;              /**< sim: worker threads. */
    uint64_t sim_seed;                 /**< sim: seed of the stepped order. */
    uint32_t sim_stepped;              /**< sim: 1: one thread, in an order that only the seed decides. */
    uint32_t sim_hazards;              /**< sim: 1: unordered accesses to on-chip memory are faults. */
    const neuron_sim_group *sim_group; /**< sim, stepped: the group that the chip belongs to. */
    uint64_t sim_aperture_bytes;       /**< sim: HBM that the CPU can map; a power of two. */
    const char *sim_simd;              /**< sim: "avx512", "avx2" or "scalar"; NULL: the host's best. */
    uint32_t sim_sanitizer; /**< sim: 1: what jobs do wrong with memory without a fault is logged as a warning. */
    uint32_t sim_explore;   /**< sim, stepped: 1: the seed also chooses what else the contract leaves open. */
    /** sim: what the chip does wrong, in the language of docs/reference/plan.md; NULL: nothing. See neuron_device_fault_report(). */
    const char *sim_fault_plan;
};

/** NeuronCores that share a stack of HBM and run one kernel together. */
struct neuron_logical_core {
    size_t size;
    uint32_t core_mask; /**< For neuron_program_launch(). */
    uint32_t bank;      /**< Their HBM stack, counted from 1: for the options of buffers and programs. */
};

/** Facts about a device. */
struct neuron_device_info {
    size_t size;
    char backend[16];             /**< "accel" or "sim". */
    char name[64];                /**< Node, or "sim". */
    char profile[16];             /**< Chip profile, "trn2". */
    uint32_t spec_version;        /**< Contract of the device: major << 16 | minor. */
    uint32_t driver_spec_version; /**< Contract that the driver was built for. */
    uint32_t cores;               /**< NeuronCores. */
    uint32_t sbuf_bytes;          /**< SBUF per partition. */
    uint32_t psum_bytes;          /**< PSUM per partition. */
    uint32_t hbm_banks;           /**< HBM stacks. */
    uint64_t hbm_bytes;           /**< HBM capacity. */
    uint64_t hbm_free;            /**< HBM not allocated when the question was asked. */
    uint64_t aperture_bytes;      /**< HBM that the CPU can map. */
    uint64_t va_start;            /**< First context address of buffers. */
    uint64_t va_end;              /**< One past the last. */
    uint64_t clock_ns;            /**< Device clock when the question was asked. */
    uint32_t page_size;           /**< Granularity of mappings. */
    uint32_t max_queues;          /**< Queues that a context may have. */
    uint32_t reset_count;         /**< Resets since the driver was bound. */
    uint32_t reserved;
};

/**
 * Lists the nodes of the accel class, by number. It is empty without an error if the kernel has none.
 * @param list Receives the list. Give it back with neuron_device_list_free().
 * @param error May be NULL.
 * @return NEURON_OK, NEURON_IO.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_device_list_create(neuron_device_list **list, neuron_error **error);

/**
 * Counts the nodes of a list.
 * @param list NULL has none.
 * @return So many.
 * Threading: any thread.
 */
NEURON_C_API size_t neuron_device_list_count(const neuron_device_list *list);

/**
 * Describes a node of a list.
 * @param list The list, which keeps the texts.
 * @param index From 0.
 * @param node Receives the node; its size must be set.
 * @return false if there is no such node.
 * Threading: any thread.
 */
NEURON_C_API bool neuron_device_list_get(const neuron_device_list *list, size_t index, struct neuron_device_node *node);

/**
 * Gives a list back.
 * @param list May be NULL.
 * Threading: any thread, when nobody uses it.
 */
NEURON_C_API void neuron_device_list_free(neuron_device_list *list);

/**
 * Opens a device.
 * @param options NULL: the first usable node.
 * @param device Receives the device. Give it back with neuron_device_close().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT for an unknown backend or a bad option; NEURON_NO_DEVICE;
 *         NEURON_PERMISSION_DENIED; NEURON_UNSUPPORTED if another driver owns it; NEURON_VERSION_MISMATCH.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_device_open(const struct neuron_device_options *options, neuron_device **device,
                                              neuron_error **error);

/**
 * Tells facts about a device as they were when it was opened; neuron_context_get_info() asks again.
 * @param device The device.
 * @param info Receives them; its size must be set.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_device_get_info(const neuron_device *device, struct neuron_device_info *info,
                                                  neuron_error **error);

/**
 * Says what has become of the fault plan that the chip was given: a line for each rule (docs/reference/plan.md).
 * @param device The device.
 * @param text Receives the report, cut off where it does not fit, and always ended; NULL for the length only.
 * @param text_size Bytes of text.
 * @return Length of the whole report, as of snprintf(); 0 without a plan, for other backends than sim, and for NULL.
 * Threading: any thread.
 */
NEURON_C_API size_t neuron_device_fault_report(const neuron_device *device, char *text, size_t text_size);

/**
 * Tells how many NeuronCores a logical core has unless somebody says otherwise: those of an HBM stack.
 * @param device The device.
 * @return 2 for trn2 and trn3, 1 before; 0 for NULL.
 * Threading: any thread.
 */
NEURON_C_API uint32_t neuron_device_default_lnc(const neuron_device *device);

/**
 * Counts the logical cores of a device.
 * @param device The device.
 * @param lnc NeuronCores of each: 1, or what neuron_device_default_lnc() says; 0 for the latter.
 * @param count Receives how many there are.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_UNSUPPORTED for another lnc; NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_device_logical_core_count(const neuron_device *device, uint32_t lnc, uint32_t *count,
                                                            neuron_error **error);

/**
 * Describes a logical core: what to launch on, and where to put tensors.
 * @param device The device.
 * @param index From 0.
 * @param lnc As for neuron_device_logical_core_count().
 * @param core Receives the logical core; its size must be set.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT if the device has not so many; NEURON_UNSUPPORTED for another lnc.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_device_get_logical_core(const neuron_device *device, uint32_t index, uint32_t lnc,
                                                          struct neuron_logical_core *core, neuron_error **error);

/**
 * Makes a group for stepped chips, which are opened with it afterwards.
 * @param seed What their turns depend on, besides the calls of this process.
 * @param group Receives the group. Give it back with neuron_sim_group_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_sim_group_create(uint64_t seed, neuron_sim_group **group, neuron_error **error);

/**
 * Gives a group back. It stays as long as chips of it do.
 * @param group May be NULL.
 * Threading: any thread, when nobody uses it.
 */
NEURON_C_API void neuron_sim_group_destroy(neuron_sim_group *group);

/**
 * Closes a device, when nothing made from it is left.
 * @param device May be NULL.
 * Threading: any thread, when nobody uses it.
 */
NEURON_C_API void neuron_device_close(neuron_device *device);

/* ==== neuron_context: an address space and protection domain ==== */

/** One address space and one protection domain of a device. */
typedef struct neuron_context neuron_context;

/** How to make a context. */
struct neuron_context_options {
    size_t size;
    uint64_t reserved;
};

/** Counters of a context since its creation. */
struct neuron_context_stats {
    size_t size;
    uint64_t bytes_written; /**< Bytes that neuron_buffer_write() moved. */
    uint64_t bytes_read;    /**< Bytes that neuron_buffer_read() moved. */
    uint64_t jobs;          /**< Jobs accepted. */
    uint64_t packets;       /**< Packets in these jobs. */
    uint64_t submit_calls;  /**< Times the backend was entered to submit. */
    uint64_t wait_calls;    /**< Times the backend was entered to wait. */
    uint64_t faults;        /**< Jobs that ended in an error. */
};

/** What a device event is. */
typedef enum neuron_event_kind {
    NEURON_EVENT_FAULT =
        0, /**< A fault or the watchdog has stopped a queue of the context. Comes before its jobs end. */
    NEURON_EVENT_RESET = 1, /**< The device was reset: HBM is zero, all queues are lost. */
    NEURON_EVENT_RAS = 2,   /**< HBM has met an error. */
} neuron_event_kind;

/** What has happened to a device, or to the queues of a context. */
struct neuron_device_event {
    size_t size;
    uint32_t kind;        /**< A neuron_event_kind. */
    uint32_t queue;       /**< fault: the id of the queue in struct neuron_queue_status. */
    uint64_t job;         /**< fault: its job; with NEURON_SUBMIT_DOORBELL the number of its packet, from 1. */
    uint32_t code;        /**< fault: an enum fault, 0 for the watchdog. ras: 0 if the error was corrected. */
    uint32_t has_address; /**< 1: address is known. */
    uint64_t address;     /**< fault: in the context. ras: byte of HBM. */
    uint64_t info;        /**< fault: more, by code. reset: how many there have been. */
    uint64_t time_ns;     /**< CLOCK_MONOTONIC when it became known. */
    uint32_t dropped;     /**< Events before this one that nobody had read in time. */
    uint32_t reserved;
};

/**
 * Makes a context. Programs of a context reach only its own buffers; a fault stops its own queues and no others.
 * @param device The device.
 * @param options NULL: defaults.
 * @param context Receives the context. Give it back with neuron_context_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_OUT_OF_MEMORY if the device has no context left; NEURON_NO_DEVICE.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_context_create(const neuron_device *device,
                                                 const struct neuron_context_options *options, neuron_context **context,
                                                 neuron_error **error);

/**
 * Tells facts about the device as of now.
 * @param context A context of the device.
 * @param info Receives them; its size must be set.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_NO_DEVICE if it is gone.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_context_get_info(const neuron_context *context, struct neuron_device_info *info,
                                                   neuron_error **error);

/**
 * Tells what a context has done so far.
 * @param context The context.
 * @param stats Receives the counters; its size must be set.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_context_get_stats(const neuron_context *context, struct neuron_context_stats *stats,
                                                    neuron_error **error);

/**
 * Makes a file that poll() calls readable while there are device events. What happened before the first call is not told.
 * @param context The context.
 * @param fd Receives the file, which the caller closes and does not read from; -1 if there is an error.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT; NEURON_IO.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_context_events_fd(const neuron_context *context, int *fd, neuron_error **error);

/**
 * Takes the oldest device event. Does not wait. There are none before neuron_context_events_fd() was called. Call it until there is none: the
 * file may not be readable any more while the library has events.
 * @param context The context.
 * @param event Receives the event; its size must be set. As it was if there is none.
 * @param found Receives whether there was one.
 * @param error May be NULL.
 * @return NEURON_OK, also if there is none; NEURON_INVALID_ARGUMENT; NEURON_IO.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_context_next_event(neuron_context *context, struct neuron_device_event *event,
                                                     bool *found, neuron_error **error);

/**
 * Ends a context, when no buffer and no queue of it is left.
 * @param context May be NULL.
 * Threading: any thread, when nobody uses it.
 */
NEURON_C_API void neuron_context_destroy(neuron_context *context);

/* ==== neuron_queue: submitting jobs and waiting for them ==== */

/** Jobs of a queue run one after another. Different queues run side by side. */
typedef struct neuron_queue neuron_queue;

/** How jobs enter the kernel. */
typedef enum neuron_submit_path {
    NEURON_SUBMIT_AUTOMATIC = 0, /**< What works best. */
    NEURON_SUBMIT_URING = 1,     /**< io_uring, or an error. */
    NEURON_SUBMIT_IOCTL = 2,     /**< The ioctls. */
    NEURON_SUBMIT_DOORBELL = 3,  /**< Ring and doorbell in the process: no system call, and no fences. */
} neuron_submit_path;

/** Who goes first where queues compete; strict. */
typedef enum neuron_priority {
    NEURON_PRIORITY_NORMAL = 0,
    NEURON_PRIORITY_LOW = 1,  /**< After all others. */
    NEURON_PRIORITY_HIGH = 2, /**< Before all others. With accel it needs CAP_SYS_NICE. */
} neuron_priority;

/** How to make a queue. */
struct neuron_queue_options {
    size_t size;
    uint32_t ring_log2;      /**< log2 of the ring size in packets. A job has at most half a ring of packets. */
    uint32_t path;           /**< A neuron_submit_path. */
    uint64_t job_timeout_ms; /**< A job that makes no progress for this long is stopped. */
    uint32_t priority;       /**< A neuron_priority. */
    uint32_t polled;         /**< 1: no interrupts; who waits looks for itself. */
    uint32_t coalesce_jobs;  /**< Interrupts of so many jobs are held back, with coalesce_usecs. */
    uint32_t coalesce_usecs; /**< But none of them longer than this. */
    uint32_t sqpoll;         /**< 1, io_uring only: a thread of the kernel takes the jobs. */
    uint32_t sqpoll_idle_ms; /**< That thread sleeps when it had none for so long; 50 if 0. */
};

/** Condition of a queue. */
typedef enum neuron_queue_state {
    NEURON_QUEUE_OK = 0,        /**< Takes jobs. */
    NEURON_QUEUE_FAULTED = 1,   /**< Stopped by a fault of one of its jobs. */
    NEURON_QUEUE_TIMED_OUT = 2, /**< Stopped because a job made no progress. */
    NEURON_QUEUE_CANCELED = 3,  /**< Stopped because of another queue of the context. */
    NEURON_QUEUE_LOST = 4,      /**< The device was reset or is gone. */
} neuron_queue_state;

/** A queue as of now. */
struct neuron_queue_status {
    size_t size;
    uint32_t id;           /**< What struct neuron_device_event calls it. */
    uint32_t state;        /**< A neuron_queue_state. */
    uint32_t priority;     /**< A neuron_priority. */
    uint32_t ring_packets; /**< Packets of the ring. */
    uint64_t submitted;    /**< Newest job. */
    uint64_t completed;    /**< Newest job that has ended, well or not. */
    uint64_t busy_ns;      /**< For how long it had work in the device and did not wait for cores. */
    uint64_t core_ns;      /**< The same for NeuronCores, those of a job added up. */
};

/** When a job ran, by the clock of the device. */
struct neuron_job_times {
    size_t size;
    uint64_t start_ns; /**< Its first packet was taken up. */
    uint64_t end_ns;   /**< Its last packet had retired. */
};

/** A packet as it lies in the ring. The flags byte must be 0. */
struct neuron_packet {
    uint8_t bytes[64];
};

/** The packets of a job among several. */
struct neuron_packet_list {
    const struct neuron_packet *packets;
    size_t count;
};

/** Points of which each signals once, after all before it; see neuron_timeline_create(). */
typedef struct neuron_timeline neuron_timeline;

/** A point of a timeline. */
struct neuron_timeline_point {
    const neuron_timeline *timeline;
    uint64_t value; /**< From 1. */
};

/** What a job has to do with timelines of the queue's context. */
struct neuron_submit_options {
    size_t size;
    const struct neuron_timeline_point
        *wait; /**< The job enters the queue after these; each must be promised by a job. */
    size_t wait_count;
    const struct neuron_timeline_point *signal; /**< These signal when the job has ended, well or not. */
    size_t signal_count;                        /**< At most 256; none with NEURON_SUBMIT_DOORBELL. */
};

/**
 * Makes a queue.
 * @param context Where its jobs run.
 * @param options NULL: defaults.
 * @param queue Receives the queue. Give it back with neuron_queue_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_OUT_OF_MEMORY if the device has no queue left; NEURON_INVALID_ARGUMENT for a bad option;
 *         NEURON_UNSUPPORTED for a path that is not there.
 * Threading: any thread. The queue itself is for one thread at a time; another may take it over while no job is in flight.
 */
NEURON_C_API neuron_status neuron_queue_create(const neuron_context *context,
                                               const struct neuron_queue_options *options, neuron_queue **queue,
                                               neuron_error **error);

/**
 * Submits one job. Waits for room if the ring is full.
 * @param queue The queue.
 * @param packets They run in order; copied.
 * @param count So many.
 * @param job Receives the job's number, counted from 1; may be NULL.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT for no packets, too many, or one with flags; NEURON_CANCELED or
 *         NEURON_DEVICE_FAULT if the queue was stopped before.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_submit(neuron_queue *queue, const struct neuron_packet *packets, size_t count,
                                               uint64_t *job, neuron_error **error);

/**
 * Submits one job that waits for and signals points of timelines.
 * @param queue The queue.
 * @param packets They run in order; copied.
 * @param count So many.
 * @param options NULL: none; then it is neuron_queue_submit().
 * @param job Receives the job's number, counted from 1; may be NULL.
 * @param error May be NULL.
 * @return As neuron_queue_submit(); NEURON_INVALID_ARGUMENT for a timeline of another context, and for a point that nobody has
 *         promised; NEURON_UNSUPPORTED if the queue's jobs cannot signal.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_submit_sync(neuron_queue *queue, const struct neuron_packet *packets,
                                                    size_t count, const struct neuron_submit_options *options,
                                                    uint64_t *job, neuron_error **error);

/**
 * Submits several jobs with as few system calls as the path allows.
 * @param queue The queue.
 * @param jobs Their packets; copied.
 * @param count So many jobs.
 * @param job Receives the number of the last one; the others have those before it. May be NULL.
 * @param error May be NULL.
 * @return As neuron_queue_submit(). On an error some of the jobs may have been accepted: neuron_queue_wait_idle() waits for them.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_submit_batch(neuron_queue *queue, const struct neuron_packet_list *jobs,
                                                     size_t count, uint64_t *job, neuron_error **error);

/**
 * Waits until a job is done.
 * @param queue The queue.
 * @param job The job's number.
 * @param timeout_ns From now; 0 polls, less than 0 waits without limit.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_TIMEOUT if it is not done in time, and goes on; or the error of the job.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_wait(neuron_queue *queue, uint64_t job, int64_t timeout_ns,
                                             neuron_error **error);

/**
 * Waits for all jobs of a queue.
 * @param queue The queue.
 * @param timeout_ns From now; 0 polls, less than 0 waits without limit.
 * @param error May be NULL.
 * @return NEURON_OK; the error of the first job that failed; NEURON_TIMEOUT if some are not done in time.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_wait_idle(neuron_queue *queue, int64_t timeout_ns, neuron_error **error);

/**
 * Asks whether a job has ended, well or not.
 * @param queue The queue.
 * @param job The job's number.
 * @param done Receives the answer.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT if there is no such job.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_done(neuron_queue *queue, uint64_t job, bool *done, neuron_error **error);

/**
 * Tells when a job ran. It is known for as many jobs back as the ring has packets.
 * @param queue The queue.
 * @param job The job's number.
 * @param times Receives the times; its size must be set.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_TIMEOUT if it has not ended; NEURON_NOT_FOUND if it did not run to its end or is too far back;
 *         NEURON_INVALID_ARGUMENT if there is no such job.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_get_times(const neuron_queue *queue, uint64_t job,
                                                  struct neuron_job_times *times, neuron_error **error);

/**
 * Tells how a queue is.
 * @param queue The queue.
 * @param status Receives its condition; its size must be set.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT; NEURON_NO_DEVICE.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_get_status(const neuron_queue *queue, struct neuron_queue_status *status,
                                                   neuron_error **error);

/**
 * Names the way that jobs take into the kernel.
 * @param queue The queue.
 * @return "uring", "ioctl", "direct" and the like; "" for NULL. Valid for ever.
 * Threading: the queue's thread.
 */
NEURON_C_API const char *neuron_queue_path(const neuron_queue *queue);

/**
 * What the end of a job calls.
 * @param user As given to neuron_queue_on_done().
 * @param job The job's number.
 * @param status What neuron_queue_wait() would return for the job.
 * @param error Its description, which is gone after the call; NULL if there is none. Do not free it.
 */
typedef void (*neuron_job_callback)(void *user, uint64_t job, neuron_status status, const neuron_error *error);

/**
 * Calls back once a job has ended: in this thread, inside neuron_queue_poll(), neuron_queue_wait() or neuron_queue_wait_idle() of this
 * queue, whichever finds it first; callbacks of a queue come in the order of the jobs. They may submit, wait, and ask for more callbacks, and
 * may not destroy the queue. Those that were not called when the queue is destroyed never are.
 * @param queue The queue.
 * @param job The job's number.
 * @param callback What to call.
 * @param user Its first argument; stays the caller's.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT if the queue has had no such job.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_on_done(neuron_queue *queue, uint64_t job, neuron_job_callback callback,
                                                void *user, neuron_error **error);

/**
 * Calls back for the jobs that have ended.
 * @param queue The queue.
 * @param timeout_ns How long to wait for the first one, if none has; 0 does not wait, less than 0 waits without limit. Without callbacks
 *        there is nothing to wait for.
 * @param called Receives how many were called; may be NULL.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_poll(neuron_queue *queue, int64_t timeout_ns, size_t *called,
                                             neuron_error **error);

/**
 * A file for event loops that is readable when neuron_queue_poll() may have something to call; it makes it unreadable.
 * @param queue The queue.
 * @param fd Receives the file, which is the queue's and stays as long as the queue does: do not close it. -1 on an error.
 * @param error May be NULL.
 * @return As neuron_event_fd().
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_queue_poll_fd(neuron_queue *queue, int *fd, neuron_error **error);

/**
 * Stops the jobs in flight, waits until the device has let go of them, and ends the queue.
 * @param queue May be NULL.
 * Threading: the queue's thread.
 */
NEURON_C_API void neuron_queue_destroy(neuron_queue *queue);

/**
 * Makes a packet that does nothing.
 * @param packet Receives the packet.
 * Threading: any thread.
 */
NEURON_C_API void neuron_packet_nop(struct neuron_packet *packet);

/**
 * Makes a packet that copies bytes; any alignment, no overlap.
 * @param packet Receives the packet.
 * @param dst Context address.
 * @param src Context address.
 * @param bytes So many.
 * Threading: any thread.
 */
NEURON_C_API void neuron_packet_copy(struct neuron_packet *packet, uint64_t dst, uint64_t src, uint64_t bytes);

/**
 * Makes a packet that repeats an 8-byte pattern.
 * @param packet Receives the packet.
 * @param dst Context address.
 * @param bytes So many.
 * @param pattern Little-endian.
 * Threading: any thread.
 */
NEURON_C_API void neuron_packet_fill(struct neuron_packet *packet, uint64_t dst, uint64_t bytes, uint64_t pattern);

/**
 * Makes a packet that writes a number to 8-byte aligned memory once all earlier packets have retired.
 * @param packet Receives the packet.
 * @param addr Context address.
 * @param value The number.
 * Threading: any thread.
 */
NEURON_C_API void neuron_packet_fence(struct neuron_packet *packet, uint64_t addr, uint64_t value);

/* ==== neuron_event: the end of a job, for other threads and for event loops ==== */

/** The completion of one job. It outlives the queue. */
typedef struct neuron_event neuron_event;

/**
 * Makes an event of a job, to hand to another thread.
 * @param queue The queue.
 * @param job The job's number.
 * @param event Receives the event. Give it back with neuron_event_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT if there is no such job.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_event_create(const neuron_queue *queue, uint64_t job, neuron_event **event,
                                               neuron_error **error);

/**
 * Waits until the job is done.
 * @param event The event.
 * @param timeout_ns From now; 0 polls, less than 0 waits without limit.
 * @param error May be NULL.
 * @return As neuron_queue_wait(), with less detail: the packet's opcode is not known here.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_event_wait(const neuron_event *event, int64_t timeout_ns, neuron_error **error);

/**
 * Asks whether the job has ended, well or not.
 * @param event The event.
 * @param done Receives the answer.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_event_done(const neuron_event *event, bool *done, neuron_error **error);

/**
 * Tells when the job ran.
 * @param event The event.
 * @param times Receives the times; its size must be set.
 * @param error May be NULL.
 * @return As neuron_queue_get_times().
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_event_get_times(const neuron_event *event, struct neuron_job_times *times,
                                                  neuron_error **error);

/**
 * Makes a file that poll() calls readable once the job has ended: an eventfd.
 * @param event The event.
 * @param fd Receives the file, which the caller closes; -1 if there is an error.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_UNSUPPORTED for queues without fences (NEURON_SUBMIT_DOORBELL) or without interrupts (polled);
 *         NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_event_fd(const neuron_event *event, int *fd, neuron_error **error);

/**
 * Gives an event back. The job goes on.
 * @param event May be NULL.
 * Threading: any thread, when nobody uses it.
 */
NEURON_C_API void neuron_event_destroy(neuron_event *event);

/* ==== neuron_timeline: numbers that jobs, processes and devices wait for and signal ==== */

/**
 * Makes a timeline: points 1, 2, 3 and so on, of which each signals when the job that was submitted with it has ended, or by
 * neuron_timeline_signal(). It belongs to the context; others import it.
 * @param context The context.
 * @param timeline Receives the timeline. Give it back with neuron_timeline_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT; NEURON_OUT_OF_MEMORY.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_timeline_create(const neuron_context *context, neuron_timeline **timeline,
                                                  neuron_error **error);

/**
 * Takes the timeline of a queue, of which point N signals when job N has ended.
 * @param queue The queue.
 * @param timeline Receives the timeline. Give it back with neuron_timeline_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_UNSUPPORTED with NEURON_SUBMIT_DOORBELL; NEURON_INVALID_ARGUMENT.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_timeline_of_queue(const neuron_queue *queue, neuron_timeline **timeline,
                                                    neuron_error **error);

/**
 * Takes the timeline behind a file of neuron_timeline_export(), of whatever context, or with accel of whatever device or process.
 * @param context The context that it is for.
 * @param fd Stays the caller's, and may be closed afterwards.
 * @param timeline Receives the timeline. Give it back with neuron_timeline_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT if it is no open file, or none of a timeline; NEURON_NOT_FOUND (sim) if the timeline is gone.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_timeline_import(const neuron_context *context, int fd, neuron_timeline **timeline,
                                                  neuron_error **error);

/**
 * Makes a file that names a timeline. With accel it keeps it alive; with sim it is for this process only.
 * @param timeline The timeline.
 * @param fd Receives the file, which the caller closes; -1 if there is an error.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_UNSUPPORTED where the backend cannot share it; NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_timeline_export(const neuron_timeline *timeline, int *fd, neuron_error **error);

/**
 * Tells the newest point that has signalled.
 * @param timeline The timeline.
 * @param value Receives the point; 0 if none has.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_timeline_get_value(const neuron_timeline *timeline, uint64_t *value,
                                                     neuron_error **error);

/**
 * Signals a point, which must be behind all others.
 * @param timeline The timeline.
 * @param value The point.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT for point 0.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_timeline_signal(const neuron_timeline *timeline, uint64_t value,
                                                  neuron_error **error);

/**
 * Waits for a point, also for one that nobody has promised yet.
 * @param timeline The timeline.
 * @param value The point.
 * @param timeout_ns From now; 0 polls, less than 0 waits without limit.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_TIMEOUT if it does not signal in time; NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_timeline_wait(const neuron_timeline *timeline, uint64_t value, int64_t timeout_ns,
                                                neuron_error **error);

/**
 * Makes a file that poll() calls readable once a point has signalled: an eventfd.
 * @param timeline The timeline.
 * @param value The point.
 * @param fd Receives the file, which the caller closes; -1 if there is an error.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_timeline_fd(const neuron_timeline *timeline, uint64_t value, int *fd,
                                              neuron_error **error);

/**
 * Gives a timeline back. Jobs still signal it, and other contexts keep it.
 * @param timeline May be NULL.
 * Threading: any thread, when nobody uses it.
 */
NEURON_C_API void neuron_timeline_destroy(neuron_timeline *timeline);

/* ==== neuron_buffer: memory that the device reaches ==== */

/** A buffer, mapped in its context for as long as it lives. It reads as zero at first. */
typedef struct neuron_buffer neuron_buffer;

/** Where a buffer lives. */
typedef enum neuron_placement {
    NEURON_PLACEMENT_HOST = 0, /**< System memory. */
    NEURON_PLACEMENT_HBM = 1,  /**< Device memory. */
} neuron_placement;

/** How to make a buffer. */
struct neuron_buffer_options {
    size_t size;
    uint32_t placement; /**< A neuron_placement. */
    uint32_t bank;      /**< HBM stack, counted from 1; 0 for any. */
    uint32_t mappable;  /**< 1, HBM only: allocate it where the CPU can map it. */
    uint32_t read_only; /**< 1: the device may not write it. */
    uint32_t shareable; /**< 1: neuron_buffer_export() may be called. */
    uint32_t reserved;
    const char *label; /**< What errors call it; NULL for none. Copied. */
};

/** How to import a buffer. */
struct neuron_import_options {
    size_t size;
    uint32_t read_only; /**< 1: the device of this context may not write it. */
    uint32_t reserved;
};

/**
 * Makes a buffer.
 * @param context Where it is mapped.
 * @param bytes Not 0; rounded up to the device's page size.
 * @param options NULL: defaults.
 * @param buffer Receives the buffer. Give it back with neuron_buffer_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_OUT_OF_MEMORY; NEURON_INVALID_ARGUMENT for a bad bank or size.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_buffer_create(const neuron_context *context, uint64_t bytes,
                                                const struct neuron_buffer_options *options, neuron_buffer **buffer,
                                                neuron_error **error);

/**
 * Maps memory that a file names: one of neuron_buffer_export(), of whatever context, device or process, or with accel
 * a dma-buf of another driver.
 * @param context Where it is mapped.
 * @param fd Stays the caller's, and may be closed afterwards.
 * @param options NULL: defaults.
 * @param buffer Receives the buffer. Give it back with neuron_buffer_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT if it is no open file or not one of this backend; NEURON_UNSUPPORTED for
 *         memory that the device cannot reach; NEURON_OUT_OF_MEMORY; NEURON_NO_DEVICE.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_buffer_import(const neuron_context *context, int fd,
                                                const struct neuron_import_options *options, neuron_buffer **buffer,
                                                neuron_error **error);

/**
 * Makes a file that names the memory of a buffer.
 * @param buffer The buffer, made shareable.
 * @param fd Receives the file, which the caller closes; -1 if there is an error.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_UNSUPPORTED where the backend cannot share it; NEURON_INVALID_ARGUMENT if it was not made shareable.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_buffer_export(const neuron_buffer *buffer, int *fd, neuron_error **error);

/**
 * Tells the address of a buffer in its context: what packets and arguments hold.
 * @param buffer The buffer.
 * @return The address; 0 for NULL.
 * Threading: any thread.
 */
NEURON_C_API uint64_t neuron_buffer_va(const neuron_buffer *buffer);

/**
 * Tells the size of a buffer.
 * @param buffer The buffer.
 * @return Bytes, a multiple of the page size; 0 for NULL.
 * Threading: any thread.
 */
NEURON_C_API uint64_t neuron_buffer_size(const neuron_buffer *buffer);

/**
 * Maps the bytes for the CPU, until the buffer is destroyed. What a job writes is visible after waiting for it; what the CPU writes is
 * visible to jobs submitted afterwards.
 * @param buffer The buffer.
 * @param bytes Receives their address, neuron_buffer_size() bytes.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_UNSUPPORTED for HBM that was not made mappable.
 * Threading: any thread; the bytes are the caller's to synchronise.
 */
NEURON_C_API neuron_status neuron_buffer_map(const neuron_buffer *buffer, void **bytes, neuron_error **error);

/**
 * Writes bytes into a buffer and waits. What the CPU cannot map is filled by copies of the queue, after its jobs in flight.
 * @param buffer The buffer.
 * @param queue A queue of the same context.
 * @param offset First byte in the buffer.
 * @param data The bytes.
 * @param bytes So many.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT if the range is not inside the buffer, or the context is another.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_buffer_write(const neuron_buffer *buffer, neuron_queue *queue, uint64_t offset,
                                               const void *data, size_t bytes, neuron_error **error);

/**
 * Reads bytes from a buffer, likewise.
 * @param buffer The buffer.
 * @param queue A queue of the same context.
 * @param offset First byte in the buffer.
 * @param data Receives the bytes.
 * @param bytes So many.
 * @param error May be NULL.
 * @return As neuron_buffer_write().
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_buffer_read(const neuron_buffer *buffer, neuron_queue *queue, uint64_t offset,
                                              void *data, size_t bytes, neuron_error **error);

/**
 * Takes a buffer out of the device's reach at once, and frees it. A job in flight that still uses it faults: wait first.
 * @param buffer May be NULL.
 * Threading: any thread, when nobody uses it.
 */
NEURON_C_API void neuron_buffer_destroy(neuron_buffer *buffer);

/* ==== neuron_kernel: kernel files ==== */

/** A kernel file in memory, checked. Needs no device. */
typedef struct neuron_kernel neuron_kernel;

/** What a parameter is. */
typedef enum neuron_param_kind {
    NEURON_PARAM_IN = 1,     /**< Tensor that the kernel reads. */
    NEURON_PARAM_OUT = 2,    /**< Tensor that the kernel writes. */
    NEURON_PARAM_INOUT = 3,  /**< Both. */
    NEURON_PARAM_SCALAR = 4, /**< 64-bit value. */
} neuron_param_kind;

/** One launch argument that a kernel expects. Texts and sizes belong to the kernel. */
struct neuron_kernel_param {
    size_t size;
    const char *name;
    const uint64_t *dims; /**< Sizes, outermost first; NULL for a scalar. */
    uint64_t bytes;       /**< Of the dense tensor; 0 for a scalar. */
    uint32_t rank;        /**< Dimensions; 0 for a scalar. */
    uint32_t kind;        /**< A neuron_param_kind. */
    const char *dtype;    /**< Element type, "BF16"; NULL for a scalar. */
};

/**
 * Reads a kernel file.
 * @param path The file.
 * @param kernel Receives the kernel. Give it back with neuron_kernel_free().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_NOT_FOUND, NEURON_PERMISSION_DENIED or NEURON_IO if it cannot be read; NEURON_VERSION_MISMATCH;
 *         NEURON_INVALID_ARGUMENT for everything else, with what is wrong.
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_kernel_load(const char *path, neuron_kernel **kernel, neuron_error **error);

/**
 * Takes a kernel file from memory.
 * @param image The bytes of the file; copied.
 * @param bytes So many.
 * @param name Stands for the path in messages; NULL for none.
 * @param kernel Receives the kernel. Give it back with neuron_kernel_free().
 * @param error May be NULL.
 * @return As neuron_kernel_load().
 * Threading: any thread.
 */
NEURON_C_API neuron_status neuron_kernel_parse(const void *image, size_t bytes, const char *name,
                                               neuron_kernel **kernel, neuron_error **error);

/**
 * Tells how many cores a launch must name.
 * @param kernel The kernel.
 * @return 0: any number of them.
 * Threading: any thread.
 */
NEURON_C_API uint32_t neuron_kernel_cores(const neuron_kernel *kernel);

/**
 * Counts the parameters of a kernel.
 * @param kernel NULL has none.
 * @return So many launch arguments.
 * Threading: any thread.
 */
NEURON_C_API size_t neuron_kernel_param_count(const neuron_kernel *kernel);

/**
 * Describes a parameter of a kernel.
 * @param kernel The kernel, which keeps the texts.
 * @param index Launch argument, from 0.
 * @param param Receives the parameter; its size must be set.
 * @return false if there is no such parameter.
 * Threading: any thread.
 */
NEURON_C_API bool neuron_kernel_get_param(const neuron_kernel *kernel, size_t index, struct neuron_kernel_param *param);

/**
 * Gives a kernel back. Programs that were loaded from it stay.
 * @param kernel May be NULL.
 * Threading: any thread, when nobody uses it.
 */
NEURON_C_API void neuron_kernel_free(neuron_kernel *kernel);

/* ==== neuron_program: kernels in device memory ==== */

/** A kernel in the memory of a context. Must outlive the jobs that run it. */
typedef struct neuron_program neuron_program;

/** How to load a program. */
struct neuron_program_options {
    size_t size;
    uint32_t in_host_memory; /**< 1: the instructions lie in system memory, not in HBM. */
    uint32_t bank;           /**< HBM stack, counted from 1; 0 for any. */
};

/** One launch argument. */
struct neuron_argument {
    const neuron_buffer *buffer; /**< Tensor; NULL: a scalar. It must outlive the job. */
    uint64_t value;              /**< Offset of the tensor in the buffer, or the scalar. */
};

/**
 * Uploads a kernel, on a queue, and waits.
 * @param context Where it runs.
 * @param queue A queue of the context.
 * @param kernel The kernel; copied.
 * @param options NULL: defaults.
 * @param program Receives the program. Give it back with neuron_program_destroy().
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_VERSION_MISMATCH if the device is older than the kernel; NEURON_UNSUPPORTED if it needs more cores or
 *         SBUF than the device has; what neuron_buffer_create() and neuron_buffer_write() return.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_program_load(const neuron_context *context, neuron_queue *queue,
                                               const neuron_kernel *kernel,
                                               const struct neuron_program_options *options, neuron_program **program,
                                               neuron_error **error);

/**
 * Submits a job that runs a program.
 * @param program The program.
 * @param queue A queue of the same context.
 * @param args Arguments in the order of the parameters; copied.
 * @param count So many.
 * @param core_mask Cores, bit i = core i; 0: core 0.
 * @param job Receives the job's number; may be NULL.
 * @param error May be NULL.
 * @return NEURON_OK; NEURON_INVALID_ARGUMENT naming the parameter, or for a wrong number of cores; what
 *         neuron_queue_submit() returns.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_program_launch(const neuron_program *program, neuron_queue *queue,
                                                 const struct neuron_argument *args, size_t count, uint32_t core_mask,
                                                 uint64_t *job, neuron_error **error);

/**
 * Submits a job that runs a program, and waits for and signals points of timelines.
 * @param program The program.
 * @param queue A queue of the same context.
 * @param args Arguments in the order of the parameters; copied.
 * @param count So many.
 * @param core_mask Cores, bit i = core i; 0: core 0.
 * @param options NULL: none; then it is neuron_program_launch().
 * @param job Receives the job's number; may be NULL.
 * @param error May be NULL.
 * @return As neuron_program_launch(); what neuron_queue_submit_sync() returns for the timelines.
 * Threading: the queue's thread.
 */
NEURON_C_API neuron_status neuron_program_launch_sync(const neuron_program *program, neuron_queue *queue,
                                                      const struct neuron_argument *args, size_t count,
                                                      uint32_t core_mask, const struct neuron_submit_options *options,
                                                      uint64_t *job, neuron_error **error);

/**
 * Frees a program. No job that runs it may be in flight.
 * @param program May be NULL.
 * Threading: any thread, when nobody uses it.
 */
NEURON_C_API void neuron_program_destroy(neuron_program *program);

#ifdef __cplusplus
}
#endif

#endif /* NEURON_NEURON_H */
